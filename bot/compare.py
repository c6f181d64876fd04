"""Questions that compare what articles are about: a question for each, and where its answer stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
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
_ASKING = re.compile(
    r"^(?:what(?:'s|’s| is| are) the |is there an? |(?:explain|describe|tell me) the )?(?:main |key |biggest )?"
    r"(?:differences?|similarit(?:y|ies))(?: is there| are there)?(?= between| of| in)",
    re.IGNORECASE,
)
_MOST = 4  # things compared


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things compared: the question without the others' names, the titles that have its name, its stems."""

    question: str
    titles: frozenset[str]
    name: frozenset[str]


def compares(question: str) -> bool:
    """Whether a question sets something beside something else, named or not ("than usual")."""
    return bool(_COMPARES.search(question) or re.search(r"\bthan\b", question, re.IGNORECASE))


def titles_by_name(titles: Collection[str], known: Collection[str]) -> dict[str, frozenset[str]]:
    """The titles that have a name, by its stem, of the stems of names in `known`; one that most titles have tells
    nothing.
    """
    having: dict[str, set[str]] = {}
    for title in titles:
        for stem in set(stems(title)) & set(known):
            having.setdefault(stem, set()).add(title)
    return {stem: frozenset(found) for stem, found in having.items() if len(found) <= max(1, len(titles) // 2)}


def compared(question: str, named: Mapping[str, frozenset[str]]) -> list[Part]:
    """The parts of a question that compares things, or asks about several in a row ("at Uber and Tesla"), whose names
    stand in different titles (see `titles_by_name`), in the question's order; nothing for any other.
    """
    compares = _COMPARES.search(question)
    if not (compares or _ROW.search(question)):
        return []
    names: dict[frozenset[str], set[str]] = {}
    for stem in dict.fromkeys(stems(" ".join(w for w in question.split() if not _JOINING.fullmatch(w)))):
        if stem in named:
            names.setdefault(named[stem], set()).add(stem)
    shared = [titles for titles in names if sum(bool(titles & other) for other in names) > 2]  # "power", wind and solar
    alone = {titles: own for titles, own in names.items() if titles not in shared}
    if not 2 <= len(alone) <= _MOST or len(frozenset().union(*alone)) < sum(map(len, alone)):
        return []
    if not compares and not _in_a_row(question, list(alone.values())):
        return []
    every = set().union(*alone.values())
    return [Part(_without(question, every - own), titles, frozenset(own)) for titles, own in alone.items()]


def _in_a_row(question: str, names: Sequence[Collection[str]]) -> bool:
    """Whether names of different things stand on both sides of "and" or "or"."""
    for match in _ROW.finditer(question):
        sides = [next((n for n, own in enumerate(names) if set(stems(side)) & set(own)), -1) for side in match.groups()]
        if -1 not in sides and sides[0] != sides[1]:
            return True
    return False


def _without(question: str, names: Collection[str]) -> str:
    """The question without names, the words that joined them, and those that ask for a difference."""
    bare = _ASKING.sub("", question)
    kept = [w for w in bare.split() if not set(stems(w)) & set(names) and not _JOINING.fullmatch(w)]
    return " ".join(kept)
