"""What an answer is made of: frozen values, free of I/O and of presentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["verbatim", "supported", "unsupported"]
RefusalReason = Literal["nothing_retrieved", "not_supported", "backend_failed"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of the source that supports a sentence: `source_text[start:end] == quote`. `page`, `anchor` and `url` say
    where it stands in a PDF or on a web page.
    """

    marker: int
    article_id: str
    article: str
    section: str
    source: str
    start: int
    end: int
    quote: str
    page: int | None = None
    anchor: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, the markers that support it, and how well they do (0..1)."""

    text: str
    markers: tuple[int, ...]
    verdict: Verdict
    score: float


def begins_paragraph(sentences: Sequence[Sentence], items: Sequence[int], n: int) -> bool:
    """Whether the nth of an answer's sentences, no item of a list, stands on a line of its own: the first, one after a
    list, or the label right above one.
    """
    above = n + 1 < len(items) and items[n + 1] > 0 and sentences[n].text[-1:] not in '.!?"”'
    return not items[n] and (n == 0 or items[n - 1] > 0 or above)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. A refused answer has no citations; `related` are spans offered in their place."""

    id: str
    question: str
    answer: str
    refused: bool
    refusal_reason: RefusalReason | None
    citations: tuple[Citation, ...]
    sentences: tuple[Sentence, ...]
    engine: str
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    related: tuple[Citation, ...] = ()
    items: tuple[int, ...] = ()  # depth of each sentence in a list: 0 in none, 1 for an item, 2 for one below an item
    confidence: float = 0.0  # 0..1, how near and how fitting the evidence is; orders answers, is no probability
    note: str = ""  # one line about how the answer came about, when that needs saying

    def record(self) -> dict[str, Any]:
        """The answer as one JSON object, as `bot batch` writes it."""
        return asdict(self)
