"""What a person does on the page, for tests that drive a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}
CITES = "#live a.cite"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium or Chrome as it is installed on this machine."""
    path = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def visit(browser: Browser, url: str, **context: Any) -> Page:
    """The page in a browser profile of its own, ready to answer."""
    page = browser.new_context(**context).new_page()
    page.goto(url)
    ready(page)
    return page


def ready(page: Page) -> None:
    expect(page.locator("#status")).to_contain_text("ready", timeout=90_000)


def ask(page: Page, question: str) -> str:
    """Ask, and wait for the whole answer; returns its text."""
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")
    return answered(page, question)


def answered(page: Page, question: str) -> str:
    """Wait for the whole answer to a question; returns its text."""
    expect(page.locator("#live .user p")).to_have_text(question, timeout=30_000)
    expect(page.locator("#live .bot .tools, #live .bot .problem")).to_be_visible(timeout=60_000)
    expect(page.locator("#send")).to_be_visible(timeout=30_000)
    return page.locator("#live .bot").inner_text()


def ask_again(page: Page, question: str) -> str:
    """Have the last question answered anew, and wait for the whole answer; returns its text."""
    page.locator("#live .bot").evaluate("bot => bot.classList.add('before')")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("#live .bot.before")).to_have_count(0, timeout=30_000)
    return answered(page, question)


def open_tab(page: Page, name: str) -> None:
    page.locator("#views").get_by_role("tab", name=name, exact=True).click()


def choose_engine(page: Page, name: str) -> None:
    """Choose how answers are written, by the first words of the choice."""
    page.locator("#engine input").click()
    page.get_by_role("option", name=name).click()
