"""Plain text to blocks: which lines are headings (and of what rank), paragraphs, list items, table cells.

Text exports carry no markup, so the form of a line and of its neighbours decides: explicit words
("Question 12:", "Section 2:"), numbering that counts up across other content, short title-like lines that
stand alone, labels that recur. Nothing here knows a title or a subject.

Markdown headings, fences and list markers are understood as well; `by_line=True` makes every line a block
(exports that never wrap), otherwise adjoining lines form one paragraph.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.text import squeeze
from ingest.values import Block, Level, Section

_BULLET = re.compile(r"[•✔✓◦▪*\-–]\s+")
_NUMBER = re.compile(r"(\d{1,3})[.)]\s+")
_QUESTION = re.compile(r"(?:question|q)\s*(\d{0,3})\s*[:.)]\s*", re.IGNORECASE)
_GROUP = re.compile(r"(?:category|section|part|chapter|module|unit|topic)\s+\d+\s*[:.–-]", re.IGNORECASE)
_STEP = re.compile(r"[A-Z][a-z]+ \d+\s*[:–-]\s*\S")
_HASHES = re.compile(r"(#{1,6})\s+")
_ANSWER = re.compile(r"(?:detailed |short |sample )?answers?\b[^.]{0,20}:?$", re.IGNORECASE)
_CLOSERS = "\"'”’)]*_ "
_MAX_HEADING_WORDS = 18
_MAX_LABEL = 300  # characters; a label is repeated in every chunk below it
_MAX_OPEN_COUNTS = 50
_TABLE_RUN = 5


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str
    indent: int
    blank_after: bool
    marker: str  # "" | "bullet" | "number" | "question" | "group" | "step" | "hash" | "fence" | "pipe"
    number: int
    body: str  # text after the marker


def outline(text: str, start: int, end: int, *, by_line: bool = False) -> tuple[Block, ...]:
    """Blocks of `text[start:end]` in order; every non-space character lies in exactly one block.

    Headings carry a `Level`; list items a nesting depth; spans are offsets into `text`.
    """
    lines = _lines(text, start, end, by_line)
    if not lines:
        return ()
    kinds = _tables(lines, _candidates(lines))
    levels = _levels(lines, kinds)
    indents = sorted({line.indent for i, line in enumerate(lines) if kinds[i] == "item"})
    depth = {indent: rank for rank, indent in enumerate(indents)}
    blocks = []
    for i, line in enumerate(lines):
        if i in levels:
            blocks.append(Block(line.start, line.end, "heading", levels[i], _label(line)))
        elif kinds[i] == "item":
            blocks.append(Block(line.start, line.end, "item", depth[line.indent]))
        else:
            blocks.append(Block(line.start, line.end, "cell" if kinds[i] == "cell" else "paragraph"))
    return tuple(blocks)


def short_label(label: str) -> str:
    """The label, cut where it is no longer one."""
    return label if len(label) <= _MAX_LABEL else label[: _MAX_LABEL - 1] + "…"


def sections(blocks: Sequence[Block]) -> tuple[Section, ...]:
    """Where the headings above the text change, in order."""
    found: list[Section] = []
    stack: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            stack = [*(b for b in stack if b.level < block.level), block]
            found.append(Section(block.start, tuple(b.label for b in stack if _path_label(b.label))))
    return tuple(found)


def _path_label(label: str) -> bool:
    """Whether a heading says something in a path; "Answer:" does not."""
    return bool(label) and not _ANSWER.match(label)


# --- lines -----------------------------------------------------------------------------------------------


def _lines(text: str, start: int, end: int, by_line: bool) -> list[_Line]:
    raw: list[_Line] = []
    bodies: list[list[str]] = []  # of the lines that each of `raw` is joined from
    fenced = False
    for match in re.finditer(r"[^\r\n]+", text[start:end]):
        line = match.group()
        if not line.strip():
            continue
        lead = len(line) - len(line.lstrip())
        at = start + match.start() + lead
        stop = at + len(line.strip())
        after = text[stop : min(end, stop + 400)]
        blank = bool(re.match(r"[^\S\r\n]*(?:\r?\n[^\S\r\n]*(?:\r?\n|$)|$)", after))
        item = _read_line(at, stop, line.strip(), lead, blank)
        plain = not by_line and raw and not raw[-1].blank_after and item.marker == ""
        joins = plain and raw[-1].marker not in ("hash", "fence", "pipe", "group", "question")
        if fenced or joins:
            raw[-1] = replace(raw[-1], end=stop, blank_after=blank)
            bodies[-1].append(item.body)
        else:
            raw.append(item)
            bodies.append([item.body])
        fenced = (item.marker == "fence") != fenced
    return [
        line if len(parts) == 1 else replace(line, text=text[line.start : line.end], body=" ".join(parts))
        for line, parts in zip(raw, bodies, strict=True)
    ]


def _read_line(start: int, end: int, text: str, indent: int, blank: bool) -> _Line:
    def line(marker: str, body: str, number: int = 0) -> _Line:
        return _Line(start, end, text, indent, blank, marker, number, body)

    if text.startswith(("```", "~~~")):
        return line("fence", text)
    if hashes := _HASHES.match(text):
        return line("hash", text[hashes.end() :].rstrip("#").rstrip(), len(hashes.group(1)))
    if text.startswith("|"):
        return line("pipe", text)
    if question := _QUESTION.match(text):
        return line("question", text[question.end() :], int(question.group(1) or 0))
    if _GROUP.match(text):
        return line("group", text)
    if _STEP.match(text):
        return line("step", text)
    if bullet := _BULLET.match(text):
        return line("bullet", text[bullet.end() :])
    if number := _NUMBER.match(text):
        return line("number", text[number.end() :], int(number.group(1)))
    return line("", text)


def _label(line: _Line) -> str:
    text = line.body if line.marker == "hash" else line.text
    if line.marker == "question" and "?" in text:  # "Q1: What ...?A1: the answer follows on the line"
        text = text[: text.index("?") + 1]
    return short_label(squeeze(text).rstrip(":").strip("*_ "))


# --- which lines may be headings -------------------------------------------------------------------------


def _candidates(lines: list[_Line]) -> list[str]:
    """A first kind for every line: "heading" (may be one), "item" or "paragraph"."""
    base = Counter(line.indent for line in lines).most_common(1)[0][0]
    kinds = []
    for i, line in enumerate(lines):
        if line.marker in ("hash", "group"):
            kind = "heading"
        elif line.marker == "question":
            kind = "heading" if line.indent <= base else "item"
        elif line.marker == "bullet":
            kind = "item"
        elif line.marker == "number":
            kind = "heading" if line.indent <= base and _numbered_heading(lines, i) else "item"
        elif line.marker in ("fence", "pipe"):
            kind = "cell" if line.marker == "pipe" else "paragraph"
        elif line.marker == "step":
            kind = "heading" if _title_like(line.text) and _open_ended(line.text) else "paragraph"
        else:
            kind = "heading" if line.indent <= base and _short_title(line.text) else "paragraph"
        kinds.append(kind)
    return kinds


def _numbered_heading(lines: list[_Line], i: int) -> bool:
    """A numbered line that is not one of a tight list, not a label, and reads as a title."""
    line = lines[i]
    if len(line.body.split()) > 2 * _MAX_HEADING_WORDS or line.body.rstrip().endswith((":", ";")):
        return False
    if (i and _same_list(lines[i - 1], line)) or (i + 1 < len(lines) and _same_list(line, lines[i + 1])):
        return False
    head, colon, tail = line.body.partition(":")
    return not colon or not tail.strip() or (len(head.split()) <= 8 and _title_like(tail))


def _same_list(first: _Line, second: _Line) -> bool:
    """Adjoining numbered lines that count on, unless a bare title follows a "Label: text" item."""
    counts_on = first.marker == second.marker == "number" and second.number == first.number + 1
    bare_title = _open_ended(second.body) and _title_like(second.body) and ": " not in second.body
    return counts_on and not (bare_title and ": " in first.body)


def _short_title(text: str) -> bool:
    words = text.split()
    if not 0 < len(words) <= _MAX_HEADING_WORDS or text[0] in "“\"'‘(|$":
        return False
    if not (text[0].isupper() or text[0].isdigit()):
        return False
    if text.endswith(":"):
        return len(words) <= 7
    _head, colon, tail = text.partition(":")
    if colon and (not tail.startswith(" ") or not _title_like(tail)):
        return False
    return _open_ended(text) and (len(words) <= 8 or _title_like(text))


def _open_ended(text: str) -> bool:
    return text.rstrip(_CLOSERS)[-1:] not in (".", "!", ";", ",", "…")


def _title_like(text: str) -> bool:
    """Most of the longer words begin with a capital or a digit."""
    words = [w.lstrip("(“\"'‘") for w in text.split()]
    long = [w for w in words if len(w) > 3]
    return bool(long) and sum(not w[:1].islower() for w in long) >= 0.6 * len(long)


def _tables(lines: list[_Line], kinds: list[str]) -> list[str]:
    """Turn long runs of short bare lines into cells: flattened tables, unmarked lists after a colon."""
    kinds = list(kinds)
    bare = [kinds[i] in ("heading", "paragraph") and _cell_like(line) for i, line in enumerate(lines)]
    i = 0
    while i < len(lines):
        if not bare[i]:
            i += 1
            continue
        stop = i
        while stop < len(lines) and bare[stop] and lines[stop].indent == lines[i].indent:
            stop += 1
        first, last = i, stop
        led = first > 0 and lines[first - 1].text.endswith(":")
        if not led and kinds[first] == "heading":
            first += 1  # the run's own heading
        while last > first and stop < len(lines) and _tail_heading(lines[last - 1], last == stop):
            last -= 1
        enough = last - first >= (2 if led else _TABLE_RUN - 1)
        if enough and all(lines[j].blank_after for j in range(first, last - 1)):
            for j in range(first, last):
                kinds[j] = "cell"
        i = max(stop, i + 1)
    return kinds


def _cell_like(line: _Line) -> bool:
    words = len(line.text.split())
    return line.marker == "" and words <= 12 and not (words > 6 and not _open_ended(line.text))


def _tail_heading(line: _Line, is_last: bool) -> bool:
    """Whether the last lines of a run head what follows it rather than belong to the table."""
    words = len(line.text.split())
    if line.text.endswith(":"):
        return True
    return _title_like(line.text) and _short_title(line.text) and words >= (2 if is_last else 4)


# --- ranks -----------------------------------------------------------------------------------------------


def _levels(lines: list[_Line], kinds: list[str]) -> dict[int, int]:
    """The rank of each heading, by line number."""
    heads = [i for i, kind in enumerate(kinds) if kind == "heading"]
    if any(lines[i].marker == "hash" for i in heads):
        marked = {i: lines[i].number for i in heads if lines[i].marker == "hash"}
        titled = heads[0] == 0 and lines[0].marker == "" and lines[0].blank_after
        return {0: 1, **marked} if titled else marked
    sequences = _sequences([i for i in heads if lines[i].marker == "number"], lines)
    explicit = [i for i in heads if lines[i].marker == "question"]
    top = next((s for s in sequences if heads and s[0] == heads[0] and len(s) > 1), None)
    rest = [s for s in sequences if s is not top and len(s) >= 5]
    counted = max(rest, key=len, default=[])
    questions = set(explicit) | set(counted if len(counted) > len(explicit) else [])
    first_question = min(questions, default=len(lines))
    sections = set(top or ())
    grouped = sum(lines[i].marker == "group" for i in heads) > 1
    repeated = Counter(_label(lines[i]).casefold() for i in heads)

    levels: dict[int, int] = {}
    child_word = ""
    for n, i in enumerate(heads):
        line = lines[i]
        following = heads[n + 1] if n + 1 < len(heads) else -1
        inside = any(run and run[0] < i < run[-1] for run in (explicit, counted))
        recurrent = repeated[_label(line).casefold()] > 1
        if i in questions:
            level = Level.QUESTION
        elif line.marker == "group":
            level = Level.CATEGORY
        elif i in sections:
            level = Level.SECTION
        elif (
            line.marker in ("number", "step")
            or line.text.endswith(":")
            or not line.blank_after  # glued to its text
            or (recurrent and line.marker == "")
            or (inside and (grouped or top or following not in questions))
        ):
            level = Level.SUB
        elif i > first_question or not top:
            level = Level.SECTION
        else:
            level = Level.SUBSECTION
        if level == Level.SECTION and line.marker == "":
            first_word = line.text.split()[0]
            if n and heads[n - 1] == i - 1 and levels[heads[n - 1]] == level:
                child_word = first_word  # a heading right under a heading of its rank is its child ...
            if first_word == child_word:  # ... and so are those that follow in the same words
                level = Level.SUBSECTION
            else:
                child_word = ""
        levels[i] = int(level)
    return levels


def _sequences(numbered: list[int], lines: list[_Line]) -> list[list[int]]:
    """Group numbered headings into counts that go up by one (gaps of one allowed), innermost first.

    A "1." opens a new count; another number continues the innermost open count that it can follow.
    """
    done: list[list[int]] = []
    open_counts: list[list[int]] = []
    for i in numbered:
        value = lines[i].number
        del open_counts[:-_MAX_OPEN_COUNTS]
        for depth in range(len(open_counts) - 1, -1, -1):
            if 0 <= value - lines[open_counts[depth][-1]].number <= 2 and value > 1:
                del open_counts[depth + 1 :]
                open_counts[depth].append(i)
                break
        else:
            count = [i]
            open_counts.append(count)
            done.append(count)
    return sorted(done, key=lambda s: s[0])
