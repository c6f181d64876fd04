"""Why a passage was found: which word of the query met which word of the passage, and how closely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.encode import Encoded
from index.retrieve import Hit, Retriever


@dataclass(frozen=True, slots=True)
class Match:
    """One query word and its best counterpart: cosine in [-1, 1], and the word's share of the query (sums to 1)."""

    query_word: str
    passage_word: str
    cosine: float
    weight: float


def explain(retriever: Retriever, query: Encoded, hit: Hit) -> list[Match]:
    """The matches behind a hit's late-interaction score, in query order, special tokens left out.

    A word of several tokens shows its heaviest token's cosine and the sum of their weights; the score of the
    hit is the weighted sum over all tokens, special ones included.
    """
    store = retriever.index.tokens
    stored = store.chunk(hit.row)
    cosines, best = retriever.late.best_rows(query, hit.row)
    weights = store.weights(query)
    light = retriever.encoder.light_tokens()[stored.ids]
    kept = np.flatnonzero(~light) if (~light).any() else np.arange(len(stored.ids))
    query_tokens = [retriever.encoder.token_text(i) for i in query.token_ids]
    passage_tokens = [retriever.encoder.token_text(i) for i in stored.ids]
    matches = []
    for start, stop in _words(query_tokens):
        if store.idf[query.token_ids[start]] < 0 or not any(c.isalnum() for c in _join(query_tokens[start:stop])):
            continue
        heaviest = start + int(np.argmax(weights[start:stop]))
        place = int(kept[best[heaviest]])
        span = next((a, b) for a, b in _words(passage_tokens) if a <= place < b)
        matches.append(
            Match(
                _join(query_tokens[start:stop]),
                _join(passage_tokens[span[0] : span[1]]),
                float(cosines[heaviest]),
                float(weights[start:stop].sum()),
            )
        )
    return matches


def _words(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Token ranges that form one word: WordPiece continuations join what is before them."""
    starts = [i for i, t in enumerate(tokens) if i == 0 or not t.startswith("##")]
    return list(zip(starts, [*starts[1:], len(tokens)], strict=True))


def _join(tokens: Sequence[str]) -> str:
    return "".join(t.removeprefix("##") for t in tokens).lstrip("▁Ġ")
