"""Speed as ratios within one process: how much a whole search costs over the bare encoding of its query.

Times on shared machines drift, so the two are measured in turn, question by question, and the medians of
both and of their ratio are reported.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from index.encode import load_encoder
from index.retrieve import Retriever

WARM_UP = 10


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


def every_core() -> dict[str, str]:
    """Environment for a measured process: whatever multiplies matrices may use every core."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return os.environ | dict.fromkeys(threads, str(os.cpu_count())) | {"HF_HUB_OFFLINE": "1"}


def _ms(call: Callable[[str], None], text: str) -> float:
    start = time.perf_counter()
    call(text)
    return (time.perf_counter() - start) * 1000
