"""Engines: what turns a question and numbered evidence into draft sentences, behind one protocol.

`extractive` quotes, `local` runs a transformers model on this machine, `hosted` calls a server. What an
engine writes is only a draft: the pipeline checks every sentence before anybody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from bot.asked import Aspect, asked, aspects, holds
from bot.choice import (
    balanced,
    beside_the_named,
    best_first,
    best_labelled,
    choose,
    completed,
    defines,
    lead_of,
    only_repeats,
    replying,
    rows_asked_for,
    telling_of,
    with_contents,
    with_its_section,
    with_sequels,
)
from bot.compare import Part
from bot.evidence import Evidence, placed_anew
from bot.layout import is_title, items_below, lineage, number_of
from bot.lists import Listing, asks_difference, differences, find_list, nearest_list, term_asked
from bot.words import rarity
from index.lexical import stems
from ingest.errors import PinciteError
from ingest.text import fold, squeeze

_MARKERS = r"\s*\[\d+(?:\s*,\s*\d+)*\]"  # a model's own citations, [2] or [1, 3]: the pipeline makes real ones
_END = re.compile(  # after a sentence, its closing quote and its markers; not after the "1." of a list item
    rf"(?:(?<=[.!?])(?<!^\d[.])(?<!^\d\d[.])|(?<=[.!?][\"'”’)]))(?:{_MARKERS})*\s+(?=[A-Z“\"'(\d-])|\n+",
    re.MULTILINE,
)
_ABOUT_ASIDES = re.compile(
    r"\b(?:asked?|asks|interviewers?|tips?|webinar|register|sign up|help|guide|blog|article|post)\b", re.IGNORECASE
)
_FITTING = 0.12  # added to the score of evidence that holds the kind of thing asked for
_TELLING = 0.12  # the same for what stands below a label that names the aspect asked about, less for mere words of it
_RARE = 0.6  # `rarity` from which a word says something by its mere presence
_FACT = 50  # words of an answer whose best evidence holds the kind of thing asked for
_PART_LIST = 130  # words of a list that answers one part of a comparison
_ANNOUNCES = 8  # words of the items of a list that only announces what stands below them
_HERE = re.compile(r"(?:here|these|this|those|they)\b", re.IGNORECASE)
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Draft:
    """One sentence. `evidence` is set by an engine that quotes: exactly what the sentence is made of."""

    text: str
    evidence: tuple[Evidence, ...] = ()
    item: int = 0  # depth in a list: 1 for an item, to be shown on a line of its own, 2 for one below it


class Engine(Protocol):
    """Writes draft sentences from evidence, best evidence in reading order."""

    name: str

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """Sentences as they come; raises `BackendError` when the model fails."""
        ...


class ExtractiveEngine:
    """Answers in the corpus's own words: the best sentences within a word budget in reading order, but the paragraph or
    list with the best of them first.
    """

    name = "extractive"

    def __init__(self, max_words: int = 90, max_list_words: int = 160) -> None:
        self.max_words, self.max_list_words = max_words, max_list_words

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """Quote the chosen evidence; see `choose`. A question that asks for a list gets a whole one."""
        return self._draft(question, evidence, self.max_words, self.max_list_words)

    def compare(self, parts: Sequence[Part], evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """An answer to each part of a comparison from its own articles, all within the word budget unless lists."""
        for part in parts:
            about = [e for e in evidence if e.chunk.article in part.titles]
            numbered = placed_anew(about)
            if numbered:
                listed = max(self.max_list_words // len(parts), _PART_LIST)
                yield from _named(
                    self._draft(part.question, numbered, self.max_words // len(parts), listed), part, numbered
                )

    def _draft(
        self, question: str, evidence: Sequence[Evidence], max_words: int, max_list_words: int
    ) -> Iterator[Draft]:
        term = term_asked(question)
        defined = any(defines(e, term) for e in evidence)
        by_place = {e.place: e for e in evidence}
        section = [] if defined or asked(question) else replying(evidence, by_place)
        if section:
            yield from self._section(question, section, evidence, max_words, max_list_words)
            return
        if not defined and (listing := find_list(question, evidence)):
            yield from _quote_list(listing, evidence, max_list_words)
            return
        told: set[int] = set()
        labelled = None if defined else best_labelled(evidence, max_words)
        if listing := differences(question, evidence) or labelled:
            yield from _quote_list(listing, evidence, max_words)
            told |= {e.place for e in [*listing.items, *filter(None, [listing.label])]}
            max_words -= sum(by_place[place].words for place in told)
        yield from _quoted(self._chosen(question, evidence, told, term, max_words), evidence, told)

    def _section(
        self,
        question: str,
        section: Sequence[Evidence],
        evidence: Sequence[Evidence],
        max_words: int,
        max_list_words: int,
    ) -> Iterator[Draft]:
        """What the section says whose heading asks the question: all of it if it is short, else what stands before the
        list that comes nearest, and that; where it has none, or a difference is asked for, the best of it in its order.
        """
        if sum(e.words for e in section) <= max_words:
            yield from _quoted(section, evidence, set())
            return
        listing = None if asks_difference(question) else nearest_list(section, question)
        if listing is None:
            starts = {e.start for e in self._chosen(question, placed_anew(section), (), (), max_words)}
            yield from _quoted([e for e in section if e.start in starts], evidence, set())
            return
        opening = _opening(section, (_lead_in(listing, evidence) or listing.items)[0], max_words // 2)
        words = sum(e.words for e in opening)
        yield from _quoted(opening, evidence, set())
        yield from _quote_list(listing, evidence, max_words - words, max_list_words - words)

    def _chosen(
        self, question: str, evidence: Sequence[Evidence], told: Collection[int], term: Sequence[str], max_words: int
    ) -> list[Evidence]:
        """What is quoted beside what is `told`, in order."""
        by_place = {e.place: e for e in evidence}
        kinds, asking, wanted = asked(question), set(stems(question)), aspects(question)
        fitting = {e.place for e in evidence if any(holds(e.clean, kind) for kind in kinds)}
        beside = beside_the_named(question, evidence)
        sole = _only_aside(asking, evidence)
        whole = bool(_ABOUT_ASIDES.search(question))
        pool = [
            replace(
                e,
                score=e.score
                + _FITTING * (e.place in fitting or e.place in sole)
                + _TELLING * _aspect_fit(e, by_place, wanted),
            )
            for e in evidence
            if (whole or not e.aside or e.place in fitting or e.place in sole)
            and e.place not in told
            and e.place not in beside
            and not only_repeats(e, asking)
        ]
        pool = rows_asked_for(question, telling_of(term, pool) or pool)
        best = max(pool, key=lambda e: e.score, default=None)
        fact = best is not None and best.place in fitting
        max_words = min(max_words, _FACT) if fact else max_words
        chosen = balanced(choose(pool, max_words, fill=not fact), question, pool, max_words)
        chosen = with_sequels(completed(chosen, evidence, max_words), evidence, max_words)
        chosen = with_its_section(chosen, term, evidence, max_words)
        chosen = best_first(with_contents(chosen, evidence, max_words), by_place)
        if chosen and not fitting & {e.place for e in chosen}:  # a heading may hold what is asked for
            above = [e for e in lineage(chosen[0], by_place) if e.place in fitting][:1]
            chosen = [*above, *chosen]
        return chosen


def _quoted(chosen: Sequence[Evidence], evidence: Sequence[Evidence], told: set[int]) -> Iterator[Draft]:
    """The chosen pieces as drafts, each once, with what they lead to and what they say little without."""
    by_place = {e.place: e for e in evidence}
    for n, piece in enumerate(chosen):
        if piece.place in told:
            continue
        below = list(items_below(piece, chosen[n + 1 :])) if piece.item and piece.leads else []
        lead = lead_of(piece, by_place)
        owner = by_place.get(piece.owner)
        shared = owner is not None and owner.item and sum(e.owner == piece.owner for e in chosen) > 1
        if lead and lead is owner and lead.place not in told and (shared or not lead.leads):
            yield _quote([lead], 1)
            told.add(lead.place)
        joined = lead and lead.place not in told
        deeper = owner is not None and owner.item and owner.place in told
        yield _quote([lead, piece] if lead and joined else [piece], 2 if deeper and piece.item else 0)
        yield from (_quote([part], 2) for part in below)
        told |= {piece.place, *(part.place for part in below)} | ({lead.place} if lead and joined else set())


def _only_aside(asking: Collection[str], evidence: Sequence[Evidence]) -> set[int]:
    """The places of asides that have a rare word of the question, by stem, which nothing else has."""
    said = {s for e in evidence if not e.aside for s in stems(e.text)}
    rare = {s for s in asking if s not in said and rarity(s) >= _RARE}
    return {e.place for e in evidence if e.aside and rare & set(stems(e.text))} if rare else set()


def _aspect_fit(piece: Evidence, by_place: Mapping[int, Evidence], wanted: Sequence[Aspect]) -> float:
    """How far a piece tells what the question asks of its subject, -1 to 1: by its labels, those above it too."""
    own, colon, rest = fold(piece.clean).partition(": ")
    labels = [own] if (colon and rest) or piece.leads or is_title(piece) else []
    labels += [fold(above.clean).partition(": ")[0] for above in lineage(piece, by_place) if above is not piece]
    return max((aspect.fit(fold(piece.text), labels) for aspect in wanted), key=abs, default=0.0)


def _named(drafts: Iterator[Draft], part: Part, evidence: Sequence[Evidence]) -> Iterator[Draft]:
    """The drafts, below the nearest heading above them that names what they are about if the first does not; it takes
    the place of a mere label.
    """
    for n, draft in enumerate(drafts):
        if n == 0 and draft.evidence and not set(stems(draft.text)) & part.name:
            path = draft.evidence[0].chunk.headings
            above = [e for e in evidence if e.heading and squeeze(e.text) in path and set(stems(e.text)) & part.name]
            yield from (replace(_quote([e]), item=0) for e in above[-1:])
            if above and not draft.item and is_title(draft.evidence[0]):
                continue
        yield draft


def _quote(parts: Sequence[Evidence], depth: int = 0) -> Draft:
    """Pieces that follow one another as one sentence, a list item if one of them is."""
    return Draft(" ".join(p.clean for p in parts), tuple(parts), depth or int(any(p.item for p in parts)))


def split_stream(pieces: Iterable[str], cut: Callable[[], bool] = lambda: False) -> Iterator[Draft]:
    """Text in pieces of any size to sentences, each as soon as it is whole, without the model's own markers.

    `cut` is asked at the end whether the model was stopped in mid-text; then an unfinished sentence is left out.
    """
    pending = ""
    for piece in pieces:
        pending += piece
        *done, pending = _END.split(pending)
        for text in done:
            yield from _drafts(text)
    if not cut() or pending.rstrip()[-1:] in ".!?”\"')]":
        yield from _drafts(pending)


def _drafts(text: str) -> Iterator[Draft]:
    text = re.sub(_MARKERS, "", text).strip()
    if any(c.isalnum() for c in text):
        bare = _BULLET.sub("", text)
        yield Draft(bare, item=int(bare != text))


def _quote_list(
    listing: Listing, evidence: Sequence[Evidence], max_words: int, at_most: int | None = None
) -> Iterator[Draft]:
    """The label, then the items within `max_words`; an item that only announces takes along what stands right below it,
    as much as fits, and the first of it if all that is within `at_most`.
    """
    at_most = at_most or max_words
    lead = _lead_in(listing, evidence)
    words = sum(p.words for p in lead)
    if lead:
        yield replace(_quote(lead), item=0)
    own = {item.place for item in listing.items}
    short = all(item.words <= _ANNOUNCES and item.text[-1:] not in ".!?;" for item in listing.items)
    rows = [_with_details(item, own, evidence) if short or item.leads else [item] for item in listing.items]
    lengths = {most: words + sum(p.words for parts in rows for p in parts[:most]) for most in (6, 4, 2)}
    most = next((most for most, length in lengths.items() if length <= max_words), 2 if lengths[2] <= at_most else 1)
    rows = [parts[:most] for parts in rows]
    for parts in rows:
        words += sum(p.words for p in parts)
        if words > at_most:
            return
        yield _quote(parts[:1], 1)
        for _item, run in groupby(parts[1:], key=lambda p: p.place if p.item else -1):  # prose stays together
            yield _quote(list(run), 2)


def _opening(section: Sequence[Evidence], end: Evidence, max_words: int) -> list[Evidence]:
    """The sentences that a section begins with, before `end`, its first label or list, within `max_words`."""
    opening: list[Evidence] = []
    for piece in section:
        stops = piece is end or piece.item or piece.leads or is_title(piece)
        if stops or sum(e.words for e in opening) + piece.words > max_words:
            break
        opening.append(piece)
    return opening


def _lead_in(listing: Listing, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The label of a list, after the sentence before it where it hangs on that ("Here are some:")."""
    label = listing.label
    if label is None:
        return []
    before = next((e for e in evidence if e.place == label.place - 1), None)
    hangs = before and _HERE.match(label.clean) and before.chunk is label.chunk and not before.heading
    return [before, label] if before and hangs else [label]


