"""What a question asks for as a whole, told by its form: a list (steps, tips, skills), or a section of that name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.asked import asked
from bot.evidence import Evidence, in_section
from bot.layout import in_one_section, is_step, is_title, number_of
from index.lexical import stems
from index.retrieve import Hit
from ingest.text import fold
from ingest.values import Chunk

_NO_THINGS = "differences|is|was|does|has|this|its|us|less|loss|class|bias|process|business|analysis|basis"
_ORDERS = re.compile(  # questions that want a list, whatever of
    r"^(?:list|enumerate|outline|name)\b|^(?:give|tell|show)(?: me)? the (?:two|three|four|five|six|seven|eight|\d+) |"
    r"\b(?:list|name) (?:the|all|every)\b|\bwalk me through\b|\bin order\b|"
    r"\bwhich (?:two|three|four|five|six|seven|eight|nine|ten|\d+) |\bwhat is included\b|"
    r"\beach (?:week|step|letter|day|stage|phase|round|section)\b|\bwhat does .* (?:include|consist of)\b"
)
_PREPARES = re.compile(  # questions that want advice in a row
    r"\bhow (?:should|do|can|could|would|must|to)\b(?: [\w']+){0,2} (?:prepare|get ready|"
    r"(?:go|move|switch|change|transition) (?:from|to|into)|transition|become|get (?:into|from))\b|"
    r"\b(?:study|learning|preparation) plan\b|\broadmap\b"
)
_ADVICE = re.compile(r"\bprepar|\btips?\b|\bplan\b|\broadmap\b|\bsteps?\b|\bstrateg|\bways to\b", re.IGNORECASE)
_SORTS = (
    "steps|stages|phases|rounds|tips|strategies|techniques|challenges|skills|resources|ways|advantages|disadvantages|pros|"
    "cons|benefits|drawbacks|pitfalls|requirements|components|types|kinds"
)
_PROCESS = re.compile(  # questions that want the stages of something
    r"\bhow (?:does|do|is|are|was)\b.*\b(?:process|procedure|workflow|interviews?|screening|hiring|recruitment)\b.*"
    r"\b(?:work|works|look|go|goes|run|structured|organi[sz]ed|conducted|done)\b|"
    r"\bwhat(?:'s| is| are| does| do)\b.*\b(?:process|procedure|workflow|interviews?|hiring|recruitment)\b.*"
    r"\b(?:like|look like|involve|consist of|include)\b|"
    r"\b(?:describe|explain|outline|about)\b(?: me)?.*\b(?:process|procedure|workflow)\b|"
    r"\bwhat (?:to|can i|should i|do i) expect\b.*\b(?:interviews?|process)\b|"
    r"^(?!how|what|why|which|who|when|where)(?!.*\b(?:tips?|advice|questions?|prepar\w+|ace|acing|pass|mistakes?|for)\b)"
    r"[\w' -]+ (?:process|procedure|workflow|interviews?|stages|rounds)\W*$|"
    r"\b(?:interview|hiring|recruitment) (?:process|structure|format)\b|"
    r"^how (?:do|does|are|is)(?: the)?(?: [\w']+)? interviews?\b(?: (?:at|in|for)[\w ]*)?\W*$"
)
_KEYWORDS = re.compile(rf"^(?!how|what|which|why|who|when|where|is|are|do|does|can)(?:[\w'-]+ ){{0,4}}({_SORTS})\b")
_STAGES = frozenset(stems("stage step phase round process procedure workflow"))
_TRAITS = frozenset(stems("unique different special stand why reason tip mistake challenge benefit advantage"))
_THINGS = re.compile(  # questions that want several things of a named sort, in the group
    rf"\b(?:what|which)(?: are| were)?(?: the| some| all| your)?(?: [\w-]+){{0,3}}? ({_SORTS})\b|"
    rf"\bwhat (?:are|were) (?:the|all|some|your)? ?(?:[a-z]+ ){{0,3}}?(?!(?:{_NO_THINGS})\b)([a-z-]+s)\b"
)
_WANTS_QUESTIONS = re.compile(
    r"(?:\b(?:list|name|show|give)\b(?: me)?(?: all)?(?: of)?(?: the| some)?|\b(?:which|what)\b)"
    r"(?: [\w-]+){0,2} questions\b"
)
_DEFINES = re.compile(
    r"^(?:what(?:'s| is| are| does| do)|define|explain(?: what)?|describe|tell me about)(?: an?| the)? "
    r"(.+?)(?: (?:is|are|do|does|mean|means))?[ ?.!]*$",
    re.IGNORECASE,
)
_MOST_FORM = 400  # characters
_MOST_SIBLINGS = 3  # further passages of a section
_MOST_HEADINGS = 30  # questions of a section
_LABELLED = re.compile(r"\(?\d{1,3}[.):]\s|q(?:uestion)?\s?\d{1,3}\b", re.IGNORECASE)
_LABELS, _ABOUT = 0.3, 0.4  # weights of the words of labels and headings, and of those that tell the articles apart
_DIFFERENT = frozenset(stems("different difference differ"))
_NEARLY = 0.75  # share of the words of a question
_LEAST = 3  # items that make a list
_SHARED = 0.25  # share of the question's words that its label and headings must have, outside the best passage


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of the source: the label above it, if any, and its items in order."""

    label: Evidence | None
    items: tuple[Evidence, ...]
    score: float


