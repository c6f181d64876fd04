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
_TERMINAL = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|\?(?=[A-Z])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|avg|est|incl|resp|vs|cf|al|approx|fig|eq|dr|mr|mrs|st|inc|ltd|jr|sr|u\.s|a\.k\.a)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"^\s*\(?\d{1,3}[.)]$")


def fold(text: str) -> str:
    """Same letters for the same thing: curly quotes, dashes, NBSP, × and compatibility forms.

    The length may change, so the result is for matching only, never for offsets.
    """
    return unicodedata.normalize("NFKC", text.translate(_FOLD))


def squeeze(text: str) -> str:
    """Collapse every run of whitespace to one space and trim."""
    return _SPACE.sub(" ", text).strip()


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Spans of the sentences of `text[start:end]`, trimmed, in order; offsets are into `text`.

    A line break before a list marker or after a blank line ends a sentence, as do `.`, `!`, `?` outside
    abbreviations and list numbers. Every non-space character lies in exactly one span.
    """
    end = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    for line_start, line_end in _line_spans(text, start, end):
        at = line_start
        for match in _TERMINAL.finditer(text, line_start, line_end):
            head = text[at : match.end()]
            if match.group().startswith(".") and (_ABBREVIATION.search(head) or _LIST_NUMBER.match(head)):
                continue
            _append_trimmed(spans, text, at, match.end())
            at = match.end()
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


def _append_trimmed(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))
