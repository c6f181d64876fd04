"""Scores of single questions to figures: means with intervals, by type, article and length, and paired tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from eval.data import Question
from eval.metrics import BUDGETS
from eval.ranked import DEPTHS
from eval.ranked import NAMES as RANKED
from eval.stats import bootstrap_intervals, holm, paired_randomisations

Scores = Mapping[str, Mapping[str, float]]  # question id -> measure -> value
HEADLINE = ("recall@5", "recall@1000w", "MRR@10")
HEADLINE_RANKED = ("nDCG@10", "R@100", "RR@10")
SPANS = (*(f"recall@{k}" for k in (1, 3, 5, 10, 20)), "recall@500w", "recall@1000w", "MRR@10", "precision@5", "IoU@5")
_LENGTHS = ((5, "1 to 5 words"), (10, "6 to 10 words"), (20, "11 to 20 words"), (10**9, "over 20 words"))


def headline(measures: Iterable[str]) -> tuple[str, ...]:
    """The measures to show first, of quotes or of qrels."""
    return HEADLINE if HEADLINE[0] in set(measures) else HEADLINE_RANKED


def system_figures(scores: Scores, questions: Sequence[Question]) -> dict[str, Any]:
    """Mean and 95 % interval of every measure; the headline measures by type, article and question length; the
    curve of recall against words (quotes) or against documents (qrels).
    """
    names = list(next(iter(scores.values())))
    shown = [name for name in (SPANS if HEADLINE[0] in names else RANKED) if name in names]
    figures: dict[str, Any] = dict(intervals(scores, [q.id for q in questions], shown))
    first = headline(names)
    for by, groups in (
        ("by_type", _groups(questions, lambda q: [q.type] if q.type else [])),
        ("by_article", _groups(questions, lambda q: q.articles)),
        ("by_length", _lengths(questions)),
    ):
        figures[by] = {name: _part(scores, ids, first) for name, ids in groups.items()}
    points = [(n, f"recall@{n}w") for n in BUDGETS] if first == HEADLINE else [(n, f"R@{n}") for n in DEPTHS]
    curve = intervals(scores, [q.id for q in questions], [name for _n, name in points if name in names])
    figures["curve"] = [{"at": n, **curve[name]} for n, name in points if name in curve]
    return figures


def intervals(scores: Scores, ids: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean, low and high of each measure over the questions."""
    values = np.array([[scores[i][name] for name in names] for i in ids], dtype=np.float64)
    bounds = bootstrap_intervals(values)
    return {
        name: {"mean": float(values[:, n].mean()), "low": float(bounds[n, 0]), "high": float(bounds[n, 1])}
        for n, name in enumerate(names)
    }


def _part(scores: Scores, ids: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Means beside the number of questions, as the tables read them, and the intervals."""
    figures = intervals(scores, ids, names)
    return {
        "questions": len(ids),
        **{name: figure["mean"] for name, figure in figures.items()},
        "intervals": {name: [figure["low"], figure["high"]] for name, figure in figures.items()},
    }


def _groups(questions: Sequence[Question], keys: Callable[[Question], Iterable[str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for q in questions:
        for key in keys(q):
            groups.setdefault(key, []).append(q.id)
    return dict(sorted(groups.items()))


def _lengths(questions: Sequence[Question]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {name: [] for _most, name in _LENGTHS}
    for q in questions:
        words = len(q.question.split())
        groups[next(name for most, name in _LENGTHS if words <= most)].append(q.id)
    return {name: ids for name, ids in groups.items() if ids}


def paired_tests(per_system: Mapping[str, Scores], names: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """For each measure and each pair of systems ("A | B"): difference of means (A - B), p of the paired
    randomisation test, and p corrected for the number of pairs (Holm).
    """
    ids = list(next(iter(per_system.values())))
    pairs = list(combinations(per_system, 2))
    tests: dict[str, dict[str, dict[str, float]]] = {}
    for name in names if pairs else ():
        values = {system: np.array([scores[i][name] for i in ids]) for system, scores in per_system.items()}
        differences = np.stack([values[a] - values[b] for a, b in pairs], axis=1)
        raw = {f"{a} | {b}": float(p) for (a, b), p in zip(pairs, paired_randomisations(differences), strict=True)}
        corrected = holm(raw)
        means = differences.mean(axis=0)
        tests[name] = {
            pair: {"difference": float(means[n]), "p": raw[pair], "p_holm": corrected[pair]}
            for n, pair in enumerate(raw)
        }
    return tests


def reference(systems: Iterable[str]) -> str:
    """The system that the others are held against: `full` where it stands, else the first."""
    names = list(systems)
    return next((name for name in names if name.split()[0] == "full"), names[0])


def against(tests: Mapping[str, Mapping[str, Mapping[str, float]]], system: str) -> dict[str, dict[str, float]]:
    """Uncorrected p of every other system against one, by system and measure."""
    found: dict[str, dict[str, float]] = {}
    for name, pairs in tests.items():
        for pair, row in pairs.items():
            a, b = pair.split(" | ")
            if system in (a, b):
                found.setdefault(b if a == system else a, {})[name] = row["p"]
    return found
