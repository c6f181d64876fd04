"""Files and folders to articles: finds the files, has each read by the reader of its format.

Formats, told apart by content (`ingest.formats`): plain text and Markdown (one article a file, or a bulleted
multi-article export), HTML, PDF, DOCX (one article a file), and JSONL (one article a record: `_id|id`, `title`,
`text`, optional `url`). Text is decoded and otherwise untouched, so that spans are offsets into the file as it is;
text that has to be taken out of a file is kept by the index.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from ingest.errors import CorpusError
from ingest.extract import MAX_TEXT, Extracted
from ingest.formats import HEAD, NAMED, SUFFIXES, check_docx, tell_format
from ingest.outline import outline, sections
from ingest.pdf import read_pdf
from ingest.plain import stem_title, text_articles
from ingest.text import squeeze
from ingest.values import Article
from ingest.web import read_html
from ingest.word import read_docx

MAX_FILE = 256 << 20  # bytes of a file; a JSONL file is read line by line and may be larger
_HALF = re.compile("[\ud800-\udfff]")
# format -> (its name, its reader, the packages that the reader needs)
_READERS: dict[str, tuple[str, Callable[[bytes], Extracted], str]] = {
    "html": ("HTML", read_html, "trafilatura lxml_html_clean"),
    "pdf": ("PDF", read_pdf, "pypdfium2"),
    "docx": ("DOCX", read_docx, "mammoth lxml"),
}


@dataclass
class Corpus:
    """Articles in a fixed order, and the files that could not be read."""

    articles: list[Article] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # one line each: path and reason


def load_corpus(paths: Iterable[str | Path]) -> Corpus:
    """Read every file under `paths`, in sorted order.

    A broken file inside a folder is skipped and listed; a path named outright must be readable.

    Raises:
        CorpusError: a path does not exist, a named file is unreadable, ids clash, or nothing was found.
    """
    corpus = Corpus()
    roots = [Path(p) for p in paths]
    for path in roots:
        if not path.exists():
            raise CorpusError(f"no such file or folder: {path} (give a corpus of {NAMED} files)")
        prefix = f"{path.name}/" if len(roots) > 1 and path.is_dir() else ""
        if path.is_dir():
            for file, relative in _files(path):
                try:
                    corpus.articles.extend(read_file(file, prefix + relative))
                except CorpusError as error:
                    corpus.skipped.append(" ".join(str(error).split()))
        else:
            corpus.articles.extend(read_file(path, path.name))
    if not corpus.articles:
        where = ", ".join(str(p) for p in roots)
        why = f" ({'; '.join(corpus.skipped)})" if corpus.skipped else ""
        raise CorpusError(f"no articles found in {where}: put {NAMED} files there{why}")
    _check_ids(corpus.articles)
    corpus.articles = [replace(a, sections=sections(a.blocks)) for a in corpus.articles]
    return corpus


def read_file(path: Path, source: str) -> list[Article]:
    """The articles of one file; `source` is its corpus-relative path.

    Raises:
        CorpusError: unknown format, a file that is damaged, empty or too large, or a malformed record.
    """
    try:
        with open(path, "rb") as file:
            kind = tell_format(file.read(HEAD), path)
            file.seek(0)
            if kind == "jsonl":
                return list(_records(path, source, file))
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); check the file's permissions") from None
    if len(data) > MAX_FILE:
        raise CorpusError(f"{path}: larger than {MAX_FILE >> 20} MiB; split it, or make it JSONL")
    if kind in _READERS:
        return [_extracted_article(kind, data, path, source)]
    text = _decode(data, path)
    if not text.strip("\ufeff \t\r\n"):
        raise CorpusError(f"{path}: the file is empty; add text or remove it")
    return text_articles(text, source, path.stem)


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files with a corpus format under `folder`, sorted; hidden names and links out of it are left out."""
    root = folder.resolve()
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        for name in sorted(names):
            file = Path(here) / name
            if name.startswith((".", "~$")) or file.suffix.lower() not in SUFFIXES:
                continue
            if file.resolve().is_relative_to(root) and file.is_file():
                yield file, file.relative_to(folder).as_posix()


