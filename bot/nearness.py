"""How near what was retrieved is to the query, beside what questions about something else reach in the same corpus."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from index.encode import Encoded, Encoder
from index.lexical import stems
from index.retrieve import Retrieval, Retriever
from index.store import Index

NEAR = 0.67  # nearness at or above which anything counts as retrieved
_DENSE, _LENGTH = 0.23, 0.12  # weights beside late interaction, fitted on two corpora (eval/LOG.md)
_FOREIGN = 0.1  # for a query of which the corpus has no word
_USUAL = 0.398  # what the lower half of the everyday questions reach where the limit was set
_EVERYDAY = (
    "How do I get a stain out of a shirt?",
    "Who won the tennis final last year?",
    "What is the tallest tree in the world?",
    "When does the night train to Vienna leave?",
    "How do I cook rice?",
    "What should I name my cat?",
    "Where is the nearest beach?",
    "Who sings the song about yellow submarines?",
    "How do I grow roses on a balcony?",
    "Will it snow in the Alps this weekend?",
    "Which bird sings at night?",
    "How do I paint a wooden fence?",
    "Can you tell me a bedtime story about dragons?",
    "How many islands belong to Greece?",
    "What is a good present for a seven year old child?",
    "How do I treat a sunburn?",
    "Which language is spoken in Brazil?",
    "What are the rules of poker?",
    "Which shoes are good for hiking?",
    "When was the piano invented?",
    "Why is the sky blue?",
    "How many strings does a violin have?",
    "Who painted the ceiling of the chapel?",
    "What is the best way to whistle loudly?",
    "When do the clocks go back in autumn?",
    "How do I knit a scarf?",
    "Is there life on Mars?",
    "How fast does a cheetah run?",
    "Which film won the most prizes?",
    "What does my dream about falling mean?",
    "How do I fold a paper plane?",
    "Who discovered penicillin?",
    "Where do penguins sleep?",
    "What is the plot of the opera?",
    "How deep is the ocean?",
    "Can you translate good night into Japanese?",
    "Why do cats purr?",
    "Which planet has the most moons?",
    "How do I tie a bow tie?",
    "What year did the ship sink?",
)


class QueryWords:
    """The words of encoded queries, and which of them one corpus has."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        self._encoder, self._idf = encoder, index.tokens.idf
        self._light = encoder.light_tokens()
        self._vocabulary, self._language = index.store.vocabulary, index.language

    def known(self, word: str) -> bool:
        """Whether the corpus has a word, in any of its forms; function words stand in every corpus."""
        stem = stems(word, self._language)
        return not stem or any(s in self._vocabulary for s in stem)

    def content(self, query: Encoded) -> list[int]:
        """Places of the query's tokens that are neither punctuation, function words nor special."""
        ids = query.token_ids
        return [int(k) for k in np.flatnonzero(~self._light[ids] & (self._idf[ids] >= 0))]

    def all(self, query: Encoded) -> list[tuple[str, list[int]]]:
        """The query's words, each with the places of its tokens."""
        words: list[tuple[str, list[int]]] = []
        for place, token in enumerate(query.token_ids):
            piece = self._encoder.token_text(int(token))
            if piece.startswith("##") and words:
                words[-1] = (words[-1][0] + piece[2:], [*words[-1][1], place])
            else:
                words.append((piece, [place]))
        return words

    def telling(self, query: Encoded) -> list[tuple[str, list[int]]]:
        """The words that begin with a content token."""
        content = set(self.content(query))
        return [(word, places) for word, places in self.all(query) if places[0] in content]


class Nearness:
    """How near retrieved passages are to their query. Safe to share.

    The more a corpus holds, and of the more kinds, the nearer some passage is to any question by chance. So what
    everyday questions reach in it is what a query's own nearness is measured from: the mean of their lower half, since
    a corpus may be about some of their subjects; without stored token vectors, which make that slow, what it is in the
    usual corpus.
    """

    def __init__(self, retriever: Retriever, words: QueryWords) -> None:
        self._retriever, self._words = retriever, words

    @cached_property
    def above(self) -> float:
        """By how much everyday questions find more in this corpus than in the usual one. Found at first use: it takes
        as long as forty searches.
        """
        if not self._retriever.index.tokens.has_vectors:
            return 0.0
        found = sorted(self._raw(self._retriever.search(q)) for q in _EVERYDAY)
        return float(np.mean(found[: len(found) // 2])) - _USUAL

    def __call__(self, retrieval: Retrieval) -> float:
        """The best late-interaction and dense cosines, and the logarithm of the number of the query's content tokens,
        since short queries find high cosines anywhere; less the more of its words stand nowhere in the corpus, and
        the more everyday questions find in it.
        """
        return self._raw(retrieval) - self.above if retrieval.encoded is not None and retrieval.hits else 0.0

    def _raw(self, retrieval: Retrieval) -> float:
        if retrieval.encoded is None or not retrieval.hits:
            return 0.0
        stages = [h.stages for h in retrieval.hits]
        late, dense = (max((s[name][1] for s in stages if name in s), default=0.0) for name in ("late", "dense"))
        words = [word for word, _places in self._words.telling(retrieval.encoded)]
        foreign = sum(not self._words.known(word) for word in words) / max(1, len(words))
        length = math.log(max(1, len(self._words.content(retrieval.encoded))))
        return late + _DENSE * dense + _LENGTH * length - _FOREIGN * foreign
