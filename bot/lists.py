"""Whole lists for questions that ask for one: steps, stages, tips, skills, the items under a heading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.evidence import Evidence
from index.lexical import stems
from index.retrieve import Hit
from ingest.text import fold
from ingest.values import Chunk

_SINGULAR = "is|was|does|has|this|its|us|less|loss|class|bias|process|business|analysis|basis"
_ORDERS = re.compile(  # questions that want a list, whatever of
    r"^(?:list|enumerate|outline|name)\b|\b(?:list|name) (?:the|all|every)\b|\bwalk me through\b|\bin order\b|"
    r"\bwhich (?:two|three|four|five|six|seven|eight|nine|ten|\d+) |\bwhat is included\b|"
    r"\beach (?:week|step|letter|day|stage|phase|round|section)\b|\bwhat does .* (?:include|consist of)\b"
)
_THINGS = re.compile(  # questions that want several things of a named sort, in the group
    r"\b(?:what|which)(?: are| were)?(?: the| some| all| your)?(?: [\w-]+){0,3}? "
    r"(steps|stages|phases|rounds|tips|strategies|techniques|challenges|skills|resources|ways|advantages|"
    r"disadvantages|pros|cons|benefits|drawbacks|pitfalls|requirements|components|types|kinds)\b|"
    rf"\bwhat (?:are|were) (?:the|all|some|your)? ?(?:[a-z]+ ){{0,3}}?(?!(?:{_SINGULAR})\b)([a-z-]+s)\b"
)
_WANTS_QUESTIONS = re.compile(
    r"(?:\b(?:list|name|show|give)\b(?: me)?(?: all)?(?: of)?(?: the| some)?|\b(?:which|what)\b)"
    r"(?: [\w-]+){0,2} questions\b"
)
_MOST_SIBLINGS = 3  # further passages of a section
_MOST_HEADINGS = 30  # questions of a section
_NUMBERED = re.compile(r"\(?(\d{1,3})[.)]\s")
_LABELLED = re.compile(r"\(?\d{1,3}[.):]\s|q(?:uestion)?\s?\d{1,3}\b", re.IGNORECASE)
_LEAST = 3  # items that make a list
_SHARED = 0.25  # share of the question's words that its label and headings must have, outside the best passage


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of the source: the label above it, if any, and its items in order."""

    label: Evidence | None
    items: tuple[Evidence, ...]
    score: float


def wants_list(question: str) -> bool:
    """Whether the question asks for several things in a row, told by its form."""
    text = fold(question).lower()
    return bool(_ORDERS.search(text) or _THINGS.search(text))


def wants_questions(question: str) -> bool:
    """Whether the question asks which questions the source asks."""
    return bool(_WANTS_QUESTIONS.search(fold(question).lower()))


def rest_of_section(question: str, hits: Sequence[Hit], chunks: Iterable[Chunk]) -> list[Hit]:
    """What a list may need beyond the hits: the other passages under the best hit's heading, or, for a question
    about questions, the headings of the section that fits best. `chunks` are those of the hits' articles, in order.
    """
    if not hits:
        return []
    have = {hit.chunk.chunk_id for hit in hits}
    if wants_questions(question):
        article, path = _fitting_section(question, hits)
        under = [c for c in chunks if c.article_id == article and c.headings[: len(path)] == path and c.body > c.start]
        found = [replace(c, end=c.body, text=c.text[: c.body - c.start]) for c in under if len(c.headings) > len(path)]
        found = [c for c in found if c.chunk_id not in have][:_MOST_HEADINGS]
    elif wants_list(question):
        best = hits[0].chunk
        same = (c for c in chunks if c.article_id == best.article_id and _one_section(c, best))
        found = [c for c in same if best.headings and c.chunk_id not in have][:_MOST_SIBLINGS]
    else:
        return []
    return [replace(hits[0], rank=len(hits) + n, chunk=c, row=-1) for n, c in enumerate(found, 1)]


def _fitting_section(question: str, hits: Sequence[Hit]) -> tuple[str, tuple[str, ...]]:
    """Article and heading path above the hits' own headings that share most words with the question."""
    wanted = set(stems(question))
    paths = {(h.chunk.article_id, h.chunk.headings[:n]): h for h in hits for n in range(len(h.chunk.headings))}

    def fit(key: tuple[str, tuple[str, ...]]) -> tuple[int, int]:
        hit = paths[key]
        words = stems(" ".join([hit.chunk.article, *key[1][-1:]]))
        return len(wanted & set(words)), -hit.rank

    return max(paths, key=fit, default=(hits[0].chunk.article_id, ()))


