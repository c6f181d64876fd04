"""Engines: what turns a question and numbered evidence into draft sentences, behind one protocol.

`extractive` quotes, `local` runs a transformers model on this machine, `hosted` calls a server. What an
engine writes is only a draft: the pipeline checks every sentence before anybody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.evidence import Evidence
from ingest.errors import PinciteError

_MARKERS = r"\s*\[\d+(?:\s*,\s*\d+)*\]"  # a model's own citations, [2] or [1, 3]: the pipeline makes real ones
_END = re.compile(  # after a sentence, its closing quote and its markers; not after the "1." of a list item
    rf"(?:(?<=[.!?])(?<!^\d[.])(?<!^\d\d[.])|(?<=[.!?][\"'”’)]))(?:{_MARKERS})*\s+(?=[A-Z“\"'(\d-])|\n+",
    re.MULTILINE,
)
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Draft:
    """One sentence. `evidence` is set by an engine that quotes: exactly what the sentence is made of."""

    text: str
    evidence: tuple[Evidence, ...] = ()
    item: bool = False  # a list item, to be shown on a line of its own


class Engine(Protocol):
    """Writes draft sentences from evidence, best evidence in reading order."""

    name: str

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """Sentences as they come; raises `BackendError` when the model fails."""
        ...


class ExtractiveEngine:
    """Answers in the corpus's own words: the best sentences within a word budget, in reading order."""

    name = "extractive"

    def __init__(self, max_words: int = 90) -> None:
        self.max_words = max_words

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """Quote the chosen evidence; see `choose`."""
        by_place = {e.place: e for e in evidence}
        chosen = choose(evidence, self.max_words)
        told: set[int] = set()
        for piece in chosen:
            parts: tuple[Evidence, ...] = (piece,)
            lead = by_place.get(piece.place - 1)
            if lead and _introduces(lead, piece) and lead.place not in told:
                parts = (lead, piece)
            told.update(p.place for p in parts)
            yield Draft(" ".join(p.clean for p in parts), parts, piece.item)


def split_stream(pieces: Iterable[str]) -> Iterator[Draft]:
    """Text in pieces of any size to sentences, each as soon as it is whole, without the model's own markers."""
    pending = ""
    for piece in pieces:
        pending += piece
        *done, pending = _END.split(pending)
        for text in done:
            yield from _drafts(text)
    yield from _drafts(pending)


def _drafts(text: str) -> Iterator[Draft]:
    text = re.sub(_MARKERS, "", text).strip()
    if any(c.isalnum() for c in text):
        bare = _BULLET.sub("", text)
        yield Draft(bare, item=bare != text)


def choose(evidence: Sequence[Evidence], max_words: int) -> list[Evidence]:
    """The best evidence within `max_words`, near-repeats left out, back in reading order."""
    ranked = sorted((e for e in evidence if not e.heading and not e.leads), key=lambda e: (-e.score, e.place))
    chosen: list[Evidence] = []
    seen: list[set[str]] = []
    words = 0
    for piece in ranked:
        if words + piece.words > max_words:
            if words > 0.6 * max_words or (chosen and piece.score < 0.8 * chosen[0].score):
                break
            continue
        bag = set(piece.clean.lower().split())
        if any(len(bag & other) >= 0.8 * min(len(bag), len(other)) for other in seen):
            continue
        chosen.append(piece)
        seen.append(bag)
        words += piece.words
    return sorted(chosen, key=lambda e: e.place)


def _introduces(lead: Evidence, piece: Evidence) -> bool:
    same = lead.chunk.chunk_id == piece.chunk.chunk_id
    return same and lead.leads and lead.item and lead.indent < piece.indent and lead.words <= 8


def make_engine(spec: str) -> Engine:
    """`extractive`, `local[:MODEL_OR_PATH]`, `hosted[:MODEL]` or `auto` to an engine.

    `auto` is hosted when a key or a base URL is set (see `bot.hosted`), else extractive.

    Raises:
        PinciteError: an unknown name. BackendError: a model that cannot be loaded or reached as configured.
    """
    from bot.hosted import HostedEngine, hosted_configured

    name, _colon, model = spec.strip().partition(":")
    if spec.strip() == "auto":
        name = "hosted" if hosted_configured() else "extractive"
    if name == "extractive" and not model:
        return ExtractiveEngine()
    if name == "local":
        from bot.local import LocalEngine

        return LocalEngine(model)
    if name == "hosted":
        return HostedEngine(model)
    raise PinciteError(f"unknown engine {spec!r}; choose extractive, local[:MODEL_OR_PATH], hosted[:MODEL] or auto")
