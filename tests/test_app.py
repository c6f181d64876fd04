"""The page in a real browser: ask, watch it stream, click citations, compare the marked text with the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from index.build import build_index
from index.config import ROOT
from index.encode import SentenceEncoder
from ingest.load import Corpus
from tests.serving import Server

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = """Hostile <img src=x onerror="document.title='pwned'"> title

<script>document.title='pwned'</script> The zebra protocol has seven steps. [click](javascript:document.title='pwned')

The zebra protocol costs ${1+1} and {{2+2}} coins. <b>bold</b> \u202edrawkcab
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1360, "height": 900})
    outside: list[str] = []
    opened.on("request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else outside.append(r.url))
    opened.goto(server.url)
    ready(opened)
    yield opened
    opened.close()
    assert not outside, f"the page asked the network for {outside}"


def ready(page: Page) -> None:
    expect(page.locator("#status")).to_contain_text("ready", timeout=90_000)


def ask(page: Page, question: str) -> None:
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("#question textarea")).to_have_value("", timeout=30_000)


def settled(page: Page) -> str:
    """The last answer's text once it has stopped changing."""
    before = ""
    for _ in range(120):
        now = page.locator("#chat .bot").last.inner_text()
        if now == before and now.strip() not in ("", "..."):
            return now
        before = now
        page.wait_for_timeout(300)
    raise AssertionError("the answer did not settle")


def test_a_click_on_each_citation_shows_its_exact_span(page: Page, corpus: Corpus) -> None:
    ask(page, "What is the bias-variance tradeoff?")
    settled(page)
    links = page.locator('#chat a[href^="#read/"]')
    assert links.count() >= 2
    for n in range(links.count()):
        href = links.nth(n).get_attribute("href") or ""
        start, end = map(int, re.findall(r"(\d+)-(\d+)$", href)[0])
        links.nth(n).click()
        expect(page.locator("#reader .where")).to_contain_text(f"characters {start} to {end}", timeout=10_000)
        marked = page.locator("#reader mark")
        assert marked.count() == 1
        assert marked.text_content() == corpus.articles[0].text[start:end]
        expect(marked).to_be_in_viewport(timeout=5_000)


def test_sources_show_the_passages_with_the_cited_sentences_marked(page: Page) -> None:
    ask(page, "How long is LinkedIn's phone screen?")
    assert "45-minute" in settled(page)
    cards = page.locator(".source")
    assert cards.count() == 5
    first = cards.first
    assert "LinkedIn" in first.locator("h3").inner_text()
    assert "45-minute" in first.locator("mark").first.inner_text()
    first.locator("a.open").click()
    expect(page.locator("#reader mark")).to_contain_text("Phone Screen", timeout=10_000)


def test_a_follow_up_and_a_refusal(page: Page) -> None:
    ask(page, "How does the LLD guide design DoorDash's delivery time estimator?")
    settled(page)
    ask(page, "And what did better accuracy do for tips?")
    assert "22%" in settled(page)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#chat .bot")).to_have_count(0)
    ask(page, "What is the capital of France?")
    assert "don't cover this" in settled(page)
    assert page.locator('#chat a[href^="#read/"]').count() == 0


def test_examples_fill_the_question_and_empty_questions_do_nothing(page: Page) -> None:
    page.locator("#question textarea").fill("   ")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert page.locator("#chat .bot").count() == 0
    page.get_by_text("Compare how L1 and L2", exact=False).first.click()
    expect(page.locator("#question textarea")).to_have_value(re.compile("L1 and L2"))
    page.locator("#send").click()
    assert "penalty" in settled(page)


def test_it_fits_a_phone(browser: Browser, server: Server) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    phone.goto(server.url)
    ready(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    ask(phone, "What is dropout?")
    settled(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    phone.close()


def test_a_hostile_document_changes_nothing_on_the_page(
    browser: Browser, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "evil.txt").write_text(HOSTILE, encoding="utf-8")
    build_index([folder], tmp_path / "index", encoder=encoder)
    running = Server(tmp_path / "index")
    try:
        page = browser.new_page()
        page.goto(running.url)
        ready(page)
        ask(page, "How many steps does the zebra protocol have? <img src=x onerror=\"document.title='pwned'\">")
        assert "seven steps" in settled(page)
        page.locator('#chat a[href^="#read/"]').first.click()
        expect(page.locator("#reader mark")).to_be_visible(timeout=10_000)
        assert "${1+1}" in (page.locator("#reader .article").text_content() or "")
        assert page.title() == "Pincite"
        assert page.locator("#chat img[onerror], #reader script, #reader img, .source img").count() == 0
        assert page.locator('a[href^="javascript:"]').count() == 0
        page.close()
    finally:
        running.stop()


def test_the_page_says_that_the_index_is_being_built_and_then_answers(
    browser: Browser, tmp_path: Path, small_corpus: Path
) -> None:
    running = Server(tmp_path / "new-index", "--corpus", str(small_corpus))
    try:
        page = browser.new_page()
        page.goto(running.url)
        expect(page.locator("#status")).to_contain_text(re.compile(r"Starting|Loading|Building|ready"))
        ready(page)
        ask(page, "How long does black tea take?")
        assert "four minutes" in settled(page)
        page.close()
    finally:
        running.stop()


def test_a_damaged_index_is_told_on_the_page(browser: Browser, index_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(index_dir, copy)
    version = copy / (copy / "CURRENT").read_text().strip()
    (version / "dense.faiss").write_bytes(b"short")
    running = Server(copy)
    try:
        page = browser.new_page()
        page.goto(running.url)
        expect(page.locator("#status")).to_contain_text("dense.faiss", timeout=60_000)
        page.close()
    finally:
        running.stop()


def test_a_taken_port_is_one_clear_line(server: Server, index_dir: Path) -> None:
    command = [sys.executable, "app.py", "--port", str(server.port), "--index", str(index_dir)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert done.returncode == 2 and str(server.port) in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
