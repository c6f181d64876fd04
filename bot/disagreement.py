"""Whether another article gives a different number for what a question asks the number of, or one of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from bot.amounts import Amount, find_amounts
from bot.asked import Asked, asked, holds
from bot.evidence import Evidence
from bot.values import Citation
from index.lexical import stems
from ingest.text import fold

_NEAR = 0.12  # how far behind the best evidence that holds such a number may lie what contradicts it
_TOLD = 0.5  # share of the question's words that both must have
_MOST = 3  # numbers of the kind asked for in one piece; a row of them says which is which elsewhere
_ASKING = frozenset(stems("percentage percent share fraction proportion many much long year date month time cost"))
_YEAR = re.compile(r"1\d{3}|20\d\d")
_MONEY = re.compile(r"[$€£₹¥]\s?$|^\s?(?:k\b|usd|eur|gbp|dollars|euros|pounds|cents)")
_ONE = re.compile(r"\ban? (?=(?:second|minute|hour|day|week|month|year|decade|century)\b)")
_MEASURES = {"duration": "time ", "share": "share "}


def disagreement(
    question: str, citations: Sequence[Citation], evidence: Sequence[Evidence], names: Collection[str]
) -> tuple[Citation, Evidence] | None:
    """The first citation with such a number, and the best evidence of another article with a different one: about whom
    the question names, in half of the question's words. Where it names nobody of the corpus's `names` (stems), not
    both may name somebody of their own.
    """
    asking = set(stems(question))
    for kind in _numeric(question):
        telling = [e for e in evidence if not (e.heading or e.leads) and holds(e.clean, kind)]
        least = max((e.score for e in telling), default=0.0) - _NEAR
        others = sorted((e for e in telling if e.score >= least), key=lambda e: -e.score)
        for cited in citations:
            own = list(_values(cited.quote, kind))
            for other in others if 0 < len(own) <= _MOST else ():
                if other.chunk.article_id == cited.article_id:
                    continue
                around = f"{other.chunk.article} {other.chunk.section_at(other.start)}"
                both = [(f"{cited.article} {cited.section}", cited.quote), (around, other.text)]
                theirs = list(_values(other.text, kind))
                if 0 < len(theirs) <= _MOST and _comparable(asking, both, set(names)) and _differ(own, theirs):
                    return cited, other
    return None


def each_its_own(
    question: str, citations: Sequence[Citation], names: Collection[str]
) -> tuple[Citation, Citation] | None:
    """The first citation with such a number, and the first of another article with one, where each names somebody of
    its own among the corpus's `names` (stems) and the question names nobody: whose number is it?
    """
    asking, known = set(stems(question)), set(names)
    if asking & known:
        return None
    for kind in _numeric(question):
        telling = [c for c in citations if holds(c.quote, kind)]
        for first, second in ((a, b) for n, a in enumerate(telling) for b in telling[n + 1 :]):
            one, two = (set(stems(f"{c.article} {c.section} {c.quote}")) & known for c in (first, second))
            if first.article_id != second.article_id and one - two and two - one:
                return first, second
    return None


def _numeric(question: str) -> list[Asked]:
    """What the question asks for that is told by a number."""
    return [kind for kind in asked(question) if kind.kind in ("date", "duration", "share", "count", "money", "salary")]


def _comparable(asking: set[str], pieces: Sequence[tuple[str, str]], names: set[str]) -> bool:
    """Whether two pieces, each with what stands above it, tell of the same thing."""
    asked_of = asking & names
    own = [set(stems(text)) for _above, text in pieces]
    whole = [set(stems(above)) | words for (above, _text), words in zip(pieces, own, strict=True)]
    rest = asking - asked_of - _ASKING
    if any(asked_of - words for words in whole) or any(len(rest & words) < _TOLD * len(rest) for words in own):
        return False
    apart = [words & names - asking for words in whole]
    return bool(asked_of) or not (apart[0] - apart[1] and apart[1] - apart[0])


def _values(text: str, kind: Asked) -> Iterator[Amount]:
    """The numbers in a text that are of the kind asked for."""
    plain = _ONE.sub("1 ", fold(text).lower())
    found = find_amounts(plain)
    measure, paid = _MEASURES.get(kind.kind), kind.kind in ("money", "salary")
    for n, amount in enumerate(found):
        following = found[n + 1].start if n + 1 < len(found) else len(plain)
        if (
            (measure and any(key.startswith(measure) for key in amount.known))
            or (kind.kind == "date" and _YEAR.fullmatch(plain[amount.start : amount.end]))
            or (kind.kind == "count" and holds(plain[amount.start : following], kind))
            or (paid and (_MONEY.search(plain[: amount.start]) or _MONEY.match(plain[amount.end :])))
        ):
            yield amount


def _differ(ours: Sequence[Amount], theirs: Sequence[Amount]) -> bool:
    """Whether no number of the one is one of the other, or lies within its range."""
    low, high = (f([a.value for a in ours]) for f in (min, max))
    least, most = (f([a.value for a in theirs]) for f in (min, max))
    if any(a.sought & b.known or b.sought & a.known for a in ours for b in theirs):
        return False
    return high < least or most < low
