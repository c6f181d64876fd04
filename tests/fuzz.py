"""Hostile files by the hundred thousand: whatever a file holds, its reader ends with articles or a `CorpusError`.

    python -m tests.fuzz html --inputs 100000            mutations of small valid files (`tests.mutate`)
    python -m tests.fuzz html --inputs 100000 --guided   led by coverage (needs `pip install atheris`)

Loaders: text, jsonl, html, pdf, docx, and chunker, which takes text alone. Inputs run one after another in a child
process, each with `SECONDS` of CPU time and `MEMORY` bytes; what breaks it is kept under --keep, and the next child
goes on behind it. A refusal that hides an error of our own code counts as broken; spans are checked on all that is
read.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FunctionType
from typing import Any

from ingest.chunk import ChunkConfig, chunk_article
from ingest.errors import CorpusError
from ingest.load import read_file
from ingest.outline import outline
from ingest.values import Article
from tests.mutate import LOADERS, LONGEST, PIECES, changed, docx, mutations, seeds, word_parts

SECONDS = 5  # of CPU time for one input of at most 64 KiB; a call that never comes back is killed
MEMORY = 512 << 20  # bytes of address space beyond what libraries and seeds take
_COVERED = ("ingest", "mammoth", "trafilatura", "justext", "json", "yaml")  # what the guided fuzzer sees the inside of
MEMORY_DISK = next((folder for folder in ("/dev/shm",) if Path(folder).is_dir()), None)  # a file takes 3 ms elsewhere


class Late(BaseException):
    """Time is up; no `except Exception` on the way takes it for a damaged file."""


def check(loader: str, data: bytes, folder: Path) -> str:
    """Read one input and check all spans of what comes out; "read" or "refused"."""
    if loader == "chunker":
        text = data.decode("utf-8", "surrogateescape")
        check_article(Article("x", "x", "x", text, 0, len(text), outline(text, 0, len(text))))
        return "read"
    path = folder / f"x.{ {'text': 'txt'}.get(loader, loader) }"
    path.write_bytes(data)
    try:
        articles = read_file(path, path.name)
    except CorpusError as error:
        assert str(error).strip()
        if error.__context__ and _ours(error.__context__):
            raise error.__context__ from None
        return "refused"
    for article in articles:
        check_article(article)
    return "read"


def _ours(error: BaseException) -> bool:
    """Whether an error is one of our own code, or of memory, rather than a library's about a damaged file."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    mistaken = (
        isinstance(error, (LookupError, TypeError, AttributeError)) and Path(last.filename).parent.name == "ingest"
    )
    return mistaken or isinstance(error, MemoryError)


def check_article(article: Article) -> None:
    """Blocks and chunks are exact spans in order, within the limits, and hold all text of the blocks."""
    config, text = ChunkConfig(), article.text
    assert 0 <= article.start <= article.end <= len(text)
    assert all(article.start <= b.start < b.end <= article.end for b in article.blocks)
    assert all(a.end <= b.start for a, b in pairwise(article.blocks))
    chunks = list(chunk_article(article, config))
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text and chunk.start <= chunk.body <= chunk.end
        assert chunk.words <= config.max_words and len(chunk.text) <= 48 * config.max_words
    assert all(a.end <= b.start for a, b in pairwise(chunks))
    said = "".join("".join(chunk.text.split()) for chunk in chunks)
    assert said == "".join("".join(text[b.start : b.end].split()) for b in article.blocks)


