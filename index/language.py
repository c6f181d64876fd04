"""The language of a corpus, for the stemmer of BM25: one for all its texts, the one that most of them are written in.

A query is a few words, from which no language can be told, so a corpus in several languages is stemmed as its main
one; the other texts still match by their unstemmed words, and by the encoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

ENGLISH = "english"
UNSTEMMED = ""  # a language for which there is no stemmer
_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": ENGLISH,
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
_SAMPLE = 200  # texts that are looked at
_LEAST, _MOST = 40, 1000  # characters of a text: fewer tell nothing, more cost time
_SURE = 0.9  # probability


def stemmer_of(texts: Sequence[str]) -> str:
    """The Snowball stemmer for some texts, `UNSTEMMED` if there is none for their language. English unless more than
    half of what is looked at is surely in another language.
    """
    step = max(1, len(texts) // _SAMPLE)
    weights: Counter[str] = Counter()
    for text in texts[::step]:
        part = text[:_MOST]
        if len(part) < _LEAST:
            continue
        language, probability = _identifier().classify(part)
        weights[str(language) if probability >= _SURE else "en"] += len(part)
    if not weights:
        return ENGLISH
    language, weight = weights.most_common(1)[0]
    return _STEMMERS.get(language, UNSTEMMED) if 2 * weight > weights.total() else ENGLISH


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
