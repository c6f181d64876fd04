"""An encoder that does not encode the same passage twice while there is room to remember it.

Sentences of good passages are evidence for one question after another, and encoding them is most of what an
answer costs. The vectors are those of the encoder behind it, to the last bit.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from index.encode import Encoded, Encoder

DEFAULT_BYTES = 128 << 20


class RememberingEncoder:
    """An `Encoder` with the passages asked for last kept in at most `max_bytes`. Safe to share between threads."""

    def __init__(self, encoder: Encoder, max_bytes: int = DEFAULT_BYTES) -> None:
        self._encoder, self._room = encoder, max_bytes
        self._known: OrderedDict[tuple[str, int], Encoded] = OrderedDict()
        self._lock = threading.Lock()
        self.source, self.dimension = encoder.source, encoder.dimension

    def encode_query(self, text: str) -> Encoded:
        """See `Encoder`; queries are not remembered."""
        return self._encoder.encode_query(text)

    def encode_passages(
        self, texts: Sequence[str], max_tokens: int, progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[int, Encoded]]:
        """See `Encoder`; in the order of `texts`."""
        found: dict[str, Encoded] = {}
        with self._lock:
            for text in dict.fromkeys(texts):
                if (known := self._known.get((text, max_tokens))) is not None:
                    self._known.move_to_end((text, max_tokens))
                    found[text] = known
        new = [t for t in dict.fromkeys(texts) if t not in found]
        for n, encoded in self._encoder.encode_passages(new, max_tokens, progress):
            found[new[n]] = encoded
            self._remember((new[n], max_tokens), encoded)
        yield from ((n, found[text]) for n, text in enumerate(texts))

    def token_text(self, token_id: int) -> str:
        """See `Encoder`."""
        return self._encoder.token_text(token_id)

    def light_tokens(self) -> np.ndarray:
        """See `Encoder`."""
        return self._encoder.light_tokens()

    def knows(self, word: str) -> bool:
        """See `Encoder`."""
        return self._encoder.knows(word)

    def _remember(self, key: tuple[str, int], encoded: Encoded) -> None:
        with self._lock:
            if key in self._known:
                return
            self._known[key] = encoded
            self._room -= _size(encoded)
            while self._room < 0:
                _key, oldest = self._known.popitem(last=False)
                self._room += _size(oldest)


def _size(encoded: Encoded) -> int:
    return encoded.vector.nbytes + encoded.tokens.nbytes + encoded.token_ids.nbytes
