"""Make the README's picture from the real page: `python -m tests.screenshot FILE.png` (index built before)."""

from __future__ import annotations

import sys

from playwright.sync_api import expect

from index.config import ROOT, default_index_dir
from tests.browser import CITES, ask, chromium, visit
from tests.serving import Server


def main(out: str) -> None:
    """Ask a question, open its second citation, and take the picture."""
    server = Server(default_index_dir()).ready()
    try:
        with chromium() as browser:
            page = visit(browser, server.url, viewport={"width": 1280, "height": 800})
            ask(page, "What is the bias-variance tradeoff?")
            page.locator(CITES).nth(1).click()
            expect(page.locator("#reader mark")).to_be_in_viewport(timeout=15_000)
            page.wait_for_timeout(800)
            page.screenshot(path=out)
    finally:
        server.stop()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "eval" / "results" / "page.png"))
