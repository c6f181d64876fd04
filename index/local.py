"""The FAISS store: chunks, vectors and BM25 in the index folder, searched in this process."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from index.config import IndexConfig, StoreConfig
from index.dense import build_dense, nearest, open_dense
from index.language import ENGLISH, stemmer_of
from index.lexical import Lexical
from index.stores import Ranked
from index.table import ChunkTable, write_chunks
from ingest.values import Article, Chunk


@dataclass(frozen=True)
class LocalStore:
    """See `Store`. Row i of `dense` and `lexical` belongs to `chunks[i]`."""

    chunks: ChunkTable
    dense: faiss.Index
    lexical: Lexical

    @property
    def vectors(self) -> np.ndarray:
        """See `Store`."""
        vectors: np.ndarray = self.dense.reconstruct_n(0, self.dense.ntotal)
        return vectors

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """See `Store`."""
        return self.lexical.vocabulary

    def chunks_of(self, article_ids: Collection[str]) -> Iterator[Chunk]:
        """See `Store`."""
        yield from (self.chunks[i] for i in np.flatnonzero(self.chunks.within(article_ids)).tolist())

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        """See `Store`."""
        return [self.chunks[i] for i in rows]

    def nearest(self, vector: np.ndarray, depth: int, article_ids: Collection[str] | None = None) -> Ranked:
        """See `Store`."""
        return nearest(self.dense, vector, depth, None if article_ids is None else self.chunks.within(article_ids))

    def matching(self, query: str, depth: int, article_ids: Collection[str] | None = None) -> Ranked:
        """See `Store`."""
        return self.lexical.best(query, depth, None if article_ids is None else self.chunks.within(article_ids))

    def scores(self, vector: np.ndarray, query: str, rows: np.ndarray) -> Ranked:
        """See `Store`."""
        return self.dense.reconstruct_batch(rows) @ vector, self.lexical.scores_of(query, rows)


class LocalWriter:
    """See `StoreWriter`."""

    def __init__(self, root: Path, store: StoreConfig, config: IndexConfig) -> None:
        self.place: dict[str, Any] = {"name": store.name}
        self._config = config

    def write(
        self,
        folder: Path,
        articles: Sequence[Article],
        chunks: Sequence[Chunk],
        vectors: np.ndarray,
        texts: Sequence[str],
    ) -> dict[str, Any]:
        """See `StoreWriter`."""
        write_chunks(folder, articles, chunks)
        faiss.write_index(build_dense(vectors, self._config.exact_up_to), str(folder / "dense.faiss"))
        language = stemmer_of(texts)
        Lexical.build(texts, language).save(folder / "bm25")
        return {"language": language}

    def publish(self) -> None:
        """Nothing to do: the files are published with their folder."""


writer = LocalWriter


def open_store(folder: Path, manifest: Mapping[str, Any], articles: Mapping[str, Article]) -> LocalStore:
    """Read what `LocalWriter.write` wrote."""
    chunks = ChunkTable.load(folder, articles)
    language = manifest["store"].get("language", ENGLISH)
    dense, lexical = open_dense(folder / "dense.faiss"), Lexical.load(folder / "bm25", language)
    if not len(chunks) == dense.ntotal == len(lexical) or dense.d != manifest["encoder"]["dimension"]:
        raise ValueError(f"{len(chunks)} chunks, {dense.ntotal} vectors, {len(lexical)} texts")
    return LocalStore(chunks, dense, lexical)
