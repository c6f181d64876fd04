"""Evidence recall: how much of the judged quotes lies inside the spans that a system returned.

Whitespace runs in source text and quotes are collapsed to one space; a quote is *found* by a list of hits
when at least 90 % of its characters lie inside the union of the hits' spans. All measures are per question
and lie in [0, 1].
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FOUND = 0.9
BUDGETS = (50, 100, 200, 300, 500, 750, 1000, 1500)  # words
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
        self._words: dict[int, tuple[array[int], array[int]]] = {}
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

    def squeezed(self, span: Span) -> str:
        """The text of a span with its white space collapsed."""
        return self._collapsed[span.text_id][span.start : span.end]

    def words(self, span: Span) -> int:
        """Words of the span, one that it cuts included."""
        first, last = self._word_range(span)
        return last - first

    def first_words(self, span: Span, count: int) -> Span:
        """The part of the span up to the end of its first `count` words."""
        first, last = self._word_range(span)
        if last - first <= count:
            return span
        end = self._word_places(span.text_id)[1][first + count - 1] if count > 0 else span.start
        return Span(span.text_id, span.start, min(end, span.end))

    def _word_range(self, span: Span) -> tuple[int, int]:
        """Numbers of the first word that reaches into the span and of the first that begins after it."""
        starts, ends = self._word_places(span.text_id)
        first = bisect_right(ends, span.start)
        return first, max(first, bisect_left(starts, span.end))

    def _word_places(self, text_id: int) -> tuple[array[int], array[int]]:
        """Where the words of a text begin and end; found out once."""
        if text_id not in self._words:
            starts, ends = array("q"), array("q")
            for match in re.finditer(r"\S+", self._collapsed[text_id]):
                starts.append(match.start())
                ends.append(match.end())
            self._words[text_id] = starts, ends
        return self._words[text_id]

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


def found(quote_places: Sequence[Span], hits: Sequence[Span]) -> bool:
    """Whether at least 90 % of some place of the quote lies inside the union of the hits."""
    return any(_inside(place, hits) >= FOUND * (place.end - place.start) for place in quote_places)


class Judge:
    """Scores the hits of one question against its evidence; quotes are located once, `absent` ones stand nowhere."""

    def __init__(self, texts: SourceTexts, evidence: Sequence[Sequence[str]]) -> None:
        self._texts = texts
        quotes = [[(quote, texts.find(quote)) for quote in group] for group in evidence]
        self.absent = [quote for group in quotes for quote, places in group if not places]
        # for each group every place of every alternative quote
        self.groups = [[place for _quote, places in group for place in places] for group in quotes]

    @property
    def missing(self) -> int:
        """How many quotes do not stand in the corpus."""
        return len(self.absent)

    def found_after(self, hits: Sequence[Span]) -> list[float]:
        """For each evidence group how many of the hits, in order, it takes to find a quote of it; else infinity."""
        return [min((_found_after(place, hits) for place in group), default=math.inf) for group in self.groups]

    def recall(self, hits: Sequence[Span]) -> float:
        """Share of the groups with a found quote."""
        return _share(self.found_after(hits), len(hits))

    def touches(self, hit: Span) -> bool:
        """Whether the hit overlaps any judged quote."""
        return bool(self.evidence_in(hit))

    def finds_alone(self, hit: Span) -> bool:
        """Whether the hit by itself finds a quote of any group."""
        return any(found(group, [hit]) for group in self.groups)

    def evidence_in(self, hit: Span) -> list[Span]:
        """The parts of a hit that are judged evidence, in order and without overlap."""
        parts: list[Span] = []
        inside = (part for group in self.groups for place in group for part in _overlaps(place, [hit]))
        for part in sorted(inside, key=lambda p: (p.start, p.end)):
            start = max(part.start, parts[-1].end) if parts else part.start
            if start < part.end:
                parts.append(Span(part.text_id, start, part.end))
        return parts

    def covered(self, group: int, hits: Sequence[Span]) -> float:
        """Share of the group's best covered quote that lies inside the hits."""
        places = self.groups[group]
        return max((_inside(place, hits) / (place.end - place.start) for place in places), default=0.0)

    def sees_within(self, group: int, hits: Sequence[Span], budget: int) -> bool:
        """Whether a quote of the group is found within so many words, the last hit cut short."""
        return found(self.groups[group], self._within(hits, self._read(hits, budget), budget))

    def recall_at_words(self, hits: Sequence[Span], budget: int) -> float:
        """Recall of what a reader has seen after `budget` words, the last hit cut short."""
        return self._recall_within(hits, self.found_after(hits), self._read(hits, budget), budget)

    def _read(self, hits: Sequence[Span], most: int) -> list[int]:
        """Words read by the end of each hit, up to the one that goes beyond `most`."""
        read: list[int] = []
        for hit in hits:
            read.append(self._texts.words(hit) + (read[-1] if read else 0))
            if read[-1] > most:
                break
        return read

    def _recall_within(self, hits: Sequence[Span], after: list[float], read: list[int], budget: int) -> float:
        """`after`: what `found_after` says; `read`: what `_read` does."""
        whole = bisect_right(read, budget)
        if not any(n == whole + 1 for n in after):  # the hit that is cut short makes no difference
            return _share(after, whole)
        return self.recall(self._within(hits, read, budget))

    def _within(self, hits: Sequence[Span], read: list[int], budget: int) -> list[Span]:
        """The hits that fit into the budget, and as much of the next one as fits."""
        whole = bisect_right(read, budget)
        left = budget - (read[whole - 1] if whole else 0)
        return [*hits[:whole], *(self._texts.first_words(hit, left) for hit in hits[whole : whole + 1])]

    def reciprocal_rank(self, hits: Sequence[Span], depth: int = 10) -> float:
        """1 / rank of the first hit that by itself finds a quote of any group; 0 beyond `depth`."""
        for rank, hit in enumerate(hits[:depth], 1):
            if self.finds_alone(hit):
                return 1.0 / rank
        return 0.0

    def precision_iou(self, hits: Sequence[Span]) -> tuple[float, float]:
        """Of the characters returned the share that is judged evidence, and intersection over union.

        A group stands for its alternative with the most characters returned, so that those not needed cost
        nothing; a character returned twice counts twice as returned (Smith & Troynikov, 2024).
        """
        best = [max(group, key=lambda place: _inside(place, hits)) for group in self.groups if group]
        returned = sum(hit.end - hit.start for hit in hits)
        needed = _length(best)
        inside = _length([part for place in set(best) for part in _overlaps(place, hits)])
        union = returned + needed - inside
        return inside / returned if returned else 0.0, inside / union if union else 0.0

    def measures(self, hits: Sequence[Span]) -> dict[str, float]:
        """Every measure of a run, by name."""
        after, read = self.found_after(hits), self._read(hits, BUDGETS[-1])
        precision, iou = self.precision_iou(hits[:5])
        return {
            **{f"recall@{k}": _share(after, k) for k in (1, 3, 5, 10, 20)},
            **{f"recall@{budget}w": self._recall_within(hits, after, read, budget) for budget in BUDGETS},
            "MRR@10": self.reciprocal_rank(hits),
            "precision@5": precision,
            "IoU@5": iou,
        }


