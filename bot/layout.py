"""How the pieces of a passage stand to one another: what leads to what, what counts on, what stands below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bot.asked import LABEL
from bot.evidence import Evidence, is_title_line, unmarked
from ingest.values import Chunk

SHORT_ITEM = 6  # words of a list item that says little without its neighbours
_STEP_WORDS = 8  # words that a step's label has at most
_NUMBERED = re.compile(
    r"\(?(\d{1,3})[.)]\s|(?:week|day|step|round|tip|part|phase|stage|module|lesson) (\d{1,3})\b", re.IGNORECASE
)
_STEP = re.compile(rf"({LABEL})s?\s?#?\d+\b", re.IGNORECASE)
_TASK = re.compile(  # set to the reader, in quotation marks
    r"(?:\S+ )?(?:[\w -]{1,24}: )?[\"'“‘](?:explain|describe|discuss|design|implement|write|compare|calculate|compute|"
    r"derive|define|prove|sketch|outline|tell me|talk me|walk me|how|what|why|which|when|where|who|would|can|do|does|"
    r"is|are)\b.*[\"'”’]",
    re.IGNORECASE | re.DOTALL,
)
_PRONOUN = re.compile(r"(?:it|this|they|these|those|that|he|she|such)\b(?!['’]?s (?:a|an|the)\b)", re.IGNORECASE)
_ONWARD = re.compile(
    r"(?:and|but|or|so|then|thus|therefore|hence|however|also|instead|otherwise|besides|moreover|furthermore|"
    r"in addition|additionally|for (?:example|instance)|in (?:this|that|these|other|both|either)|later|afterwards?|"
    r"next|finally|still|yet|as a result|consequently|similarly|likewise|on the other hand|in contrast|here|there|its|"
    r"their|his|her|both|neither|the (?:same|other|latter|former|second|third)|another|other|others|one|some|yes|no)\b",
    re.IGNORECASE,
)
_REPLY = re.compile(
    r"(?:A\d*[:.)]\s*)?(?:yes|no|absolutely|definitely|certainly|maybe|perhaps|sure|of course|not (?:always|"
    r"necessarily|really|yet)|it depends|that depends|usually|sometimes|rarely)\b",
    re.IGNORECASE,
)
_CONSEQUENCE = re.compile(
    r"^(?:as a result|consequently|hence|thus|that(?:['’]s| is) why|(?:for|because of) (?:this|that)(?: reason)?)\b|"
    r"\btherefore\b",
    re.IGNORECASE,
)
_BACKWARD = re.compile(r"\b(?:both|the (?:former|latter))[.!]?$", re.IGNORECASE)


def number_of(piece: Evidence) -> int | None:
    """The number that a list item or a step begins with ("3. ...", "Week 3: ..."), or none."""
    match = _NUMBERED.match(piece.text)
    return int(match.group(match.lastindex or 1)) if match else None


def is_step(piece: Evidence) -> bool:
    """Whether it is numbered by a word ("Week 3: ...") and not by the number alone."""
    return number_of(piece) is not None and piece.text[0].isalpha()


def is_title(piece: Evidence) -> bool:
    """A short line without an end: the heading of what follows."""
    return is_title_line(piece.clean)


def in_one_section(a: Chunk, b: Chunk) -> bool:
    """Whether one chunk's heading path lies on the other's."""
    depth = min(len(a.headings), len(b.headings))
    return a.article_id == b.article_id and depth > 0 and a.headings[:depth] == b.headings[:depth]


def announces(evidence: Sequence[Evidence], n: int) -> bool:
    """Whether the piece is a question, a task, a label ("Code:") or a step ("Step 1: Learn Spark") with nothing below
    it: the passage ends, or the next item of its list or the next step comes.
    """
    piece = evidence[n]
    text = piece.text.rstrip()
    after = evidence[n + 1] if n + 1 < len(evidence) and evidence[n + 1].chunk is piece.chunk else None
    if piece.words <= _STEP_WORDS and (step := _STEP.match(text)):
        if after is None:
            return not piece.heading  # below a heading stand the section's other passages
        further = _STEP.match(after.text)
        return further is not None and further.group(1).lower() == step.group(1).lower()
    asks = text.rstrip("\"'”’)*_ ").endswith("?") or bool(_TASK.fullmatch(text))
    if piece.heading or not (asks or unmarked(text).endswith(":")):
        return False
    return after is None or (asks and piece.item and after.item and after.indent <= piece.indent)


def surroundings(evidence: Sequence[Evidence], n: int) -> list[int]:
    """The piece, the one before it, and the nearest label or heading above it in its passage."""
    near = [n]
    for k in range(n - 1, -1, -1):
        if evidence[k].chunk is not evidence[n].chunk:
            break
        if k == n - 1:
            near.append(k)
        if evidence[k].heading or evidence[k].leads:
            near.append(k)
            break
    return near


def lineage(piece: Evidence, by_place: Mapping[int, Evidence]) -> Iterator[Evidence]:
    """The piece and all that it stands below, innermost first."""
    at: Evidence | None = piece
    while at:
        yield at
        at = by_place.get(at.owner)


def introduces(lead: Evidence, piece: Evidence) -> bool:
    """Whether the lead is a list item that leads to the piece, itself an item below it."""
    same = lead.chunk.chunk_id == piece.chunk.chunk_id
    same = same and not unmarked(lead.text).endswith("?")
    counts = number_of(lead) is not None and is_title(lead) and not lead.heading
    leads = (lead.leads and lead.indent < piece.indent) or (counts and piece.owner == lead.place)
    return same and leads and lead.item and lead.words <= 8


def leans_on_before(piece: Evidence) -> bool:
    """Whether a sentence opens with a word for, or goes on from, what stands before it."""
    return bool(_PRONOUN.match(piece.clean) or _ONWARD.match(piece.clean) or _BACKWARD.search(piece.clean))


def refers_to(before: Evidence, piece: Evidence) -> bool:
    """Whether the piece opens with a pronoun, ends with "both" or tells what follows from the one before it, so that it
    says little without that.
    """
    same = before.chunk.chunk_id == piece.chunk.chunk_id and not before.heading and not before.leads
    forms = _PRONOUN.match(piece.clean) or _BACKWARD.search(piece.clean) or _CONSEQUENCE.search(piece.clean)
    return same and not piece.item and bool(forms)


def asks(before: Evidence, piece: Evidence) -> bool:
    """Whether the piece answers the question right before it: on the same line, or with a "yes" or "no"."""
    if before.chunk is not piece.chunk or before.heading or not unmarked(before.text).endswith("?") or piece.item:
        return False
    between = piece.chunk.text[before.end - piece.chunk.start : piece.start - piece.chunk.start]
    return "\n" not in between or bool(_REPLY.match(piece.clean))


def short_list(piece: Evidence, by_place: Mapping[int, Evidence]) -> list[Evidence]:
    """The lead-in and the items of the list that a short item belongs to; nothing for other evidence."""
    if not piece.item or piece.row or piece.words > SHORT_ITEM:
        return []
    places = [piece.place]
    for step in (-1, 1):
        at = piece.place + step
        while (e := by_place.get(at)) and beside(e, piece):
            places.append(at)
            at += step
    lead = by_place.get(min(places) - 1)
    if (
        lead is None
        or not lead.leads
        or lead.heading
        or lead.chunk is not piece.chunk
        or lead.text.rstrip()[-1:] != ":"
    ):
        return []
    return [lead, *(by_place[p] for p in sorted(places))]


def count_of(piece: Evidence, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The numbered items of a passage that count on from one to the next through the piece; nothing if it is none."""
    same = [e for e in evidence if e.chunk is piece.chunk and e.item and not e.heading and e.indent == piece.indent]
    at = next((n for n, e in enumerate(same) if e.place == piece.place), -1)
    if at < 0 or number_of(piece) is None:
        return []
    first = last = at
    while first and number_of(same[first - 1]) == (number_of(same[first]) or 0) - 1:
        first -= 1
    while last + 1 < len(same) and number_of(same[last + 1]) == (number_of(same[last]) or 0) + 1:
        last += 1
    return same[first : last + 1]


def beside(other: Evidence, piece: Evidence) -> bool:
    """Whether the other is a short item of the list that the piece, an item, belongs to."""
    same = other.chunk is piece.chunk and other.item and not other.row and not other.leads
    return same and other.indent == piece.indent and other.words <= SHORT_ITEM


def items_below(lead: Evidence, following: Sequence[Evidence]) -> Iterator[Evidence]:
    """The short items right below an item that leads to them."""
    for n, piece in enumerate(following, lead.place + 1):
        if piece.place != n or not beside(piece, following[0]) or piece.indent <= lead.indent:
            return
        yield piece
