"""The chat and the reader in a real browser: every marked text is compared with the source file's span."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from bot.suggest import example_questions
from index.build import build_index
from index.config import ROOT
from index.encode import SentenceEncoder
from index.retrieve import Retriever
from ingest.load import Corpus
from tests.browser import CITES, PHONE, answered, ask, ask_again, choose_engine, open_tab, visit
from tests.serving import Server

LINE = "The long line holds " + "word " * 20_000 + "and the quokka code is 4711."  # 100 kB without a break
HOSTILE = f"""Hostile <img src=x onerror="document.title='pwned'"> title

<script>document.title='pwned'</script> The zebra protocol has seven steps. [click](javascript:document.title='pwned')

The zebra protocol costs ${{1+1}} and {{{{2+2}}}} coins. <b>bold</b> \u202edrawkcab

{LINE}
"""


def span(link: Locator) -> tuple[int, int]:
    start, end = re.findall(r"(\d+)-(\d+)$", link.get_attribute("href") or "")[0]
    return int(start), int(end)


def check_marked(page: Page, text: str, start: int, end: int) -> None:
    """The reader marks exactly `text[start:end]`, in view."""
    expect(page.locator("#reader .where")).to_contain_text(f"characters {start} to {end}", timeout=15_000)
    marked = page.locator("#reader mark")
    assert marked.count() == 1
    assert marked.text_content() == text[start:end]
    expect(marked).to_be_in_viewport(timeout=5_000)


# --- citations -------------------------------------------------------------------------------------------


def test_every_way_to_a_citation_marks_its_exact_span(page: Page, corpus: Corpus) -> None:
    text = corpus.articles[0].text
    ask(page, "What is the bias-variance tradeoff?")
    links = page.locator(CITES)
    assert links.count() >= 2
    for n in range(links.count()):
        links.nth(n).click()
        check_marked(page, text, *span(links.nth(n)))
    last = links.count() - 1
    expect(page.locator("#reader .place")).to_have_text(f"{last + 1} of {last + 1}")
    expect(page.get_by_role("button", name="Next →")).to_be_disabled()
    page.get_by_role("button", name="← Previous").click()
    check_marked(page, text, *span(links.nth(last - 1)))
    page.get_by_role("tab", name="Passages").click()
    card = page.locator(".source a.open").first
    card.click()
    check_marked(page, text, *span(card))
    links.first.evaluate("link => { link.dataset.quote = 'The article said this before it was edited.' }")
    links.first.click()
    expect(page.locator("#reader .gone")).to_have_text("The article said this before it was edited.", timeout=15_000)
    assert page.locator("#reader mark").count() == 0


def test_a_marker_shows_its_quote_when_hovered_focused_or_tapped(browser: Browser, server: Server, page: Page) -> None:
    ask(page, "How long is LinkedIn's phone screen?")
    cite, popover = page.locator(CITES).first, page.locator("#popover")
    cite.hover()
    expect(popover).to_contain_text("45-minute")
    page.mouse.move(0, 0)
    expect(popover).to_be_hidden()
    page.locator("#live .tool[data-do=edit]").focus()
    page.keyboard.press("Tab")
    expect(cite).to_be_focused()
    expect(popover).to_contain_text("45-minute")
    expect(cite).to_have_attribute("aria-describedby", "popover")
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()
    phone = visit(browser, server.url, viewport=PHONE, has_touch=True)
    ask(phone, "How long is LinkedIn's phone screen?")
    phone.locator(CITES).first.tap()
    expect(phone.locator("#popover")).to_contain_text("45-minute")
    expect(phone.locator("#side")).to_be_hidden()
    phone.locator(CITES).first.tap()
    expect(phone.locator("#reader mark")).to_be_in_viewport(timeout=15_000)
    phone.context.close()


def test_sources_show_the_passages_with_the_cited_sentences_marked(page: Page) -> None:
    assert "45-minute" in ask(page, "How long is LinkedIn's phone screen?")
    cards = page.locator(".source")
    assert cards.count() == 5
    assert "LinkedIn" in cards.first.locator("h3").inner_text()
    assert "45-minute" in cards.first.locator("mark").first.inner_text()


# --- asking ----------------------------------------------------------------------------------------------


def test_follow_ups_and_refusals(page: Page) -> None:
    ask(page, "How does the LLD guide design DoorDash's delivery time estimator?")
    assert "22%" in ask(page, "And what did better accuracy do for tips?")
    assert "don't cover this" in ask(page, "What is the capital of France?")
    assert page.locator(CITES).count() == 0
    assert page.locator(".turn").count() == 3
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_examples_and_suggestions_are_headings_of_the_corpus_and_never_what_was_asked(
    page: Page, retriever: Retriever, corpus: Corpus
) -> None:
    offered = page.locator(".examples button").all_inner_texts()
    assert offered == example_questions(retriever.index.chunks) and len(offered) == 4
    assert all(q in corpus.articles[0].text for q in offered)
    page.locator("#question textarea").fill("   ")
    page.keyboard.press("Enter")
    page.locator(".examples button").nth(1).click()
    answered(page, offered[1])
    more = page.locator(".follow-ups button").all_inner_texts()
    assert 1 <= len(more) <= 3 and offered[1] not in more
    assert all(q in corpus.articles[0].text for q in more)
    page.locator(".follow-ups button").first.click()
    answered(page, more[0])
    assert page.locator(CITES).count() >= 1


def test_what_is_typed_while_an_example_is_answered(page: Page, local_model: Path) -> None:
    example, waiting = page.locator(".examples button").nth(1), page.locator("#live .waiting")
    offered = example.inner_text()
    choose_engine(page, "Local")
    example.click()
    waiting.wait_for(timeout=30_000)
    page.locator("#question textarea").press("Enter")  # nothing typed: nothing asked, and nothing ended
    answered(page, offered)
    page.get_by_role("button", name="Ask again").click()
    waiting.wait_for(timeout=30_000)
    choose_engine(page, "Quotes")
    assert "45-minute" in ask(page, "How long is LinkedIn's phone screen?")
    expect(page.locator("#past .bot")).to_contain_text("Stopped.")
    assert page.locator(".turn").count() == 2


def kept(feedback: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in feedback.read_text(encoding="utf-8").splitlines()]


def test_ask_again_edit_vote_and_copy(page: Page, index_dir: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, "What is droput?")
    page.get_by_role("button", name="Edit this question").click()
    expect(page.locator("#question textarea")).to_have_value("What is droput?")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#question textarea")).to_have_value("")
    page.get_by_role("button", name="Edit this question").click()
    expect(page.locator("#question textarea")).to_have_value("What is droput?")
    ask(page, "What is dropout?")
    assert page.locator(".turn").count() == 1
    ask_again(page, "What is dropout?")
    assert page.locator(".turn").count() == 1
    page.get_by_role("button", name="A good answer").click()
    expect(page.get_by_role("button", name="A good answer")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Copy with citations").click()
    start, end = span(page.locator(CITES).first)
    assert f":{start}-{end}" in page.evaluate("navigator.clipboard.readText()")
    lines = kept(index_dir.parent / "feedback.jsonl")
    while lines[-1]["kind"] != "vote":  # it is written when the button already looks pressed
        page.wait_for_timeout(50)
        lines = kept(index_dir.parent / "feedback.jsonl")
    vote = lines[-1]
    assert (vote["kind"], vote["vote"], vote["question"]) == ("vote", "up", "What is dropout?")
    assert vote["engine"] == "extractive" and vote["citations"][0]["start"] == start and len(vote["hits"]) == 5
    assert lines[-2]["kind"] == "question" and lines[-2]["vote"] is None


def test_a_filter_keeps_the_answer_within_one_article(page: Page, corpus: Corpus) -> None:
    open_tab(page, "Corpus")
    article = next(a for a in corpus.articles if "Uber" in a.title)
    row = page.locator(".articles li").filter(has_text=article.title)
    row.get_by_role("button", name="Ask about this article").click()
    expect(page.locator("#question")).to_be_visible()
    ask(page, "What is the bias-variance tradeoff?")
    links = page.locator(CITES)
    assert links.count() >= 1
    for n in range(links.count()):
        start, end = span(links.nth(n))
        assert article.start <= start < end <= article.end


def test_stop_ends_a_slow_answer_and_the_page_is_ready_at_once(page: Page, local_model: Path) -> None:
    slow, quick = "What is the bias-variance tradeoff?", "How long is LinkedIn's phone screen?"
    failures: list[str] = []
    page.on("console", lambda m: failures.append(m.text) if m.type == "error" else None)
    choose_engine(page, "Local")
    for said in (False, True):  # before its first sentence, and in the middle
        page.locator("#question textarea").fill(slow)
        page.keyboard.press("Enter")
        expect(page.locator("#live .user p")).to_have_text(slow)
        page.locator(CITES if said else "#live .waiting").first.wait_for(timeout=90_000)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#live .note")).to_have_text("Stopped.", timeout=5_000)
        assert page.locator(CITES).count() == said
        choose_engine(page, "Quotes")
        assert "45-minute" in ask(page, quick)
        choose_engine(page, "Local")
    expect(page.locator("#past .note")).to_have_text(["Stopped."] * 2)
    again, note = page.get_by_role("button", name="Ask again"), page.locator("#live .note")
    again.click()
    page.get_by_role("button", name="Stop").click()
    expect(note).to_have_text("Stopped.")
    choose_engine(page, "Quotes")
    assert "45-minute" in ask_again(page, quick)
    choose_engine(page, "Local")
    again.click()
    page.get_by_role("button", name="Stop").click()
    expect(note).to_have_text("Stopped.")
    page.get_by_role("button", name="Edit this question").click()
    expect(page.locator("#question textarea")).to_have_value(quick)
    choose_engine(page, "Quotes")
    ask(page, "What is dropout?")
    page.wait_for_function("Object.values(localStorage).some(kept => kept.includes('What is dropout?'))")
    assert not failures
    page.reload()
    expect(page.locator(".turn .user")).to_have_text([slow, quick, slow, "What is dropout?"], timeout=30_000)
    failures.clear()  # leaving a page ends what is under way (the list of conversations), and Gradio's client says so
    choose_engine(page, "Local")
    again.click()
    expect(page.locator("#live .waiting")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    choose_engine(page, "Quotes")
    ask(page, quick)
    expect(page.locator(".turn")).to_have_count(1)
    assert not failures


# --- conversations ---------------------------------------------------------------------------------------


def test_conversations_are_found_again_renamed_exported_and_deleted(
    browser: Browser, server: Server, page: Page, corpus: Corpus
) -> None:
    said = ask(page, "How long is LinkedIn's phone screen?")
    listed = page.locator(".conversations li")
    expect(listed).to_have_count(1)
    page.reload()
    expect(page.locator("#live .bot")).to_contain_text("45-minute", timeout=30_000)
    assert page.locator("#live .bot").inner_text() == said
    ask(page, "And the technical rounds?")
    expect(page.locator(".turn")).to_have_count(2)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    listed.first.hover()
    listed.first.get_by_role("button", name=re.compile("^Rename")).click()
    page.keyboard.type("Phone <screens>")
    page.keyboard.press("Enter")
    expect(listed.locator(".title")).to_have_text("Phone <screens>")
    listed.locator(".title").click()
    expect(page.locator(".turn")).to_have_count(2)
    listed.first.hover()
    with page.expect_download() as download:
        listed.first.get_by_role("button", name=re.compile("^Export")).click()
    exported = Path(download.value.path()).read_text(encoding="utf-8")
    assert exported.startswith("# Phone \\<screens\\>")
    assert exported.count("\n## ") == 2
    spans = re.findall(r"interviewnode\.txt:(\d+)-(\d+)`", exported)
    assert any("45-minute" in corpus.articles[0].text[int(a) : int(b)] for a, b in spans)
    stranger = visit(browser, server.url)
    expect(stranger.locator(".conversations li")).to_have_count(0)
    stranger.context.close()
    delete = listed.first.locator("[data-do=delete]")
    delete.click()
    delete.click()
    expect(listed).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(0)
    page.reload()
    expect(page.locator(".welcome")).to_be_visible(timeout=30_000)


def test_a_question_sent_while_another_is_answered_is_answered_next(page: Page) -> None:
    box, asked = page.locator("#question textarea"), ["What is dropout?", "What is bagging?", "What is boosting?"]
    box.fill(asked[0])
    page.keyboard.press("Enter")
    for before, question in itertools.pairwise(asked):
        expect(page.locator("#live .user p")).to_have_text(before, timeout=30_000)
        box.fill(question)
        page.keyboard.press("Enter")
    answered(page, asked[-1])
    expect(page.locator(".turn .user p")).to_have_text(asked)
    expect(page.locator(".turn .tools")).to_have_count(len(asked))
    expect(box).to_have_value("")


def test_every_passage_that_is_cited_is_shown(page: Page) -> None:
    ask(page, "Compare LinkedIn and Uber interviews")
    cited = len(set(page.locator(CITES).all_inner_texts()))
    expect(page.locator(".source .number")).to_have_count(cited)


def test_nothing_moves_while_an_answer_is_written(page: Page) -> None:
    ask(page, "What is dropout?")
    question = "What is the bias-variance tradeoff?"
    page.evaluate(_WATCH, question)
    ask(page, question)
    expect(page.locator(".follow-ups")).to_be_visible()
    seen = page.evaluate("window.seen")
    assert len(seen["question"]) == len(seen["marker"]) == 1, seen
    assert seen["frames"] > 0 and seen["shift"] < 0.1, seen  # 0.1: "good" by the Core Web Vitals


_WATCH = """question => {
  const seen = window.seen = {question: [], marker: [], frames: 0, shift: 0};
  const add = list => list.getEntries().forEach(e => (seen.shift += e.hadRecentInput ? 0 : e.value));
  new PerformanceObserver(add).observe({type: "layout-shift"});
  const note = (places, element) => {
    const top = Math.round(element.getBoundingClientRect().top);
    if (!places.includes(top)) places.push(top);
  };
  const look = () => {
    const asked = document.querySelector("#live .user p"), marker = document.querySelector("#live a.cite");
    if (asked && asked.textContent === question) {
      seen.frames++;
      note(seen.question, asked);
      if (marker) note(seen.marker, marker);
    }
    requestAnimationFrame(look);
  };
  look();
}"""


# --- keyboard, phone -------------------------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(page: Page, corpus: Corpus) -> None:
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("/")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type("How long is LinkedIn's phone screen?")
    page.keyboard.press("Enter")
    answered(page, "How long is LinkedIn's phone screen?")
    cite = page.locator(CITES).first
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement === document.querySelector('#live a.cite')"):
            break
    expect(cite).to_be_focused()
    page.keyboard.press("Enter")
    check_marked(page, corpus.articles[0].text, *span(cite))
    expect(page.locator("#reader mark")).to_be_focused()
    page.keyboard.press("Escape")
    expect(cite).to_be_focused()


def test_it_fits_a_phone_and_the_reader_comes_up_as_a_sheet(browser: Browser, server: Server, corpus: Corpus) -> None:
    phone = visit(browser, server.url, viewport=PHONE, reduced_motion="reduce")
    assert phone.locator("#side").evaluate("side => getComputedStyle(side).transitionDuration") == "0s"
    fits = "document.documentElement.scrollWidth <= window.innerWidth + 1"
    assert phone.evaluate(fits)
    ask(phone, "What is dropout?")
    assert phone.evaluate(fits)
    expect(phone.locator("#side")).to_be_hidden()
    cite = phone.locator(CITES).first
    cite.click()
    check_marked(phone, corpus.articles[0].text, *span(cite))
    phone.keyboard.press("Escape")
    expect(phone.locator("#side")).to_be_hidden()
    cite.click()
    phone.get_by_role("button", name="Close the panel").click()
    expect(phone.locator("#side")).to_be_hidden()
    expect(cite).to_be_focused()
    for option in ("#engine", "#filter"):
        expect(phone.locator(option)).to_be_in_viewport(ratio=1)
    phone.get_by_role("button", name="Conversations", exact=True).click()
    expect(phone.locator(".conversations li")).to_be_in_viewport()
    for tab in ("Search", "Corpus", "Eval"):
        phone.keyboard.press("Escape")
        open_tab(phone, tab)
        assert phone.evaluate(fits), tab
    phone.context.close()


# --- hostile and broken ----------------------------------------------------------------------------------


def test_a_hostile_document_changes_nothing_on_the_page(
    browser: Browser, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "evil.txt").write_text(HOSTILE, encoding="utf-8")
    build_index([folder], tmp_path / "index", encoder=encoder)
    running = Server(tmp_path / "index").ready()
    try:
        page = visit(browser, running.url)
        expect(page.locator(".keeping")).to_contain_text("records nothing")
        question = "How many steps does the zebra protocol have? <img src=x onerror=\"document.title='pwned'\">"
        assert "seven steps" in ask(page, question)
        listed = page.locator(".conversations li")
        expect(listed.locator(".title")).to_contain_text("<img src=x")
        listed.hover()
        with page.expect_download() as download:
            listed.get_by_role("button", name=re.compile("^Export")).click()
        exported = Path(download.value.path()).read_text(encoding="utf-8")
        assert "seven steps" in exported and "\u202e" not in exported
        assert not re.search(r"(?<!\\)<|(?<!\\)\]\(", exported), "a tag or a link in the export"
        page.locator(CITES).first.hover()
        expect(page.locator("#popover")).to_contain_text("<img src=x")
        page.locator("#filter input").click()
        expect(page.get_by_role("option")).to_contain_text("<img src=x")
        page.keyboard.press("Escape")
        page.locator(CITES).first.click()
        expect(page.locator("#reader mark")).to_be_visible(timeout=15_000)
        shown = page.locator("#reader .article").text_content() or ""
        assert "${1+1}" in shown and "{{2+2}}" in shown and "\u202e" not in shown and LINE in shown
        open_tab(page, "Search")
        page.locator("#query input").fill("zebra <script>document.title='pwned'</script> ${1+1}")
        page.keyboard.press("Enter")
        expect(page.locator(".stages")).to_be_visible(timeout=30_000)
        open_tab(page, "Corpus")
        page.get_by_role("button", name="Outline").first.click()
        expect(page.locator("#corpus-row h2")).to_contain_text("<img src=x")
        assert page.title() == "Pincite"
        assert page.locator("img[onerror], #shell script, #reader img, #shell b:text('bold')").count() == 0
        assert page.locator('a[href^="javascript:"]').count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    finally:
        running.stop()
    assert not (tmp_path / "feedback.jsonl").exists()


def test_the_page_follows_the_articles_while_they_are_built_and_edited(
    browser: Browser, tmp_path: Path, small_corpus: Path, encoder: SentenceEncoder
) -> None:
    running = Server(tmp_path / "new-index", "--corpus", str(small_corpus))
    try:
        page = browser.new_page()
        page.goto(running.url)
        expect(page.locator("#status")).to_contain_text(re.compile(r"Starting|Loading|Building|ready"))
        expect(page.locator(".examples button").first).to_be_visible(timeout=90_000)
        assert "four minutes" in ask(page, "How long does black tea take?")
        read_after_edits(page, tmp_path / "new-index", small_corpus, encoder)
        page.close()
    finally:
        running.stop()


def read_after_edits(page: Page, index: Path, corpus: Path, encoder: SentenceEncoder) -> None:
    """A citation is found again where its quote stands now, or said to be gone with its old words."""
    quote, tea = "Black tea takes four minutes.", corpus / "tea.txt"
    cite = page.locator(f'{CITES}[data-quote="{quote}"]')
    cite.click()
    start = tea.read_text().index(quote)
    check_marked(page, tea.read_text(), start, start + len(quote))
    expect(page.locator("#reader .changed")).to_have_count(0)
    tea.write_text("Tea\n\nWhite tea is mild.\n\n" + tea.read_text().removeprefix("Tea\n\n"))
    build_index([corpus], index, encoder=encoder)
    cite.click()
    start = tea.read_text().index(quote)
    check_marked(page, tea.read_text(), start, start + len(quote))
    expect(page.locator("#reader .changed")).to_contain_text("edited")
    page.get_by_role("tab", name="Passages").click()
    card = page.locator(".source").filter(has_text=quote)
    card.locator("a.open").click()
    expect(page.locator("#reader mark")).to_contain_text(quote, timeout=15_000)
    tea.write_text(tea.read_text().replace("four", "five"))
    build_index([corpus], index, encoder=encoder)
    cite.click()
    expect(page.locator("#reader .gone")).to_have_text(quote, timeout=15_000)
    expect(page.locator("#reader .changed")).to_contain_text("changed")
    assert page.locator("#reader mark").count() == 0
    page.get_by_role("link", name="The article as it is now").click()
    expect(page.locator("#reader mark")).to_contain_text("five minutes", timeout=15_000)


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
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and str(server.port) in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
