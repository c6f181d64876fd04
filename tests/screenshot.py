"""Make the README's picture from the real page: `python -m tests.screenshot FILE.png` (index built before)."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from index.config import default_index_dir
from tests.serving import Server
from tests.test_app import CHROMIUM_FLAGS, ask, ready, settled


def main(out: str) -> None:
    server = Server(default_index_dir())
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.goto(server.url)
            ready(page)
            ask(page, "What is the bias-variance tradeoff?")
            settled(page)
            page.locator('#chat a[href^="#read/"]').nth(1).click()
            page.wait_for_selector("#reader mark")
            page.wait_for_timeout(1500)
            page.screenshot(path=out)
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path("eval/results/page.png")))
