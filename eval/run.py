"""Retrieval runs and their figures: `retrieve` writes a run, `evaluate` scores modes against evidence."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from eval.data import Question
from eval.metrics import Judge, SourceTexts, hit_spans
from eval.stats import bootstrap_interval, paired_randomisation
from index.retrieve import Retriever
from ingest.errors import QuestionError

DEPTH = 20
HEADLINE = ("recall@5", "recall@1000w", "MRR@10")


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
    """Figures of every mode: means, 95 % intervals, by type, and p of each mode against the first best."""
    texts = SourceTexts({a.article_id: a.text for a in retriever.index.articles.values()})
    per_mode = {}
    for mode in modes:
        progress(mode)
        run = {r["id"]: r["hits"] for r in retrieve(retriever, questions, mode, DEPTH)}
        per_mode[mode] = score_run(texts, questions, run)
    answerable = [q for q in questions if q.answerable]
    if not answerable:
        raise QuestionError("no answerable question to score")
    manifest = retriever.index.manifest
    return {
        "made": date.today().isoformat(),
        "questions": len(answerable),
        "encoder": manifest["encoder"]["name"],
        "index_config": manifest["config"],
        "search_config": asdict(retriever.config),
        "config_hash": f"{manifest['config_hash']}-{retriever.config.hash}",
        "corpus_hash": manifest["corpus_hash"],
        "python": platform.python_version(),
        "modes": {mode: _figures(scores, answerable) for mode, scores in per_mode.items()},
        "p_against_full": _tests(per_mode),
        "per_question": per_mode,
    }


def _figures(scores: Mapping[str, Mapping[str, float]], questions: Sequence[Question]) -> dict[str, Any]:
    names = list(next(iter(scores.values())))
    figures: dict[str, Any] = {}
    for name in names:
        values = [scores[q.id][name] for q in questions]
        low, high = bootstrap_interval(values)
        figures[name] = {"mean": sum(values) / len(values), "low": low, "high": high}
    types = sorted({q.type for q in questions if q.type})
    figures["by_type"] = {
        kind: {
            "questions": sum(q.type == kind for q in questions),
            **{name: _mean(scores[q.id][name] for q in questions if q.type == kind) for name in HEADLINE},
        }
        for kind in types
    }
    return figures


def _tests(per_mode: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    if "full" not in per_mode:
        return {}
    full = per_mode["full"]
    return {
        mode: {
            name: paired_randomisation([full[i][name] for i in full], [scores[i][name] for i in full])
            for name in HEADLINE
        }
        for mode, scores in per_mode.items()
        if mode != "full"
    }


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