def run(loader: str, inputs: int, keep: Path, make: Callable[[int], bytes]) -> list[str]:
    """Inputs 0, 1, ... that `make` makes, in child processes; returns a line for each that broke the reader."""
    failures: list[str] = []
    outcomes: Counter[str] = Counter()
    context = multiprocessing.get_context("fork")
    at, slowest = context.RawValue("q", 0), context.RawValue("d", 0.0)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as scratch:
        check(loader, seeds(loader)[0], Path(scratch))  # imports the libraries before anything is limited
        while at.value < inputs and len(failures) < 100:
            reader, writer = context.Pipe(duplex=False)
            child = context.Process(target=_work, args=(make, loader, inputs, Path(scratch), at, slowest, writer))
            child.start()
            writer.close()
            told = ""
            try:
                while True:
                    found, told = reader.recv()
                    outcomes += found
                    print(f"{loader}: {sum(outcomes.values()):,} inputs so far", flush=True)
            except EOFError:
                child.join()
            if child.exitcode:
                told = f"the process died ({child.exitcode})"
            if told:
                keep.mkdir(parents=True, exist_ok=True)
                kept = keep / f"{loader}-{at.value}.bin"
                kept.write_bytes(make(at.value))
                failures.append(f"{told} -> {kept}")
                print(failures[-1])
                at.value += 1
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(
        f"{loader}: {at.value:,} inputs, {dict(outcomes)}, {len(failures)} failures, slowest {slowest.value:.2f} s of "
        f"CPU, peak {peak} MiB, {time.monotonic() - began:.0f} s"
    )
    return failures


def _work(make: Callable[[int], bytes], loader: str, stop: int, folder: Path, at: Any, slowest: Any, out: Any) -> None:
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()  # by libraries
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _late)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # ends the process, as SIGALRM does: for calls that never return
    found: Counter[str] = Counter()
    for n in range(at.value, stop):
        at.value, told = n, ""
        resource.setrlimit(resource.RLIMIT_AS, (most, most))  # to make an input may take more than to read it
        data = make(n)
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, most))
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_VIRTUAL, 3 * SECONDS)
        signal.setitimer(signal.ITIMER_REAL, 60 * SECONDS)
        try:
            found[check(loader, data, folder)] += 1
        except BaseException as error:
            told = f"{type(error).__name__}: {str(error)[:200]}"
        for timer in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        slowest.value = max(slowest.value, time.process_time() - began)
        if told:
            break
        if n % 10_000 == 9_999:
            out.send((found, ""))
            found = Counter()
    else:
        at.value = stop
    out.send((found, told))


def _late(*_: object) -> None:
    raise Late(f"more than {SECONDS} s of CPU time")


def guided(loader: str, inputs: int, keep: Path) -> int:
    """libFuzzer over the reader, its coverage counted by atheris in our code and in the libraries written in Python.

    Half of the changes are libFuzzer's own, half those of `tests.mutate`. For DOCX it changes the document's XML, not
    the archive. What it found to reach new lines is kept in --keep for the next run. Exits with libFuzzer's status.
    """
    import atheris

    folder, corpus = Path(tempfile.mkdtemp(dir=MEMORY_DISK)), keep / f"{loader}-corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    parts = word_parts()
    first = (parts["word/document.xml"],) if loader == "docx" else seeds(loader)
    check(loader, seeds(loader)[0], folder)  # imports the libraries
    for n, data in enumerate(first):
        (corpus / f"seed-{n}").write_bytes(data)
    for function in [f for f in gc.get_objects() if isinstance(f, FunctionType)]:
        if (function.__module__ or "").split(".")[0] in _COVERED:
            atheris.instrument_func(function)

    def one(data: bytes) -> None:
        check(loader, docx({**parts, "word/document.xml": data}) if loader == "docx" else data, folder)

    def change(data: bytes, longest: int, seed: int) -> bytes:
        rnd = random.Random(seed)
        return bytes(atheris.Mutate(data, longest)) if rnd.random() < 0.5 else changed(data, rnd)[:longest]

    words = "".join('"' + "".join(f"\\x{b:02x}" for b in piece) + '"\n' for piece in PIECES if len(piece) < 60)
    (folder / "words").write_text(words)
    options = [f"-runs={inputs}", f"-max_len={LONGEST}", f"-timeout={6 * SECONDS}", "-rss_limit_mb=2048"]
    places = [f"-dict={folder / 'words'}", f"-artifact_prefix={keep}/{loader}-", str(corpus)]
    atheris.Setup(["fuzz", *options, *places], one, custom_mutator=change)
    atheris.Fuzz()
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("loader", choices=LOADERS)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(".data/fuzz"))
    parser.add_argument("--guided", action="store_true")
    args = parser.parse_args(argv)
    if args.guided:
        return guided(args.loader, args.inputs, args.keep)
    return 1 if run(args.loader, args.inputs, args.keep, mutations(args.loader, args.seed)) else 0


if __name__ == "__main__":
    sys.exit(main())
