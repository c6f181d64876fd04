"""Why a passage was found: its place in the order of every stage, which word of the query met which word of the
passage, and how closely.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.encode import Encoded, passage_text
from index.retrieve import Hit, Retrieval, Retriever
from ingest.text import fold

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Match:
    """One query word and its best counterpart: cosine in [-1, 1], and the word's share of the query (sums to 1).
    The counterpart stands at `[start, end)` of the passage's text (`passage_text`), or at 0 if it cannot be told.
    """

    query_word: str
    passage_word: str
    cosine: float
    weight: float
    start: int = 0
    end: int = 0


def stage_orders(retriever: Retriever, found: Retrieval, shown: int) -> dict[str, list[Hit]]:
    """The first `shown` passages of every stage in its own order; `rank` and `score` are those of the stage."""
    places: dict[int, dict[str, tuple[int, float]]] = {}
    for stage, (rows, scores) in found.ranked.items():
        for rank, (row, score) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True), 1):
            places.setdefault(row, {})[stage] = (rank, score)
    orders = {}
    for stage, (rows, _scores) in found.ranked.items():
        first = rows[:shown].tolist()
        chunks = retriever.index.store.chunks_at(first)
        orders[stage] = [
            Hit(*places[row][stage], chunk, places[row], row) for row, chunk in zip(first, chunks, strict=True)
        ]
    return orders


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
    read = _read(retriever, hit)
    places = _places(passage_text(hit.chunk), [word for word, _stop in read])
    matches = []
    for start, stop in _words(query_tokens):
        if store.idf[query.token_ids[start]] < 0 or not any(c.isalnum() for c in _join(query_tokens[start:stop])):
            continue
        heaviest = start + int(np.argmax(weights[start:stop]))
        token = int(kept[best[heaviest]])
        met = next(n for n, (_word, end) in enumerate(read) if token < end)
        matches.append(
            Match(
                _join(query_tokens[start:stop]),
                read[met][0],
                float(cosines[heaviest]),
                float(weights[start:stop].sum()),
                *places[met],
            )
        )
    return matches


def unread_from(retriever: Retriever, hit: Hit) -> int:
    """Where in the passage's text (`passage_text`) the encoder stopped reading: its length, if nowhere."""
    text = passage_text(hit.chunk)
    read = _read(retriever, hit)
    if read[-1][1] < retriever.index.manifest["config"]["max_tokens"]:
        return len(text)
    return max(end for _start, end in _places(text, [word for word, _stop in read]))


def _read(retriever: Retriever, hit: Hit) -> list[tuple[str, int]]:
    """The words of a passage as the encoder read them, each with the number of tokens up to its end."""
    tokens = [retriever.encoder.token_text(i) for i in retriever.index.tokens.chunk(hit.row).ids]
    return [(_join(tokens[start:stop]), stop) for start, stop in _words(tokens)]


def _places(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where words that were read one after another stand in a text; (0, 0) for what is no word of it."""
    standing: dict[tuple[str, int], tuple[int, int]] = {}
    seen: Counter[str] = Counter()
    for match in _WORD.finditer(text):
        word = fold(match.group()).casefold()
        standing[word, seen[word]] = match.span()
        seen[word] += 1
    passed: Counter[str] = Counter()
    places = []
    for word in words:
        places.append(standing.get((word.casefold(), passed[word]), (0, 0)))
        passed[word] += 1
    return places


def _words(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Token ranges that form one word: WordPiece continuations join what is before them."""
    starts = [i for i, t in enumerate(tokens) if i == 0 or not t.startswith("##")]
    return list(zip(starts, [*starts[1:], len(tokens)], strict=True))


def _join(tokens: Sequence[str]) -> str:
    return "".join(t.removeprefix("##") for t in tokens).lstrip("▁Ġ")
