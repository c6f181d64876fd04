"""Which evidence an answer quotes, and in which order: the best of it, with its labels, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.evidence import Evidence, is_advice, unmarked
from bot.layout import asks, count_of, introduces, is_title, leans_on_before, lineage, number_of, refers_to, short_list
from bot.lists import Listing
from index.lexical import stems
from ingest.tables import row_cells
from ingest.text import squeeze
from ingest.values import Chunk

_FOCUS = 0.86  # share of the best score that a further sentence must reach
_ALIKE = 0.82  # the same where all the best hold the kind of thing asked for
_NEXT, _LITTLE = 0.75, 0.15  # that share in the best one's passage where less than so much of the words is said
_AHEAD = 0.06  # lead of the best over all of other passages from which these are left out
_CLEAR = 0.02  # lead of a sentence over those before it in its paragraph from which it comes before them
_DEFINING = 0.06  # added to the score of a sentence that begins with what a question wants to be told about
_AT_LENGTH = 40  # words of a section that does not say little
_STEPS = 7  # numbered items that are told together
_DIGIT = re.compile(r"\d")
_LABEL = re.compile(r"(?:[-*•]\s+)?([^\W\d][\w \-/()&]{0,40}):\s")
_COPULA = re.compile(r" (?:is|are) (?=(?:an?|the|one|any)\b)")
_FORMS = re.compile(r"[/()]| or ")
_EMPTY_LABEL = re.compile(r"(?:\w+ )?(?:answer|explanation|solution)s?:?", re.IGNORECASE)
_ASKED = re.compile(r"Q(?:uestion)?\s?\d*[:.)]\s", re.IGNORECASE)
_LIMITS = re.compile(  # a sentence that takes the one before it back, or says when it does not hold
    r"(?:but|however|yet|unless|except|exceptions?)\b|(?:this|that|it|they|these|those|the (?:rule|offer|"
    r"figure|number|value))"
    r"(?: \w+)? (?:no longer|not (?:any ?more|true|so|correct|valid)|only (?:if|when|until|for|applies)|n['’]t)\b|"
    r"(?:this|that|it) (?:is|was|has been) (?:wrong|an error|a mistake|out of date|outdated|corrected|"
    r"withdrawn|changed)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\b(?:not|never|no|don['’]t|must ?n['’]t|can(?:not|['’]t)|without|except|avoid)\b", re.IGNORECASE)


def choose(evidence: Sequence[Evidence], max_words: int, fill: bool = True) -> list[Evidence]:
    """The best evidence within `max_words`, back in reading order. Left out: what scores far below the best, other
    passages if all of them do, near-repeats and the titles of other parts. `fill`: a short answer goes on with what
    else its best passage says.
    """
    ranked = sorted((e for e in evidence if not e.heading and not e.leads), key=lambda e: (-e.score, e.place))
    ranked = [*ranked[:1], *(e for e in ranked[1:] if e.item or not is_title(e) or _DIGIT.search(e.text))]
    least = (_FOCUS if fill else _ALIKE) * ranked[0].score if ranked else 0.0
    further = [e for e in ranked if _NEXT * ranked[0].score <= e.score < least and e.chunk is ranked[0].chunk]
    ranked = [e for e in ranked if e.score >= least]
    chosen: list[Evidence] = []
    seen: list[set[str]] = []
    words = 0
    if (
        ranked
        and ranked[0].score - max((e.score for e in ranked if e.chunk is not ranked[0].chunk), default=0) > _AHEAD
    ):
        ranked = [e for e in ranked if e.chunk is ranked[0].chunk]
    for piece in [*ranked, *further]:
        if piece.score < least and (not fill or words > _LITTLE * max_words):
            break
        if words + piece.words > max_words:
            if words > 0.6 * max_words or (chosen and piece.score < 0.8 * chosen[0].score):
                break
            continue
        bag = set(piece.clean.lower().split())
        if any(len(bag & other) >= 0.8 * min(len(bag), len(other)) for other in seen):
            continue
        chosen.append(piece)
        seen.append(bag)
        words += piece.words
    return sorted(chosen, key=lambda e: e.place)


def balanced(chosen: Sequence[Evidence], question: str, evidence: Sequence[Evidence], max_words: int) -> list[Evidence]:
    """The chosen evidence in reading order, with the item labelled by another thing that the question names beside one
    labelled by the first: "Boosting: ..." beside "Bagging: ...". What scores least gives way to it.
    """
    named = set(stems(question))
    kept = {e.place: e for e in chosen}
    labels = {e.place: _label(e) for e in evidence}
    told = {labels[e.place] for e in chosen}
    pairs: set[int] = set()
    for piece in chosen:
        if not labels[piece.place] or not labels[piece.place] <= named:
            continue
        for other in evidence:
            label = labels[other.place]
            beside = other.chunk is piece.chunk and other.indent == piece.indent
            if label and label <= named and label not in told and beside:
                kept[other.place] = other
                told.add(label)
                pairs |= {piece.place, other.place}
    spare = sorted((e for e in chosen if e.place not in pairs), key=lambda e: e.score)
    while pairs and spare and sum(e.words for e in kept.values()) > max_words:
        del kept[spare.pop(0).place]
    return [kept[place] for place in sorted(kept)]


def _label(piece: Evidence) -> frozenset[str]:
    """The stems of what stands before the colon of a labelled item; nothing for other evidence."""
    match = _LABEL.match(piece.clean) if piece.item and not piece.row and not piece.leads else None
    return frozenset(stems(match.group(1))) if match else frozenset()


def completed(chosen: Sequence[Evidence], evidence: Sequence[Evidence], max_words: int) -> list[Evidence]:
    """The chosen evidence in reading order, with the rest of every short list of which an item was chosen, and its
    lead-in: one of four factors is half an answer. A list is left as it is when it does not fit into `max_words`.
    """
    by_place = {e.place: e for e in evidence}
    kept = _with_its_count(chosen, evidence, max_words)
    words = sum(e.words for e in kept.values())
    for piece in chosen:
        run = short_list(piece, by_place)
        new = [e for e in run if e.place not in kept]
        if words + sum(e.words for e in new) <= max_words:
            kept.update((e.place, e) for e in new)
            words += sum(e.words for e in new)
    return _under_their_labels(kept, by_place, max_words)


def with_sequels(chosen: Sequence[Evidence], evidence: Sequence[Evidence], max_words: int) -> list[Evidence]:
    """The chosen evidence in reading order, with what takes a sentence back or limits it ("That is no longer so.") and,
    as far as `max_words` go, the rest of a paragraph of which a sentence answers the question that it begins with.
    """
    by_place = {e.place: e for e in evidence}
    kept = {e.place: e for e in chosen}
    words = sum(e.words for e in chosen)
    for piece in chosen:
        before = by_place.get(piece.place - 1)
        replies = before is not None and asks(before, piece)
        at = piece
        while (after := by_place.get(at.place + 1)) and after.place not in kept and _goes_on(at, after):
            if not (_LIMITS.match(after.clean) or (replies and words + after.words <= max_words)):
                break
            kept[after.place] = at = after
            words += after.words
    return [kept[place] for place in sorted(kept)]


def _goes_on(piece: Evidence, after: Evidence) -> bool:
    """Whether a sentence stands right after another in its paragraph."""
    if after.chunk is not piece.chunk or after.heading or after.leads or after.item or piece.item or after.aside:
        return False
    return "\n\n" not in piece.chunk.text[piece.end - piece.chunk.start : after.start - piece.chunk.start]


def with_contents(chosen: Sequence[Evidence], evidence: Sequence[Evidence], max_words: int) -> list[Evidence]:
    """The chosen evidence in reading order, a title of which nothing below was chosen with what stands below it as far
    as `max_words` go, or left out ("Step 3: Interview prep").
    """
    below: dict[int, list[Evidence]] = {}
    for piece in evidence:
        below.setdefault(piece.owner, []).append(piece)
    kept = {e.place: e for e in chosen}
    words = sum(e.words for e in chosen)
    for piece in chosen:
        own = below.get(piece.place, [])
        if not own or not (piece.leads or is_title(piece)) or any(e.place in kept for e in own):
            continue
        new: list[Evidence] = []
        for e in own:
            if e.aside or words + e.words > max_words:
                break
            new.append(e)
            words += e.words
        if new:
            kept.update((e.place, e) for e in new)
        elif len(kept) > 1:
            del kept[piece.place]
            words -= piece.words
    return [kept[place] for place in sorted(kept)]


def _under_their_labels(
    kept: Mapping[int, Evidence], by_place: Mapping[int, Evidence], max_words: int
) -> list[Evidence]:
    """The kept evidence in reading order, its items below the labels or titles of their lists as far as `max_words` go;
    "You may not:" turns its items round, so one that denies is never left out, and what scores least gives way to it.
    """
    order = sorted(kept.values(), key=lambda e: (-e.score, e.place))
    told = {e.place: e for e in order}
    words = sum(e.words for e in order)
    for piece in [e for e in order if e.item]:
        label = by_place.get(_root(piece, by_place))
        if label is None or label.place in told or _EMPTY_LABEL.fullmatch(label.clean):
            continue
        denies = bool(_DENIES.search(label.clean))
        while denies and words + label.words > max_words and len(order) > 1 and order[-1] is not piece:
            words -= order[-1].words
            del told[order.pop().place]
        if denies or words + label.words <= max_words:
            told[label.place] = label
            words += label.words
    return [told[place] for place in sorted(told)]


def _root(piece: Evidence, by_place: Mapping[int, Evidence]) -> int:
    """The place of the label or title of the list that an item belongs to, -1 if it has none."""
    owner = by_place.get(piece.owner)
    while owner and owner.item:
        owner = by_place.get(owner.owner)
    return owner.place if owner and not owner.heading else -1


def _with_its_count(chosen: Sequence[Evidence], evidence: Sequence[Evidence], max_words: int) -> dict[int, Evidence]:
    """The chosen evidence by place; when the best of it is one of a few numbered steps, all of them, and what scores
    least gives way.
    """
    kept = {e.place: e for e in chosen}
    best = max(chosen, key=lambda e: e.score, default=None)
    run = count_of(best, evidence) if best else []
    if any(e.leads for e in run) or not 2 < len(run) <= _STEPS or sum(e.words for e in run) > max_words:
        return kept
    kept.update((e.place, e) for e in run)
    spare = sorted((e for e in chosen if e not in run), key=lambda e: e.score)
    while spare and sum(e.words for e in kept.values()) > max_words:
        del kept[spare.pop(0).place]
    return kept


def best_first(chosen: Sequence[Evidence], by_place: Mapping[int, Evidence]) -> list[Evidence]:
    """The chosen evidence, given in reading order, with the paragraph or list that holds the best of it, and then the
    rest of that passage, before all else; a paragraph from its best sentence on where that is clearly ahead.
    """
    best = max((e for e in chosen if not e.leads), key=lambda e: (e.score, -e.place), default=None)
    if best is None:
        return list(chosen)
    parts: list[list[Evidence]] = []
    for n, piece in enumerate(chosen):
        if n == 0 or not _in_one_part(chosen[n - 1], piece, by_place):
            parts.append([])
        parts[-1].append(piece)
    parts.sort(key=lambda part: (best not in part, part[0].chunk is not best.chunk))
    if best.item:
        parts[0] = _best_item_first(parts[0], best, by_place)
    else:
        at = parts[0].index(best)
        before = max((e.score for e in parts[0][:at]), default=best.score)
        asked = by_place.get(parts[0][0].place - 1)
        replies = asked is not None and asks(asked, parts[0][0])
        if best.score - before > _CLEAR and not replies and not leans_on_before(best):
            parts[:1] = [parts[0][at:], parts[0][:at]]
    return [piece for part in parts for piece in part]


def _best_item_first(part: Sequence[Evidence], best: Evidence, by_place: Mapping[int, Evidence]) -> list[Evidence]:
    """A list with its label, the item that holds the best evidence before the others where that is clearly ahead of
    those before it; what is numbered stays in its order.
    """
    tops = [next((a for a in reversed([*lineage(e, by_place)]) if a.item), None) for e in part]
    own = tops[part.index(best)]
    ahead = [
        e for e, top in zip(part, tops, strict=True) if top is not None and top is not own and e.place < best.place
    ]
    if not ahead or any(number_of(e) is not None for e in part) or best.score - max(e.score for e in ahead) <= _CLEAR:
        return list(part)
    ranked = sorted(zip(part, tops, strict=True), key=lambda row: 0 if row[1] is None else 1 if row[1] is own else 2)
    return [piece for piece, _top in ranked]


def _in_one_part(a: Evidence, b: Evidence, by_place: Mapping[int, Evidence]) -> bool:
    """Whether two pieces, one after the other, belong to one paragraph or to one list with its label."""
    if a.chunk is not b.chunk:
        return False
    if b.item:
        return _root(b, by_place) in ((_root(a, by_place),) if a.item else (a.place,))
    between = b.chunk.text[a.end - b.chunk.start : b.start - b.chunk.start]
    return not a.item and not b.leads and "\n\n" not in between


def best_labelled(evidence: Sequence[Evidence], max_words: int) -> Listing | None:
    """The list, or table, whose label is the best evidence of all, if it is short enough to be told whole."""
    best = max(evidence, key=lambda e: (e.score, -e.place), default=None)
    if best is None or best.heading or not best.leads:
        return None
    items = tuple(e for e in evidence if e.item and e.owner == best.place)
    short = best.words + sum(e.words for e in items) <= max_words
    return Listing(best, items, best.score) if len(items) > 1 and short else None


def lead_of(piece: Evidence, by_place: Mapping[int, Evidence]) -> Evidence | None:
    """The item that leads to the piece, or the sentence before it if it says little without that."""
    owner, before = by_place.get(piece.owner), by_place.get(piece.place - 1)
    if owner and introduces(owner, piece):
        return owner
    return before if before and (refers_to(before, piece) or asks(before, piece)) else None


def rows_asked_for(question: str, pool: Sequence[Evidence]) -> list[Evidence]:
    """The evidence without the other rows of a table of which the question names one or some by their first cells."""
    asking = f" {' '.join(stems(question))} "
    first = {e.place: " ".join(stems(" ".join(row_cells(e.text)[:1]))) for e in pool if e.row and not e.leads}
    named = {e.place: e.chunk.chunk_id for e in pool if first.get(e.place) and f" {first[e.place]} " in asking}
    tables = set(named.values())
    return [e for e in pool if not e.row or e.leads or e.place in named or e.chunk.chunk_id not in tables]


def beside_the_named(question: str, evidence: Sequence[Evidence]) -> set[int]:
    """The places of what stands below members of a list whose other members the question names by their labels: of
    "2. Wrapper methods" and "3. Embedded methods" only what stands below the one that is named answers.
    """
    asking = set(stems(question))
    by_place = {e.place: e for e in evidence}
    owners = {e.owner for e in evidence}
    members: dict[object, list[Evidence]] = {}
    for piece in evidence:
        if piece.item and piece.place in owners and is_title(piece):
            counts = number_of(piece) is not None  # on into the section's next passage
            chunk = piece.chunk
            key = (chunk.article_id, chunk.headings) if counts else (chunk.chunk_id, piece.owner)
            members.setdefault(key, []).append(piece)
    others: set[int] = set()
    for group in members.values():
        named = {e.place for e in group if _is_named(e, asking)}
        others |= {e.place for e in group} - named if named else set()
    return {e.place for e in evidence if others & {a.place for a in lineage(e, by_place)}} if others else set()


def _is_named(piece: Evidence, asking: Collection[str]) -> bool:
    """Whether all words of a label stand in a question, or of one of the forms it has ("K-Nearest Neighbors (KNN):",
    "Mean/Median:").
    """
    bags = [set(stems(form)) for form in _FORMS.split(piece.clean)]
    return any(bag and bag <= set(asking) for bag in bags)


def only_repeats(piece: Evidence, asking: Collection[str]) -> bool:
    """Whether a list item is a mere label in the question's own words."""
    return piece.item and not piece.row and is_title(piece) and set(stems(piece.clean)) <= set(asking)


