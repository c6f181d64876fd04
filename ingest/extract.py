"""What the readers of HTML, PDF and DOCX share: a text put together block by block, with its places.

The text that is built here is the source text of the article: the index keeps it, and every span points into it.
Blocks stand a blank line apart; items of a list and rows of a table each on a line of their own.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from ingest.errors import CorpusError
from ingest.outline import short_label
from ingest.text import squeeze
from ingest.values import Block, Place

MAX_TEXT = 20_000_000  # characters of text taken out of one file


@dataclass(frozen=True, slots=True)
class Extracted:
    """Text taken out of a file, its blocks and places, and what the file says of itself ("" if nothing)."""

    text: str
    blocks: tuple[Block, ...]
    places: tuple[Place, ...]
    title: str = ""
    url: str = ""


class TextBuilder:
    """Collects blocks in reading order. Blocks without a word are left out."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._places: list[Place] = []
        self._length = 0

    def heading(self, text: str, level: int) -> None:
        """A heading of rank `level`, 1 the highest."""
        line = squeeze(text)
        self._add(line, "heading", level, short_label(line.rstrip(":")))

    def paragraph(self, text: str) -> None:
        """Running text; line breaks are kept, blank lines are not."""
        self._add("\n".join(line for line in text.splitlines() if line.strip()), "paragraph")

    def item(self, text: str, marker: str, depth: int) -> None:
        """A list item, `depth` 0 for the outermost list."""
        if body := squeeze(text):
            self._add(f"{'  ' * depth}{marker} {body}", "item", depth)

    def row(self, cells: list[str]) -> None:
        """A table row."""
        if any(cell.strip() for cell in cells):
            self._add(f"| {' | '.join(squeeze(cell) for cell in cells)} |", "cell")

    def place(self, page: int | None = None, anchor: str = "") -> None:
        """What follows stands on this page or behind this anchor."""
        self._places.append(Place(self._length, page, anchor))

    def finish(self, title: str = "", url: str = "") -> Extracted:
        """The text and all that is known of it."""
        starts = [*(block.start for block in self._blocks), self._length]
        places = tuple(
            Place(starts[bisect_left(starts, place.start)], place.page, place.anchor) for place in self._places
        )
        return Extracted("".join(self._parts), tuple(self._blocks), places, squeeze(title), url)

    def _add(self, text: str, kind: str, level: int = 0, label: str = "") -> None:
        if not text.strip():
            return
        joint = ""
        if self._blocks:
            joint = "\n" if kind == self._blocks[-1].kind != "paragraph" and kind != "heading" else "\n\n"
        start = self._length + len(joint) + len(text) - len(text.lstrip())
        self._parts += (joint, text)
        self._length += len(joint) + len(text)
        if self._length > MAX_TEXT:
            raise CorpusError(f"more than {MAX_TEXT:,} characters of text come out of it; split the file")
        self._blocks.append(Block(start, self._length - len(text) + len(text.rstrip()), kind, level, label))
