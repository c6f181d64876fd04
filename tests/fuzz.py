"""Hostile files by the hundred thousand: whatever a file holds, its reader ends with articles or a `CorpusError`.

    python -m tests.fuzz html --inputs 100000            mutations of small valid files, and made-up text
    python -m tests.fuzz html --inputs 100000 --guided   led by coverage (needs `pip install atheris`)

Loaders: text, jsonl, html, pdf, docx, and chunker, which takes text alone. Every input runs in a child process with
`SECONDS` of time and `MEMORY` bytes; what breaks it is kept under --keep. Spans are checked on all that is read.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import random
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from ingest.chunk import ChunkConfig, chunk_article
from ingest.errors import CorpusError
from ingest.load import read_file
from ingest.outline import outline
from ingest.values import Article
from tests.make_pdf import Type, make_pdf

SECONDS = 10  # for one input; inputs have at most 64 KiB
MEMORY = 3 << 30  # bytes of address space beyond what is there before
_LONGEST = 1 << 16
_TEXT = (
    "  • Title\n\nTitle\n\n1. What is it?\nIt is. e.g. this, i.e. that.\n\n• one\n  • two\n\n"
    "A table:\n\nName\n\nAge\n\nAnn\n\n7\n"
)
_WORDS = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\r\n", b"\n\n", b"\t", b"\xc2\xa0", b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80", b"# ", b"###### ", b"```\n", b"~~~", b"|a|b|\n", b"- ", b"1. ", b"999) ", b"Q1: ",
    b"Section 3: ", b"\xe2\x80\xa2 ", b"...", b"?A", b"e.g. ", b"[" * 300, b"{" * 300, b"a" * 2000, b" " * 2000,
    b"(" * 2000, b'"' * 500, b"\\ud800", b"\\u0000", b"1" * 5000, b'{"_id": 1, "text": "x"}\n', b'"text": ', b"null",
    b"NaN", b"1e999", b"-0", b"---\ntitle: x\n---\n", b"<!--", b"-->", b"<div>" * 200, b"<table><tr><td>",
    b"<li>" * 100, b"</", b"&#x110000;", b"&lt;", b"&" * 300, b'<meta charset="utf-7">', b'<meta charset="punycode">',
    b"<!DOCTYPE html>", b"<![CDATA[", b"<?xml version='1.0'?>", b"<!ENTITY a 'b'>", b"<a id='x'>",
    b"<base href='//x'>", b"obj\n", b"endobj", b"stream\n", b"endstream", b"/Kids [2 0 R]", b"/Length 99999999",
    b"/Count -1", b"xref\n", b"trailer", b"startxref\n0", b"/Filter /FlateDecode", b"PK\x03\x04", b"PK\x01\x02",
    b"PK\x05\x06", b"<w:p>", b"<w:t>", b"w:val=", b"../../x", b"%PDF-1.7", b"<html>", b"\x1b[31m", b"\x0c",
    b"\xe2\x80\xa8",
]  # fmt: skip


def seeds(loader: str) -> list[bytes]:
    """Small valid files."""
    if loader in ("text", "chunker"):
        marked = "---\ntitle: A\n---\n# A\n\nText.\n\n## B\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
        return [_TEXT.encode(), marked.encode(), "Ünïcode – text 中文。".encode("utf-16"), b"one\ntwo\n\nthree"]
    if loader == "jsonl":
        return [b'{"_id": "1", "title": "T", "text": "Some text. More."}\n{"id": 2, "text": "b", "url": "u"}\n']
    if loader == "html":
        body = "<h1 id=a>A</h1><p>Some text, long enough to be kept as content.</p><ul><li>one<ul><li>two</ul></ul>"
        table = "<table><tr><th>a<td>b<tr><td>1<td>2</table><pre>x\ny</pre><script>z()</script>"
        return [f"<!doctype html><html><head><title>T</title></head><body>{body}{table}</body></html>".encode()]
    if loader == "pdf":
        lines = [
            Type(50, 800, "A heading", 18, True),
            *(Type(50, 770 - 12 * n, f"Line {n} of text.") for n in range(9)),
        ]
        return [make_pdf([lines, lines], "Title"), make_pdf([[Type(50, 700, "x")]])]
    heading = "<w:p><w:pPr><w:pStyle w:val='Heading1'/></w:pPr><w:r><w:t>A</w:t></w:r></w:p>"
    return [docx(heading + "<w:p><w:r><w:t>b</w:t></w:r></w:p>")]


def docx(body: str) -> bytes:
    """A Word document with this body."""
    name = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{name}"><w:body>{body}</w:body></w:document>')
    return out.getvalue()


def mutated(loader: str, rnd: random.Random) -> bytes:
    """One input: a seed with a few changes; for DOCX as often in the document inside the archive."""
    data = bytearray(rnd.choice(seeds(loader)))
    if loader == "docx" and rnd.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
            inner = bytearray(archive.read("word/document.xml"))
        _change(inner, rnd)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", rnd.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            archive.writestr("word/document.xml", bytes(inner))
        return out.getvalue()
    _change(data, rnd)
    return bytes(data[:_LONGEST])


def _change(data: bytearray, rnd: random.Random) -> None:
    for _ in range(rnd.choice((1, 1, 2, 3, 6, 12))):
        at = rnd.randint(0, len(data))
        kind = rnd.random()
        if kind < 0.35:
            data[at:at] = rnd.choice(_WORDS) * rnd.choice((1, 1, 1, 3, 30))
        elif kind < 0.55:
            data[at : at + rnd.randint(1, 4)] = rnd.randbytes(rnd.randint(0, 4))
        elif kind < 0.75:
            piece = data[at : at + rnd.randint(1, 80)]
            data[at:at] = piece * rnd.choice((1, 2, 50))
        elif kind < 0.9:
            del data[at : at + rnd.randint(1, 200)]
        else:
            del data[at:]
        del data[4 * _LONGEST :]


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
        return "refused"
    for article in articles:
        check_article(article)
    return "read"


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


def run(loader: str, inputs: int, seed: int, keep: Path, tell: Callable[[str], None] = print) -> list[str]:
    """Mutations in child processes; returns a line for each input that broke the reader."""
    failures: list[str] = []
    outcomes: Counter[str] = Counter()
    slowest, done = 0.0, 0
    with tempfile.TemporaryDirectory() as scratch:
        while done < inputs:
            reader, writer = multiprocessing.Pipe(duplex=False)
            arguments = (loader, seed, done, inputs, Path(scratch), writer)
            child = multiprocessing.get_context("fork").Process(target=_work, args=arguments)
            child.start()
            writer.close()
            told = ""
            try:
                while True:
                    done, found, slowest, told = reader.recv()
                    outcomes += found
                    if told:
                        break
            except EOFError:
                pass
            child.join()
            if child.exitcode or told:
                why = told or f"the process died ({child.exitcode})"
                current = Path(scratch, "current")
                keep.mkdir(parents=True, exist_ok=True)
                kept = keep / f"{loader}-{len(failures)}.bin"
                kept.write_bytes(current.read_bytes() if current.exists() else b"")
                failures.append(f"{why} -> {kept}")
                tell(failures[-1])
                done += 0 if told else 1
    tell(f"{loader}: {done:,} inputs, {dict(outcomes)}, {len(failures)} failures, slowest {slowest:.2f} s, seed {seed}")
    return failures


def _work(loader: str, seed: int, start: int, stop: int, folder: Path, out: object) -> None:
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()  # by the parent's libraries
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _late)
    found: Counter[str] = Counter()
    slowest = 0.0
    for n in range(start, stop):
        data = mutated(loader, random.Random(f"{seed}/{n}"))
        (folder / "current").write_bytes(data)
        began, told = time.monotonic(), ""
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            found[check(loader, data, folder)] += 1
        except BaseException as error:
            told = f"{type(error).__name__}: {str(error)[:200]}"
        signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.monotonic() - began)
        if told or n + 1 == stop or n % 500 == 0:
            out.send((n + 1, found, slowest, told))  # type: ignore[attr-defined]
            found = Counter()
        if told:
            return


def _late(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def guided(loader: str, inputs: int, keep: Path) -> int:
    """libFuzzer over the reader, its coverage counted by atheris; exits with libFuzzer's status."""
    import atheris

    atheris.instrument_all() if loader == "chunker" else None
    folder = Path(tempfile.mkdtemp())
    corpus = folder / "corpus"
    corpus.mkdir()
    keep.mkdir(parents=True, exist_ok=True)
    for n, data in enumerate(seeds(loader)):
        (corpus / str(n)).write_bytes(data)
    options = [f"-runs={inputs}", f"-max_len={_LONGEST}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY >> 20}"]
    atheris.Setup(
        ["fuzz", str(corpus), *options, f"-artifact_prefix={keep}/"], lambda data: check(loader, data, folder)
    )
    atheris.Fuzz()
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("loader", choices=("text", "jsonl", "html", "pdf", "docx", "chunker"))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(".data/fuzz"))
    parser.add_argument("--guided", action="store_true")
    args = parser.parse_args(argv)
    if args.guided:
        return guided(args.loader, args.inputs, args.keep)
    return 1 if run(args.loader, args.inputs, args.seed, args.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
