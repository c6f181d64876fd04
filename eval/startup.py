"""Warm start: process start to page served and index loaded, against the bare import of the libraries it needs.

Both run in fresh processes, in turn, so that a busy machine slows both; the ratio is taken round by round.
`/healthz` tells when the index is loaded and a question can be answered. Run it on a quiet machine:
`python -m eval.startup [--rounds 7] [--out FILE.json]`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from index.config import ROOT, default_index_dir
from index.store import read_manifest
from ingest.cli import fail_clearly
from ingest.errors import PinciteError

BARE = "import gradio, torch, sentence_transformers; print(flush=True)"
_PATIENCE = 180.0  # seconds
_PAUSE = 0.02


def startup(index: Path, rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Median seconds of the bare import, of page served and of index loaded; median ratio of the last to the first."""
    load = os.getloadavg()[0]
    _served(index)  # both warm: files in the page cache, bytecode compiled
    _bare()
    measured = []
    for n in range(rounds):
        bare = _bare()
        page, ready = _served(index)
        measured.append((bare, page, ready))
        progress(f"round {n + 1} of {rounds}: bare {bare:.2f} s, page {page:.2f} s, ready {ready:.2f} s")
    return {
        "made": date.today().isoformat(),
        "command": f"python -m eval.startup --rounds {rounds}",
        "conditions": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, index built",
        "figures": {
            "import gradio, torch, sentence_transformers: median s": round(
                statistics.median(b for b, *_ in measured), 2
            ),
            "process start to page served: median s": round(statistics.median(p for _, p, _ in measured), 2),
            "process start to index loaded: median s": round(statistics.median(r for *_, r in measured), 2),
            "index loaded / bare import: median ratio": round(statistics.median(r / b for b, _, r in measured), 3),
            "rounds": rounds,
            "load average before": round(load, 1),
        },
    }


def _bare() -> float:
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", BARE], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        return time.perf_counter() - started


def _served(index: Path) -> tuple[float, float]:
    """Seconds until the page is served, and until a question can be answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--index", str(index)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page = _until_good(f"http://127.0.0.1:{port}/", process, started)
        return page, _until_good(f"http://127.0.0.1:{port}/healthz", process, started)
    finally:
        process.terminate()
        process.wait()


def _until_good(url: str, process: subprocess.Popen[bytes], started: float) -> float:
    while process.poll() is None and time.perf_counter() - started < _PATIENCE:
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE):
                return time.perf_counter() - started
        except (urllib.error.URLError, OSError):
            time.sleep(_PAUSE)
    raise PinciteError(f"{url} was never good; run `python app.py` to see why")


def main() -> int:
    """Parse the command line, measure, print and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m eval.startup", description=__doc__)
    parser.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR", help="built before")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    args = parser.parse_args()
    read_manifest(args.index)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server in hand is ended, too
    result = startup(args.index, args.rounds, lambda line: print(line, file=sys.stderr))
    for name, value in result["figures"].items():
        print(f"{name}: {value}")
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    fail_clearly(main)
