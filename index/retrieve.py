"""A query to ranked hits: dense, BM25, their fusion, and late interaction over the best of both.

Every stage gives a score where higher is better; every hit tells its rank in each stage.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index.config import MODES, SearchConfig
from index.encode import Encoded, Encoder, Reranker, load_query_encoder, load_reranker, passage_text
from index.follow_up import search_text
from index.late import OnTheFlyTokens, TokenStore
from index.query import check_history, check_question
from index.spelling import Speller
from index.store import Index, open_index
from ingest.errors import QuestionError, StoreError
from ingest.values import Chunk


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. `stages` maps a stage to `(rank from 1, score)` where the stage saw it; `row` is the
    chunk's number in its index.
    """

    rank: int
    score: float
    chunk: Chunk
    stages: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    row: int = -1

    def record(self) -> dict[str, object]:
        """The hit as it stands in a retrieval run."""
        c = self.chunk
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            "article_id": c.article_id,
            "article": c.article,
            "section": c.section,
            "source": c.source,
            "start": c.start,
            "end": c.end,
            "text": c.text,
            **c.where(c.start),
        }


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The hits of one query, the text searched for, its vectors, milliseconds a stage, and every stage's own order as
    numbers of chunks and scores, best first.
    """

    query: str
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    encoded: Encoded | None = None
    ranked: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, compare=False, repr=False)


class Retriever:
    """Searches an opened index. Safe to share between threads: nothing changes after construction."""

    def __init__(
        self, index: Index, encoder: Encoder, config: SearchConfig | None = None, reranker: Reranker | None = None
    ) -> None:
        self.index, self.encoder, self.config = index, encoder, config or SearchConfig()
        self.reranker = reranker
        self._speller = Speller(index.store.vocabulary, encoder, index.tokens.idf, index.language)
        self.late: TokenStore | OnTheFlyTokens = index.tokens
        if not index.tokens.has_vectors:
            max_tokens = index.manifest["config"]["max_tokens"]
            self.late = OnTheFlyTokens(index.tokens, encoder, self._passages, max_tokens)

    @classmethod
    def open(cls, root: Path, config: SearchConfig | None = None, device: str | None = None) -> Retriever:
        """Open the index in `root` with the encoder that made it, and the re-ranker that `config` names.

        Raises:
            StoreError: no usable index, or the encoder's weights are not those of the index.
            ModelError: a model that cannot be loaded.
        """
        index = open_index(root)
        made_by = index.manifest["encoder"]
        encoder = load_query_encoder(made_by["name"], device, download=False)
        seen = encoder.source.weights_sha256
        if made_by["weights_sha256"] and seen and seen != made_by["weights_sha256"]:
            raise StoreError(
                f"the index was made with weights {made_by['weights_sha256'][:12]} of {made_by['name']}, "
                f"{seen[:12]} are installed; rebuild it: python -m index build"
            )
        named = config.reranker if config else ""
        return cls(index, encoder, config, load_reranker(named, device) if named else None)

    def reopened(self, root: Path) -> Retriever:
        """A retriever over the version of the index that is current now; the encoder is kept when it made that too."""
        index = open_index(root)
        made_by, own = index.manifest["encoder"], self.encoder.source
        if (made_by["name"], made_by["weights_sha256"]) == (own.name, own.weights_sha256):
            return Retriever(index, self.encoder, self.config, self.reranker)
        return Retriever.open(root, self.config)

    def corrected(self, question: str) -> str:
        """The question with words that nobody knows corrected against the corpus, as it is searched."""
        return self._speller.corrected(question)

    def search(
        self,
        question: str,
        k: int = 5,
        mode: str = "full",
        history: Sequence[Mapping[str, str]] = (),
        articles: Collection[str] | None = None,
    ) -> Retrieval:
        """The best `k` chunks for a question, best first, optionally within `articles` (ids or titles).

        Raises:
            QuestionError: an empty or overlong question, an unknown mode, or `k` below 1.
        """
        if mode not in MODES:
            raise QuestionError(f"unknown mode {mode!r}; choose one of {', '.join(MODES)}")
        if k < 1:
            raise QuestionError(f"k is {k}; ask for at least one passage")
        query = self._speller.corrected(search_text(check_question(question), check_history(history)))
        timings: dict[str, float] = {}
        clock = _Clock(timings)
        allowed = self._allowed(articles)
        depth = max(self.config.candidates, k)
        ranked: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        encoded = None
        if mode != "bm25":
            encoded = self.encoder.encode_query(query)
            clock.lap("encode")
            ranked["dense"] = self.index.store.nearest(encoded.vector, depth, allowed)
            clock.lap("dense")
        if mode != "dense":
            ranked["bm25"] = self.index.store.matching(query, depth, allowed)
            clock.lap("bm25")
        if mode == "hybrid":
            ranked["hybrid"] = _fuse([ranked["dense"][0], ranked["bm25"][0]], self.config.rrf_k)
        elif mode == "full" and encoded is not None:
            fused = _fuse([ranked["dense"][0], ranked["bm25"][0]], self.config.rrf_k)
            pool = np.sort(fused[0] if self.index.tokens.has_vectors else fused[0][: self.config.encoded])
            late = self.late.scores(encoded, pool)
            ranked["late"] = _ordered(pool, late)
            clock.lap("late")
            ranked["full"] = _put_first(_ordered(pool, self._combined(encoded, query, pool, late)), fused)
        clock.lap("rank")
        if mode == "full" and self.reranker:
            ranked["reranker"] = self._reranked(self.reranker, query, ranked["full"][0])
            ranked["full"] = _put_first(ranked["reranker"], ranked["full"])
            clock.lap("reranker")
        hits = self._hits(ranked, mode, k)
        timings["total"] = round(sum(timings.values()), 3)
        return Retrieval(query, hits, timings, encoded, ranked)

    def _combined(self, encoded: Encoded, query: str, pool: np.ndarray, late: np.ndarray) -> np.ndarray:
        """(len(pool),) weighted sum of the stages' z-scores over the pool."""
        if not len(pool):
            return late
        dense, lexical = self.index.store.scores(encoded.vector, query, pool)
        return (
            _z_scores(late) + self.config.bm25_weight * _z_scores(lexical) + self.config.dense_weight * _z_scores(dense)
        )

    def _reranked(self, reranker: Reranker, query: str, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        best = order[: self.config.reranked]
        return _ordered(best, reranker.scores(query, self._passages(best.tolist())))

    def _passages(self, rows: Sequence[int]) -> list[str]:
        return [passage_text(chunk) for chunk in self.index.store.chunks_at(rows)]

    def _allowed(self, articles: Collection[str] | None) -> list[str] | None:
        """The ids of the articles that `articles` names by id or title, None when it names none."""
        if not articles:
            return None
        known = self.index.articles.values()
        if unknown := sorted(set(articles) - {a.article_id for a in known} - {a.title for a in known}):
            raise QuestionError(f"unknown article {unknown[0]!r}; titles are listed by `python -m index info`")
        return [a.article_id for a in known if a.article_id in articles or a.title in articles]

    def _hits(self, ranked: Mapping[str, tuple[np.ndarray, np.ndarray]], mode: str, k: int) -> tuple[Hit, ...]:
        places: dict[int, dict[str, tuple[int, float]]] = {}
        for stage, (ids, scores) in ranked.items():
            for n, (i, score) in enumerate(zip(ids.tolist(), scores.tolist(), strict=True)):
                places.setdefault(i, {})[stage] = (n + 1, float(score))
        rows, scores = (part[:k].tolist() for part in ranked[mode])
        chunks = self.index.store.chunks_at(rows)
        return tuple(
            Hit(n + 1, float(score), chunk, places[i], i)
            for n, (i, score, chunk) in enumerate(zip(rows, scores, chunks, strict=True))
        )


def _ordered(rows: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def _put_first(
    first: tuple[np.ndarray, np.ndarray], rest: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """`first` in its order, then what only `rest` has; scores of the rest lie below those of `first`."""
    others = ~np.isin(rest[0], first[0])
    if not len(first[0]):
        return rest
    below = rest[1][others]
    if len(below):
        below = below - below.max() + first[1].min() - 1.0
    return np.concatenate([first[0], rest[0][others]]), np.concatenate([first[1], below])


def _z_scores(values: np.ndarray) -> np.ndarray:
    """Values with mean 0 and deviation 1; zeros when all are equal."""
    scaled: np.ndarray = (values - values.mean()) / max(float(values.std()), 1e-6)
    return scaled


def _fuse(lists: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal rank fusion: sum of 1 / (k + rank) over the lists, best first."""
    totals: dict[int, float] = {}
    for ids in lists:
        for rank, i in enumerate(ids.tolist(), 1):
            totals[i] = totals.get(i, 0.0) + 1.0 / (k + rank)
    ids = np.array(list(totals), dtype=np.int64)
    return _ordered(ids, np.array(list(totals.values()), dtype=np.float32))


class _Clock:
    def __init__(self, timings: dict[str, float]) -> None:
        self._timings, self._at = timings, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._timings[name] = round((now - self._at) * 1000, 3)
        self._at = now
