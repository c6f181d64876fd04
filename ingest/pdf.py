"""PDF: text in the file's own order (`pypdfium2`), cut into blocks by type size and spacing, with page numbers.

Lines that run along the top or bottom of several pages are left out, words divided at a line's end are joined.
Columns come out right when the file holds them one after another, as typesetting programs write them.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.errors import CorpusError
from ingest.extract import MAX_TEXT, Extracted, TextBuilder
from ingest.text import squeeze

_MARGIN = 0.1  # of the page's height, above and below, where running lines stand
_RUNNING = 2  # pages on which a line must stand to be one, numbers apart
_BOLD = re.compile(r"bold|black|heavy|semibd|cmbx|sfbx|-bd", re.IGNORECASE)
_HYPHENS = "\x02\xad\ufffe"  # how a hyphen that only divides a word comes out, in place of a line's end
_LINE_ENDS = (10, 13, 0x02, 0xFFFE)
_BULLET = re.compile(r"([•◦▪‣·∙*–-])\s+(?=\S)|(\(?(?:\d{1,2}|[a-z])[.)])\s+(?=\S)")
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z]")
_SENTENCE_END = (".", "!", "?", ":", ".”", '."')
_HEADING_WORDS = 18
_LARGER = 1.12  # times the size of most text: a heading
_SAME = 1.06  # sizes within this factor are one
_RANKS = 4
_LARGEST = 1_000_000  # points, of a page's side: PDFium takes time and memory for each


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of type; lengths in points, `top` > `bottom`."""

    text: str
    page: int
    left: float
    right: float
    top: float
    bottom: float
    bold: bool
    marginal: bool  # in the top or bottom margin

    @property
    def size(self) -> float:
        return round(2 * (self.top - self.bottom)) / 2


def read_pdf(data: bytes) -> Extracted:
    """The text of all pages, each page a place.

    Raises:
        CorpusError: encrypted or damaged, or no text in it.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise CorpusError(f"the PDF cannot be opened ({str(error).removeprefix('Failed to load document ')})") from None
    try:
        lines = list(_lines(document))
        title = str(document.get_metadata_dict().get("Title") or "")
    finally:
        document.close()
    if not lines:
        raise CorpusError("there is no text in it; scanned pages need text recognition (OCR) first")
    return _build(_without_running(lines) or lines, title)


# --- lines -----------------------------------------------------------------------------------------------


def _lines(document: Any) -> Iterator[_Line]:
    total = 0
    for number in range(len(document)):
        page = document[number]
        width, height = map(float, page.get_size())
        if not max(width, height) <= _LARGEST:
            size = f"{width:,.0f} by {height:,.0f} points"
            raise CorpusError(f"page {number + 1} measures {size}, at most {_LARGEST:,} are read")
        text_page = page.get_textpage()
        for first, units in _line_units(text_page):
            total += len(units)
            if total > MAX_TEXT:
                raise CorpusError(f"more than {MAX_TEXT:,} characters of text come out of it; split the file")
            if line := _line(text_page, number + 1, height, first, units):
                yield line
        text_page.close()
        page.close()


def _line_units(text_page: Any) -> Iterator[tuple[int, list[int]]]:
    """`(index of the first character, UTF-16 code units)` of each line of a page."""
    from pypdfium2 import raw

    units: list[int] = []
    first = 0
    for i in range(text_page.count_chars()):
        unit = raw.FPDFText_GetUnicode(text_page, i)
        if unit not in (10, 13):
            units.append(unit)
        if unit not in _LINE_ENDS:
            continue
        if units:
            yield first, units
        units, first = [], i + 1
    if units:
        yield first, units


def _line(text_page: Any, page: int, height: float, first: int, units: list[int]) -> _Line | None:
    text = b"".join(u.to_bytes(2, "little") for u in units if 0 < u < 0x10000).decode("utf-16-le", "replace")
    inked = [n for n, unit in enumerate(units) if unit > 32]
    if not inked:
        return None
    boxes = [_box(text_page, first + n) for n in (inked[0], inked[len(inked) // 2], inked[-1])]
    bottom, top = min(b[1] for b in boxes), max(b[3] for b in boxes)
    middle = (top + bottom) / 2
    marginal = not _MARGIN * height < middle < (1 - _MARGIN) * height
    bold = bool(_BOLD.search(_font(text_page, first + inked[len(inked) // 2])))
    return _Line(text.strip(), page, boxes[0][0], boxes[-1][2], boxes[1][3], boxes[1][1], bold, marginal)


def _box(text_page: Any, index: int) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a character's place on the line, whatever its form."""
    box: tuple[float, float, float, float] = text_page.get_charbox(index, loose=True)
    return box


