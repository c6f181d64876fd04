"""Token vectors on their way from the encoder into an index: through a file, so that no build holds all of them.

The encoder takes the longest texts first, the index keeps them in the order of the corpus. So the codes are written
to a nameless file as they come, and copied from it, chunk by chunk, into the array that is kept.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from index.late import QuantisedTokens, inverse_document_frequency, offsets_of
from ingest.errors import StoreError

_COPIED = 4 << 20  # bytes copied at once, about


class TokenSpool:
    """The tokens of `count` chunks, added in any order, saved in that of the chunks. What is kept in memory is a
    kilobyte a chunk: the ids of the tokens and the scales of the codes.

    Raises:
        StoreError: from every method, when the disk is full or cannot be written.
    """

    def __init__(self, folder: Path, count: int) -> None:
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (open until it is forgotten)
        except OSError as error:
            raise _unwritten(error) from None
        self._places = np.zeros((count, 2), dtype=np.int64)  # of a chunk's codes in the file: offset and bytes
        self._scales: list[np.ndarray] = [np.zeros(0, np.float16)] * count
        self._ids: list[np.ndarray] = [np.zeros(0, np.int32)] * count
        self._end = 0
        self._width, self._dtype = 0, np.dtype(np.int8)

    def add(self, numbers: Iterable[int], tokens: QuantisedTokens) -> None:
        """Take the tokens of the chunks with these numbers, which share a text."""
        codes = np.ascontiguousarray(tokens.codes)
        self._width, self._dtype = codes.shape[1], codes.dtype
        scales, ids = np.array(tokens.scales), np.array(tokens.ids)
        try:
            self._file.write(codes.data)
        except OSError as error:
            raise _unwritten(error) from None
        for n in numbers:
            self._places[n] = self._end, codes.nbytes
            self._scales[n], self._ids[n] = scales, ids
        self._end += codes.nbytes

    @property
    def tokens(self) -> int:
        """How many tokens all chunks have."""
        return sum(len(ids) for ids in self._ids)

    def save(self, folder: Path, vocabulary: int) -> None:
        """Write what `TokenStore.load` reads, the same bytes as `TokenStore.save`."""
        ids, id_offsets = np.concatenate(self._ids), offsets_of([len(i) for i in self._ids])
        arrays = {
            "scales": np.concatenate(self._scales),
            "offsets": offsets_of([len(s) for s in self._scales]),
            "ids": ids,
            "id_offsets": id_offsets,
            "idf": inverse_document_frequency(ids, id_offsets, vocabulary),
        }
        for name, array in arrays.items():
            np.save(folder / f"tokens_{name}.npy", array, allow_pickle=False)
        self._copy(folder / "tokens_codes.npy", int(arrays["offsets"][-1]))

    def _copy(self, path: Path, rows: int) -> None:
        """Write all codes as one array, in the order of the chunks."""
        self._file.flush()
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False}
        with open(path, "wb") as out:
            np.lib.format.write_array_header_1_0(out, header | {"shape": (rows, self._width)})
            waiting: list[bytes] = []
            size = 0
            for at, length in self._places.tolist():
                waiting.append(os.pread(self._file.fileno(), length, at))
                size += length
                if size > _COPIED:
                    out.write(b"".join(waiting))
                    waiting, size = [], 0
            out.write(b"".join(waiting))


def _unwritten(error: OSError) -> StoreError:
    return StoreError(f"cannot write the index ({error}); what was there before is untouched")
