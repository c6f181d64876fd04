"""Text helpers shared by all packages: folding for matching, sentence spans, clean display.

Nothing here changes a span: folded or cleaned text is for matching, encoding and showing only.
"""

from __future__ import annotations

import re
import unicodedata

_FOLD = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'",
        "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-",
        "\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u200b": "", "\ufeff": "", "\u00ad": "",
        "…": "...", "×": "x", "⋅": "*", "·": "*", "•": "*", "✔": "*",
    }
)  # fmt: skip
# Words that carry grammar rather than content; left out of BM25 and of stored token vectors.
FUNCTION_WORDS = frozenset(
    """
    a an and are as at be but by do does for from how i if in into is it its me my of on or that the their them
    then there these they this to was were what when where which who why will with you your
    """.split()  # noqa: SIM905 - a list of forty literals is harder to read
)
_SPACE = re.compile(r"\s+")
_TERMINAL = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]*_]*(?=\s|$)|\?(?=[A-Z])")  # "**Is it so?** Yes."
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|avg|est|incl|resp|vs|cf|al|approx|fig|eq|dr|mr|mrs|st|inc|ltd|jr|sr|u\.s|a\.k\.a)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_ABBREVIATION_REACH = 16  # characters before its end that decide whether a full stop is one
_LIST_NUMBER = re.compile(r"\(?\d{1,3}[.)]")


def fold(text: str) -> str:
    """Same letters for the same thing: curly quotes, dashes, NBSP, × and compatibility forms.

    The length may change, so the result is for matching only, never for offsets.
    """
    return unicodedata.normalize("NFKC", text.translate(_FOLD))


def squeeze(text: str) -> str:
    """Collapse every run of whitespace to one space and trim."""
    return _SPACE.sub(" ", text).strip()


def printable(text: str) -> str:
    """Text without control, format (zero-width, bidirectional) and private characters; line breaks and tabs stay.

    What a terminal or a page shows of a document, a question or a model goes through this.
    """
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs"))


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Spans of the sentences of `text[start:end]`, trimmed, in order; offsets are into `text`.

    A line break before a list marker or after a blank line ends a sentence, as do `.`, `!`, `?` outside
    abbreviations and list numbers. Every non-space character lies in exactly one span.
    """
    end = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    for line_start, line_end in _line_spans(text, start, end):
        at = _content(text, line_start, line_end)
        for match in _TERMINAL.finditer(text, line_start, line_end):
            end_of_match = match.end()
            if match.group().startswith("."):
                tail = text[max(at, end_of_match - _ABBREVIATION_REACH) : end_of_match]
                if _ABBREVIATION.search(tail) or _LIST_NUMBER.fullmatch(text, at, end_of_match):
                    continue
            _append_trimmed(spans, text, at, end_of_match)
            at = _content(text, end_of_match, line_end)
        _append_trimmed(spans, text, at, line_end)
    return spans


_BREAK = re.compile(r"\n[ \t\u00a0]*(?:\n|(?=[•✔✓◦▪*\-–]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|\|))")


def _line_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Spans between hard breaks (blank lines, list markers)."""
    spans, at = [], start
    for match in _BREAK.finditer(text, start, end):
        spans.append((at, match.start()))
        at = match.end()
    spans.append((at, end))
    return spans


def _content(text: str, start: int, end: int) -> int:
    """Where the white space at `start` ends."""
    while start < end and text[start].isspace():
        start += 1
    return start


def _append_trimmed(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    start = _content(text, start, end)
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))
