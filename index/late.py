"""Late interaction: how well each token of a query finds a counterpart among a chunk's tokens.

The score of a chunk is the mean over query tokens of the largest cosine with any token of the chunk, each
query token weighted by its inverse document frequency ("MaxSim", Khattab & Zaharia, ColBERT, SIGIR 2020;
here on an encoder that nobody trained for it). Scores lie in [-1, 1], higher is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.encode import Encoded

_RESIDENT_BYTES = 1 << 30  # keep the store as float32 in memory up to this size


class TokenStore:
    """Token vectors of all chunks, one after another; chunk i owns rows `offsets[i]:offsets[i + 1]`."""

    FILES = ("tokens.npy", "token_ids.npy", "token_offsets.npy", "token_idf.npy")

    def __init__(self, tokens: np.ndarray, ids: np.ndarray, offsets: np.ndarray, idf: np.ndarray) -> None:
        self.tokens, self.ids, self.offsets, self.idf = tokens, ids, offsets, idf
        resident = tokens.size * 4 <= _RESIDENT_BYTES
        self._rows = np.asarray(tokens, dtype=np.float32) if resident else tokens

    @classmethod
    def load(cls, folder: Path) -> TokenStore:
        """Open the arrays in `folder`; the large one is memory-mapped."""
        tokens = np.load(folder / cls.FILES[0], mmap_mode="r", allow_pickle=False)
        ids, offsets, idf = (np.load(folder / name, allow_pickle=False) for name in cls.FILES[1:])
        return cls(tokens, ids, offsets, idf)

    def weights(self, query: Encoded) -> np.ndarray:
        """(q,) weight of each query token; sums to 1. Special tokens count as the mean of the others."""
        weights = self.idf[query.token_ids].astype(np.float32)
        special = weights < 0
        mean = weights[~special].mean() if (~special).any() else 1.0
        weights[special] = mean
        return weights / max(float(weights.sum()), 1e-9)

    def scores(self, query: Encoded, chunks: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(chunks),) float32 late-interaction score of each chunk, in one vectorised call."""
        return self.similarities(query, chunks) @ self.weights(query)

    def similarities(self, query: Encoded, chunks: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(chunks), q) float32: for each chunk and query token the best cosine with the chunk's tokens."""
        chosen = np.asarray(chunks, dtype=np.int64)
        if not len(chosen):
            return np.zeros((0, len(query.token_ids)), dtype=np.float32)
        starts, stops = self.offsets[chosen], self.offsets[chosen + 1]
        rows = np.concatenate([self._rows[a:b] for a, b in zip(starts, stops, strict=True)])
        similarity = rows.astype(np.float32, copy=False) @ query.tokens.T
        bounds = np.concatenate([[0], np.cumsum(stops - starts)[:-1]])
        return np.maximum.reduceat(similarity, bounds, axis=0)

    def matches(self, query: Encoded, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """Per query token: the best cosine (q,) and the row of the matching token in the chunk (q,)."""
        rows = np.asarray(self._rows[self.offsets[chunk] : self.offsets[chunk + 1]], dtype=np.float32)
        similarity = rows @ query.tokens.T
        return similarity.max(axis=0), similarity.argmax(axis=0)


def document_frequency_weights(ids: np.ndarray, offsets: np.ndarray, vocabulary: int) -> np.ndarray:
    """(vocabulary,) float32 IDF of every token id over chunks; -1 marks ids that every chunk has (special)."""
    count = len(offsets) - 1
    frequency = np.zeros(vocabulary, dtype=np.int64)
    for i in range(count):
        frequency[np.unique(ids[offsets[i] : offsets[i + 1]])] += 1
    idf = np.log(1.0 + (count - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    edges = np.unique(np.concatenate([ids[offsets[:-1]], ids[offsets[1:] - 1]])) if count else []
    special = [i for i in edges if frequency[i] == count]
    idf[special] = -1.0
    return idf
