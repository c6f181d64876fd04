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

from ingest.outline import path_label
from ingest.text import sentence_spans
from ingest.values import Article, Block, Chunk, Level, chunk_id


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
    words: int
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
    return Chunk(key, article.article_id, article.title, article.source, start, end, min(body, end), path, text)


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
    stack: list[Block] = []
    for n, block in enumerate(article.blocks):
        if block.kind == "heading":
            while stack and stack[-1].level >= block.level:
                stack.pop()
            stack.append(block)
            if block.level <= Level.QUESTION and any(not atom.level for atom in unit):
                yield unit
                unit = []
        path = tuple(b.label for b in stack if path_label(b.label))
        previous = article.blocks[n - 1] if n else None
        unit.extend(_atoms(article.text, block, previous, path, limit))
    if unit:
        yield unit


def _atoms(text: str, block: Block, previous: Block | None, path: tuple[str, ...], limit: int) -> list[_Atom]:
    cost = {"heading": 0.0, "paragraph": 0.15, "cell": 0.35}.get(block.kind, 0.15 + 0.2 * block.level)
    if previous and (previous.kind == "heading" or text[previous.end - 1] == ":"):
        cost += 1.0
    words = len(text[block.start : block.end].split())
    level = block.level if block.kind == "heading" else 0
    if words <= limit:
        return [_Atom(block.start, block.end, words, cost, level, path)]
    atoms: list[_Atom] = []
    for start, end in sentence_spans(text, block.start, block.end):
        for at, stop in _word_runs(text, start, end, limit):
            count = len(text[at:stop].split())
            atoms.append(_Atom(at, stop, count, 0.5 if atoms else cost, level, path))
    return atoms


def _word_runs(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """A sentence as it is, or cut every `limit` words when it is longer than that."""
    words = [m.span() for m in re.finditer(r"\S+", text[start:end])]
    for i in range(0, len(words), limit):
        run = words[i : i + limit]
        yield start + run[0][0], start + run[-1][1]


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
    sums = [0]
    for atom in atoms:
        sums.append(sums[-1] + atom.words)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for j in range(1, len(atoms) + 1):
        options = []
        for i in range(j - 1, -1, -1):
            words = sums[j] - sums[i]
            if words > limit and i < j - 1:
                break
            uneven = ((words - target) / target) ** 2
            options.append((best[i][0] + uneven + (atoms[i].cost if i else 0.0), i))
        best.append(min(options))
    cuts, j = [], len(atoms)
    while j:
        cuts.append((best[j][1], j))
        j = best[j][1]
    return [atoms[i:j] for i, j in reversed(cuts)]
