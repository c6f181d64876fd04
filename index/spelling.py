"""Typing errors in a query: a word that neither the corpus nor the encoder knows gives way to the corpus's nearest.

Words are compared with the optimal string alignment distance (insertions, deletions, replacements and exchanged
neighbours count one each; Damerau, CACM 1964); of the nearest the most frequent is taken. The corpus's words are those
that it holds as one token of the encoder; of a stem without such a word, the usual forms. Words that corpus or
encoder know are never touched, but "normalise" becomes "normalize" where the corpus has only that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.encode import Encoder, whole_word
from index.language import ENGLISH
from index.lexical import stems
from ingest.text import FUNCTION_WORDS

_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 5  # letters of a word that is corrected; shorter ones have too many neighbours
_HALF = 4  # letters of either word in a compound
_LONG = 8  # letters from which two errors are forgiven
_MOST = 1_000  # characters of a query that is corrected: longer ones say enough, and would cost seconds
_BEGINNING = 3  # letters that must agree then
_ENDINGS = ("", *"s e es d ed ing y ies er ers or ion ions ation ations ity".split())  # noqa: SIM905
_BRITISH = re.compile(r"(?<=[a-z]{2})([iy])s(?=(?:e|es|ed|er|ers|ing|able|ation|ations)$)")


class Speller:
    """Corrects words against a corpus. `vocabulary`: its stems in its `language`; `idf` (tokens,): inverse document
    frequency there of the encoder's tokens.
    """

    def __init__(
        self, vocabulary: Mapping[str, int], encoder: Encoder, idf: np.ndarray, language: str = ENGLISH
    ) -> None:
        self._vocabulary, self._encoder, self._idf, self._language = vocabulary, encoder, idf, language
        self._correct = lru_cache(maxsize=4096)(self._nearest)

    def corrected(self, query: str) -> str:
        """The query with its unknown words corrected, everything else as it was; a very long one as it is."""
        return query if len(query) > _MOST else _WORD.sub(lambda m: self._as_written(m.group()), query)

    def _as_written(self, word: str) -> str:
        """The word corrected, with its capital."""
        correct = self._correct(word)
        return correct if correct == word or word.islower() else correct.capitalize()

    @cached_property
    def _words(self) -> dict[str, float]:
        """The corpus's words that are one token, each with its inverse document frequency."""
        words = {}
        for token in np.flatnonzero((self._idf >= 0) & (self._idf < self._idf.max())):
            word = whole_word(self._encoder.token_text(int(token)))
            if word.isalpha() and len(word) > 2 and (word in FUNCTION_WORDS or self._has(word)):
                words[word] = float(self._idf[token])
        return words

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        """The corpus's stems of which `_words` has no word, by their first letter."""
        met = set(stems(" ".join(self._words), self._language))
        found: dict[str, list[str]] = {}
        for stem in self._vocabulary.keys() - met:
            if stem.isalpha() and len(stem) > 2:
                found.setdefault(stem[0], []).append(stem)
        return found

    def _has(self, word: str) -> bool:
        return bool(self._vocabulary.keys() & set(stems(word, self._language)))

    def _formed(self, word: str, errors: int) -> list[str]:
        """The usual forms of the stems that the word may begin with."""
        likely = (
            s for s in self._stems.get(word[0], ()) if OSA.distance(word[: len(s)], s, score_cutoff=errors) <= errors
        )
        endings = _ENDINGS if self._language == ENGLISH else ("",)
        return [stem + e for stem in likely for e in endings if stems(stem + e, self._language) == [stem]]

    def _is_compound(self, word: str) -> bool:
        """Whether it is two known words in one ("downsides"), as English makes them."""
        halves = ((word[:n], word[n:]) for n in range(_HALF, len(word) - _HALF + 1))
        return self._language == ENGLISH and any(all(map(self._encoder.knows, half)) for half in halves)

    def _nearest(self, word: str) -> str:
        low = word.lower()
        named = word != low  # a name may be new to both and still be right
        if word[1:] != low[1:] or not stems(low, self._language) or self._has(low):
            return word
        american = _BRITISH.sub(r"\1z", low)
        if american != low and self._has(american):
            return american
        if len(low) < _LEAST + named or self._encoder.knows(low) or self._is_compound(low):
            return word
        errors = 2 if len(low) >= _LONG and not named else 1
        words = [*self._words, *self._formed(low, errors)]
        found = process.extract(low, words, scorer=OSA.distance, score_cutoff=errors, limit=50)
        near = [
            (distance, self._words.get(w, math.inf), -len(w), w)
            for w, distance, _n in found
            if _alike(low, w, int(distance))
        ]
        if near:
            return min(near)[3]
        for ending in ("s", "ing"):  # "kernals", where the corpus has only "kernel"
            bare = low.removesuffix(ending)
            if bare != low and (corrected := self._nearest(bare)) != bare and corrected in self._words:
                return corrected + ending
        return word


def _alike(word: str, other: str, distance: int) -> bool:
    """Whether words that are so far apart begin alike; two errors are forgiven only where much else agrees."""
    same = 1 if distance < 2 else _BEGINNING
    return word[:same] == other[:same] and abs(len(word) - len(other)) <= 1
