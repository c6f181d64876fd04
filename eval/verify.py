"""How well the judge tells claims that the articles support from claims that they almost support.

Pairs come from `eval.pairs`. Those of every second article served to fit the weights; the figures that count
are those of the other articles. `evaluate_labelled` scores any claims that people have labelled;
`judged_answers.jsonl` holds 220 answers in the manner of language models, written and labelled for this project.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from bot.claims import ClaimVerifier
from bot.verify import SUPPORTED
from eval.data import DEFAULT_QUESTIONS, read_questions
from eval.pairs import Claim, corpus_pairs
from eval.stats import SEED
from index.config import DEFAULT_CORPUS, IndexConfig
from ingest.chunk import chunk_articles
from ingest.errors import QuestionError
from ingest.load import load_corpus


def load_pairs() -> list[Claim]:
    """The pairs of the bundled corpus."""
    articles = load_corpus([DEFAULT_CORPUS]).articles
    chunks = list(chunk_articles(articles, IndexConfig().chunking))
    return corpus_pairs(chunks, read_questions(DEFAULT_QUESTIONS, split="dev"))


def evaluate_judge(
    verifier: ClaimVerifier, pairs: Sequence[Claim], progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Figures on the articles that were fitted on ("fitted") and, separately, on the others ("held_out")."""
    started = time.perf_counter()
    scores = []
    for n, pair in enumerate(pairs, 1):
        scores.append(verifier.check(pair.claim, pair.context).score)
        if progress:
            progress(n)
    seconds = time.perf_counter() - started
    fitted = set(sorted({p.group for p in pairs})[::2])
    parts = {"held_out": [p.group not in fitted for p in pairs], "fitted": [p.group in fitted for p in pairs]}
    return {
        "threshold": SUPPORTED,
        "ms_a_pair": round(1000 * seconds / len(pairs), 1),
        **{
            name: figures([p for p, k in zip(pairs, keep, strict=True) if k], np.array(scores)[np.array(keep)])
            for name, keep in parts.items()
        },
    }


def evaluate_labelled(
    verifier: ClaimVerifier, rows: Sequence[Mapping[str, Any]], progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """AUROC, and precision, recall and F1 of the unsupported class at the judge's own threshold, with 95 % intervals;
    for each kind of row the share that was called unsupported.

    Raises:
        QuestionError: a row without a boolean "supported", or only one of both labels.
    """
    if lacking := [str(r["id"]) for r in rows if not isinstance(r.get("supported"), bool)]:
        raise QuestionError(f'{len(lacking)} claims have no "supported": true or false, the first is {lacking[0]!r}')
    bad = np.array([not r["supported"] for r in rows])
    if bad.all() or not bad.any():
        raise QuestionError("all claims have the same label: both supported and unsupported ones are needed")
    scores = []
    for n, row in enumerate(rows, 1):
        contexts = [row["context"]] if isinstance(row["context"], str) else row["context"]
        scores.append(verifier.check(row["claim"], contexts).score)
        if progress:
            progress(n)
    known = np.array(scores)
    flagged = known < SUPPORTED

    def measures(at: np.ndarray) -> list[float]:
        b, f = bad[at], flagged[at]
        hit = float((b & f).sum())
        return [
            auroc(known[at][~b], known[at][b]) if b.any() and not b.all() else 0.5,
            hit / max(1, int(f.sum())),
            hit / max(1, int(b.sum())),
            2 * hit / max(1, int(f.sum() + b.sum())),
        ]

    rng = np.random.default_rng(SEED)
    drawn = [measures(rng.integers(0, len(rows), len(rows))) for _ in range(1000)]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    names = ("AUROC", "precision", "recall", "F1")
    kinds = np.array([str(r.get("kind") or ("supported" if r["supported"] else "unsupported")) for r in rows])
    return {
        "made": date.today().isoformat(),
        "claims": len(rows),
        "unsupported": int(bad.sum()),
        "figures": {
            name: {"mean": round(m, 4), "low": round(float(a), 4), "high": round(float(b), 4)}
            for name, m, a, b in zip(names, measures(np.arange(len(rows))), low, high, strict=True)
        },
        "called_unsupported": {
            kind: {"count": int((kinds == kind).sum()), "share": round(float(flagged[kinds == kind].mean()), 4)}
            for kind in sorted(set(kinds))
        },
    }


def figures(pairs: Sequence[Claim], scores: np.ndarray) -> dict[str, Any]:
    """Balanced accuracy with its interval; for each kind its size, share judged rightly and AUROC."""
    good = np.array([p.supported for p in pairs])
    right = (scores >= SUPPORTED) == good
    kinds = np.array([p.kind for p in pairs])
    low, high = balanced_interval(right[good], right[~good])
    by_kind: dict[str, Any] = {}
    for kind in sorted(set(kinds), key=lambda k: (not good[kinds == k][0], k)):
        at = kinds == kind
        supported = bool(good[at][0])
        against = scores[~good] if supported else scores[good]
        value = auroc(scores[at], against) if supported else auroc(against, scores[at])
        by_kind[str(kind)] = {
            "supported": supported,
            "count": int(at.sum()),
            "accuracy": round(float(right[at].mean()), 4),
            "auroc": round(value, 4),
        }
    return {
        "pairs": len(pairs),
        "balanced_accuracy": round(float((right[good].mean() + right[~good].mean()) / 2), 4),
        "interval_95": [round(low, 4), round(high, 4)],
        "auroc": round(auroc(scores[good], scores[~good]), 4),
        "kinds": by_kind,
    }


def auroc(better: Sequence[float] | np.ndarray, worse: Sequence[float] | np.ndarray) -> float:
    """Chance that one of `better` scores higher than one of `worse`; ties count half (Mann and Whitney, 1947)."""
    a, b = np.asarray(better, dtype=np.float64), np.sort(np.asarray(worse, dtype=np.float64))
    below, upto = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    return float((below + upto).mean() / (2 * len(b)))


def balanced_interval(good: np.ndarray, bad: np.ndarray, rounds: int = 2000) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of two accuracies, each class resampled by itself."""
    rng = np.random.default_rng(SEED)
    means = [rows[rng.integers(0, len(rows), size=(rounds, len(rows)))].mean(axis=1) for rows in (good, bad)]
    low, high = np.percentile((means[0] + means[1]) / 2, [2.5, 97.5])
    return float(low), float(high)


def judge_table(result: dict[str, Any]) -> str:
    """The held-out figures as a Markdown table."""
    part = result["held_out"]
    low, high = part["interval_95"]
    lines = [
        f"Balanced accuracy {part['balanced_accuracy']:.3f} [{low:.3f}, {high:.3f}], AUROC {part['auroc']:.3f}, "
        f"{part['pairs']} pairs from articles that were not fitted on",
        "",
        "| pairs | supported | n | judged rightly | AUROC |",
        "|---|---|---|---|---|",
    ]
    for kind, row in part["kinds"].items():
        yes = "yes" if row["supported"] else "no"
        lines.append(f"| {kind} | {yes} | {row['count']} | {row['accuracy']:.3f} | {row['auroc']:.3f} |")
    return "\n".join(lines)