def _form(question: str) -> str:
    """What tells the form of a question: its first few hundred characters."""
    return fold(question[:_MOST_FORM]).lower()


def wants_list(question: str) -> bool:
    """Whether the question asks for several things in a row, told by its form."""
    text = _form(question)
    return any(form.search(text) for form in (_ORDERS, _THINGS, _KEYWORDS, _PREPARES, _PROCESS))


def wants_process(question: str) -> bool:
    """Whether the question asks how something goes, stage by stage."""
    text = _form(question)
    return bool(_PROCESS.search(text)) and not any(
        form.search(text) for form in (_ORDERS, _THINGS, _KEYWORDS, _PREPARES)
    )


def _tells_apart(wanted: Collection[str], titles: Collection[str]) -> dict[str, float]:
    """The wanted stems that stand in some of the articles' titles only, each with the share of those without it."""
    stemmed = [set(stems(title)) for title in titles]
    counts = {stem: sum(stem in title for title in stemmed) for stem in wanted}
    return {stem: 1 - count / len(stemmed) for stem, count in counts.items() if 0 < count < len(stemmed)}


def wants_questions(question: str) -> bool:
    """Whether the question asks which questions the source asks."""
    return bool(_WANTS_QUESTIONS.search(_form(question)))


def term_asked(question: str) -> list[str]:
    """The stems of what a question wants to be told about ("What is an ML engineer?"), at most four; else none."""
    match = _DEFINES.match(fold(question[:_MOST_FORM]).strip())
    told = stems(match.group(1)) if match else []
    return told if len(told) <= 4 else []


