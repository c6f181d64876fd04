"""Evidence recall: how much of the judged quotes lies inside the spans that a system returned.

Whitespace runs in source text and quotes are collapsed to one space; a quote is *found* by a list of hits
when at least 90 % of its characters lie inside the union of the hits' spans. All measures are per question
and lie in [0, 1].
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FOUND = 0.9
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of one source text; `text_id` tells source texts apart."""

    text_id: int
    start: int
    end: int


class SourceTexts:
    """The corpus as one whitespace-collapsed text a source, with offsets mapped from the original."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` maps an article id to its whole source text; equal objects are kept once."""
        self._ids: dict[str, int] = {}
        self._original: list[str] = []
        self._collapsed: list[str] = []
        self._runs: list[tuple[list[int], list[int]]] = []
        known: dict[int, int] = {}
        for key, text in texts.items():
            if id(text) not in known:
                known[id(text)] = len(self._original)
                self._original.append(text)
                collapsed, runs = _collapse(text)
                self._collapsed.append(collapsed)
                self._runs.append(runs)
            self._ids[key] = known[id(text)]

    def span(self, article_id: str, start: int, end: int) -> Span:
        """The span in collapsed coordinates."""
        n = self._ids[article_id]
        return Span(n, self._map(n, start), self._map(n, end))

    def text(self, article_id: str, start: int, end: int) -> str:
        """The original text of a span; empty for an unknown article."""
        return self._original[self._ids[article_id]][start:end] if article_id in self._ids else ""

    def words(self, span: Span) -> int:
        """Words that begin inside the span."""
        return len(self._collapsed[span.text_id][span.start : span.end].split())

    def first_words(self, span: Span, count: int) -> Span:
        """The part of the span up to the end of its first `count` words."""
        text = self._collapsed[span.text_id]
        at = span.start
        for n, match in enumerate(re.finditer(r"\S+", text[span.start : span.end]), 1):
            at = span.start + match.end()
            if n >= count:
                break
        return Span(span.text_id, span.start, at if count > 0 else span.start)

    def find(self, quote: str) -> list[Span]:
        """Every place where the quote stands, in any source text."""
        needle = _SPACE.sub(" ", quote).strip()
        places = []
        for n, text in enumerate(self._collapsed):
            at = text.find(needle)
            while needle and at >= 0:
                places.append(Span(n, at, at + len(needle)))
                at = text.find(needle, at + 1)
        return places

    def _map(self, n: int, offset: int) -> int:
        ends, removed = self._runs[n]
        i = bisect_left(ends, offset)
        inside = offset - removed[i]
        if i < len(ends):  # an offset inside a run of spaces maps to the run's one space
            inside = min(inside, ends[i] - removed[i + 1])
        return inside


def _collapse(text: str) -> tuple[str, tuple[list[int], list[int]]]:
    ends: list[int] = []
    removed = [0]
    for match in _SPACE.finditer(text):
        extra = match.end() - match.start() - 1
        if extra:
            ends.append(match.end())
            removed.append(removed[-1] + extra)
    return _SPACE.sub(" ", text), (ends, removed)


def found(quote_places: Sequence[Span], hits: Iterable[Span]) -> bool:
    """Whether at least 90 % of some place of the quote lies inside the union of the hits."""
    hits = list(hits)
    for place in quote_places:
        inside = sorted(
            (max(place.start, h.start), min(place.end, h.end))
            for h in hits
            if h.text_id == place.text_id and h.start < place.end and h.end > place.start
        )
        covered, reach = 0, place.start
        for start, end in inside:
            covered += max(0, end - max(start, reach))
            reach = max(reach, end)
        if covered >= FOUND * (place.end - place.start):
            return True
    return False


class Judge:
    """Scores the hits of one question against its evidence; quotes are located once."""

    def __init__(self, texts: SourceTexts, evidence: Sequence[Sequence[str]]) -> None:
        self._texts = texts
        self._groups = [[texts.find(quote) for quote in group] for group in evidence]

    @property
    def missing(self) -> int:
        """How many quotes do not stand in the corpus."""
        return sum(not places for group in self._groups for places in group)

    def recall(self, hits: Sequence[Span]) -> float:
        """Share of the groups with a found quote."""
        if not self._groups:
            return 0.0
        return sum(any(found(p, hits) for p in group) for group in self._groups) / len(self._groups)

    def touches(self, hit: Span) -> bool:
        """Whether the hit overlaps any judged quote."""
        places = (p for group in self._groups for quote in group for p in quote)
        return any(p.text_id == hit.text_id and p.start < hit.end and hit.start < p.end for p in places)

    def recall_at_words(self, hits: Sequence[Span], budget: int) -> float:
        """Recall of what a reader has seen after `budget` words, the last hit cut short."""
        seen, left = [], budget
        for hit in hits:
            count = self._texts.words(hit)
            seen.append(hit if count <= left else self._texts.first_words(hit, left))
            left -= count
            if left <= 0:
                break
        return self.recall(seen)

    def reciprocal_rank(self, hits: Sequence[Span], depth: int = 10) -> float:
        """1 / rank of the first hit that by itself finds a quote of any group; 0 beyond `depth`."""
        for rank, hit in enumerate(hits[:depth], 1):
            if any(found(places, [hit]) for group in self._groups for places in group):
                return 1.0 / rank
        return 0.0

    def measures(self, hits: Sequence[Span]) -> dict[str, float]:
        """Every measure of a run, by name."""
        return {
            "recall@1": self.recall(hits[:1]),
            "recall@3": self.recall(hits[:3]),
            "recall@5": self.recall(hits[:5]),
            "recall@10": self.recall(hits[:10]),
            "recall@20": self.recall(hits[:20]),
            "recall@500w": self.recall_at_words(hits, 500),
            "recall@1000w": self.recall_at_words(hits, 1000),
            "MRR@10": self.reciprocal_rank(hits),
        }


def hit_spans(texts: SourceTexts, hits: Iterable[Mapping[str, Any]]) -> list[Span]:
    """The spans of run records, in order."""
    return [texts.span(h["article_id"], h["start"], h["end"]) for h in hits]
