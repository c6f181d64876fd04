"""Typing errors in a query: a word that neither the corpus nor the encoder knows gives way to the corpus's nearest.

Words are compared by their stems, with the optimal string alignment distance (insertions, deletions, replacements
and exchanged neighbours count one each; Damerau, CACM 1964). What stands after the stem is kept: "tecnical" becomes
"technical", "machnes" "machines". Words that either of the two knows are never touched, but "normalise" becomes
"normalize" where the corpus has only that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.language import ENGLISH
from index.lexical import stems

_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 5  # letters of a word that is corrected; shorter ones have too many neighbours
_LONG = 8  # letters from which two errors are forgiven
_ENDING = 2  # further letters by which the corrected word's ending may differ
_BRITISH = re.compile(r"(?<=[a-z]{2})([iy])s(?=(?:e|es|ed|er|ers|ing|able|ation|ations)$)")


class Speller:
    """Corrects words against a corpus. `vocabulary`: its stems in its `language`; `known`: whether the encoder has a
    word as it is.
    """

    def __init__(self, vocabulary: Mapping[str, int], known: Callable[[str], bool], language: str = ENGLISH) -> None:
        self._vocabulary, self._known, self._language = vocabulary, known, language
        self._stems = [s for s in vocabulary if s.isalpha() and len(s) > 2]
        self._correct = lru_cache(maxsize=4096)(self._nearest)

    def corrected(self, query: str) -> str:
        """The query with its unknown words corrected, everything else as it was."""
        return _WORD.sub(lambda m: self._correct(m.group()), query)

    def _nearest(self, word: str) -> str:
        low = word.lower()
        stem = (stems(low, self._language) or [low])[0]
        named = word != low  # a name may be new to both and still be right
        if stem in self._vocabulary:
            return word
        american = _BRITISH.sub(r"\1z", low)
        if american != low and self._vocabulary.keys() & set(stems(american, self._language)):
            return american
        if len(low) < _LEAST + named or self._known(low):
            return word
        errors = 2 if len(stem) >= _LONG and not named else 1
        found = process.extract(stem, self._stems, scorer=OSA.distance, score_cutoff=errors, limit=20)
        near = [(distance, -len(s), s) for s, distance, _n in found if s[0] == stem[0]]
        if not near:
            return word
        best = min(near)[2]
        forms = (best + low[len(stem) :] * low.startswith(stem), best, best + "e", best.removesuffix("i") + "y")
        form = next((form for form in forms if self._known(form)), forms[0])
        return form if OSA.distance(low, form) <= errors + _ENDING else word
