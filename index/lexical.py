"""BM25 over stemmed words (`bm25s`, Robertson's BM25 in Lucene's variant)."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

from index.language import ENGLISH, UNSTEMMED
from ingest.text import FUNCTION_WORDS, fold

_WORD = re.compile(r"[^\W_]+(?:['.][^\W_]+)*", re.UNICODE)
_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_INITIALS = re.compile(r"[bcdfghjklmnpqrstvwxz]{2,}[bcdfghjklmnpqrtvwxz]s")  # "RNNs": the stemmer wants a vowel
_MAX_WORD = 64  # longer "words" are noise (encoded data) and would cost the stemmer


@lru_cache(maxsize=4)
def _stemmer(language: str) -> Any:
    return Stemmer.Stemmer(language)


def stems(text: str, language: str = ENGLISH) -> list[str]:
    """Folded, lower-cased, stemmed words of a text without Latin accents, in order; English ones without stop words.
    `language` is one of Snowball's, or `UNSTEMMED`.
    """
    if language != ENGLISH:
        words = [w[:_MAX_WORD] for w in _WORD.findall(fold(text).lower())]
        return [_unaccented(w) for w in (_stemmer(language).stemWords(words) if language != UNSTEMMED else words)]
    words = [w.removesuffix("'s") for w in _WORD.findall(_unaccented(fold(text).lower()))]
    stemmed = _stemmer(ENGLISH).stemWords([w[:_MAX_WORD] for w in words if w not in FUNCTION_WORDS])
    return [w[:-1] if _INITIALS.fullmatch(w) else w for w in stemmed]


def _unaccented(text: str) -> str:
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def terms(query: str, vocabulary: Mapping[str, int], language: str = ENGLISH) -> list[int]:
    """The query's known terms, one as often as it stands there."""
    return [vocabulary[w] for w in stems(query, language) if w in vocabulary]


class Lexical:
    """A BM25 index over texts. Scores are >= 0, higher is better, 0 means no word in common. `language` is that of the
    stemmer.
    """

    def __init__(self, model: bm25s.BM25, language: str = ENGLISH) -> None:
        self._model, self.language = model, language

    @classmethod
    def build(cls, texts: Sequence[str], language: str = ENGLISH) -> Lexical:
        """Index the texts in order (k1 = 1.5, b = 0.75)."""
        met: dict[str, int] = {}  # in the order of the texts; terms are numbered in that of the alphabet
        tokens = [array("i", [met.setdefault(w, len(met)) for w in stems(text, language)]) for text in texts]
        vocabulary = {word: n for n, word in enumerate(sorted(met))}
        term = [vocabulary[w] for w in met]
        for k, numbers in enumerate(tokens):
            tokens[k] = array("i", [term[n] for n in numbers])
        vocabulary.setdefault("", len(vocabulary))  # never empty, and bm25s keeps "" for "no token"
        model = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
        model.index((tokens, vocabulary), show_progress=False)
        return cls(model, language)

    def save(self, folder: Path) -> None:
        """Write arrays and JSON (no pickle) into `folder`."""
        self._model.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, language: str = ENGLISH) -> Lexical:
        """Read what `save` wrote, memory-mapped."""
        return cls(bm25s.BM25.load(str(folder), mmap=True, load_corpus=False, show_progress=False), language)

    def __len__(self) -> int:
        return int(self._model.scores["num_docs"])

    @property
    def vocabulary(self) -> dict[str, int]:
        """Stem to term number."""
        vocabulary: dict[str, int] = self._model.vocab_dict
        return vocabulary

    def scores(self, query: str) -> np.ndarray:
        """(n,) float32 score of every text."""
        count = int(self._model.scores["num_docs"])
        known = terms(query, self.vocabulary, self.language)
        if not known:
            return np.zeros(count, dtype=np.float32)
        return np.asarray(self._model.get_scores_from_ids(known), dtype=np.float32)

    def scores_of(self, query: str, rows: np.ndarray) -> np.ndarray:
        """(len(rows),) float32 score of these texts alone."""
        scores = np.zeros(len(rows), dtype=np.float32)
        for term in terms(query, self.vocabulary, self.language):
            texts, weights = self._postings(term)
            at = np.minimum(np.searchsorted(texts, rows), max(len(texts) - 1, 0))
            found = texts[at] == rows if len(texts) else np.zeros(len(rows), dtype=bool)
            scores[found] += weights[at[found]]
        return scores

    def best(self, query: str, depth: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and scores of the best `depth` texts with a word of the query, best first, ties by number.

        `allowed` (n,) bool restricts the texts.
        """
        scores = self.scores(query)
        rows = np.flatnonzero(scores > 0 if allowed is None else (scores > 0) & allowed)
        if len(rows) > depth:
            least = np.partition(scores[rows], len(rows) - depth)[len(rows) - depth]
            rows = rows[scores[rows] >= least]
        order = np.lexsort((rows, -scores[rows]))[:depth]
        return rows[order], scores[rows[order]]

    def weights(self) -> Iterator[dict[int, float]]:
        """For every text its terms with their BM25 weights; a query's score is the sum over its terms."""
        scores = self._model.scores
        columns = np.repeat(np.arange(len(scores["indptr"]) - 1), np.diff(scores["indptr"]))
        order = np.argsort(scores["indices"], kind="stable")
        bounds = np.searchsorted(scores["indices"][order], np.arange(int(scores["num_docs"]) + 1))
        for start, stop in pairwise(bounds.tolist()):
            own = order[start:stop]
            yield dict(zip(columns[own].tolist(), scores["data"][own].tolist(), strict=True))

    def _postings(self, term: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the texts with a term, ascending, and its weight in each."""
        scores = self._model.scores
        own = slice(int(scores["indptr"][term]), int(scores["indptr"][term + 1]))
        return scores["indices"][own], scores["data"][own]