def _with_details(item: Evidence, own: Collection[int], evidence: Sequence[Evidence]) -> list[Evidence]:
    """The item and up to five pieces right below it that belong to no item: `own` are the items' places."""
    parts = [item]
    for piece in evidence[item.place + 1 : item.place + 6]:
        if piece.place in own or piece.chunk is not item.chunk or piece.heading or (piece.leads and not piece.item):
            break
        if number_of(piece) is not None or (is_title(piece) and not piece.item):
            break
        parts.append(piece)
    while len(parts) > 1 and parts[-1].leads:
        parts.pop()
    return parts


def make_engine(spec: str) -> Engine:
    """`extractive`, `local[:MODEL_OR_PATH]`, `hosted[:MODEL]` or `auto` to an engine.

    `auto` is hosted when a key or a base URL is set (see `bot.hosted`), else extractive.

    Raises:
        PinciteError: an unknown name. BackendError: a model that cannot be loaded or reached as configured.
    """
    from bot.hosted import HostedEngine, hosted_configured

    name, _colon, model = spec.strip().partition(":")
    if spec.strip() == "auto":
        name = "hosted" if hosted_configured() else "extractive"
    if name == "extractive" and not model:
        return ExtractiveEngine()
    if name == "local":
        from bot.local import LocalEngine

        return LocalEngine(model)
    if name == "hosted":
        return HostedEngine(model)
    raise PinciteError(f"unknown engine {spec!r}; choose extractive, local[:MODEL_OR_PATH], hosted[:MODEL] or auto")
