"""Retrieval runs and their figures: `retrieve` writes a run, `evaluate` scores modes, `score_grid` a grid."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from eval.data import Question
from eval.execute import Cell
from eval.figures import Scores, against, headline, paired_tests, reference, system_figures
from eval.inputs import Dataset
from eval.metrics import Judge, SourceTexts, hit_spans
from eval.ranked import documents, ranked_measures
from eval.rows import BadRows
from index.retrieve import Retriever
from ingest.errors import QuestionError

DEPTH = 20


def retrieve(retriever: Retriever, questions: Sequence[Question], mode: str, k: int) -> Iterable[dict[str, Any]]:
    """One run record a question, in order."""
    for q in questions:
        found = retriever.search(q.question, k, mode, q.history)
        yield {
            "id": q.id,
            "hits": [hit.record() for hit in found.hits],
            "timings_ms": dict(found.timings_ms),
        }


def score_run(
    texts: SourceTexts, questions: Sequence[Question], run: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, dict[str, float]]:
    """Measures by question id, answerable questions only; a question missing from the run scores zero.

    Raises:
        QuestionError: a judged quote does not stand in the corpus.
    """
    scores = {}
    for q in questions:
        if not q.answerable:
            continue
        judge = Judge(texts, q.evidence)
        if judge.missing:
            raise QuestionError(f"question {q.id!r}: {judge.missing} quotes do not stand in the corpus")
        scores[q.id] = judge.measures(hit_spans(texts, run.get(q.id, ())))
    return scores


def evaluate(
    retriever: Retriever,
    questions: Sequence[Question],
    modes: Sequence[str],
    progress: Callable[[str], None] = lambda mode: None,
) -> dict[str, Any]:
    """Figures of every mode of one open index, nothing kept: means, 95 % intervals, by type, paired tests."""
    texts = SourceTexts({a.article_id: a.text for a in retriever.index.articles.values()})
    per_mode = {}
    for mode in modes:
        progress(mode)
        run = {r["id"]: r["hits"] for r in retrieve(retriever, questions, mode, DEPTH)}
        per_mode[mode] = score_run(texts, questions, run)
    manifest = retriever.index.manifest
    made_with = {
        "encoder": manifest["encoder"]["name"],
        "index_config": manifest["config"],
        "search_config": asdict(retriever.config),
        "config_hash": f"{manifest['config_hash']}-{retriever.config.hash}",
        "corpus_hash": manifest["corpus_hash"],
    }
    return summary(per_mode, questions) | made_with


def summary(per_system: Mapping[str, Scores], questions: Sequence[Question]) -> dict[str, Any]:
    """Everything that follows from the scores of single questions.

    Raises:
        QuestionError: no answerable question.
    """
    answerable = [q for q in questions if q.answerable]
    if not answerable:
        raise QuestionError("no answerable question to score")
    names = headline(next(iter(next(iter(per_system.values())).values())))
    tests = paired_tests(per_system, names)
    return {
        "made": date.today().isoformat(),
        "questions": len(answerable),
        "python": platform.python_version(),
        "headline": list(names),
        "modes": {name: system_figures(scores, answerable) for name, scores in per_system.items()},
        "reference": reference(per_system),
        "tests": tests,
        "p_against_full": against(tests, "full") if "full" in per_system else {},
        "per_question": per_system,
    }


def check_quotes(dataset: Dataset, texts: SourceTexts) -> dict[str, Judge]:
    """A judge for every answerable question that is judged by quotes.

    Raises:
        QuestionError: quotes that do not stand in the corpus, all of them listed.
    """
    bad, judges = BadRows(), {}
    for q in dataset.questions:
        if q.answerable and not dataset.qrels:
            judges[q.id] = Judge(texts, q.evidence)
            for quote in judges[q.id].absent:
                bad.add(dataset.path, q.line, f"{q.id}: this quote does not stand in the corpus: {quote[:60]!r}")
    bad.check()
    return judges


def check_documents(dataset: Dataset, known: Collection[str]) -> int:
    """How many judged documents are not in the index; they count as never found.

    Raises:
        QuestionError: none of them is there, so the ids are of another kind than the index's.
    """
    judged = {document for grades in dataset.qrels.values() for document in grades}
    missing = {document for document in judged if document not in known}
    if judged and missing == judged:
        raise QuestionError(
            f"{dataset.path}: no judged document is in the index (it has {next(iter(known))!r}, the qrels "
            f"{min(judged)!r}): build it of the corpus that the qrels speak of, with --corpus"
        )
    return len(missing)


def score_cells(
    cells: Sequence[Cell], dataset: Dataset, texts: SourceTexts, judges: Mapping[str, Judge]
) -> dict[str, Scores]:
    """Scores by system and question, of the systems that only retrieve."""
    per_system: dict[str, Scores] = {}
    answerable = [q for q in dataset.questions if q.answerable]
    for cell in cells:
        if cell.system.engine:
            continue
        hits = {q.id: cell.results[q]["hits"] for q in answerable}
        if dataset.qrels:
            qrels = {q.id: dataset.qrels[q.id] for q in answerable}
            run = {i: [d for d, _score in documents(found)] for i, found in hits.items()}
            per_system[cell.system.name] = ranked_measures(qrels, run)
        else:
            per_system[cell.system.name] = {
                i: judge.measures([texts.span(*hit[:3]) for hit in hits[i]]) for i, judge in judges.items()
            }
    return per_system


def score_engines(cells: Sequence[Cell], dataset: Dataset, texts: SourceTexts) -> dict[str, Any]:
    """What `eval answers` says of each engine, by system; its upper bound reads the five best hits of the
    system that the others are held against.
    """
    from eval.answers import score_answers

    searched = {cell.system.name: cell.results for cell in cells if not cell.system.engine}
    best = searched[reference(searched)]
    passages = {
        q.id: "\n".join(texts.text(*hit[:3]) for hit in best[q]["hits"][:5]) for q in dataset.questions if q.answerable
    }
    return {
        cell.system.name: score_answers(
            texts, dataset.questions, {q.id: cell.results[q] for q in dataset.questions}, passages
        )
        for cell in cells
        if cell.system.engine
    }
