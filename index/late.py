"""Late interaction: how well each token of a query finds a counterpart among a chunk's tokens.

The score of a chunk is the mean over query tokens of the largest cosine with any token of the chunk, each
query token weighted by its inverse document frequency ("MaxSim", Khattab & Zaharia, ColBERT, SIGIR 2020;
here on an encoder that nobody trained for it). Scores lie in [-1, 1], higher is better.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from index.compact import compact_width, compacted, restored, rotated
from index.encode import Encoded, Encoder
from ingest.errors import StoreError

_RESIDENT_BYTES = 1 << 30  # keep the store as float32 in memory up to this size


class TokenStore:
    """Token vectors of all chunks, one after another, as int8 or as two bits (`index.compact`), with a scale a row.

    Chunk i owns rows `offsets[i]:offsets[i + 1]` of `codes` (int8 (t, d), or uint8 (t, d / 4) when compact) and
    `scales` (float16, (t,)), and entries `id_offsets[i]:id_offsets[i + 1]` of `ids`: ids of all its tokens, also of
    the light ones (punctuation, function words) that have no row. `idf` (vocabulary,) is -1 for special tokens.
    """

    ARRAYS = ("codes", "scales", "offsets", "ids", "id_offsets", "idf")

    def __init__(
        self,
        codes: np.ndarray,
        scales: np.ndarray,
        offsets: np.ndarray,
        ids: np.ndarray,
        id_offsets: np.ndarray,
        idf: np.ndarray,
    ) -> None:
        self.codes, self.scales, self.offsets = codes, scales, offsets
        self.ids, self.id_offsets, self.idf = ids, id_offsets, idf
        self._file = _FileRows(codes) if isinstance(codes, np.memmap) else None

    @classmethod
    def of(cls, chunks: Sequence[QuantisedTokens], idf: np.ndarray) -> TokenStore:
        """The tokens of a few chunks with the weights of a whole corpus."""
        codes, scales = (np.concatenate([getattr(c, name) for c in chunks]) for name in ("codes", "scales"))
        ids = np.concatenate([c.ids for c in chunks])
        rows, tokens = offsets_of([len(c.scales) for c in chunks]), offsets_of([len(c.ids) for c in chunks])
        return cls(codes, scales, rows, ids, tokens, idf)

    @cached_property
    def _rows(self) -> np.ndarray:
        """All token vectors as float32, made when first needed: a build never needs them."""
        rows: np.ndarray = self.codes.astype(np.float32)
        rows *= self.scales[:, None]
        return rows

    @property
    def has_vectors(self) -> bool:
        """Whether token vectors were stored, or only the ids that weights are counted from."""
        return len(self.codes) > 0

    @property
    def compact(self) -> bool:
        """Whether the vectors take two bits a coordinate."""
        return self.codes.dtype == np.uint8

    @classmethod
    def load(cls, folder: Path) -> TokenStore:
        """Open the arrays in `folder`; what grows with the tokens is memory-mapped."""
        modes: dict[str, Any] = dict.fromkeys(("codes", "scales", "ids"), "r")
        paths = {name: folder / f"tokens_{name}.npy" for name in cls.ARRAYS}
        return cls(**{n: np.load(path, mmap_mode=modes.get(n), allow_pickle=False) for n, path in paths.items()})

    def check(self, dimension: int) -> None:
        """Compare the arrays with one another and with the dense index's dimension.

        Raises:
            ValueError: an offset or token id that points nowhere, or arrays that do not belong together.
        """
        rows, tokens = len(self.codes), len(self.ids)
        width = compact_width(dimension) if self.compact else dimension
        if self.codes.dtype not in (np.int8, np.uint8) or self.codes.shape != (rows, width):
            raise ValueError(f"token vectors {self.codes.dtype} {self.codes.shape}, dimension {dimension}")
        if self.scales.shape != (rows,):
            raise ValueError(f"{rows} token vectors, scales {self.scales.shape}")
        for offsets, count in ((self.offsets, rows), (self.id_offsets, tokens)):
            if offsets[0] != 0 or offsets[-1] != count or (np.diff(offsets) < min(1, count)).any():
                raise ValueError("token offsets that do not divide the tokens")
        if len(self.offsets) != len(self.id_offsets) or self.ids.min() < 0 or self.ids.max() >= len(self.idf):
            raise ValueError("token ids outside the vocabulary")

    def save(self, folder: Path) -> None:
        """Write the arrays into `folder`."""
        for name in self.ARRAYS:
            np.save(folder / f"tokens_{name}.npy", getattr(self, name), allow_pickle=False)

    def chunk(self, i: int) -> QuantisedTokens:
        """The stored tokens of one chunk."""
        rows = slice(self.offsets[i], self.offsets[i + 1])
        return QuantisedTokens(
            self.codes[rows], self.scales[rows], self.ids[self.id_offsets[i] : self.id_offsets[i + 1]]
        )

    def weights(self, query: Encoded) -> np.ndarray:
        """(q,) weight of each query token; sums to 1. Special tokens count as the mean of the others."""
        weights = self.idf[query.token_ids].astype(np.float32)
        special = weights < 0
        weights[special] = weights[~special].mean() if (~special).any() else 1.0
        normalised: np.ndarray = weights / max(float(weights.sum()), 1e-9)
        return normalised

    def scores(self, query: Encoded, chunks: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(chunks),) float32 late-interaction score of each chunk, in one vectorised call."""
        scores: np.ndarray = self.similarities(query, chunks) @ self.weights(query)
        return scores

    def similarities(self, query: Encoded, chunks: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(chunks), q) float32: for each chunk and query token the best cosine with the chunk's tokens."""
        chosen = np.asarray(chunks, dtype=np.int64)
        if not len(chosen):
            return np.zeros((0, len(query.token_ids)), dtype=np.float32)
        starts, stops = self.offsets[chosen], self.offsets[chosen + 1]
        bounds = offsets_of(stops - starts)[:-1]
        return np.maximum.reduceat(self._cosines(query, starts, stops), bounds, axis=0)

    def best_rows(self, query: Encoded, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """Per query token the best cosine (q,) within one chunk and the row of that token in it (q,)."""
        bounds = self.offsets[chunk : chunk + 1], self.offsets[chunk + 1 : chunk + 2]
        cosines = self._cosines(query, *bounds)
        return cosines.max(axis=0), cosines.argmax(axis=0)

    def _cosines(self, query: Encoded, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """(rows, q) float32 cosines of the rows in `[start, stop)` of each pair with every query token."""
        pairs = list(zip(starts.tolist(), stops.tolist(), strict=True))
        if self.has_vectors and not self.compact and self.codes.size * 4 <= _RESIDENT_BYTES:
            return _product(np.concatenate([self._rows[a:b] for a, b in pairs]), query.tokens)
        codes = self._file.read(pairs) if self._file else np.concatenate([self.codes[a:b] for a, b in pairs])
        scales = np.concatenate([self.scales[a:b] for a, b in pairs]).astype(np.float32)
        if self.compact:
            return _product(restored(codes), rotated(query.tokens)) * scales[:, None]
        return _product(codes, query.tokens) * scales[:, None]


class _FileRows:
    """The rows of a memory-mapped array, read from its file: mapped pages would count as the process's memory. The
    file may be replaced or removed meanwhile.
    """

    def __init__(self, array: np.memmap[Any, Any]) -> None:
        self._array, self._file = array, os.open(str(array.filename), os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def read(self, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """The rows `[a, b)` of every pair, one after another."""
        rows = np.empty((sum(b - a for a, b in pairs), self._array.shape[1]), dtype=self._array.dtype)
        at = 0
        for a, b in pairs:
            part = rows[at : at + b - a].data
            if os.preadv(self._file, [part], self._array.offset + a * self._array.strides[0]) != part.nbytes:
                raise StoreError(f"damaged index: {self._array.filename} has become shorter; rebuild it")
            at += b - a
        return rows


class QuantisedTokens:
    """The tokens of one chunk: `codes` (t, ...) with float16 `scales` (t,) as in `TokenStore`, and all tokens' ids."""

    __slots__ = ("codes", "ids", "scales")

    def __init__(self, codes: np.ndarray, scales: np.ndarray, ids: np.ndarray) -> None:
        self.codes, self.scales, self.ids = codes, scales, ids

    @classmethod
    def without_vectors(cls, encoded: Encoded) -> QuantisedTokens:
        """The ids alone."""
        dimension = encoded.tokens.shape[1]
        return cls(np.zeros((0, dimension), np.int8), np.zeros(0, np.float16), encoded.token_ids)

    @classmethod
    def of(cls, encoded: Encoded, light: np.ndarray) -> QuantisedTokens:
        """Quantise, leaving out tokens that `light` (vocabulary,) marks; at least one row is kept."""
        keep = ~light[encoded.token_ids]
        if not keep.any():
            keep[:] = True
        rows = encoded.tokens[keep]
        scales = (np.abs(rows).max(axis=1) / 127.0).clip(1e-6).astype(np.float16)
        codes = np.rint(rows / scales[:, None].astype(np.float32)).clip(-127, 127).astype(np.int8)
        return cls(codes, scales, encoded.token_ids)

    def compacted(self) -> QuantisedTokens:
        """The same tokens in two bits a coordinate."""
        if self.codes.dtype == np.uint8 or not len(self.codes):
            return self
        rows = self.codes.astype(np.float32)
        codes, scales = compacted(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        return QuantisedTokens(codes, scales, self.ids)


class OnTheFlyTokens:
    """Late interaction for an index without token vectors: the passages in question are encoded when asked for.

    `passages` gives the texts of chunks by number. Slower by far, so only few candidates are scored.
    """

    def __init__(
        self, stored: TokenStore, encoder: Encoder, passages: Callable[[Sequence[int]], list[str]], max_tokens: int
    ) -> None:
        self._stored, self._encoder, self._passages, self._max_tokens = stored, encoder, passages, max_tokens
        self._light = encoder.light_tokens()

    def scores(self, query: Encoded, chunks: Sequence[int] | np.ndarray) -> np.ndarray:
        """As `TokenStore.scores`."""
        numbers = np.asarray(chunks, dtype=np.int64).tolist()
        if not numbers:
            return np.zeros(0, dtype=np.float32)
        return self._encoded(numbers).scores(query, range(len(numbers)))

    def best_rows(self, query: Encoded, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """As `TokenStore.best_rows`."""
        return self._encoded([chunk]).best_rows(query, 0)

    def _encoded(self, numbers: list[int]) -> TokenStore:
        rows = dict(self._encoder.encode_passages(self._passages(numbers), self._max_tokens))
        return TokenStore.of([QuantisedTokens.of(rows[i], self._light) for i in range(len(rows))], self._stored.idf)


def inverse_document_frequency(ids: np.ndarray, offsets: np.ndarray, vocabulary: int) -> np.ndarray:
    """(vocabulary,) float32 IDF of every token id over chunks; -1 marks ids that open or close every chunk."""
    count = len(offsets) - 1
    frequency = np.zeros(vocabulary, dtype=np.int64)
    for i in range(count):
        frequency[np.unique(ids[offsets[i] : offsets[i + 1]])] += 1
    idf = np.log(1.0 + (count - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    edges = np.unique(np.concatenate([ids[offsets[:-1]], ids[offsets[1:] - 1]]))
    idf[[i for i in edges if frequency[i] == count]] = -1.0
    return idf


def offsets_of(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """(n + 1,) where each of `counts` (n,) parts begins when they stand one after another, and where the last ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _product(rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """(n, q) float32 dot products, by torch: a second BLAS beside the encoder's would fight it for the cores."""
    import torch

    with torch.inference_mode():
        product: np.ndarray = (torch.from_numpy(rows).float() @ torch.from_numpy(tokens).T).numpy()
    return product