def _begins_with(piece: Evidence, term: Sequence[str]) -> bool:
    """Whether a sentence begins with the term, and says something of it."""
    words = stems(piece.clean)
    begins = bool(term) and words[: len(term)] == list(term) and len(words) > len(term) + 1
    return begins and not piece.heading and not piece.leads


def defines(piece: Evidence, term: Sequence[str]) -> bool:
    """Whether a sentence says what the term is: "Transformers are a type of ...", "- SMOTE: Creates ..."."""
    if term and _label(piece) == frozenset(term):
        return True
    found = _COPULA.search(piece.clean) if _begins_with(piece, term) else None
    return found is not None and stems(piece.clean[: found.start()]) == list(term)


def _names(chunk: Chunk, term: Collection[str]) -> bool:
    """Whether the heading right above a passage says nothing but the term ("What does an ML engineer do?")."""
    return bool(term) and set(stems(" ".join(chunk.headings[-1:]))) == set(term)


def telling_of(term: Sequence[str], pool: Sequence[Evidence]) -> list[Evidence]:
    """The evidence that begins with the term, opens a passage of that name or comes right after such a sentence, and
    what stands under a heading that has the term; nothing if no sentence is of the first two kinds.
    """
    opening = {e.chunk.chunk_id: e.place for e in reversed(pool) if not e.heading and _names(e.chunk, term)}
    begin = {e.place for e in pool if _begins_with(e, term)} | set(opening.values())
    begin |= {e.place for e in pool if e.place - 1 in begin and not e.item}
    return [
        replace(e, score=e.score + _DEFINING * (e.place in begin))
        for e in pool
        if e.place in begin
        or _names(e.chunk, term)
        or (begin and not e.row and set(term) <= set(stems(" ".join(e.chunk.headings[-1:]))))
    ]


