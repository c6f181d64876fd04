"""What a run leaves behind: figures that agree with the field's tools, a page that reads well, a gate that holds."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

from bot.page.eval_tab import reports_html
from eval.collect import collect, read_candidates
from eval.data import Question, read_questions
from eval.failures import quote_failures
from eval.gate import compare, read_gate
from eval.metrics import Judge, SourceTexts, Span
from eval.ranked import documents, ranked_measures
from eval.stats import holm, paired_randomisations
from eval.trec import falling
from index.config import ROOT
from ingest.errors import PinciteError
from ingest.values import Article
from tests.conftest import Run, one_clear_line

GATE = ROOT / "eval" / "gate.json"

# --- measures ----------------------------------------------------------------------------------------------

DOCUMENTS = [f"d{n}" for n in range(12)]
QRELS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(0, 3), min_size=1),
    min_size=1,
)
RUNS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3", "q4"]),
    st.permutations(DOCUMENTS).flatmap(lambda p: st.sampled_from([p, p[:5], []])),
)

THERE = {"nDCG@10": "ndcg_cut_10", "AP": "map", "R@10": "recall_10", "P@5": "P_5", "Success@1": "success_1"}


@settings(max_examples=60, deadline=None)
@given(QRELS, RUNS)
def test_ranked_measures_agree_with_trec_eval(qrels: dict[str, dict[str, int]], run: dict[str, list[str]]) -> None:
    ours = ranked_measures(qrels, run)
    scored = {q: {d: 1.0 / rank for rank, d in enumerate(ids, 1)} for q, ids in run.items() if ids}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {*THERE.values(), "recip_rank"}).evaluate(scored)
    assert set(ours) == set(qrels)  # a query missing from the run counts, as zero
    for query, row in ours.items():
        for name, there in THERE.items():
            assert row[name] == pytest.approx(theirs.get(query, {}).get(there, 0.0), abs=1e-6), (query, name)
        full = theirs.get(query, {}).get("recip_rank", 0.0)
        assert row["RR@10"] == pytest.approx(full if full >= 0.1 else 0.0, abs=1e-6)


def test_ranked_measures_by_hand() -> None:
    row = ranked_measures({"q": {"a": 1, "b": 1}}, {"q": ["x", "a", "y", "b"]})["q"]
    assert row["RR@10"] == 0.5 and row["R@2"] == 0.5 and row["P@5"] == 0.4 and row["AP"] == 0.5
    gain = 1 / np.log2(3) + 1 / np.log2(5)
    assert row["nDCG@10"] == pytest.approx(gain / (1 + 1 / np.log2(3)))
    assert documents([["a", 0, 5, 0.9], ["b", 0, 5, 0.8], ["a", 5, 9, 0.7]]) == [("a", 0.9), ("b", 0.8)]


def test_precision_and_iou_by_hand() -> None:
    texts = SourceTexts({"a": "0123456789" * 10, "b": "abcdefghij" * 3})
    judge = Judge(texts, [["0123456789" * 10], ["never", "abcdefghij" * 3]])
    assert judge.absent == ["never"]
    half = [Span(0, 0, 50), Span(0, 40, 50)]  # 60 characters returned, 50 of 130 found
    assert judge.precision_iou(half) == (50 / 60, 50 / (60 + 130 - 50))
    assert judge.precision_iou([]) == (0.0, 0.0)


def test_why_a_question_failed() -> None:
    text = "".join(f"w{n:03} " for n in range(2000)) + "the needle lies here"
    texts = SourceTexts({"a": text})
    articles = {"a": Article("a", "A", "a.txt", text, 0, len(text), ())}
    needle, q = text.index("the needle"), Question("q", "where?", evidence=(("the needle lies here",),))
    end = len(text)

    def why(*spans: tuple[int, int]) -> tuple[str, ...]:
        hits = {"q": [["a", start, stop, 1.0] for start, stop in spans]}
        failures = quote_failures([q], hits, {"q": Judge(texts, q.evidence)}, texts, articles)
        return failures[0].why if failures else ()

    assert why((needle, end)) == ()
    assert why((0, 50)) == ("not retrieved",)
    assert why(*[(0, 50)] * 5, (needle, end)) == ("ranked low",)
    assert why((0, 6000), (needle, end)) == ("cut by budget",)
    assert why((needle, needle + 10)) == ("chunk boundary",)


def test_holm_by_hand_and_shared_flips() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    rng = np.random.default_rng(1)
    p = paired_randomisations(np.stack([rng.normal(1, 1, 50), rng.normal(0, 1, 50), np.zeros(50)], axis=1))
    assert p[0] < 0.001 < 0.05 < p[1] and p[2] == 1.0


@given(st.lists(st.floats(-1e6, 1e6, width=32), max_size=20))
def test_written_scores_fall_strictly_even_as_float32(scores: list[float]) -> None:
    ordered = sorted(scores, reverse=True)
    written = [np.float32(float(repr(s))) for s in falling(ordered)]
    assert all(a > b for a, b in pairwise(written))
    assert np.allclose(np.array(written, dtype=np.float64), ordered, rtol=1e-4, atol=1e-4)


# --- the report --------------------------------------------------------------------------------------------

HOSTILE = 'What is <img src=x onerror=alert(1)> & "dropout" </script>?'


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, run: Run, questions: list[Question]) -> Path:
    """A folder with the report (`out`) of a twentieth of the questions and a hostile one, its cache and a gate."""
    folder = tmp_path_factory.mktemp("report")
    asked = folder / "q.jsonl"
    quote = questions[0].evidence[0][0]
    hostile = {"id": "x<y", "question": HOSTILE, "type": "<b>odd</b>", "evidence": [[quote]]}
    rows = [*(dict(q.record) for q in questions[::20]), hostile]
    asked.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    done = run(
        "-m", "eval", "run", "--questions", str(asked), "--engines", "extractive",
        "--cache", str(folder / "cache"), "--out", str(folder / "out"), "--write-gate", str(folder / "gate.json"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_trec_files_are_read_by_the_standard_tool(reported: Path) -> None:
    out = reported / "out"
    figures = json.loads((out / "report.json").read_text())["modes"]["full"]
    qrels = list(ir_measures.read_trec_qrels(str(out / "trec" / "full.qrels")))
    run = list(ir_measures.read_trec_run(str(out / "trec" / "full.run")))
    measure = ir_measures.parse_measure("RR@10")
    assert ir_measures.calc_aggregate([measure], qrels, run)[measure] == pytest.approx(figures["MRR@10"]["mean"])


def test_the_eval_tab_draws_ones_own_report_beside_the_committed_ones(reported: Path, tmp_path: Path) -> None:
    report = reported / "out" / "report.json"
    shown = reports_html(tmp_path, report)
    full = json.loads(report.read_text())["modes"]["full"]
    assert "The last run on this machine" in shown and f"{full['recall@5']['mean']:.3f}" in shown
    assert "&lt;b&gt;odd&lt;/b&gt;" in shown and "<b>odd" not in shown
    (tmp_path / "retrieval.json").write_text('{"modes": []}')
    assert "retrieval.json does not have the form" in reports_html(tmp_path, report)


def test_the_page_reads_well_on_any_screen_and_asks_nobody(reported: Path) -> None:
    page_path = reported / "out" / "report.html"
    with sync_playwright() as playwright:
        path = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for width, scheme in ((1360, "light"), (390, "dark")):
            page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
            asked: list[str] = []
            problems: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("pageerror", lambda error, problems=problems: problems.append(str(error)))
            page.goto(page_path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert asked == [page_path.as_uri()] and not problems
            assert page.locator("svg").count() >= 5 and page.locator("main img").count() == 0
            assert page.locator(".duel:visible").count() == 1
        failures = page.locator(".failure")
        assert HOSTILE in failures.locator(".question").all_inner_texts()
        page.fill("#text", "onerror")
        assert page.locator(".failure:visible").count() == 1 and page.inner_text("#count") == "1 question"
        page.locator(".failure:visible summary").click()
        assert page.locator(".failure:visible .passage").count() >= 5
        browser.close()


# --- the gate ----------------------------------------------------------------------------------------------


def test_the_committed_gate_holds(run: Run, tmp_path: Path) -> None:
    done = run(
        "-m", "eval", "run", "--modes", "full", "--split", "dev", "--gate", str(GATE), PINCITE_CACHE=str(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gate: passed" in done.stdout


def test_a_real_fall_fails_the_gate_and_a_small_or_chance_one_does_not(reported: Path, run: Run) -> None:
    folder = reported
    command = ("-m", "eval", "run", "--questions", str(folder / "q.jsonl"), "--cache", str(folder / "cache"))
    worse = folder / "worse.json"
    baseline = json.loads((folder / "gate.json").read_text())
    baseline["per_question"] = {"bm25": {i: [1.0, 1.0, 1.0] for i in baseline["per_question"]["bm25"]}}
    worse.write_text(json.dumps(baseline))
    failed = run(*command, "--modes", "bm25", "--gate", str(worse))
    assert failed.returncode == 1 and "FALLEN bm25 recall@5" in failed.stdout
    one_clear_line(run(*command, "--modes", "full", "--gate", str(worse)), "'bm25' is not run")
    (folder / "broken.json").write_text("{}")
    one_clear_line(run(*command, "--modes", "full", "--gate", str(folder / "broken.json")), "--write-gate")

    def fallen(before: list[float], after: list[float], margin: float) -> bool:
        gate = {"margins": {"recall@5": margin}, "per_question": {"s": {str(n): [v] for n, v in enumerate(before)}}}
        now = {"per_question": {"s": {str(n): {"recall@5": v} for n, v in enumerate(after)}}}
        return bool(compare(gate, now)[0]["fallen"])

    assert fallen([1.0] * 40, [1.0] * 20 + [0.0] * 20, 0.02)
    assert not fallen([1.0] * 40, [1.0] * 20 + [0.0] * 20, 0.6)  # within the margin
    assert not fallen([1.0] * 40, [1.0] * 38 + [0.0] * 2, 0.02)  # may be chance
    assert not fallen([0.0] * 40, [1.0] * 40, 0.02)


def test_the_committed_gate_is_of_the_dev_half() -> None:
    gate = read_gate(GATE)
    dev = {q.id for q in read_questions(ROOT / "eval" / "questions.jsonl", split="dev") if q.answerable}
    assert set(gate["per_question"]["full"]) == dev
    with pytest.raises(PinciteError, match="not a gate"):
        read_gate(ROOT / "eval" / "results" / "latency.json")


# --- from use to test --------------------------------------------------------------------------------------


def feedback(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def hit(text: str, article: str = "Tea") -> dict[str, object]:
    return {"article_id": article, "article": article, "source": "t", "start": 0, "end": len(text), "text": text}


def test_a_review_turns_what_was_asked_into_judged_questions(run: Run, tmp_path: Path) -> None:
    asked = {"kind": "question", "question": "How hot is tea?", "history": [], "answer": "Hot.", "engine": "extractive"}
    other = {**asked, "question": "Who won?", "hits": [hit("Nobody knows.")]}
    path = feedback(
        tmp_path / "f.jsonl",
        other,
        {**asked, "hits": [hit("Tea is old. Steep it at 80 degrees. Then drink."), hit("80 degrees it is.", "Pots")]},
        {**asked, "kind": "vote", "vote": "down"},
        {**asked, "question": "Later?", "hits": [hit("Later.")]},
    )
    assert [c.question for c in read_candidates(path)] == ["How hot is tea?", "Who won?", "Later?"]
    said = iter(["what", "9", "1/2", "7", "2", "n", "q"])
    shown: list[str] = []
    out = tmp_path / "judged.jsonl"
    assert collect(read_candidates(path), out, lambda prompt: next(said), shown.append) == 2
    first, second = read_questions(out, judged=True)
    assert first.evidence == (("Steep it at 80 degrees.", "80 degrees it is."),)
    assert first.articles == ("Tea", "Pots") and first.record["votes"] == {"up": 0, "down": 1}
    assert second.question == "Who won?" and not second.answerable
    assert collect(read_candidates(path), out, lambda prompt: "1", shown.append) == 1  # only the one left over
    bad = feedback(tmp_path / "bad.jsonl", {"question": ""}, {"question": "ok", "vote": "maybe"})
    one_clear_line(run("-m", "eval", "collect", "--feedback", str(bad)), "2 bad rows: line 1", "line 2", "'maybe'")
    one_clear_line(run("-m", "eval", "collect"), "PINCITE_FEEDBACK")


def test_a_review_from_the_command_line_stops_at_the_end_of_its_input(run: Run, tmp_path: Path) -> None:
    path = feedback(tmp_path / "f.jsonl", {"question": "How hot?", "hits": [hit("80 degrees.")]})
    done = run("-m", "eval", "collect", "--out", str(tmp_path / "o.jsonl"), PINCITE_FEEDBACK=str(path))
    assert done.returncode == 0, done.stderr
    assert "0 judged questions added" in done.stdout