def _share(after: Sequence[float], count: int) -> float:
    return sum(n <= count for n in after) / len(after) if after else 0.0


def _overlaps(place: Span, hits: Iterable[Span]) -> list[Span]:
    """The parts of the place that lie inside each hit."""
    return [
        Span(place.text_id, max(place.start, h.start), min(place.end, h.end))
        for h in hits
        if h.text_id == place.text_id and h.start < place.end and h.end > place.start
    ]


def _length(spans: Iterable[Span]) -> int:
    """Characters in the union of the spans."""
    total, text, reach = 0, -1, 0
    for span in sorted(spans, key=lambda s: (s.text_id, s.start)):
        reach = reach if span.text_id == text else 0
        total += max(0, span.end - max(span.start, reach))
        text, reach = span.text_id, max(reach, span.end)
    return total


def _inside(place: Span, hits: Iterable[Span]) -> int:
    return _length(_overlaps(place, hits))


def _found_after(place: Span, hits: Sequence[Span]) -> float:
    needed = FOUND * (place.end - place.start)
    parts: list[Span] = []
    for n, hit in enumerate(hits, 1):
        if hit.text_id == place.text_id and hit.start < place.end and hit.end > place.start:
            parts += _overlaps(place, [hit])
            if _length(parts) >= needed:
                return n
    return math.inf


def hit_spans(texts: SourceTexts, hits: Iterable[Mapping[str, Any]]) -> list[Span]:
    """The spans of run records, in order."""
    return [texts.span(h["article_id"], h["start"], h["end"]) for h in hits]
