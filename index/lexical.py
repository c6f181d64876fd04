"""BM25 over stemmed words (`bm25s`, Robertson's BM25 in Lucene's variant)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

from ingest.text import FUNCTION_WORDS, fold

_WORD = re.compile(r"[^\W_]+(?:['.][^\W_]+)*", re.UNICODE)
_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_MAX_WORD = 64  # longer "words" are noise (encoded data) and would cost the stemmer


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return Stemmer.Stemmer("english")


def stems(text: str) -> list[str]:
    """Folded, lower-cased, stemmed words of a text without stop words and Latin accents, in order."""
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", fold(text).lower())))
    words = [w.removesuffix("'s") for w in _WORD.findall(plain)]
    stemmed: list[str] = _stemmer().stemWords([w[:_MAX_WORD] for w in words if w not in FUNCTION_WORDS])
    return stemmed


class Lexical:
    """A BM25 index over texts. Scores are >= 0, higher is better, 0 means no word in common."""

    def __init__(self, model: bm25s.BM25) -> None:
        self._model = model

    @classmethod
    def build(cls, texts: Sequence[str]) -> Lexical:
        """Index the texts in order (k1 = 1.5, b = 0.75)."""
        tokens = [stems(text) for text in texts]
        vocabulary = {word: n for n, word in enumerate(sorted({w for t in tokens for w in t}))}
        vocabulary.setdefault("", len(vocabulary))  # never empty, and bm25s keeps "" for "no token"
        model = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
        model.index(([[vocabulary[w] for w in t] for t in tokens], vocabulary), show_progress=False)
        return cls(model)

    def save(self, folder: Path) -> None:
        """Write arrays and JSON (no pickle) into `folder`."""
        self._model.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> Lexical:
        """Read what `save` wrote, memory-mapped."""
        return cls(bm25s.BM25.load(str(folder), mmap=True, load_corpus=False, show_progress=False))

    def scores(self, query: str) -> np.ndarray:
        """(n,) float32 score of every text."""
        count = int(self._model.scores["num_docs"])
        known = [self._model.vocab_dict[w] for w in stems(query) if w in self._model.vocab_dict]
        if not known:
            return np.zeros(count, dtype=np.float32)
        return np.asarray(self._model.get_scores_from_ids(known), dtype=np.float32)
