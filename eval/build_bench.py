"""Building an index against LangChain's default pipeline: the same files, the same weights, whole processes in turn.

`python -m eval bench --build [--megabytes N] --out FILE.json`. Theirs is what a tutorial does:
`RecursiveCharacterTextSplitter` (1,000 characters, 200 of overlap), sentence vectors by sentence-transformers with its
defaults, a flat FAISS index, everything written to disk (`eval.build_langchain`). Ours is `python -m index build`,
which also makes BM25 and token vectors. They take turns A B A B, so that a busy machine slows both; a GPU serves both.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from eval.bench import every_core
from eval.data import DEFAULT_QUESTIONS, read_questions
from eval.run import evaluate
from index.config import DEFAULT_CORPUS, DEFAULT_ENCODER, ROOT
from index.encode import default_device, find_model
from index.retrieve import Retriever
from ingest.errors import PinciteError

_LEAST_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took: seconds on the wall, seconds of CPU, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def build_speed(scratch: Path, megabytes: float = 0, rounds: int = 3) -> dict[str, Any]:
    """Costs of both, medians and their ratios. `megabytes` 0 means the bundled corpus alone.

    Raises:
        PinciteError: one of the processes failed.
    """
    corpus = scratch / "corpus"
    size = mixed_corpus(corpus, megabytes)
    ours, theirs = scratch / "ours", scratch / "theirs"
    model = find_model(DEFAULT_ENCODER).path
    commands = {
        "LangChain": ["-m", "eval.build_langchain", str(corpus), str(theirs), model],
        "Pincite": ["-m", "index", "build", "--corpus", str(corpus), "--out", str(ours), "--force"],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _round in range(rounds):
        for name, command in commands.items():
            shutil.rmtree(ours if name == "Pincite" else theirs, ignore_errors=True)
            costs[name].append(_timed(command))
    middle = {
        name: Cost(*(statistics.median(getattr(c, f) for c in made) for f in Cost.__slots__))
        for name, made in costs.items()
    }
    one, two = middle["Pincite"], middle["LangChain"]
    retriever = Retriever.open(ours)
    figures: dict[str, Any] = {
        "corpus, MB": round(size / 1e6, 2),
        "chunks": len(retriever.index.chunks),
        "wall time, ratio to LangChain": round(one.wall / two.wall, 3),
        "CPU time, ratio to LangChain": round(one.cpu / two.cpu, 3),
        "peak memory, ratio to LangChain": round(one.memory / two.memory, 3),
        "seconds": f"{one.wall:.1f} against {two.wall:.1f}",
        "peak memory, MiB": f"{one.memory:.0f} against {two.memory:.0f}",
    }
    if not megabytes:
        dev = read_questions(DEFAULT_QUESTIONS, judged=True, split="dev")
        result = evaluate(retriever, dev, ["full"])
        figures["recall@5 of the index, dev half"] = round(result["modes"]["full"]["recall@5"]["mean"], 3)
    return {
        "made": date.today().isoformat(),
        "command": "python -m eval bench --build" + (f" --megabytes {megabytes:g}" if megabytes else ""),
        "machine": _machine(),
        "conditions": f"medians of {rounds} rounds, in turn, whole processes; load before: {os.getloadavg()[0]:.1f}",
        "rounds": {name: [vars_of(c) for c in made] for name, made in costs.items()},
        "figures": figures,
    }


def _machine() -> str:
    """Processor, cores, GPU if both would use one, Python."""
    import torch

    gpu = f", {torch.cuda.get_device_name()}" if default_device() == "cuda" else ""
    return f"{platform.machine()}, {os.cpu_count()} CPUs{gpu}, Python {platform.python_version()}"


def vars_of(cost: Cost) -> dict[str, float]:
    """The cost as rounded numbers."""
    return {name: round(getattr(cost, name), 2) for name in Cost.__slots__}


def mixed_corpus(folder: Path, megabytes: float) -> int:
    """Write the bundled corpus and, up to so many megabytes, texts of installed packages: read-mes (`.md`), licences,
    docstrings (`.txt`). In the order of their paths, each text once. Returns the bytes written.

    Raises:
        PinciteError: the installed packages hold less text than that.
    """
    folder.mkdir(parents=True)
    size = 0
    for path in sorted(DEFAULT_CORPUS.glob("*.txt")):
        shutil.copy(path, folder / path.name)
        size += path.stat().st_size
    seen: set[str] = set()
    texts = package_texts(Path(sysconfig.get_paths()["purelib"]))
    while size < megabytes * 1e6:
        name, text, markdown = next(texts, ("", "", False))
        if not name:
            raise PinciteError(f"the installed packages hold {size / 1e6:.0f} MB of text; give fewer --megabytes")
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in seen:
            continue
        seen.add(key)
        file = folder / f"{len(seen):06d}{'.md' if markdown else '.txt'}"
        size += file.write_text(text if markdown else f"{name}\n\n{text}\n", encoding="utf-8")
    return size


def package_texts(root: Path) -> Iterator[tuple[str, str, bool]]:
    """`(path without suffix, text, whether it is Markdown)` of every document and every documented module below a
    folder, by path.
    """
    for path in sorted(root.rglob("*")):
        if path.suffix not in (".py", ".md", ".rst", ".txt") and path.name not in ("METADATA", "LICENSE"):
            continue
        try:
            text = path.read_text(encoding="utf-8")
            text = "\n\n".join(_docstrings(text)) if path.suffix == ".py" else text
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        if len(text) >= _LEAST_CHARACTERS and "\x00" not in text:
            yield str(path.relative_to(root).with_suffix("")), text, path.suffix == ".md"


def _docstrings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield text


def _timed(arguments: Sequence[str]) -> Cost:
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=every_core(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    errors = process.stderr.read() if process.stderr else b""
    _pid, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PinciteError(f"{' '.join(arguments[:3])} failed: {errors.decode(errors='replace').strip()[-300:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10)))
