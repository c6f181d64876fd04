"""Articles to chunks: pieces of at most `max_words` words cut where a reader would cut.

A question or section with all its text is one chunk when it fits. What does not fit is divided by dynamic
programming over its blocks, so that pieces are of like size and cuts fall before sub-headings, paragraphs
and outer list items rather than behind a lead-in or inside a list. A sentence is cut only when it alone is
longer than the limit. Chunks of an article never overlap and together cover all its text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.outline import sections
from ingest.text import sentence_spans
from ingest.values import Article, Block, Chunk, Level, chunk_id

_WORD = 24  # characters; prose has about six a word, so only code, data and scripts without spaces come near


@dataclass(frozen=True, slots=True)
class ChunkConfig:
    """Limits in words: a chunk, joined short sections of one parent, an introduction kept with what follows."""

    max_words: int = 180
    merge_words: int = 120
    intro_words: int = 40

    def __post_init__(self) -> None:
        if not 10 <= self.max_words <= 5000:
            raise ValueError(f"max_words is {self.max_words}; it must lie between 10 and 5000")


@dataclass(frozen=True, slots=True)
class _Atom:
    """The smallest piece that is kept whole: a block, or a sentence (or word run) of an oversized block."""

    start: int
    end: int
    words: int  # or more, see `_size`
    cost: float  # of cutting before it
    level: int  # of a heading; 0 for text
    path: tuple[str, ...]


def chunk_articles(articles: Iterable[Article], config: ChunkConfig | None = None) -> Iterator[Chunk]:
    """Chunks of all articles, in reading order."""
    for article in articles:
        yield from chunk_article(article, config or ChunkConfig())


def chunk_article(article: Article, config: ChunkConfig) -> Iterator[Chunk]:
    """Chunks of one article; each satisfies `article.text[start:end] == text` and `words <= max_words`."""
    for unit in _merged(_units(article, config.max_words), config):
        for piece in _divide(unit, config.max_words):
            yield _chunk(article, piece)


def _chunk(article: Article, atoms: list[_Atom]) -> Chunk:
    start, end = atoms[0].start, atoms[-1].end
    path = _path(atoms)
    body = start
    for atom in atoms:
        if not atom.level or (atom.path[-1:] and atom.path[-1] not in path):
            break
        body = atom.end
    text = article.text[start:end]
    key = chunk_id(article.source, article.article_id, start, end, text)
    return Chunk.of(article, key, start, end, min(body, end), path)


def _path(atoms: list[_Atom]) -> tuple[str, ...]:
    """The deepest heading path that holds for most of the piece's words (its introduction may stand outside)."""
    body = [a for a in atoms if not a.level] or atoms[-1:]
    total = sum(a.words for a in body)
    words: dict[tuple[str, ...], int] = {}
    for atom in body:
        for depth in range(len(atom.path) + 1):
            words[atom.path[:depth]] = words.get(atom.path[:depth], 0) + atom.words
    return max((p for p, count in words.items() if count >= 0.6 * total), key=len)


def _units(article: Article, limit: int) -> Iterator[list[_Atom]]:
    """Atoms grouped by the section or question they belong to; headings open a group."""
    unit: list[_Atom] = []
    has_text = False
    paths = {section.start: section.path for section in sections(article.blocks)}
    path: tuple[str, ...] = ()
    for n, block in enumerate(article.blocks):
        if block.kind == "heading":
            path = paths[block.start]
            if block.level <= Level.QUESTION and has_text:
                yield unit
                unit, has_text = [], False
        previous = article.blocks[n - 1] if n else None
        unit.extend(_atoms(article.text, block, previous, path, limit))
        has_text = has_text or block.kind != "heading"
    if unit:
        yield unit


def _atoms(text: str, block: Block, previous: Block | None, path: tuple[str, ...], limit: int) -> list[_Atom]:
    cost = {"heading": 0.0, "paragraph": 0.15, "cell": 0.35}.get(block.kind, 0.15 + 0.2 * block.level)
    if previous and (previous.kind == "heading" or text[previous.end - 1] == ":"):
        cost += 1.0
    before = previous.end if previous else block.start
    size = _size(text, before, block.start, block.end)
    level = block.level if block.kind == "heading" else 0
    if size <= limit:
        return [_Atom(block.start, block.end, size, cost, level, path)]
    atoms: list[_Atom] = []
    for start, end in sentence_spans(text, block.start, block.end):
        for at, stop in _word_runs(text, start, end, limit):
            size = min(limit, _size(text, before, at, stop))
            atoms.append(_Atom(at, stop, size, 0.5 if atoms else cost, level, path))
            before = stop
    return atoms


def _size(text: str, before: int, start: int, end: int) -> int:
    """Words of a span, or more where its characters and the gap before it come to more than words ever do: so no
    chunk is longer than `2 * _WORD` characters a word of the limit, whatever its text is.
    """
    return max(len(text[start:end].split()), (end - before) // _WORD)


def _word_runs(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """A sentence as it is, or cut every `limit` words, or the characters of so many, when it is longer than that."""
    run: list[int] = []  # where it starts and ends
    words = 0
    for match in re.finditer(rf"\S{{1,{_WORD * limit}}}", text[start:end]):
        if run and (words == limit or match.end() - run[0] > _WORD * limit):
            yield start + run[0], start + run[1]
            run, words = [], 0
        run, words = [run[0] if run else match.start(), match.end()], words + 1
    if run:
        yield start + run[0], start + run[1]


def _merged(units: Iterable[list[_Atom]], config: ChunkConfig) -> Iterator[list[_Atom]]:
    """Join neighbouring short sections of one parent, and the line or two that introduce a question to it."""
    held: list[_Atom] = []
    for unit in units:
        words = sum(a.words for a in held)
        joined = words + sum(a.words for a in unit)
        fits = joined <= config.max_words or joined - words > config.max_words
        introduces = words <= config.intro_words and fits and _introduces(held, unit)
        if held and (introduces or (joined <= config.merge_words and _siblings(held, unit))):
            held = held + unit
            continue
        if held:
            yield held
        held = unit
    if held:
        yield held


def _introduces(first: list[_Atom], second: list[_Atom]) -> bool:
    above = first[0].path if first else ()
    return bool(above) and second[0].level == Level.QUESTION and second[0].path[: len(above)] == above


def _siblings(first: list[_Atom], second: list[_Atom]) -> bool:
    one, two = first[0].path, second[0].path
    question = any(a.level == Level.QUESTION for a in (*first, *second))
    return len(two) > 1 and one[: len(two) - 1] == two[:-1] and not question


def _divide(atoms: list[_Atom], limit: int) -> list[list[_Atom]]:
    """Cut into pieces of at most `limit` words at least total cost (unevenness + where the cuts fall)."""
    total = sum(a.words for a in atoms)
    if total <= limit:
        return [atoms]
    target = total / math.ceil(total / (0.9 * limit))
    uneven = [((words - target) / target) ** 2 for words in range(limit + 1)]
    cost = [0.0, *(atom.cost for atom in atoms[1:])]
    least, before = [0.0], [0]  # of the pieces that end before atom j: their cost, and where the last one starts
    for j, last in enumerate(atoms, 1):
        words, i = last.words, j - 1
        options = []
        while True:
            options.append((least[i] + uneven[words] + cost[i], i))
            i -= 1
            if i < 0 or (words := words + atoms[i].words) > limit:
                break
        total_cost, start = min(options)
        least.append(total_cost)
        before.append(start)
    cuts, j = [], len(atoms)
    while j:
        cuts.append((before[j], j))
        j = before[j]
    return [atoms[i:j] for i, j in reversed(cuts)]