def rest_of_section(
    question: str, hits: Sequence[Hit], chunks: Iterable[Chunk], asking: Sequence[Chunk] = ()
) -> list[Hit]:
    """What a list may need beyond the hits: the other passages under the best hit's heading, or, for a question
    about questions, the headings of the section that fits best; for one that asks what something is, the passages under
    a heading of that name; else those under the headings that ask the same, each of which `asking` has one of. `chunks`
    are those of the hits' articles, in order.
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
        wanted = set(stems(question))
        best = max(
            hits, key=lambda h: (len(wanted & set(stems(" ".join([h.chunk.article, *h.chunk.headings])))), -h.rank)
        )
        chunks = list(chunks)
        same = [c for c in chunks if in_one_section(c, best.chunk)]
        if wants_process(question):
            told = _tells_apart(wanted, {h.chunk.article for h in hits})
            here = [c for c in chunks if set(stems(c.article)) >= set(told) and c.headings]
            same = [
                c
                for c in here
                if (_STAGES | {"expect"}) & set(stems(c.headings[-1])) and wanted & set(stems(c.headings[-1]))
            ] + same
        found = list({c.chunk_id: c for c in same if c.chunk_id not in have}.values())[:_MOST_SIBLINGS]
    elif term := set(term_asked(question)):
        named = [c for c in chunks if c.headings and set(stems(c.headings[-1])) == term]
        found = [c for c in named if c.chunk_id not in have][:_MOST_SIBLINGS]
    elif asking:
        same = [c for c in chunks if any(in_section(c, other) for other in asking)]
        found = [c for c in same if c.chunk_id not in have][: _MOST_SIBLINGS * len(asking)]
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


def find_list(question: str, evidence: Sequence[Evidence]) -> Listing | None:
    """The list that a question asks for, told by its form; none if it asks for none, or there is none."""
    if part := numbered_part(question, evidence):
        return part
    if wants_questions(question):
        return questions_asked(question, evidence)
    return best_list(question, evidence) if wants_list(question) else None


def numbered_part(question: str, evidence: Sequence[Evidence]) -> Listing | None:
    """What stands under "Week 3: ..." for a question about week 3, or none: of several such lines the one whose own
    words and label above fit best, with the lines below it.
    """
    wanted = set(stems(question))
    for number in (kind.of for kind in asked(question) if kind.kind == "label"):
        parts, label = [], ""
        for piece in evidence:
            if piece.heading or (is_title(piece) and number_of(piece) is None and not piece.item):
                label = piece.text
            elif is_step(piece) and number_of(piece) == int(number):
                shared = len(wanted & set(stems(f"{label} {piece.text}"))) / max(1, len(wanted))
                below = tuple(_until_next(evidence[piece.place + 1 :], piece))
                parts.append(Listing(piece, below, piece.score + _LABELS * shared))
        if parts:
            best = max(parts, key=lambda part: part.score)
            return best if best.items else None
    return None


def _until_next(following: Sequence[Evidence], start: Evidence) -> Iterator[Evidence]:
    """The pieces of the same passage up to its next numbered line or heading that is not deeper."""
    for piece in following:
        if (
            piece.chunk is not start.chunk
            or piece.heading
            or (number_of(piece) is not None and piece.indent <= start.indent)
        ):
            return
        yield piece


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

    A list's score is the mean score of its items or that of its label, whichever is higher, and more for the question's
    words that stand in the label and the headings above, the most for those of them that tell the articles' titles
    apart: whose name the question has, of that the list should be.
    """
    wanted = set(stems(question))
    telling = _tells_apart(wanted, {e.chunk.article for e in evidence})
    text = _form(question)
    advice = bool(_PREPARES.search(text))
    sort = "" if _ORDERS.search(text) else "".join(g or "" for g in next(iter(_THINGS.findall(text)), ()))
    process = wants_process(question)
    keywords = "" if sort or advice or _ORDERS.search(text) else "".join(_KEYWORDS.findall(text))
    sort = sort or keywords
    found = []
    for label, items in _listings(evidence):
        above = " ".join([*items[0].chunk.headings, label.text if label else ""])
        lead = set(stems(_lead(label, evidence))) if process else set()
        if process and not (number_of(items[0]) == 1 and lead & _STAGES and not lead & _TRAITS):
            continue
        if (sort and not _of_sort(sort, label, items)) or (advice and not (is_step(items[0]) or _ADVICE.search(above))):
            continue
        shared = len(wanted & set(stems(above))) / max(1, len(wanted))
        here = set(stems(f"{items[0].chunk.article} {above}"))
        about = sum(w for stem, w in telling.items() if stem in here) / max(1e-9, sum(telling.values()))
        if keywords and not (set(stems(keywords)) <= set(stems(above)) and len(wanted & here) > len(wanted) / 2):
            continue  # mere keywords: most stand above the list
        least = _LEAST - bool(sort and label and set(stems(label.text)) == set(stems(sort)))
        if len(items) >= least and (shared >= _SHARED or items[0].rank == 1 or (telling and about == 1)):
            score = max(_mean(items), label.score if label else 0.0) + _LABELS * shared
            score += _ABOUT * (about if telling else 0.0)
            found.append(Listing(label, items, score))
    return max(found, key=lambda f: (f.score, -f.items[0].place), default=None)


