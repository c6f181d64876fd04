"""Token vectors in two bits a coordinate, a quarter of int8, for indexes of many chunks.

A fixed rotation spreads every vector evenly over its coordinates, which are then close to normally distributed, so
that the four levels best for a normal distribution (Max, IRE Trans. Inf. Theory 1960) fit those of any encoder.
Nothing is trained: a code depends on its vector alone, so an index that was updated equals one built afresh. A scale
a vector makes the estimated cosines unbiased (as EDEN does: Vargaftik et al., ICML 2022).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

_BOUND = 0.9816
_LEVELS = np.array([-1.5104, -0.4528, 0.4528, 1.5104], dtype=np.float32)
_A_BYTE = 4  # coordinates
_SHIFTS = np.arange(0, 8, 2, dtype=np.uint8)
_DECODED = _LEVELS[(np.arange(256)[:, None] >> _SHIFTS) & 3]  # (256, 4): the levels that a byte stands for


def compact_width(dimension: int) -> int:
    """Bytes of a vector's code."""
    return -(-dimension // _A_BYTE)


def compacted(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (t, `compact_width`) uint8 and scales (t,) float16 of unit vectors, (t, d) float32."""
    coordinates = rotated(rows) * np.float32(np.sqrt(rows.shape[1]))
    numbers = (coordinates > -_BOUND).astype(np.uint8)
    numbers += coordinates > 0
    numbers += coordinates > _BOUND
    met = (_LEVELS[numbers] * coordinates).sum(axis=1)
    codes = np.bitwise_or.reduce(numbers.reshape(len(rows), -1, _A_BYTE) << _SHIFTS, axis=2)
    return codes, (np.float32(np.sqrt(rows.shape[1])) / met).astype(np.float16)


def restored(codes: np.ndarray) -> np.ndarray:
    """(t, d) float32 levels of codes: times their scales, they are the rotated vectors, with d made a multiple of 4."""
    levels: np.ndarray = _DECODED.take(codes, axis=0).reshape(len(codes), -1)
    return levels


def rotated(rows: np.ndarray) -> np.ndarray:
    """(t, d) float32 rows after the rotation, filled up with zeros to a multiple of 4 coordinates: signs that look
    random, then a cosine transform (DCT-II), row by row, so that a row's result depends on nothing else.
    """
    from scipy.fft import dct

    turned = dct(rows * _signs(rows.shape[1]), norm="ortho", axis=1)
    filled: np.ndarray = np.pad(turned, ((0, 0), (0, -rows.shape[1] % _A_BYTE)))
    return filled


@lru_cache(maxsize=2)
def _signs(dimension: int) -> np.ndarray:
    """(d,) float32, each 1 or -1."""
    bits = np.frombuffer(hashlib.shake_128(b"rotation").digest(compact_width(2 * dimension)), dtype=np.uint8)
    signs: np.ndarray = (np.unpackbits(bits)[:dimension] * 2.0 - 1.0).astype(np.float32)
    return signs
