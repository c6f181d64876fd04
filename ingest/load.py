"""Files and folders to articles: finds the files, tells the formats apart by content, reads them.

Formats: `.txt` and `.md` (one article a file, or a bulleted multi-article text export) and `.jsonl`
(one article a record: `_id|id`, `title`, `text`, optional `url`). Text is decoded as UTF-8 and otherwise
untouched, so that spans are offsets into the file as it is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import CorpusError
from ingest.outline import outline
from ingest.text import squeeze
from ingest.values import Article

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
JSONL_SUFFIX = ".jsonl"
_EXPORT_TITLE = re.compile(r"^[ \t]{0,3}•[ \t]+(\S.*)$", re.MULTILINE)


@dataclass
class Corpus:
    """Articles in a fixed order, the hash input of each source, and the files that could not be read."""

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
            raise CorpusError(f"no such file or folder: {path} (give a corpus of .txt, .md or .jsonl files)")
        prefix = f"{path.name}/" if len(roots) > 1 and path.is_dir() else ""
        if path.is_dir():
            for file, relative in _files(path):
                try:
                    corpus.articles.extend(read_file(file, prefix + relative))
                except CorpusError as error:
                    corpus.skipped.append(str(error))
        else:
            corpus.articles.extend(read_file(path, path.name))
    if not corpus.articles:
        where = ", ".join(str(p) for p in roots)
        why = f" ({'; '.join(corpus.skipped)})" if corpus.skipped else ""
        raise CorpusError(f"no articles found in {where}: put .txt, .md or .jsonl files there{why}")
    _check_ids(corpus.articles)
    return corpus


def read_file(path: Path, source: str) -> list[Article]:
    """The articles of one file; `source` is its corpus-relative path.

    Raises:
        CorpusError: unknown format, not UTF-8 text, a malformed record, or an empty file.
    """
    suffix = path.suffix.lower()
    if suffix not in (*TEXT_SUFFIXES, JSONL_SUFFIX):
        raise CorpusError(f"{path}: unknown format {suffix or 'without a suffix'!r}; use .txt, .md or .jsonl")
    text = _read_text(path)
    if suffix == JSONL_SUFFIX:
        return list(_records(path, source, text))
    if not text.strip():
        raise CorpusError(f"{path}: the file is empty; add text or remove it")
    titles = _export_titles(text)
    if titles:
        return _export_articles(text, source, titles)
    return [_single_article(text, source, path.stem)]


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files with a corpus format under `folder`, sorted; hidden names and links out of it are left out."""
    root = folder.resolve()
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        for name in sorted(names):
            file = Path(here) / name
            if name.startswith(".") or file.suffix.lower() not in (*TEXT_SUFFIXES, JSONL_SUFFIX):
                continue
            if file.resolve().is_relative_to(root) and file.is_file():
                yield file, file.relative_to(folder).as_posix()


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); check the file's permissions") from None
    if b"\x00" in data:
        raise CorpusError(f"{path}: binary data (a NUL byte); only UTF-8 text is read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 (byte {error.start}); convert the file to UTF-8") from None


def _records(path: Path, source: str, text: str) -> Iterator[Article]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{path}, line {number}: not JSON ({error.msg}); one object a line") from None
        if not isinstance(record, dict):
            raise CorpusError(f"{path}, line {number}: {type(record).__name__} seen, one JSON object needed")
        record_id = record.get("_id", record.get("id"))
        body, title = record.get("text"), record.get("title") or ""
        if record_id is None or not isinstance(body, str):
            raise CorpusError(f'{path}, line {number}: a record needs "_id" (or "id") and a string "text"')
        title = squeeze(str(title))
        blocks = outline(body, 0, len(body))
        url = str(record.get("url") or "")
        yield Article(str(record_id), title or str(record_id), source, body, 0, len(body), blocks, url)


def _export_titles(text: str) -> list[re.Match[str]]:
    """Bullet lines whose text stands again, alone, as the next line with text: the export's titles."""
    found = []
    for match in _EXPORT_TITLE.finditer(text):
        following = re.compile(r"\s*([^\n]*)").match(text, match.end())
        if following and following.group(1).strip() == match.group(1).strip():
            found.append(match)
    return found


def _export_articles(text: str, source: str, titles: list[re.Match[str]]) -> list[Article]:
    articles = []
    seen: dict[str, int] = {}
    for n, match in enumerate(titles):
        end = titles[n + 1].start() if n + 1 < len(titles) else len(text)
        title = match.group(1).strip()
        body = text.index(title, match.end()) + len(title)
        slug = _slug(title)
        seen[slug] = seen.get(slug, 0) + 1
        name = slug if seen[slug] == 1 else f"{slug}-{seen[slug]}"
        blocks = outline(text, body, end, by_line=True)
        articles.append(Article(f"{source}#{name}", title, source, text, match.start(), end, blocks))
    return articles


def _single_article(text: str, source: str, stem: str) -> Article:
    blocks = outline(text, 0, len(text))
    title = squeeze(re.sub(r"[_-]+", " ", stem))
    if blocks:
        first = text[blocks[0].start : blocks[0].end]
        if blocks[0].kind == "heading":
            title, blocks = blocks[0].label, blocks[1:] or blocks
        elif "\n" not in first and len(first.split()) <= 15 and len(blocks) > 1:
            title = squeeze(first)
    return Article(source, title, source, text, 0, len(text), blocks)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or "article"


def _check_ids(articles: list[Article]) -> None:
    seen: dict[str, str] = {}
    for article in articles:
        if article.article_id in seen:
            raise CorpusError(
                f"article id {article.article_id!r} stands in both {seen[article.article_id]} and "
                f"{article.source}: ids must be unique in a corpus"
            )
        seen[article.article_id] = article.source
