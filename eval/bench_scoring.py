"""How fast an evaluation is: scoring alone, on made-up runs of any size, and all modes over real questions.

python -m eval bench --scoring --out eval/results/scoring.json
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np

from eval.data import Question
from eval.figures import Scores, intervals
from eval.metrics import Judge, SourceTexts
from eval.ranked import ranked_measures
from eval.run import evaluate
from eval.stats import SEED
from index.config import MODES
from index.retrieve import Retriever


def scoring_speed(
    retriever: Retriever, questions: Sequence[Question], count: int = 10_000, depth: int = 100
) -> dict[str, Any]:
    """Seconds to score `count` made-up questions with `depth` hits each, by quotes and by qrels, intervals
    included; and to search up to 200 real questions in all modes and score them, nothing kept from before.
    """
    picks = np.random.default_rng(SEED).integers(0, len(retriever.index.chunks), size=(count, depth))
    real = [q for q in questions if q.answerable][:200]
    return {
        "made": date.today().isoformat(),
        "command": "python -m eval bench --scoring",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "figures": {
            "questions scored": count,
            "hits a question": depth,
            "scoring by quotes, s": _seconds(lambda: _by_quotes(retriever, picks)),
            "scoring by qrels, s": _seconds(lambda: _by_qrels(picks)),
            f"all modes on {len(real)} questions, searched and scored, s": _seconds(
                lambda: evaluate(retriever, real, MODES)
            ),
        },
    }


def _by_quotes(retriever: Retriever, picks: np.ndarray) -> None:
    """The evidence of each question is the beginning of one of its hits."""
    texts = SourceTexts({a.article_id: a.text for a in retriever.index.articles.values()})
    scores = {}
    for n, row in enumerate(picks.tolist()):
        hits = [retriever.index.chunks[i] for i in row]
        judge = Judge(texts, [[hits[n % len(hits)].text[:120]]])
        scores[str(n)] = judge.measures([texts.span(c.article_id, c.start, c.end) for c in hits])
    _intervals(scores)


def _by_qrels(picks: np.ndarray) -> None:
    """Three of the documents that came back are relevant."""
    run = {str(n): [f"d{i}" for i in dict.fromkeys(row)] for n, row in enumerate(picks.tolist())}
    qrels = {i: dict.fromkeys(documents[n % 7 :: 30], 1) for n, (i, documents) in enumerate(run.items())}
    _intervals(ranked_measures(qrels, run))


def _intervals(scores: Scores) -> None:
    intervals(scores, list(scores), list(next(iter(scores.values()))))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 1)
