"""The search, corpus and eval tabs in a real browser, and accessibility over all of the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from eval.report import RESULTS
from index.encode import passage_text
from index.explain import stage_orders
from index.retrieve import Retriever
from ingest.load import Corpus
from tests.browser import CITES, PHONE, ask, open_tab, visit
from tests.serving import Server


def test_search_shows_every_stage_as_the_retriever_ranks_it(page: Page, retriever: Retriever, index_dir: Path) -> None:
    query = "how long is the linkedin phone screen"
    open_tab(page, "Search")
    page.locator("#query input").fill(query)
    page.keyboard.press("Enter")
    columns = page.locator(".stages section")
    expect(columns).to_have_count(4, timeout=30_000)
    found = retriever.search(query, 10)
    late = stage_orders(retriever, found, 10)["late"]
    own = [retriever.search(query, 10, "dense").hits, retriever.search(query, 10, "bm25").hits, late, found.hits]
    for n, hits in enumerate(own):
        assert columns.nth(n).locator(".rank").all_inner_texts() == [str(rank) for rank in range(1, 11)]
        links = [a.get_attribute("href") or "" for a in columns.nth(n).locator("li a").all()]
        assert [x.rsplit("/", 1)[1] for x in links] == [f"{h.chunk.start}-{h.chunk.end}" for h in hits]
    assert late == sorted(late, key=lambda h: -h.score)
    final = columns.nth(3).locator("li").first
    expect(final.locator(".elsewhere")).to_have_text("Dense 2, BM25 1, Late interaction 1")
    expect(final.locator(".score")).to_contain_text("↑1 against dense")
    text = page.locator(".explained[open] .text")
    best = found.hits[0]
    assert text.inner_text() == passage_text(best.chunk)
    met = text.locator(".met").all_inner_texts()
    assert {"LinkedIn", "Phone", "Screen", "45"} <= set(met) and met.count("LinkedIn") == 1 < text.inner_text().count(
        "LinkedIn"
    )
    expect(page.locator(".timings")).to_contain_text("late")
    expect(page.locator(".timings")).to_contain_text("dense")
    page.get_by_role("button", name="Make this an eval case").click()
    expect(page.get_by_text("Written as a candidate")).to_be_visible(timeout=15_000)
    case = json.loads((index_dir.parent / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (case["kind"], case["question"], case["vote"]) == ("case", query, None)
    assert case["hits"][0]["start"] == best.chunk.start and case["hits"][0]["text"] == best.chunk.text


def test_the_corpus_lists_articles_and_their_outline_leads_into_the_reader(page: Page, corpus: Corpus) -> None:
    open_tab(page, "Corpus")
    rows = page.locator(".articles li")
    expect(rows).to_have_count(len(corpus.articles))
    assert rows.locator("h3").all_inner_texts() == [a.title for a in corpus.articles]
    page.locator("#title-filter input").fill("tesla")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button", name="Outline").click()
    heading = page.locator(".outline a").filter(has_text="Explain backpropagation")
    heading.click()
    expect(page.locator("#reader mark")).to_contain_text("backpropagation", timeout=15_000)
    expect(page.locator("#reader mark")).to_be_in_viewport()
    page.get_by_role("button", name="Close the panel").click()
    expect(page.locator("#side")).to_be_hidden()


def test_the_eval_tab_shows_the_committed_figures(page: Page) -> None:
    open_tab(page, "Eval")
    result = json.loads((RESULTS / "retrieval.json").read_text(encoding="utf-8"))
    report = page.locator(".report").filter(has=page.get_by_role("heading", name="Retrieval", exact=True))
    expect(report).to_contain_text(result["made"])
    expect(report).to_contain_text(result["config_hash"])
    full = result["modes"]["full"]["recall@5"]
    expect(report).to_contain_text(f"{full['mean']:.3f} [{full['low']:.3f}, {full['high']:.3f}]")
    assert page.get_by_text("does not have the form").count() == 0
    assert page.locator(".curve polyline").count() >= 1


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing_serious(browser: Browser, server: Server, look: str) -> None:
    scheme = "dark" if look == "dark" else "light"
    size = PHONE if look == "phone" else {"width": 1360, "height": 900}
    page = visit(browser, server.url, viewport=size, color_scheme=scheme)
    problems = serious(page, "welcome")
    ask(page, "What is the bias-variance tradeoff?")
    expect(page.locator(".conversations li")).to_have_count(1)
    problems += serious(page, "answer")
    page.locator(CITES).first.click()
    expect(page.locator("#reader mark")).to_be_visible(timeout=15_000)
    page.wait_for_timeout(300)  # the sheet slides in
    problems += serious(page, "reader")
    page.keyboard.press("Escape")
    open_tab(page, "Search")
    page.locator("#query input").fill("phone screen")
    page.keyboard.press("Enter")
    expect(page.locator(".stages")).to_be_visible(timeout=30_000)
    problems += serious(page, "search")
    open_tab(page, "Corpus")
    page.get_by_role("button", name="Outline").first.click()
    expect(page.locator(".outline")).to_be_visible()
    problems += serious(page, "corpus")
    open_tab(page, "Eval")
    expect(page.locator(".report").first).to_be_visible()
    problems += serious(page, "eval")
    page.context.close()
    assert not problems, "\n".join(problems)


def serious(page: Page, where: str) -> list[str]:
    """Serious and critical findings, one line each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{where}: {v['id']} ({v['impact']}): {node['html'][:200]} {node['failureSummary'][:200]}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"][:3]
    ]
