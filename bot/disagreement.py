"""Whether cited articles give different numbers for the same thing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.asked import asked
from bot.values import Citation
from index.lexical import stems
from ingest.text import fold

_NUMERIC = frozenset(("money", "duration", "share", "number", "measure", "count"))
_QUANTITY = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s?(%|[kKmM]\b)?")


def disagreement(question: str, citations: Sequence[Citation]) -> tuple[Citation, Citation] | None:
    """Two citations of different articles that give different numbers for what a question asks the number of: the
    same unit, and a word in common among the three that follow.
    """
    if not any(kind.kind in _NUMERIC for kind in asked(question)):
        return None
    told = [(c, _quantities(c.quote)) for c in citations]
    for n, (first, ours) in enumerate(told):
        for second, theirs in told[n + 1 :]:
            if first.article_id == second.article_id or not ours or not theirs:
                continue
            if {v for v, _u, _w in ours} & {v for v, _u, _w in theirs}:
                continue
            if any(u == unit and w & words for _v, u, w in ours for _x, unit, words in theirs):
                return first, second
    return None


def _quantities(text: str) -> list[tuple[str, str, set[str]]]:
    """Every number with its unit and the stems of the three words after it."""
    found = []
    for match in _QUANTITY.finditer(fold(text)):
        following = " ".join(fold(text)[match.end() :].split()[:3])
        found.append((match.group(1).replace(",", ""), match.group(2) or "", set(stems(following))))
    return found