def asks_difference(question: str) -> bool:
    """Whether the question asks how things differ."""
    versus = re.search(r"\bvs\b|\bversus\b", question, re.IGNORECASE)
    return bool(_DIFFERENT & set(stems(question)) or versus)


def differences(question: str, evidence: Sequence[Evidence]) -> Listing | None:
    """For a question about differences, the list that a label calls so ("Key differences from data scientists:") below
    headings that, with it, name nearly all that the question does; else none.
    """
    if not asks_difference(question):
        return None
    wanted = set(stems(question))
    for label, items in _listings(evidence):
        own = set(stems(label.text)) if label else set()
        above = own | set(stems(" ".join(items[0].chunk.headings)))
        names = own - _DIFFERENT - {"key", "main"}
        if own & _DIFFERENT and names <= wanted and len(wanted & above) >= _NEARLY * len(wanted - _DIFFERENT):
            return Listing(label, items, 1.0)
    return None


def nearest_list(evidence: Sequence[Evidence], question: str) -> Listing | None:
    """The list of three items at least, no table, that comes nearest to the question, or none; one of questions only
    for a question about them.
    """
    asking = "question" in stems(question)
    found = [
        Listing(label, items, max(_mean(items), label.score if label else 0.0))
        for label, items in _listings(evidence)
        if len(items) >= _LEAST
        and not items[0].row
        and (asking or label is None or "question" not in stems(label.text))
    ]
    return max(found, key=lambda f: f.score, default=None)


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
    reading = sorted(evidence, key=lambda e: (e.chunk.article_id, e.chunk.start, e.place))
    for n, piece in enumerate(reading):
        before = reading[n - 1] if n and reading[n - 1].chunk is piece.chunk else None
        if before is None:
            label, run, owner = None, [], None
        number = number_of(piece)
        if number is not None and not piece.row:
            for count in reversed(counts):  # the one that went on last comes first
                if number_of(count[-1]) == number - 1 and in_one_section(count[-1].chunk, piece.chunk):
                    count.append(piece)
                    counts.remove(count)
                    counts.append(count)
                    break
            else:
                counts.append([piece])
                if before and number == 1 and (number_of(before) or 0) > 1 and is_title(before):
                    labels[piece.place] = before  # "4. Tips", which looks like an item of the list before it
                elif label:
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
            if piece.leads or piece.heading or is_title(piece):
                label, owner = piece, None
    counted = [(labels.get(count[0].place), count) for count in counts]
    return [(above, tuple(items)) for above, items in [*bulleted, *counted]]


def _continues(piece: Evidence, run: Sequence[Evidence]) -> bool:
    """Whether the piece is a further sentence on an item's own line."""
    return bool(run) and not piece.leads and not piece.heading and piece.indent == 0


def _lead(label: Evidence | None, evidence: Sequence[Evidence]) -> str:
    """The label of a list and the sentence before it in its passage."""
    if label is None:
        return ""
    before = [e.text for e in evidence if e.chunk is label.chunk and label.place - 1 <= e.place <= label.place]
    return " ".join(before)


def _of_sort(sort: str, label: Evidence | None, items: Sequence[Evidence]) -> bool:
    if sort in ("steps", "stages", "phases") and number_of(items[0]) == 1:
        return True
    words = [*items[0].chunk.headings, label.text if label else "", *(item.text for item in items)]
    return bool(set(stems(sort)) & set(stems(" ".join(words))))


def _mean(items: Sequence[Evidence]) -> float:
    return sum(i.score for i in items) / len(items)