def _font(text_page: Any, index: int) -> str:
    from pypdfium2 import raw

    buffer, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    raw.FPDFText_GetFontInfo(text_page, index, buffer, 128, flags)
    return buffer.value.decode("utf-8", "replace")


def _without_running(lines: list[_Line]) -> list[_Line]:
    """Page numbers, and titles that stand at the edge of several pages, left out."""

    def key(line: _Line) -> str:
        return re.sub(r"\d+|\b[ivxl]+\b", "#", line.text.lower())

    edge = {(key(line), line.page) for line in lines if line.marginal}
    pages = Counter(text for text, _page in edge)
    return [n for n in lines if not (n.marginal and (key(n) == "#" or pages[key(n)] >= _RUNNING))]


# --- blocks ----------------------------------------------------------------------------------------------


def _build(lines: list[_Line], title: str) -> Extracted:
    out = TextBuilder()
    levels = _levels(lines)
    page = 0
    largest = ""
    for group in _groups(lines, levels):
        first = group[0]
        if first.page != page:
            page = first.page
            out.place(page=page)
        text = _joined(group)
        if first in levels:
            largest = largest or (text if levels[first] == 1 and page == 1 else "")
            out.heading(text, levels[first])
        elif bullet := _BULLET.match(text):
            out.item(text[bullet.end() :], "-" if bullet.group(1) else bullet.group(2), 0)
        else:
            _paragraph(out, group)
            page = group[-1].page
    return out.finish(largest or _worth(title))


def _paragraph(out: TextBuilder, group: list[_Line]) -> None:
    """A paragraph that runs over a page's end is divided there: each part has its own page."""
    for number in sorted({line.page for line in group}):
        part = [line for line in group if line.page == number]
        if part[0] is not group[0]:
            out.place(page=number)
        out.paragraph(_joined(part))


def _levels(lines: list[_Line]) -> dict[_Line, int]:
    """The rank of the lines that are headings: larger than most of the text, or bold where most is not."""
    weights: Counter[tuple[float, bool]] = Counter()
    for line in lines:
        weights[line.size, line.bold] += len(line.text)
    body, body_bold = weights.most_common(1)[0][0]
    ranks: list[float] = []  # the largest size of each rank
    for size in sorted({n.size for n in lines if n.size >= _LARGER * body and _title_like(n.text)}, reverse=True):
        if not ranks or size * _SAME < ranks[-1]:
            ranks.append(size)
    levels = {}
    for line in lines:
        if not _title_like(line.text):
            continue
        if line.size >= _LARGER * body:
            levels[line] = min(sum(rank >= line.size for rank in ranks), _RANKS)
        elif line.bold and not body_bold and line.size * _SAME >= body:
            levels[line] = min(len(ranks) + 1, _RANKS)
    return levels


def _title_like(text: str) -> bool:
    words = text.split()
    return len(words) <= _HEADING_WORDS and any(c.isalpha() for c in text) and not text.endswith((".", ",", ";"))


def _groups(lines: list[_Line], levels: dict[_Line, int]) -> Iterator[list[_Line]]:
    """Lines that make one heading, paragraph or list item."""
    group: list[_Line] = []
    right = 0.0
    for line in lines:
        if group and (levels.get(line) != levels.get(group[-1]) or _opens(group[-1], line, right, group[0])):
            yield group
            group, right = [], 0.0
        group.append(line)
        right = max(right, line.right)
    if group:
        yield group


def _opens(last: _Line, line: _Line, right: float, first: _Line) -> bool:
    """Whether `line` begins a block after `last`, whose block began with `first` and reaches to `right`."""
    if _BULLET.match(line.text) or (_NUMBERED.match(line.text) and last.text.endswith(_SENTENCE_END)):
        return True
    ended = last.text.endswith(_SENTENCE_END)
    height = max(last.top - last.bottom, 1.0)
    if line.page != last.page or line.bottom > last.top:  # another page or column
        return ended
    if last.bottom - line.top > 0.6 * height:
        return True
    indented = line.left > first.left + height and last.left < line.left - height
    return ended and (indented or last.right < right - 4 * height)


def _joined(group: list[_Line]) -> str:
    text = ""
    for line in group:
        if text and text[-1] in _HYPHENS:
            text = text[:-1] + line.text
        else:
            text += ("\n" if text else "") + line.text
    return text.translate({ord(c): None for c in _HYPHENS})


def _worth(title: str) -> str:
    """A title from the file's properties, unless it is a file's or a program's name."""
    plain = squeeze(title)
    program = re.search(r"\.\w{2,4}$|^(?:untitled|microsoft |document\d*$)|[\\/]", plain, re.IGNORECASE)
    return "" if program else plain
