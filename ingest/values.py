"""The values that pass between the packages: frozen, and free of I/O.

A *span* is `(source, start, end)`: offsets in Unicode code points, half-open, into the article's source
text. For every `Chunk` holds `article.text[chunk.start:chunk.end] == chunk.text`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypedDict, TypeVar


class Level(IntEnum):
    """Rank of a heading; a heading closes every open heading of its own or a larger value."""

    SECTION = 1
    CATEGORY = 2
    SUBSECTION = 3
    QUESTION = 4
    SUB = 5


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, list item or table cell: a span of the source text."""

    start: int
    end: int
    kind: str  # "heading" | "paragraph" | "item" | "cell"
    level: int = 0  # heading: its Level; item: nesting depth from 0
    label: str = ""  # heading: its text for a path, without numbering noise such as a trailing colon


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text from `start` on stands in its file: a PDF page (from 1), an anchor of a web page, or both."""

    start: int
    page: int | None = None
    anchor: str = ""


NOWHERE = Place(0)


@dataclass(frozen=True, slots=True)
class Section:
    """The headings above the text from `start` on, outermost first, without the article's title."""

    start: int
    path: tuple[str, ...]


class Where(TypedDict):
    """Where a span stands beyond its offsets, as hits and citations say it."""

    page: int | None
    anchor: str
    url: str


_Marked = TypeVar("_Marked", Place, Section)


def _within(marks: Sequence[_Marked], start: int, end: int) -> tuple[_Marked, ...]:
    """Those of `marks`, which are in order, that hold somewhere in `[start, end)`."""
    first = bisect_right(marks, start, key=lambda mark: mark.start)
    last = bisect_left(marks, end, lo=first, key=lambda mark: mark.start)
    return tuple(marks[max(0, first - 1) : last])


def place_at(places: Sequence[Place], offset: int) -> Place:
    """The last of `places` (in order) that begins at or before `offset`; `NOWHERE` if there is none."""
    at = bisect_right(places, offset, key=lambda place: place.start)
    return places[at - 1] if at else NOWHERE


@dataclass(frozen=True, slots=True)
class Article:
    """One article: `[start, end)` of `text`, the whole source text that spans point into.

    `text` is shared by all articles of one file. `article_id` is unique within a corpus. `places` are the pages or
    anchors of an extracted file, `sections` what stands below which headings, both in order.
    """

    article_id: str
    title: str
    source: str
    text: str
    start: int
    end: int
    blocks: tuple[Block, ...]
    url: str = ""
    places: tuple[Place, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def text_hash(self) -> str:
        """SHA-256 of the article's own part of the source text."""
        return hashlib.sha256(self.text[self.start : self.end].encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous piece of one article, small enough to read and to encode.

    `headings` is the path above the text (without the article's title), outermost first; `body` is where
    the text after the chunk's own leading headings begins (`start <= body <= end`).
    """

    chunk_id: str
    article_id: str
    article: str
    source: str
    start: int
    end: int
    body: int
    headings: tuple[str, ...]
    text: str
    url: str = ""
    places: tuple[Place, ...] = ()
    sections: tuple[Section, ...] = ()

    @classmethod
    def of(cls, article: Article, key: str, start: int, end: int, body: int, headings: tuple[str, ...]) -> Chunk:
        """The chunk `[start, end)` of an article; it knows the places and sections of its own text."""
        text = article.text[start:end]
        names = (article.article_id, article.title, article.source)
        places, sections = _within(article.places, start, end), _within(article.sections, start, end)
        return cls(key, *names, start, end, body, headings, text, article.url, places, sections)

    def where(self, offset: int) -> Where:
        """`page`, `anchor` and `url` of a place in the chunk, as they stand in hits and citations."""
        place = place_at(self.places, offset)
        url = f"{self.url}#{place.anchor}" if self.url and place.anchor else self.url
        return {"page": place.page, "anchor": place.anchor, "url": url}

    @property
    def section(self) -> str:
        """The heading path as one line for a reader."""
        return " > ".join(self.headings)

    def section_at(self, offset: int) -> str:
        """The headings above a place in the chunk, which may hold several short sections, as one line for a reader."""
        if not self.sections:
            return self.section
        at = bisect_right(self.sections, offset, key=lambda section: section.start)
        return " > ".join(self.sections[at - 1].path) if at else ""

    @property
    def words(self) -> int:
        """Number of whitespace-separated words in the span."""
        return len(self.text.split())


def chunk_id(source: str, article_id: str, start: int, end: int, text: str) -> str:
    """Content-derived id: 16 hex digits of the SHA-256 over the span and its text."""
    key = "\x1f".join((source, article_id, str(start), str(end), text))
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
