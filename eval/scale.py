"""What a search costs as an index grows: `python -m eval bench --chunks 1000,10000,100000,1000000 --out FILE.json`.

Every index is written in full and opened in a fresh process that then searches it, so that all that an index of this
size costs is measured: hashes, memory, disk, milliseconds. Its contents are synthetic: a chunk is the first half of
one bundled chunk and the second half of another, in articles of ten whose titles hold an invented name (so that the
vocabulary grows, too); its token vectors are those of the halves, its sentence vector is the mean of both with noise.
Only encoding is left out; its time a chunk is measured beside it on bundled chunks.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench import every_core
from eval.data import read_questions
from index.config import ROOT, IndexConfig, StoreConfig
from index.encode import load_passage_encoder, passage_text
from index.late import QuantisedTokens, TokenStore, inverse_document_frequency
from index.local import LocalWriter
from index.retrieve import Retriever
from index.store import Index, open_index, read_manifest, write_index
from index.table import ChunkTable
from ingest.errors import PinciteError
from ingest.values import Article, Chunk

_SEED = 20261123
_AN_ARTICLE = 10  # chunks
_NOISE = 0.02  # standard deviation of a coordinate, whose own is .05
_WARM_UP = 10  # searches
_CONSONANTS, _VOWELS = "bcdfghklmnprstvz", "aeiou"
_KINDS = {"tokens_": "token vectors", "dense": "sentence vectors", "bm25": "BM25"}


def scale(seed: Path, questions: Path, counts: Sequence[int], told: Callable[[str], None]) -> dict[str, Any]:
    """A point for every count, each made and measured in processes of its own; `seed` is the bundled index.

    Raises:
        PinciteError: one of the processes failed.
    """
    points = []
    for count in counts:
        with tempfile.TemporaryDirectory(dir=seed.parent) as scratch:
            told(f"{count} chunks: writing ...")
            grown = _process("grow", str(seed), scratch, str(count))
            told(f"{count} chunks: searching ...")
            points.append({"chunks": count, "build": grown, "search": _process("search", scratch, str(questions))})
    return {
        "made": date.today().isoformat(),
        "command": f"python -m eval bench --chunks {','.join(map(str, counts))}",
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "conditions": f"synthetic indexes (eval/scale.py), fresh processes; load before: {os.getloadavg()[0]:.1f}",
        "index": asdict(IndexConfig()),
        "points": points,
    }


def _process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "eval.scale", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=every_core(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise PinciteError(f"eval.scale {arguments[0]} failed: {done.stderr.strip()[-300:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


# --- growing an index ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Half:
    """Half of a bundled chunk: its text and its tokens."""

    text: str
    tokens: QuantisedTokens


def grow(seed: Path, root: Path, count: int) -> dict[str, Any]:
    """Write a synthetic index of so many chunks into `root`. Returns what that took, by step."""
    index, config = open_index(seed), IndexConfig()
    rng = np.random.default_rng(_SEED)
    pairs = rng.integers(0, len(index.chunks), size=(count, 2))
    halves = [_halves(chunk, index, count > config.compact_above) for chunk in index.chunks]
    root.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    articles, chunks = _articles(pairs, halves, index)
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        tokens = _tokens(pairs, halves, index, Path(scratch) / "codes")
        vectors = index.vectors[pairs].sum(axis=1)
        for rows in np.array_split(vectors, -(-count // 10_000)):
            rows += rng.normal(0, _NOISE, rows.shape).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assembled = time.perf_counter()
        manifest = index.manifest | {
            "article_hashes": {a.article_id: a.text_hash for a in articles},
            "counts": {"articles": len(articles), "chunks": count, "tokens": len(tokens.ids), "words": 0},
        }
        texts = [passage_text(c) for c in chunks]
        writer = LocalWriter(root, StoreConfig(), config)
        write_index(root, manifest, articles, chunks, vectors, texts, tokens.save, writer)
    written = time.perf_counter()
    return {
        "assembling, s": round(assembled - began, 1),
        "writing the index, s": round(written - assembled, 1),
        "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "disk, bytes": _disk(root),
    }


def _halves(chunk: Chunk, index: Index, compact: bool) -> tuple[Half, Half]:
    row = index.chunks.index(chunk)
    tokens = index.tokens.chunk(row)
    tokens = tokens.compacted() if compact else tokens
    body = chunk.text[chunk.body - chunk.start :]
    cut = body.rfind(" ", 0, len(body) // 2 + 1) + 1
    middle, middle_id = len(tokens.scales) // 2, len(tokens.ids) // 2
    return Half(body[:cut], _part(tokens, slice(middle), slice(middle_id))), Half(
        body[cut:], _part(tokens, slice(middle, None), slice(middle_id, None))
    )


def _part(tokens: QuantisedTokens, rows: slice, ids: slice) -> QuantisedTokens:
    return QuantisedTokens(np.array(tokens.codes[rows]), np.array(tokens.scales[rows]), np.array(tokens.ids[ids]))


def _articles(pairs: np.ndarray, halves: Sequence[tuple[Half, Half]], index: Index) -> tuple[list[Article], ChunkTable]:
    """Articles of ten chunks each, and the table of all chunks."""
    rows = np.empty((len(pairs), 5), dtype=np.int64)
    paths = [chunk.headings for chunk in index.chunks]
    articles: list[Article] = []
    for at in range(0, len(pairs), _AN_ARTICLE):
        number = len(articles)
        parts = [f"About {_name(number)}"]
        end = len(parts[0])
        for n, (a, b) in enumerate(pairs[at : at + _AN_ARTICLE].tolist(), at):
            parts.append(halves[a][0].text + halves[b][1].text)
            start, end = end + 2, end + 2 + len(parts[-1])
            rows[n] = number, start, end, start, a
        text, name = "\n\n".join(parts), f"{number:07d}.txt"
        articles.append(Article(name, parts[0], name, text, 0, len(text), ()))
    return articles, ChunkTable(rows, paths, {a.article_id: a for a in articles})


def _name(number: int) -> str:
    """An invented word of four syllables or more, another for every number."""
    word = ""
    while number or len(word) < 8:
        number, syllable = divmod(number, len(_CONSONANTS) * len(_VOWELS))
        word += _CONSONANTS[syllable // len(_VOWELS)] + _VOWELS[syllable % len(_VOWELS)]
    return word.capitalize()


def _tokens(pairs: np.ndarray, halves: Sequence[tuple[Half, Half]], index: Index, path: Path) -> TokenStore:
    """The tokens of all chunks; their codes in a memory-mapped file."""
    first, second = (np.array([len(h[side].tokens.scales) for h in halves]) for side in (0, 1))
    first_ids, second_ids = (np.array([len(h[side].tokens.ids) for h in halves]) for side in (0, 1))
    offsets = np.concatenate([[0], np.cumsum(first[pairs[:, 0]] + second[pairs[:, 1]])])
    id_offsets = np.concatenate([[0], np.cumsum(first_ids[pairs[:, 0]] + second_ids[pairs[:, 1]])])
    sample = halves[0][0].tokens.codes
    codes = np.memmap(path, mode="w+", dtype=sample.dtype, shape=(int(offsets[-1]), sample.shape[1]))
    scales, ids = np.empty(int(offsets[-1]), np.float16), np.empty(int(id_offsets[-1]), np.int32)
    for n, (a, b) in enumerate(pairs.tolist()):
        at, id_at = int(offsets[n]), int(id_offsets[n])
        for part in (halves[a][0].tokens, halves[b][1].tokens):
            rows, own = slice(at, at + len(part.scales)), slice(id_at, id_at + len(part.ids))
            codes[rows], scales[rows], ids[own] = part.codes, part.scales, part.ids
            at, id_at = rows.stop, own.stop
    idf = inverse_document_frequency(ids, id_offsets, len(index.tokens.idf))
    return TokenStore(codes, scales, offsets, ids, id_offsets, idf)


def encoding(seed: Path) -> dict[str, float]:
    """Seconds that a bundled chunk takes to encode in a build."""
    texts = [passage_text(c) for c in open_index(seed).chunks[:100]]
    encoder = load_passage_encoder()
    encode = partial(encoder.encode_passages, texts, IndexConfig().max_tokens)
    light = encoder.light_tokens()
    for _warm in encode():
        pass
    began = time.perf_counter()
    for _n, row in encode():
        QuantisedTokens.of(row, light).compacted()
    return {"encoding a chunk, s": round((time.perf_counter() - began) / len(texts), 4)}


def _disk(root: Path) -> dict[str, int]:
    sizes = dict.fromkeys([*_KINDS.values(), "texts and chunks"], 0)
    for name, file in read_manifest(root)[1]["files"].items():
        sizes[next((kind for start, kind in _KINDS.items() if name.startswith(start)), "texts and chunks")] += file[
            "bytes"
        ]
    return sizes


# --- searching it ----------------------------------------------------------------------------------------


def search(root: Path, questions: Path) -> dict[str, Any]:
    """Open the index and search it: milliseconds by stage, memory, and how much of the exact ten nearest is found."""
    texts = [q.question for q in read_questions(questions)]
    began = time.perf_counter()
    retriever = Retriever.open(root)
    opened = time.perf_counter() - began
    after_open = _memory()
    cold = _drop_pages(root) and [retriever.search(text).timings_ms["total"] for text in texts]
    for text in texts[:_WARM_UP]:
        retriever.search(text)
    timings = [retriever.search(text).timings_ms for text in texts]
    return {
        "opening, s": round(opened, 1),
        "ms": {stage: _quantiles([t[stage] for t in timings]) for stage in timings[0]},
        "ms, not cached": _quantiles(cold) if cold else None,
        "memory when opened, MiB": after_open,
        "memory, MiB": _memory(),
        "recall@10 of dense search": round(_recall(retriever, texts), 4),
        "queries": len(texts),
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(float(np.quantile(values, 0.5)), 2), "p95": round(float(np.quantile(values, 0.95)), 2)}


def _drop_pages(root: Path) -> bool:
    """Ask the system to forget the index's files; what is mapped and in use stays."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in root.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
    return True