def replying(evidence: Sequence[Evidence], by_place: Mapping[int, Evidence]) -> list[Evidence]:
    """What stands in the section whose heading asks the question, in the order of the source, up to its next question:
    no headings, bare labels nor what talks about the question instead of answering it. Sections that say little are
    followed by the next that asks the same.
    """
    told: dict[int, list[Evidence]] = {}
    ended: set[int] = set()
    for piece in sorted(evidence, key=lambda e: (e.chunk.start, e.place)):
        line = unmarked(squeeze(piece.text))
        if not piece.replies or piece.replies in ended or (piece.heading and not piece.text.endswith(":")):
            continue
        if line.endswith("?") and piece.chunk.section_at(piece.start).endswith(line):
            continue  # the heading itself
        if line.endswith("?") and _ASKED.match(line):
            ended.add(piece.replies)
        elif not _EMPTY_LABEL.fullmatch(piece.clean) and not any(
            e.aside or is_advice(e.text) for e in lineage(piece, by_place)
        ):
            told.setdefault(piece.replies, []).append(piece)
    section: list[Evidence] = []
    for n in sorted(told):
        if sum(e.words for e in section) < _AT_LENGTH:
            section += told[n]
    return section


def with_its_section(
    chosen: Sequence[Evidence], term: Sequence[str], evidence: Sequence[Evidence], max_words: int
) -> list[Evidence]:
    """The chosen evidence in reading order; of a passage whose heading says just the term all that stands before its
    first subheading, as far as `max_words` go, and nothing else.
    """
    named = next((e.chunk for e in chosen if _names(e.chunk, term)), None)
    if named is None:
        return list(chosen)
    kept = [e for e in chosen if e.chunk is not named]
    words = sum(e.words for e in kept)
    opening: list[Evidence] = []
    for piece in (e for e in evidence if e.chunk is named and not e.heading):
        words += piece.words
        if words > max_words or (is_title(piece) and not piece.item and not piece.leads):
            break
        opening += [] if piece.aside else [piece]
    while opening and opening[-1].leads:
        opening.pop()
    if not opening:
        return list(chosen)
    return sorted([*kept, *opening], key=lambda e: e.place)