def _extracted_article(kind: str, data: bytes, path: Path, source: str) -> Article:
    """An article whose text is taken out of its file. A parser may fail in any way on a hostile or damaged file."""
    name, read, packages = _READERS[kind]
    try:
        if kind == "docx":
            check_docx(data)
        found = read(data)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from None
    except ImportError as error:
        raise CorpusError(f"{path}: reading {name} needs a package ({error}): pip install {packages}") from None
    except Exception as error:
        reason = squeeze(str(error))[:200] or type(error).__name__
        raise CorpusError(f"{path}: damaged, or no {name} ({reason})") from None
    blocks, text = found.blocks, found.text
    title = found.title
    if not title and blocks[0].kind == "heading":
        title = blocks[0].label
    if blocks[0].kind == "heading" and squeeze(text[blocks[0].start : blocks[0].end]).rstrip(":") == title.rstrip(":"):
        blocks = blocks[1:] or blocks
    if not any(block.kind == "heading" for block in blocks):
        blocks = outline(text, blocks[0].start, len(text))
    title = title or stem_title(path.stem)
    return Article(source, title, source, text, 0, len(text), blocks, found.url, found.places)


def _decode(data: bytes, path: Path) -> str:
    """UTF-8, or UTF-16 with a byte order mark."""
    name = "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "UTF-8"
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not {name} (byte {error.start}); convert the file to UTF-8") from None
    if "\x00" in text:
        raise CorpusError(f"{path}: binary data (a NUL byte); only text is read")
    if len(text) > MAX_TEXT:
        raise CorpusError(f"{path}: {len(text):,} characters, at most {MAX_TEXT:,} are read; split the file")
    return text


def _records(path: Path, source: str, lines: BinaryIO) -> Iterator[Article]:
    for number, raw in enumerate(iter(lambda: lines.readline(MAX_FILE + 1), b""), 1):
        if len(raw) > MAX_FILE:
            raise CorpusError(f"{path}, line {number}: longer than {MAX_FILE >> 20} MiB; split the record")
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise CorpusError(f"{path}, line {number}: not UTF-8; convert the file to UTF-8") from None
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{path}, line {number}: not JSON ({error.msg}); one object a line") from None
        except (ValueError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
            raise CorpusError(f"{path}, line {number}: not read ({why})") from None
        if not isinstance(record, dict):
            raise CorpusError(f"{path}, line {number}: {type(record).__name__} seen, one JSON object needed")
        record_id = record.get("_id", record.get("id"))
        body, title = record.get("text"), record.get("title") or ""
        if record_id is None or not isinstance(body, str):
            raise CorpusError(f'{path}, line {number}: a record needs "_id" (or "id") and a string "text"')
        if len(body) > MAX_TEXT:
            raise CorpusError(f"{path}, line {number}: {len(body):,} characters, at most {MAX_TEXT:,} are read")
        if _HALF.search(body) or _HALF.search(f"{record_id}{title}{record.get('url')}"):
            raise CorpusError(f"{path}, line {number}: half a character (a lone surrogate), which is no Unicode text")
        title = squeeze(str(title))
        blocks = outline(body, 0, len(body))
        url = str(record.get("url") or "")
        yield Article(str(record_id), title or str(record_id), source, body, 0, len(body), blocks, url)


def _check_ids(articles: list[Article]) -> None:
    seen: dict[str, str] = {}
    for article in articles:
        if article.article_id in seen:
            raise CorpusError(
                f"article id {article.article_id!r} stands in both {seen[article.article_id]} and "
                f"{article.source}: ids must be unique in a corpus"
            )
        seen[article.article_id] = article.source
