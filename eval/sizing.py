"""What an index of any size needs, from the points of `eval.scale`: what was measured, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

_SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)  # chunks
_ONE_MACHINE = 10_000_000  # chunks up to which everything is taken to stay on one machine
_MACHINE = 256  # GiB of memory of a machine, of which
_FILLED = 0.7  # this share is used
_Point = Mapping[str, Any]


def scale_table(result: Mapping[str, Any]) -> str:
    """Markdown: what was measured, a column a size."""
    rows: dict[str, Callable[[_Point], str]] = {
        "whole search, ms p50 / p95": lambda p: _both(p["search"]["ms"]["total"]),
        "... encoding the question": lambda p: _both(p["search"]["ms"]["encode"]),
        "... dense": lambda p: _both(p["search"]["ms"]["dense"]),
        "... BM25": lambda p: _both(p["search"]["ms"]["bm25"]),
        "... late interaction": lambda p: _both(p["search"]["ms"]["late"]),
        "whole search, index not cached": lambda p: _both(p["search"]["ms, not cached"]),
        "recall@10 of dense search": lambda p: f"{p['search']['recall@10 of dense search']:.3f}",
        "memory of the process, MiB": lambda p: f"{p['search']['memory, MiB']['anonymous']:,}",
        "... and mapped files": lambda p: f"{p['search']['memory, MiB']['mapped files']:,}",
        "... at its peak, both": lambda p: f"{p['search']['memory, MiB']['peak']:,}",
        "disk, MB": lambda p: f"{_disk(p) / 1e6:,.0f}",
        "opening, every hash checked, s": lambda p: f"{p['search']['opening, s']:,.0f}",
        "writing, s (all but encoding)": lambda p: f"{p['build']['writing the index, s']:,.0f}",
        "... memory and mapped files at their peak, MiB": lambda p: f"{p['build']['peak memory, MiB']:,}",
        "encoding, hours (calculated)": lambda p: f"{encoding_hours(p):,.2f}",
    }
    points = result["points"]
    lines = ["| chunks | " + " | ".join(f"{p['chunks']:,}" for p in points) + " |", "|---" * (len(points) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(map(cell, points)) + " |" for name, cell in rows.items()]
    return "\n".join([*lines, "", f"Made {result['made']}; {result['conditions']}."])


def sizing_table(result: Mapping[str, Any]) -> str:
    """Markdown: disk, memory and machines a size, worked out from the largest measured point; the two largest tell
    which part of the memory grows.
    """
    before, point = result["points"][-2:]
    kinds = point["build"]["disk, bytes"]
    less, more = (p["search"]["memory, MiB"]["anonymous"] / 1024 for p in (before, point))
    own = (more - less) / (point["chunks"] - before["chunks"])  # GiB a chunk
    base = more - own * point["chunks"]  # libraries and models
    a_chunk = {kind: size / point["chunks"] for kind, size in kinds.items()}
    searched = a_chunk["sentence vectors"] + a_chunk["BM25"]
    lines = [
        "| chunks | disk, GB | of it token vectors | memory, GiB: query process | vectors and BM25 | encoding, days "
        "| machines |",
        "|---|---|---|---|---|---|---|",
    ]
    for count in _SIZES:
        process, vectors = base + own * count, searched * count / 2**30
        cells = [sum(a_chunk.values()) * count / 1e9, a_chunk["token vectors"] * count / 1e9, process, vectors]
        cells.append(point["build"]["encoding a chunk, s"] * count / 86_400)
        lines.append(
            f"| {count:,} | " + " | ".join(map(_rounded, cells)) + f" | {_machines(count, process, vectors)} |"
        )
    return "\n".join(lines)


def encoding_hours(point: _Point) -> float:
    """What encoding so many chunks would take on the machine of the measurement."""
    return float(point["chunks"] * point["build"]["encoding a chunk, s"] / 3600)


def _machines(count: int, process: float, vectors: float) -> str:
    if count <= _ONE_MACHINE:
        memory = 2 ** max(2, math.ceil(math.log2((process + vectors) / _FILLED)))
        return f"1 of {memory} GiB, FAISS"
    query = 2 ** math.ceil(math.log2(process / _FILLED))
    return f"1 of {query:,} GiB, {math.ceil(vectors / (_MACHINE * _FILLED))} of {_MACHINE} GiB for Milvus"


def _disk(point: _Point) -> int:
    return sum(point["build"]["disk, bytes"].values())


def _both(quantiles: Mapping[str, float] | None) -> str:
    return f"{quantiles['p50']:.1f} / {quantiles['p95']:.1f}" if quantiles else ""


def _rounded(value: float) -> str:
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{round(value, 1 - math.floor(math.log10(value))):,.{digits}f}" if value > 0 else "0"
