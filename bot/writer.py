"""An answer in the making: checked sentences in order, citations numbered by their spans, and how it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot import prompts
from bot.engine import Draft
from bot.evidence import Evidence
from bot.values import Answer, Citation, RefusalReason, Sentence, begins_paragraph
from bot.verify import Judgement
from index.lexical import stems
from ingest.text import fold, squeeze

_MARKER = re.compile(r"\[(\d+)\]")
TIMINGS = ("retrieve", "first_token", "total")


@dataclass(frozen=True, slots=True)
class Said:
    """A checked sentence with the citations that are new with it."""

    sentence: Sentence
    citations: tuple[Citation, ...]
    item: int


class Writer:
    """Collects checked sentences, numbers citations by span, and makes the answer."""

    def __init__(self, answer_id: str, question: str, engine: str, timings: dict[str, float], started: float) -> None:
        self.sentences: list[Sentence] = []
        self._items: list[int] = []
        self._citations: dict[tuple[str, int, int], Citation] = {}
        self._id, self._question, self._engine = answer_id, question, engine
        self._timings, self._started = timings, started
        self.confidence = 0.0

    def say(self, draft: Draft, judgement: Judgement) -> Said:
        """Add a sentence with a citation for every span that supports it."""
        sentence = Sentence(draft.text, (), judgement.verdict, round(judgement.score, 4))
        return self._add(sentence, _joined(judgement.support), draft.item)

    def take(self, other: Answer) -> Iterator[Said]:
        """Say what another answer says and this one did not, with its citations numbered anew."""
        cited = {c.marker: c for c in other.citations}
        self._timings["retrieve"] = round(self._timings["retrieve"] + other.timings_ms["retrieve"], 1)
        for sentence, item in zip(other.sentences, other.items, strict=True):
            if self.has_said(sentence.text):
                continue
            yield self._add(sentence, [cited[m] for m in sentence.markers], item)

    def _add(self, sentence: Sentence, spans: Sequence[Citation], item: int) -> Said:
        """Say a sentence that these spans support."""
        if not self.sentences:
            self._timings["first_token"] = elapsed_ms(self._started)
        markers, new = [], []
        for span in spans:
            key = (span.article_id, span.start, span.end)
            if key not in self._citations:
                self._citations[key] = replace(span, marker=len(self._citations) + 1)
                new.append(self._citations[key])
            markers.append(self._citations[key].marker)
        said = replace(sentence, markers=tuple(markers))
        self.sentences.append(said)
        self._items.append(item)
        return Said(said, tuple(new), item)

    def renumbered(self, other: Answer) -> str:
        """The note of an answer that was taken, its markers as they are here; empty if it has one that was not taken,
        since the same was said before from elsewhere.
        """
        spans = {c.marker: (c.article_id, c.start, c.end) for c in other.citations}
        noted = {int(m): spans[int(m)] for m in _MARKER.findall(other.note)}
        if not self._citations.keys() >= set(noted.values()):
            return ""
        return _MARKER.sub(lambda m: f"[{self._citations[noted[int(m[1])]].marker}]", other.note)

    def has_said(self, text: str) -> bool:
        """Whether the same sentence was said before; small models repeat themselves."""
        return any(plain(s.text) == plain(text) for s in self.sentences)

    def cites(self, piece: Evidence) -> Citation | None:
        """The citation that holds a piece of evidence, if there is one."""
        same = (c for c in self.citations if c.article_id == piece.chunk.article_id)
        return next((c for c in same if c.start <= piece.start and piece.end <= c.end), None)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations so far, in the order of their markers."""
        return tuple(self._citations.values())

    def finish(self, note: str = "") -> Answer:
        """The answer as it stands."""
        return Answer(
            id=self._id,
            question=self._question,
            answer=join_sentences(self.sentences, self._items),
            refused=False,
            refusal_reason=None,
            citations=self.citations,
            sentences=tuple(self.sentences),
            engine=self._engine,
            timings_ms=self._timings | {"total": elapsed_ms(self._started)},
            items=tuple(self._items),
            note=note,
            confidence=self.confidence,
        )

    def refuse(self, reason: RefusalReason, text: str, related: tuple[Citation, ...] = ()) -> Answer:
        """A refusal: no citations, no sentences."""
        return Answer(
            id=self._id,
            question=self._question,
            answer=text,
            refused=True,
            refusal_reason=reason,
            citations=(),
            sentences=(),
            engine=self._engine,
            timings_ms=self._timings | {"total": elapsed_ms(self._started)},
            related=related,
            confidence=self.confidence,
        )

    def talk(self, reply: str) -> Answer:
        """A reply to a greeting or thanks: nothing was looked up, so nothing is cited."""
        return replace(self.finish(), answer=reply)


def join_sentences(sentences: Sequence[Sentence], items: Sequence[int]) -> str:
    """Sentences with their markers as Markdown text; list items stand on lines of their own, as deep as `items` say."""
    text = ""
    for n, (sentence, item) in enumerate(zip(sentences, items, strict=True)):
        marked = sentence.text + "".join(f" [{m}]" for m in sentence.markers)
        if sentence.verdict == "unsupported":
            marked = f"{prompts.UNSUPPORTED_MARK} {sentence.text}"
        if item:
            text += ("\n" if n and items[n - 1] else "\n\n") + f"{'  ' * (item - 1)}- {marked}"
        else:
            text += ("\n\n" if begins_paragraph(sentences, items, n) else " ") + marked
    return text.strip()


def _joined(support: Sequence[Evidence]) -> list[Citation]:
    """One citation a run of neighbouring evidence: spans that touch become one."""
    spans: list[Citation] = []
    last_place = -2
    for e in support:
        if spans and e.place == last_place + 1 and spans[-1].article_id == e.chunk.article_id:
            previous = spans[-1]
            quote = e.chunk.text[previous.start - e.chunk.start : e.end - e.chunk.start]
            if previous.start >= e.chunk.start:
                spans[-1] = replace(previous, end=e.end, quote=quote)
                last_place = e.place
                continue
        spans.append(_citation(e, 0))
        last_place = e.place
    return spans


def _citation(e: Evidence, marker: int) -> Citation:
    c = e.chunk
    place = c.where(e.start)
    return Citation(marker, c.article_id, c.article, c.section_at(e.start), c.source, e.start, e.end, e.text, **place)


def related_citations(question: str, evidence: Sequence[Evidence], count: int = 3) -> tuple[Citation, ...]:
    """The best evidence, as spans to offer in place of an answer; a label only where it has a word of the question."""
    asked = set(stems(question))
    telling = [e for e in evidence if not (e.heading or e.aside or (e.leads and asked.isdisjoint(stems(e.text))))]
    best = sorted(telling, key=lambda e: (-e.score, e.place))[:count]
    return tuple(_citation(e, n) for n, e in enumerate(best, 1))


def plain(text: str) -> str:
    """The text for comparing: folded, on one line, in small letters."""
    return fold(squeeze(text)).casefold()


def elapsed_ms(since: float) -> float:
    """Milliseconds since a reading of `time.perf_counter`."""
    return round((time.perf_counter() - since) * 1000, 1)
