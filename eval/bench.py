"""Speed as ratios within one process: how much a whole search costs over the bare encoding of its query.

Times on shared machines drift, so the two are measured in turn, question by question, and the medians of
both and of their ratio are reported. `recombined` makes a large index out of a small one, so that the cost
at 100,000 chunks can be measured without encoding them: every chunk is two halves of real ones.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from index.config import IndexConfig
from index.dense import build_dense
from index.encode import load_encoder
from index.late import QuantisedTokens, TokenStore
from index.lexical import Lexical
from index.local import LocalStore
from index.retrieve import Retriever
from index.store import Index

WARM_UP = 10
_SEED = 20261123


def search_overhead(retriever: Retriever, questions: Sequence[str], rounds: int = 3) -> dict[str, Any]:
    """Median milliseconds of `encode` alone and of `search`, and the median of their ratio per question."""
    encoder = load_encoder(retriever.encoder.source.name)

    def encode(text: str) -> None:
        encoder.model.encode([text], show_progress_bar=False)  # what anybody would call

    def search(text: str) -> None:
        retriever.search(text, 5)

    for text in questions[:WARM_UP]:
        encode(text)
        search(text)
    pairs = [(_ms(encode, text), _ms(search, text)) for _ in range(rounds) for text in questions]
    return {
        "made": date.today().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "chunks": len(retriever.index.chunks),
        "figures": {
            "chunks": len(retriever.index.chunks),
            "bare encoding of the query, median ms": round(statistics.median(e for e, _s in pairs), 2),
            "whole search, median ms": round(statistics.median(s for _e, s in pairs), 2),
            "search / encoding, median ratio": round(statistics.median(s / e for e, s in pairs), 3),
        },
    }


def recombined(index: Index, count: int, folder: Path) -> Index:
    """An index of `count` chunks made of halves of real ones; token vectors are memory-mapped from `folder`."""
    rng = np.random.default_rng(_SEED)
    pairs = rng.integers(0, len(index.chunks), size=(count, 2))
    store = index.tokens
    whole = [store.chunk(i) for i in range(len(index.chunks))]
    middles = [len(t.scales) // 2 for t in whole]
    heads = [_part(t, slice(None, m)) for t, m in zip(whole, middles, strict=True)]
    tails = [_part(t, slice(m, None)) for t, m in zip(whole, middles, strict=True)]
    lengths = [len(heads[a].scales) + len(tails[b].scales) for a, b in pairs.tolist()]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    codes = np.lib.format.open_memmap(
        folder / "codes.npy", mode="w+", dtype=np.int8, shape=(int(offsets[-1]), store.codes.shape[1])
    )
    scales = np.empty(int(offsets[-1]), dtype=np.float16)
    for n, (a, b) in enumerate(pairs.tolist()):
        first, second = heads[a], tails[b]
        cut = offsets[n] + len(first.scales)
        codes[offsets[n] : cut], codes[cut : offsets[n + 1]] = first.codes, second.codes
        scales[offsets[n] : cut], scales[cut : offsets[n + 1]] = first.scales, second.scales
    codes.flush()
    vectors = index.vectors[pairs].sum(axis=1) + rng.normal(0, 0.02, (count, index.vectors.shape[1]))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    dense = build_dense(vectors, IndexConfig().exact_up_to)
    texts = [c.text for c in index.chunks]
    lexical = Lexical.build([texts[a][: len(texts[a]) // 2] + " " + texts[b][len(texts[b]) // 2 :] for a, b in pairs])
    mapped = np.load(folder / "codes.npy", mmap_mode="r")
    tokens = TokenStore(mapped, scales, offsets, np.zeros(0, np.int32), np.zeros(count + 1, np.int64), store.idf)
    chunks = tuple(index.chunks[a] for a, _b in pairs.tolist())
    return replace(index, store=LocalStore(chunks, dense, lexical), tokens=tokens)


def _part(tokens: QuantisedTokens, rows: slice) -> QuantisedTokens:
    return QuantisedTokens(np.array(tokens.codes[rows]), np.array(tokens.scales[rows]), tokens.ids)


def _ms(call: Callable[[str], None], text: str) -> float:
    start = time.perf_counter()
    call(text)
    return (time.perf_counter() - start) * 1000
