"""Questions that compare what articles are about: a question for each, and where its answer stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from index.lexical import stems

_COMPARES = re.compile(
    r"\bcompar\w+|\bversus\b|\bvs\b|\bdiffer\w*|\bsimilar\w*|\bbetween\b|\bboth\b|"
    r"\b(?:more|less|longer|shorter|harder|easier|better)\b.*\bor\b",
    re.IGNORECASE,
)
_ROW = re.compile(r"([\w'’-]+),? (?:and|or)(?: at| for| by)? (?=([\w'’-]+))")
_JOINING = re.compile(
    r"(?:and|or|with|to|from|versus|vs\.?|than|between|both|compared?|differ\w*)[,.?!]*", re.IGNORECASE
)
_MOST = 4  # things compared


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things compared: the question without the others' names, the titles that have its name, its stems."""

    question: str
    titles: frozenset[str]
    name: frozenset[str]


def compared(question: str, titles: Collection[str], known: Collection[str]) -> list[Part]:
    """The parts of a question that compares things, or asks about several in a row ("at Uber and Tesla"), whose names
    stand in different titles, in the question's order; nothing for any other. `known`: stems of names; one that
    most titles have tells nothing.
    """
    if not (_COMPARES.search(question) or _ROW.search(question)):
        return []
    words = {title: set(stems(title)) & set(known) for title in titles}
    names: dict[frozenset[str], set[str]] = {}
    for stem in dict.fromkeys(stems(" ".join(w for w in question.split() if not _JOINING.fullmatch(w)))):
        having = frozenset(title for title in titles if stem in words[title])
        if having and len(having) <= max(1, len(words) // 2):
            names.setdefault(having, set()).add(stem)
    alone = {
        t: n for t, n in names.items() if sum(bool(t & other) for other in names) < 3
    }  # not a word that several share
    if not 2 <= len(alone) <= _MOST or len(frozenset().union(*alone)) < sum(map(len, alone)):
        return []
    if not _COMPARES.search(question) and not _in_a_row(question, list(alone.values())):
        return []
    return [
        Part(_without(question, set().union(*alone.values()) - own), having, frozenset(own))
        for having, own in alone.items()
    ]


def _in_a_row(question: str, names: Sequence[Collection[str]]) -> bool:
    """Whether names of different things stand on both sides of "and" or "or"."""
    for match in _ROW.finditer(question):
        sides = [next((n for n, own in enumerate(names) if set(stems(side)) & set(own)), -1) for side in match.groups()]
        if -1 not in sides and sides[0] != sides[1]:
            return True
    return False


def _without(question: str, names: Collection[str]) -> str:
    """The question without names, and the words that joined them."""
    kept = [w for w in question.split() if not set(stems(w)) & set(names) and not _JOINING.fullmatch(w)]
    return " ".join(kept)
