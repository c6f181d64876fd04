"""Where chunks, vectors and BM25 are kept: one protocol, an implementation a module, chosen by name.

A store is searched by stage; every score is higher-is-better, every result is sorted by it. A *row* is the number
of a chunk in its index, from 0, the same in every store.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index.config import IndexConfig, StoreConfig
from ingest.values import Article, Chunk

Ranked = tuple[np.ndarray, np.ndarray]  # rows (int64) and scores (float32), best first
MILVUS_URI = "PINCITE_MILVUS_URI"
_MODULES = {"faiss": "index.local", "milvus": "index.milvus"}


class Store(Protocol):
    """What a search needs. `article_ids` restricts a stage to the chunks of these articles."""

    @property
    def chunks(self) -> Sequence[Chunk]:
        """All chunks by row."""
        ...

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) float32 unit vectors by row."""
        ...

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """The corpus's stems, each with the number of its BM25 term."""
        ...

    def chunks_of(self, article_ids: Collection[str]) -> Iterator[Chunk]:
        """The chunks of some articles, in reading order."""
        ...

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        """The chunks at these rows, in that order, fetched together."""
        ...

    def nearest(self, vector: np.ndarray, depth: int, article_ids: Collection[str] | None = None) -> Ranked:
        """Up to `depth` chunks by cosine with `vector`, (d,) of unit length."""
        ...

    def matching(self, query: str, depth: int, article_ids: Collection[str] | None = None) -> Ranked:
        """Up to `depth` chunks that share a word with the query, by BM25."""
        ...

    def scores(self, vector: np.ndarray, query: str, rows: np.ndarray) -> Ranked:
        """Cosine and BM25 score of each of `rows`, in their order."""
        ...


class StoreWriter(Protocol):
    """Makes a store. `place` goes into the manifest and says where `open_store` finds it."""

    place: dict[str, Any]

    def write(
        self,
        folder: Path,
        articles: Sequence[Article],
        chunks: Sequence[Chunk],
        vectors: np.ndarray,
        texts: Sequence[str],
    ) -> dict[str, Any]:
        """Write chunks, their vectors (n, d) and BM25 over `texts`; `folder` becomes part of the index version.
        Returns what the manifest must say beside `place`.
        """
        ...

    def publish(self) -> None:
        """Called once the new version is the current one."""
        ...


def chosen_store(asked: StoreConfig | None, present: Mapping[str, Any] | None) -> StoreConfig:
    """The store to build into: what is asked for, completed by `PINCITE_MILVUS_URI` and by what the present index's
    manifest says; without either FAISS.
    """
    place = present if present and (asked is None or asked.name == present["name"]) else {}
    asked = asked or StoreConfig(place.get("name", StoreConfig().name))
    uri = asked.uri or os.environ.get(MILVUS_URI) or place.get("uri", "")
    return replace(asked, uri=uri, collection=asked.collection or place.get("collection", ""))


def store_writer(root: Path, store: StoreConfig, config: IndexConfig) -> StoreWriter:
    """The writer of a store for the index in `root`, connected if it is a remote one.

    Raises:
        StoreError: the store cannot be reached, or its package is missing.
    """
    writer: StoreWriter = _module(store.name).writer(root, store, config)
    return writer


def open_store(folder: Path, manifest: Mapping[str, Any], articles: Mapping[str, Article]) -> Store:
    """The store that an index version's manifest names.

    Raises:
        StoreError: the store cannot be reached, or its package is missing.
    """
    store: Store = _module(manifest["store"]["name"]).open_store(folder, manifest, articles)
    return store


def _module(name: str) -> Any:
    return importlib.import_module(_MODULES[name])