def _memory() -> dict[str, int]:
    """MiB of this process: its own (`anonymous`), of files that it has mapped, and the most that both were at once."""
    status = Path("/proc/self/status")
    if not status.exists():
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    fields = {"anonymous": "RssAnon", "mapped files": "RssFile", "peak": "VmHWM"}
    return {name: int(lines[field].split()[0]) >> 10 for name, field in fields.items()}


def _recall(retriever: Retriever, texts: Sequence[str]) -> float:
    """Mean share of the exact ten nearest chunks among the ten that dense search finds."""
    queries = np.stack([retriever.encoder.encode_query(text).vector for text in texts])
    dense, step = retriever.index.store.dense, 50_000  # type: ignore[attr-defined]
    scores = np.full((len(texts), 10), -np.inf, dtype=np.float32)
    rows = np.zeros((len(texts), 10), dtype=np.int64)
    for start in range(0, dense.ntotal, step):
        block = queries @ dense.reconstruct_n(start, min(step, dense.ntotal - start)).T
        scores, rows = (
            np.concatenate([scores, block], axis=1),
            np.concatenate([rows, np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)], axis=1),
        )
        best = np.argpartition(-scores, 10, axis=1)[:, :10]
        scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
    found = [retriever.index.store.nearest(query, 10)[0] for query in queries]
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / 10 for a, b in zip(rows, found, strict=True)]))


if __name__ == "__main__":
    if sys.argv[1] == "grow":
        written = grow(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        print(json.dumps(written | encoding(Path(sys.argv[2]))))
    else:
        print(json.dumps(search(Path(sys.argv[2]), Path(sys.argv[3]))))