def questions_asked(question: str, evidence: Sequence[Evidence]) -> Listing | None:
    """The source's own questions, as its headings have them, under the section that fits best."""
    wanted = set(stems(question))
    groups: dict[tuple[str, tuple[str, ...]], list[Evidence]] = {}
    for piece in evidence:
        line = " ".join(piece.text.split())
        for depth, heading in enumerate(piece.chunk.headings if piece.heading else ()):
            if line == heading and (line.endswith("?") or _LABELLED.match(line)):
                groups.setdefault((piece.chunk.article_id, piece.chunk.headings[:depth]), []).append(piece)
    found = []
    for (_article, path), items in groups.items():
        shared = len(wanted & set(stems(" ".join([items[0].chunk.article, *path[-1:]]))))
        if len(items) > 1:
            ordered = sorted(items, key=lambda e: e.start)
            found.append(Listing(None, tuple(ordered), float(shared)))
    return max(found, key=lambda f: f.score, default=None)


def best_list(question: str, evidence: Sequence[Evidence]) -> Listing | None:
    """The list of at least three items that fits the question best, or none. Unless the question orders a list, its
    sort of thing ("skills") must stand in the list, its label or the headings above; a numbered list passes for steps.

    A list's score is the mean score of its items or that of its label, whichever is higher, and up to .3 for the
    question's words that stand in the label and the headings above.
    """
    wanted = set(stems(question))
    text = fold(question).lower()
    sort = "" if _ORDERS.search(text) else "".join(g or "" for g in next(iter(_THINGS.findall(text)), ()))
    found = []
    for label, items in _listings(evidence):
        if sort and not _of_sort(sort, label, items):
            continue
        shared = _overlap(wanted, label, items[0])
        if len(items) >= _LEAST and (shared >= _SHARED or items[0].rank == 1):
            score = max(_mean(items), label.score if label else 0.0) + 0.3 * shared
            found.append(Listing(label, items, score))
    return max(found, key=lambda f: (f.score, -f.items[0].place), default=None)


def _listings(evidence: Sequence[Evidence]) -> list[tuple[Evidence | None, tuple[Evidence, ...]]]:
    """Numbered items count on through what stands between them, also into the section's next passage; bulleted
    ones end where a line of another kind follows.
    """
    counts: list[list[Evidence]] = []
    labels: dict[int, Evidence] = {}
    bulleted: list[tuple[Evidence | None, list[Evidence]]] = []
    run: list[Evidence] = []
    label: Evidence | None = None
    owner: Evidence | None = None  # the numbered item whose own bullets follow
    for n, piece in enumerate(evidence):
        if n and evidence[n - 1].chunk is not piece.chunk:
            label, run, owner = None, [], None
        number = _number(piece)
        if number is not None and not piece.row:
            for count in counts:
                if _number(count[-1]) == number - 1 and _one_section(count[-1].chunk, piece.chunk):
                    count.append(piece)
                    break
            else:
                counts.append([piece])
                if label:
                    labels[piece.place] = label
            run, owner = [], piece
        elif owner and piece.item and not piece.row:
            continue
        elif piece.item and not piece.heading:
            if run and (piece.indent > run[0].indent and not piece.row and not run[0].row):
                continue  # belongs to the item above
            if run and piece.row == run[0].row and (piece.row or piece.indent == run[0].indent):
                run.append(piece)
            else:
                run = [piece]
                bulleted.append((label, run))
        else:
            if not _continues(piece, run):
                run = []
            if piece.leads or piece.heading or _bare_title(piece):
                label, owner = piece, None
    counted = [(labels.get(count[0].place), count) for count in counts]
    return [(above, tuple(items)) for above, items in [*bulleted, *counted]]


def _number(piece: Evidence) -> int | None:
    match = _NUMBERED.match(piece.text)
    return int(match.group(1)) if match else None


def _one_section(a: Chunk, b: Chunk) -> bool:
    """Whether one chunk's heading path lies on the other's."""
    depth = min(len(a.headings), len(b.headings))
    return a.article_id == b.article_id and depth > 0 and a.headings[:depth] == b.headings[:depth]


def _continues(piece: Evidence, run: Sequence[Evidence]) -> bool:
    """Whether the piece is a further sentence on an item's own line."""
    return bool(run) and not piece.leads and not piece.heading and piece.indent == 0


def _bare_title(piece: Evidence) -> bool:
    """A short line without an end: the heading of what follows."""
    return piece.words <= 6 and piece.text[-1:] not in ".!?,;"


def _of_sort(sort: str, label: Evidence | None, items: Sequence[Evidence]) -> bool:
    if sort in ("steps", "stages", "phases") and _number(items[0]) == 1:
        return True
    words = [*items[0].chunk.headings, label.text if label else "", *(item.text for item in items)]
    return bool(set(stems(sort)) & set(stems(" ".join(words))))


def _overlap(wanted: set[str], label: Evidence | None, item: Evidence) -> float:
    above = " ".join([*item.chunk.headings, label.text if label else ""])
    return len(wanted & set(stems(above))) / max(1, len(wanted))


def _mean(items: Sequence[Evidence]) -> float:
    return sum(i.score for i in items) / len(items)
