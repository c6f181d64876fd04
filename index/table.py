"""Chunks as rows of numbers, made into `Chunk`s when asked for: a million take 40 MB instead of gigabytes.

`chunks.npy` (n, 5) int64: number of the article, start, end, body, number of the heading path; `headings.jsonl`: each
path once. The rest of a chunk follows from its article: text, title, places and, since it is a hash, the id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np

from index.records import read_lines, write_lines
from ingest.values import Article, Chunk, chunk_id

_ROWS, _HEADINGS = "chunks.npy", "headings.jsonl"
_ARTICLE, _START, _END, _BODY, _PATH = range(5)


class ChunkTable(Sequence[Chunk]):
    """The chunks of an index by row."""

    def __init__(self, rows: np.ndarray, paths: Sequence[tuple[str, ...]], articles: Mapping[str, Article]) -> None:
        self._rows, self._paths, self._articles = rows, paths, tuple(articles.values())
        self._numbers = {article_id: n for n, article_id in enumerate(articles)}

    @classmethod
    def load(cls, folder: Path, articles: Mapping[str, Article]) -> ChunkTable:
        """Read what `write_chunks` wrote.

        Raises:
            ValueError: a row that is none, or points outside its article.
        """
        rows = np.load(folder / _ROWS, allow_pickle=False)
        paths = [tuple(path) for path in read_lines(folder / _HEADINGS)]
        if rows.dtype != np.int64 or rows.ndim != 2 or rows.shape[1] != 5:
            raise ValueError(f"chunks of type {rows.dtype}, shape {rows.shape}")
        if not all(isinstance(part, str) for path in paths for part in path):
            raise ValueError("headings that are not text")
        for column, count in ((_ARTICLE, len(articles)), (_PATH, len(paths))):
            if ((rows[:, column] < 0) | (rows[:, column] >= count)).any():
                raise ValueError("a chunk without an article or headings")
        bounds = np.array([(a.start, min(a.end, len(a.text))) for a in articles.values()], np.int64).reshape(-1, 2)
        first, last = bounds[rows[:, _ARTICLE]].T
        order = (first, rows[:, _START], rows[:, _BODY], rows[:, _END], last)
        if any((low > high).any() for low, high in pairwise(order)):
            raise ValueError("a chunk lies outside its article")
        return cls(rows, paths, articles)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Chunk: ...
    @overload
    def __getitem__(self, at: slice) -> list[Chunk]: ...
    def __getitem__(self, at: int | slice) -> Chunk | list[Chunk]:
        if isinstance(at, slice):
            return [self._chunk(row) for row in self._rows[at].tolist()]
        return self._chunk(self._rows[at].tolist())

    def __iter__(self) -> Iterator[Chunk]:
        return map(self._chunk, map(np.ndarray.tolist, self._rows))

    def within(self, article_ids: Collection[str]) -> np.ndarray:
        """(n,) bool: the chunks of these articles."""
        numbers = [self._numbers[article_id] for article_id in article_ids if article_id in self._numbers]
        inside: np.ndarray = np.isin(self._rows[:, _ARTICLE], numbers)
        return inside

    def _chunk(self, row: list[int]) -> Chunk:
        number, start, end, body, path = row
        article = self._articles[number]
        key = chunk_id(article.source, article.article_id, start, end, article.text[start:end])
        return Chunk.of(article, key, start, end, body, self._paths[path])


def write_chunks(folder: Path, articles: Sequence[Article], chunks: Sequence[Chunk]) -> None:
    """Write the chunks of these articles into `folder`."""
    numbers = {a.article_id: n for n, a in enumerate(articles)}
    paths: dict[tuple[str, ...], int] = {}
    rows = np.empty((len(chunks), 5), dtype=np.int64)
    for n, c in enumerate(chunks):
        rows[n] = numbers[c.article_id], c.start, c.end, c.body, paths.setdefault(c.headings, len(paths))
    np.save(folder / _ROWS, rows, allow_pickle=False)
    write_lines(folder / _HEADINGS, paths)
