"""The harness: hand-computed figures, judged questions that can be trusted, runs that can be repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.__main__ import main
from eval.answers import has_fact, risk_coverage
from eval.data import Question, read_questions
from eval.fit_verify import people_claims
from eval.metrics import Judge, SourceTexts, Span, found
from eval.run import evaluate
from eval.stats import bootstrap_interval, paired_randomisation
from index.retrieve import Retriever
from ingest.errors import PinciteError, QuestionError
from ingest.load import Corpus
from ingest.text import squeeze
from tests.conftest import Run, one_clear_line

TEXT = "One  two three.\n\n   Four five six.\n   Seven eight nine ten."


def judge(*groups: list[str]) -> tuple[SourceTexts, Judge]:
    texts = SourceTexts({"a": TEXT})
    return texts, Judge(texts, groups)


def span(texts: SourceTexts, words: str) -> Span:
    start = TEXT.index(words.split()[0])
    return texts.span("a", start, TEXT.index(words.split()[-1]) + len(words.split()[-1]))


def test_whitespace_in_source_and_quote_does_not_count() -> None:
    texts, j = judge(["two three. Four   five"])
    assert j.missing == 0
    assert j.recall([span(texts, "two five")]) == 1.0


def test_a_quote_is_found_at_nine_tenths_and_not_below() -> None:
    texts = SourceTexts({"a": "0123456789" * 2})
    place = texts.find("0123456789" * 2)
    assert found(place, [Span(0, 0, 18)]) and not found(place, [Span(0, 0, 17)])
    assert found(place, [Span(0, 0, 9), Span(0, 8, 12), Span(0, 11, 19)])  # overlap counts once
    assert not found(place, [Span(0, 0, 12), Span(0, 2, 12), Span(0, 3, 12)])


def test_recall_counts_groups_and_any_alternative_will_do() -> None:
    texts, j = judge(["One two three.", "Four five six."], ["Seven eight nine ten."])
    four, seven = span(texts, "Four six."), span(texts, "Seven ten.")
    assert j.recall([]) == 0.0
    assert j.recall([four]) == 0.5
    assert j.recall([four, seven]) == 1.0
    assert j.reciprocal_rank([span(texts, "One two"), four]) == 0.5
    assert j.reciprocal_rank([span(texts, "One two")] * 10 + [four]) == 0.0


def test_a_word_budget_cuts_the_hit_in_which_it_is_reached() -> None:
    texts, j = judge(["Four five six."])
    hits = [span(texts, "One three."), span(texts, "Four six.")]
    assert j.recall_at_words(hits, 6) == 1.0
    assert j.recall_at_words(hits, 5) == 0.0
    whole = [span(texts, "One ten.")]
    assert j.recall_at_words(whole, 6) == 1.0 and j.recall_at_words(whole, 5) == 0.0


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" \n\tab\u00a0", max_size=40), st.data())
def test_offsets_map_as_slicing_and_collapsing_would(text: str, data: st.DataObject) -> None:
    texts = SourceTexts({"a": text})
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    mapped = texts.span("a", start, end)
    collapsed = texts._collapsed[0]
    assert squeeze(collapsed[mapped.start : mapped.end]) == squeeze(text[start:end])


def test_bootstrap_and_randomisation_on_clear_cases() -> None:
    low, high = bootstrap_interval([0.0, 1.0] * 100)
    assert 0.42 < low < 0.5 < high < 0.58
    assert bootstrap_interval([1.0] * 9) == (1.0, 1.0)
    assert paired_randomisation([1.0] * 20, [0.0] * 20) < 0.001
    assert paired_randomisation([0.3, 0.4], [0.3, 0.4]) == 1.0
    assert paired_randomisation([1, 0, 1, 0], [0, 1, 0, 1]) > 0.9


# --- the judged questions --------------------------------------------------------------------------------


def test_every_quote_stands_in_the_corpus(questions: list[Question], corpus: Corpus) -> None:
    texts = SourceTexts({a.article_id: a.text for a in corpus.articles})
    for q in questions:
        assert Judge(texts, q.evidence).missing == 0, q.id


def test_the_questions_cover_all_articles_types_and_both_splits(questions: list[Question], corpus: Corpus) -> None:
    assert len(questions) >= 200
    kinds = Counter(q.type for q in questions)
    for kind in ("paraphrase", "fact", "terse", "typo", "multi", "structure", "followup"):
        assert kinds[kind] >= 10
    assert kinds["unanswerable"] >= 30
    titles = {a.title for a in corpus.articles}
    assert {t for q in questions if q.answerable for t in q.articles} == titles
    for kind, count in kinds.items():
        dev = sum(q.type == kind and q.split == "dev" for q in questions)
        assert abs(2 * dev - count) <= 2, f"{kind} is split unevenly"
    assert all(len(q.evidence) >= 2 for q in questions if q.type == "multi")
    assert all(q.history for q in questions if q.type == "followup")
    assert all(q.answer and q.key_facts for q in questions if q.answerable)


def test_retrieval_reaches_its_promise_on_both_halves(retriever: Retriever, questions: list[Question]) -> None:
    for split in ("dev", "test"):
        half = [q for q in questions if q.split == split]
        result = evaluate(retriever, half, ["dense", "full"])
        full, dense = (result["modes"][m] for m in ("full", "dense"))
        assert full["recall@5"]["mean"] >= 0.85
        assert full["recall@1000w"]["mean"] >= 0.88
        assert full["MRR@10"]["mean"] >= 0.75
        assert full["recall@5"]["mean"] > dense["recall@5"]["mean"]


# --- the commands ----------------------------------------------------------------------------------------


def test_retrieve_writes_one_exact_record_a_question(
    run: Run, tmp_path: Path, write_jsonl: Callable[..., Path], corpus: Corpus
) -> None:
    asked = write_jsonl(
        "q.jsonl", {"id": "1", "question": "What is dropout?", "extra": 1}, {"id": "2", "question": "ROC"}
    )
    out = tmp_path / "run.jsonl"
    assert run("-m", "eval", "retrieve", "--questions", str(asked), "--out", str(out), "-k", "7").returncode == 0
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [r["id"] for r in records] == ["1", "2"]
    fields = {"rank", "score", "article_id", "article", "section", "source", "start", "end", "text"}
    text = corpus.articles[0].text
    for record in records:
        assert len(record["hits"]) == 7 and "total" in record["timings_ms"]
        for hit in record["hits"]:
            assert fields <= set(hit) and text[hit["start"] : hit["end"]] == hit["text"]


def test_a_missing_question_scores_zero_and_bad_rows_are_all_listed(write_jsonl: Callable[..., Path]) -> None:
    bad = write_jsonl("bad.jsonl", {"id": "1"}, {"id": "2", "question": "ok", "evidence": []}, {"question": "no id"})
    with pytest.raises(QuestionError, match=r"3 bad rows: line 1.*line 2.*line 3"):
        read_questions(bad, judged=True)


def test_eval_run_reports_every_mode_with_intervals(
    run: Run, tmp_path: Path, write_jsonl: Callable[..., Path], questions: list[Question]
) -> None:
    few = write_jsonl("few.jsonl", *[q.record for q in questions[::40]])
    done = run("-m", "eval", "run", "--questions", str(few), "--out", str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert set(report["modes"]) == {"bm25", "dense", "hybrid", "full"}
    for figures in report["modes"].values():
        assert figures["recall@5"]["low"] <= figures["recall@5"]["mean"] <= figures["recall@5"]["high"]
    one_clear_line(run("-m", "eval", "run", "--modes", "magic"), "magic")
    one_clear_line(run("-m", "eval", "retrieve", "--questions", "none.jsonl", "--out", "x"), "none.jsonl")


def test_facts_are_found_leniently_and_risk_grows_with_what_is_answered() -> None:
    answer = "It uses averaged ratings. The cut was 35%, in two weeks."
    assert (
        has_fact(answer, "average rating") and has_fact(answer, "mean or average ratings") and has_fact(answer, "35%")
    )
    assert not has_fact(answer, "rating cut") and not has_fact(answer, "median")  # not in one sentence
    assert risk_coverage([(0.9, 1.0), (0.1, 0.0), (0.5, 0.5), (0.2, 1.0)]) == [
        (0.25, 0.0), (0.5, 0.25), (0.75, 0.1667), (1.0, 0.375)]  # fmt: skip


def test_eval_answers_scores_engines_and_answers_made_before(
    run: Run, tmp_path: Path, write_jsonl: Callable[..., Path], questions: list[Question]
) -> None:
    picked = [q for q in questions if q.split == "dev"]
    picked = [*[q for q in picked if q.answerable][:4], *[q for q in picked if not q.answerable][-2:]]
    asked = str(write_jsonl("few.jsonl", *[q.record for q in picked]))
    out = tmp_path / "answers.json"
    done = run("-m", "eval", "answers", "--questions", asked, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "| key facts |" in done.stdout and "| wrongly refused |" in done.stdout
    figures = json.loads(out.read_text())["engines"]["extractive"]["figures"]
    assert figures["citation precision"]["mean"] == figures["sentences cited"]["mean"] == 1.0
    assert 0.5 <= figures["key facts"]["mean"] <= 1.0 and figures["words"]["mean"] <= 165
    assert figures["refused: out_of_domain"]["mean"] == 1.0

    made = tmp_path / "a.jsonl"
    assert run("-m", "bot", "batch", "--questions", asked, "--out", str(made), "--llm", "extractive").returncode == 0
    lines = made.read_text(encoding="utf-8").splitlines()
    made.write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")  # the first answer is missing: it counts as refused
    assert run("-m", "eval", "answers", "--questions", asked, "--answers", str(made), "--out", str(out)).returncode == 0
    again = next(iter(json.loads(out.read_text())["engines"].values()))["figures"]
    assert again["wrongly refused"]["mean"] == figures["wrongly refused"]["mean"] + 0.25
    broken = write_jsonl("broken.jsonl", {"id": "1", "answer": "x"})
    one_clear_line(run("-m", "eval", "answers", "--questions", asked, "--answers", str(broken)), "line 1", "sentences")


def test_corpora_are_each_asked_their_own_questions(run: Run, tmp_path: Path, write_jsonl: Callable[..., Path]) -> None:
    for name, text, facts in (
        (
            "harbour",
            "The harbour of Olm opens at six in the morning. Boats pay 12 crowns a night.",
            ["12 crowns", "gold"],
        ),
        ("orchard", "The orchard has forty plum trees. Plums are picked in August.", ["August"]),
    ):
        (tmp_path / name / "docs").mkdir(parents=True)
        (tmp_path / name / "docs" / f"{name}.md").write_text(f"# The {name}\n\n{text}\n", encoding="utf-8")
        quote = text.split(". ")[1].rstrip(".")
        asked = {"harbour": "What do boats pay a night at the harbour?", "orchard": "When are the plums picked?"}[name]
        rows = [
            {"id": "1", "question": asked, "evidence": [[quote]], "key_facts": facts, "split": "dev"},
            {"id": "2", "question": f"Who owns the {name}?", "type": "near", "answerable": False, "split": "dev"},
        ]
        write_jsonl("rows.jsonl", *rows).rename(tmp_path / name / "questions.jsonl")
    out = tmp_path / "corpora.json"
    done = run("-m", "eval", "corpora", str(tmp_path), "--split", "dev", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "| harbour | dev | 1.000 | 1.000 | 0.500 |" in done.stdout and "| all of dev | dev |" in done.stdout
    found = json.loads(out.read_text())
    assert found["splits"]["dev"]["key facts"]["mean"] == 0.75 and found["splits"]["dev"]["refused: near"]["n"] == 2
    one_clear_line(run("-m", "eval", "corpora", str(tmp_path), "--split", "test"), "no NAME/questions.jsonl", "test")


def test_beir_folders_run_and_score_as_ir_measures_says(
    run: Run, tmp_path: Path, write_jsonl: Callable[..., Path]
) -> None:
    write_jsonl(
        "corpus.jsonl",
        {"_id": "d1", "title": "Cats", "text": "Cats purr when they are content."},
        {"_id": "d2", "title": "Dogs", "text": "Dogs bark at strangers."},
        {"_id": "d3", "title": "Empty", "text": ""},
    )
    write_jsonl("queries.jsonl", {"_id": "q1", "text": "why do cats purr"}, {"_id": "q2", "text": "not judged"})
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    done = run("-m", "eval", "beir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    figures = dict(line.split("\t") for line in done.stdout.strip().splitlines())
    assert float(figures["nDCG@10"]) == 1.0 and figures["queries"] == "1" and figures["documents"] == "3"
    one_clear_line(run("-m", "eval", "beir", str(tmp_path / "nothing")), "nothing")


def ragtruth(folder: Path, **change: object) -> Path:
    """Two questions with three answers, in the form of the public set."""
    sources = [
        {"source_id": "1", "task_type": "QA", "source": "MARCO", "source_info": {
            "question": "who owns a credit union",
            "passages": "passage 1:Credit unions are owned by their members.\n\npassage 2:Deposits are insured.\n\n"}},
        {"source_id": "2", "task_type": "Summary", "source": "CNN/DM", "source_info": "Rain fell in Rome."},
    ]  # fmt: skip
    added = "They were founded in Spain by Carlos Ruiz."
    mark = {"start": 24, "end": 24 + len(added), "text": added, "label_type": "Evident Baseless Info"}
    same = {"source_id": "1", "model": "gpt-4-0613", "split": "test", "quality": "good", "labels": []}
    answers: list[dict[str, object]] = [
        {**same, "id": "1", "response": "Members own the unions."},
        {
            **same,
            "id": "2",
            "response": f"Members own the unions. {added}",
            "labels": [mark],
            "model": "llama-2-7b",
        },
        {**same, "id": "3", "response": "Members own", "quality": "truncated"},
        {**same, "id": "4", "response": "Members.", "split": "train"},
        {**same, "id": "5", "response": "Rain.", "source_id": "2"},
    ]
    answers[0] |= change
    for name, rows in (("source_info", sources), ("response", answers)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return folder


def test_answers_that_people_labelled_are_read_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.json"
    assert main(["verify", "--claims", str(ragtruth(tmp_path)), "--out", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert (report["claims"], report["unsupported"]) == (2, 1) and report["figures"]["AUROC"]["mean"] == 1
    assert report["called_unsupported"] == {
        "gpt-4-0613": {"count": 1, "share": 0.0}, "llama-2-7b": {"count": 1, "share": 1.0}
    }  # fmt: skip
    with pytest.raises(QuestionError, match='line 1: "response" must be a string'):
        main(["verify", "--claims", str(ragtruth(tmp_path, response=None))])
    with pytest.raises(QuestionError, match=r'line 1: .*"labels" a list with "start" and "end"'):
        main(["verify", "--claims", str(ragtruth(tmp_path, labels=[{"text": "the unions"}]))])


def test_the_fit_reads_which_sentences_people_marked(tmp_path: Path) -> None:
    (folder := tmp_path / "set").mkdir()
    ragtruth(folder)
    path = folder / "response.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"test"', '"train"'), encoding="utf-8")
    read = [(c.claim, c.supported) for c in people_claims(folder)]
    assert read == [
        ("Members own the unions.", True),
        ("Members own the unions.", True),
        ("They were founded in Spain by Carlos Ruiz.", False),
        ("Members.", True),
    ]


def test_answers_over_the_articles_of_a_squad_file(
    tmp_path: Path, write_jsonl: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def article(title: str, text: str, answered: tuple[str, str], unanswered: str) -> dict[str, object]:
        asked = [
            {"question": answered[0], "is_impossible": False, "answers": [{"text": answered[1], "answer_start": 0}]},
            {"question": unanswered, "is_impossible": True, "answers": []},
        ]
        return {"title": title, "paragraphs": [{"context": text, "qas": asked}]}

    mill = "The Suderau mill grinds rye for forty bakeries. It was built by Hanna Voss beside the river."
    other = "Tea is steeped at 80 degrees."
    articles = [
        article(
            "Suderau_mill",
            mill,
            ("How many bakeries does the Suderau mill grind for?", "forty"),
            "How much do mill workers earn?",
        ),
        article("Tea", other, ("How hot is tea?", "80 degrees"), "Who invented tea?"),
    ]
    squad = tmp_path / "squad.json"
    squad.write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    far = write_jsonl("far.jsonl", {"id": "f", "question": "Who painted the Mona Lisa?", "answerable": False})
    out = tmp_path / "out.json"
    assert main(["squad", str(squad), "--half", "dev", "--far", str(far), "--out", str(out)]) == 0
    figures = json.loads(out.read_text(encoding="utf-8"))["figures"]
    assert {name: (f["mean"], f["n"]) for name, f in figures.items()} == {
        "wrongly refused": (0.0, 1),
        "gold answer in the answer": (1.0, 1),
        "refused: unanswerable": (1.0, 1),
        "refused: out_of_domain": (1.0, 1),
    }
    assert "wrongly refused" in capsys.readouterr().out
    with pytest.raises(PinciteError, match=r"far\.jsonl: not a file in SQuAD 2\.0's format"):
        main(["squad", str(far)])
