"""Questions that a system fails, with what came back and why: for reading, one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.data import Question
from eval.metrics import Judge, SourceTexts, Span
from eval.ranked import documents
from ingest.values import Article

TOP, BUDGET = 5, 1000  # a quote should be among so many hits and so many words
GRADED_TOP = 10
_MOST_WORDS = 160  # shown of a passage


@dataclass(frozen=True)
class Passage:
    """A hit for a reader: its text in parts, `(text, is it evidence)`."""

    rank: int
    article: str
    place: str
    parts: tuple[tuple[str, bool], ...]
    cut: bool = False  # more of it was left out here


@dataclass(frozen=True)
class Failure:
    """A failed question. `gold`: what should have come back and why it did not ("" where it did)."""

    question: Question
    why: tuple[str, ...]  # kinds, for filtering
    gold: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...]


def quote_failures(
    questions: Sequence[Question],
    hits: Mapping[str, Sequence[Sequence[object]]],
    judges: Mapping[str, Judge],
    texts: SourceTexts,
    articles: Mapping[str, Article],
) -> list[Failure]:
    """Questions of which some evidence is not found within the first 5 hits and 1,000 words."""
    failures = []
    for q in (q for q in questions if q.answerable):
        spans = [texts.span(*hit[:3]) for hit in hits[q.id]]  # type: ignore[arg-type]
        judge = judges[q.id]
        told = [_why(judge, n, spans) for n in range(len(judge.groups))]
        kinds = tuple(dict.fromkeys(kind for kind, _detail in told if kind))
        if not kinds:
            continue
        late = [int(n) - 1 for n in judge.found_after(spans) if TOP < n < math.inf]
        shown = sorted({*range(min(TOP, len(spans))), *late})
        failures.append(
            Failure(
                q,
                kinds,
                tuple((" / ".join(group), detail) for group, (_k, detail) in zip(q.evidence, told, strict=True)),
                tuple(_passage(i + 1, hits[q.id][i], spans[i], judge, texts, articles) for i in shown),
            )
        )
    return failures


def _why(judge: Judge, group: int, spans: Sequence[Span]) -> tuple[str, str]:
    """Why a group of quotes is not seen: kind and one sentence, or two empty strings when it is."""
    after = judge.found_after(spans)[group]
    if after <= TOP:
        if judge.sees_within(group, spans, BUDGET):
            return "", ""
        return "cut by budget", f"found by hit {after:.0f}, which lies beyond {BUDGET:,} words"
    if after < math.inf:
        return "ranked low", f"found only at rank {after:.0f}"
    share = judge.covered(group, spans)
    if share:
        return (
            "chunk boundary",
            f"only {share:.0%} of it lies in the {len(spans)} hits: the rest was cut off or ranked lower",
        )
    return "not retrieved", f"in none of the {len(spans)} hits"


def _passage(
    rank: int,
    hit: Sequence[object],
    span: Span,
    judge: Judge,
    texts: SourceTexts,
    articles: Mapping[str, Article],
) -> Passage:
    article = articles[str(hit[0])]
    seen = texts.first_words(span, _MOST_WORDS)
    parts, at = [], seen.start
    for place in judge.evidence_in(seen):
        parts += [(texts.squeezed(Span(span.text_id, at, place.start)), False), (texts.squeezed(place), True)]
        at = place.end
    parts.append((texts.squeezed(Span(span.text_id, at, seen.end)), False))
    kept = tuple((text, marked) for text, marked in parts if text)
    return Passage(rank, article.title, f"{article.source}:{hit[1]}-{hit[2]}", kept, seen.end < span.end)


def graded_failures(
    questions: Sequence[Question],
    hits: Mapping[str, Sequence[Sequence[object]]],
    qrels: Mapping[str, Mapping[str, int]],
    articles: Mapping[str, Article],
) -> list[Failure]:
    """Queries with no relevant document among the first 10."""
    failures = []
    for q in questions:
        wanted = [d for d, grade in qrels[q.id].items() if grade > 0]
        ranks = {d: n for n, (d, _score) in enumerate(documents(hits[q.id]), 1)}
        first = min((ranks[d] for d in wanted if d in ranks), default=0)
        if not wanted or 0 < first <= GRADED_TOP:
            continue
        gold = tuple(
            (_opening(articles.get(d), d), f"rank {ranks[d]}" if d in ranks else "not retrieved") for d in wanted
        )
        shown = [d for d, n in ranks.items() if n <= TOP or n == first]
        failures.append(
            Failure(
                q,
                ("ranked low" if first else "not retrieved",),
                gold,
                tuple(
                    Passage(ranks[d], articles[d].title, d, ((_opening(articles[d], d), d in wanted),)) for d in shown
                ),
            )
        )
    return failures


def _opening(article: Article | None, document: str) -> str:
    if not article:
        return f"{document} (not in the corpus)"
    words = article.text[article.start : article.end].split()
    text = " ".join(words[:60]) + (" ..." if len(words) > 60 else "")
    return text if article.title in ("", document) else f"{article.title}: {text}"
