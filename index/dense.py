"""Nearest neighbours by cosine (FAISS): an exact scan for small corpora, inverted lists for large ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np

_LISTS = 4  # times the square root of the number of vectors
_PROBED = 0.08  # share of the lists that a query looks into, and at least
_PROBED_LEAST = 32  # this many
_TRAINING = (40, 64)  # vectors a list that the clustering needs, and sees at most


def build_dense(vectors: np.ndarray, exact_up_to: int) -> faiss.Index:
    """An inner-product index over `vectors`, (n, d) float32 unit rows, row i under id i.

    Up to `exact_up_to` rows every query scans all of them. Beyond, the rows are clustered into inverted lists
    (`IndexIVFFlat`; Sivic & Zisserman, ICCV 2003) and a query scans the nearest 8 % of the lists. Vectors are
    stored unchanged either way. The same vectors always give the same index.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    count, dimension = vectors.shape
    flat = faiss.IndexFlatIP(dimension)
    if count <= exact_up_to:
        flat.add(vectors)
        return flat
    lists = list_count(count)
    inverted: Any = faiss.IndexIVFFlat(flat, dimension, lists, faiss.METRIC_INNER_PRODUCT)
    inverted.cp.max_points_per_centroid = _TRAINING[1]
    inverted.cp.spherical = True
    inverted.train(vectors)
    inverted.add(vectors)
    inverted.make_direct_map()
    inverted.nprobe = probed(lists)
    index: faiss.Index = inverted
    return index


def open_dense(path: Path) -> faiss.Index:
    """Read a `build_dense` index; inverted lists stay in the file and are memory-mapped."""
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    if isinstance(index, faiss.IndexIVF) and index.invlists:
        lists: Any = faiss.downcast_InvertedLists(index.invlists)
        lists.prefetch_nthread = 0  # threads cost more than they save
    return index


def list_count(count: int) -> int:
    """Inverted lists for so many vectors."""
    return max(1, min(int(_LISTS * math.sqrt(count)), count // _TRAINING[0]))


def probed(lists: int) -> int:
    """How many of the lists a query looks into."""
    return min(lists, max(_PROBED_LEAST, math.ceil(_PROBED * lists)))


def nearest(
    dense: faiss.Index, vector: np.ndarray, depth: int, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Ids and cosines of the up to `depth` rows nearest to `vector` (d,), best first.

    `allowed` (n,) bool restricts the rows; then every list is looked into, since few rows may be left.
    """
    parameters: Any = None
    if allowed is not None:
        depth = min(depth, int(allowed.sum()))
        parameters = faiss.SearchParametersIVF() if isinstance(dense, faiss.IndexIVF) else faiss.SearchParameters()
        if isinstance(dense, faiss.IndexIVF):
            parameters.nprobe = dense.nlist
        parameters.sel = faiss.IDSelectorBatch(np.flatnonzero(allowed))
    depth = min(depth, dense.ntotal)
    if depth < 1:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    scores, ids = dense.search(vector[None], depth, params=parameters)
    found = ids[0] >= 0
    return ids[0][found], scores[0][found]
