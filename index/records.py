"""Articles and chunks as lines of JSON, as they stand in an index folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from ingest.values import Article, Chunk, Place, Section


def write_articles(folder: Path, articles: Sequence[Article]) -> None:
    """Each source text once; articles refer to it by line number."""
    numbers: dict[tuple[str, int], int] = {}
    texts: list[str] = []
    records = []
    for a in articles:
        key = (a.source, id(a.text))
        if key not in numbers:
            numbers[key] = len(texts)
            texts.append(a.text)
        fields = {k: getattr(a, k) for k in ("article_id", "title", "source", "start", "end", "url")}
        places = [[p.start, p.page, p.anchor] for p in a.places]
        sections = list(_changes(a.sections))
        records.append(fields | {"text": numbers[key], "places": places, "sections": sections})
    write_lines(folder / "texts.jsonl", texts)
    write_lines(folder / "articles.jsonl", records)


def read_articles(folder: Path) -> dict[str, Article]:
    """By article_id, in their order, without blocks."""
    texts = list(read_lines(folder / "texts.jsonl"))
    articles = {}
    for record in read_lines(folder / "articles.jsonl"):
        text = texts[record.pop("text")]
        places = tuple(Place(*place) for place in record.pop("places"))
        sections = tuple(_sections(record.pop("sections", ())))
        articles[record["article_id"]] = Article(**record, text=text, blocks=(), places=places, sections=sections)
    return articles


def _changes(sections: Sequence[Section]) -> Iterator[list[Any]]:
    """`[start, how many headings stay, *those that are new]` for each section."""
    before: tuple[str, ...] = ()
    for section in sections:
        same = (a == b for a, b in zip(before, section.path, strict=False))
        kept = sum(takewhile(bool, same))
        yield [section.start, kept, *section.path[kept:]]
        before = section.path


def _sections(changes: Iterable[Sequence[Any]]) -> Iterator[Section]:
    path: tuple[str, ...] = ()
    for start, kept, *new in changes:
        path = (*path[:kept], *map(str, new))
        yield Section(int(start), path)


def chunk_record(chunk: Chunk) -> dict[str, Any]:
    """What cannot be derived from the article."""
    return {k: getattr(chunk, k) for k in ("chunk_id", "article_id", "start", "end", "body", "headings")}


def read_chunk(record: dict[str, Any], articles: Mapping[str, Article]) -> Chunk:
    """The chunk of a `chunk_record`; its text is cut out of the article's."""
    article = articles[record["article_id"]]
    if not article.start <= record["start"] <= record["body"] <= record["end"] <= article.end <= len(article.text):
        raise ValueError(f"chunk {record['chunk_id']} lies outside its article")
    span = (record["start"], record["end"], record["body"])
    return Chunk.of(article, record["chunk_id"], *span, tuple(record["headings"]))


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """One JSON value a line."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")


def read_lines(path: Path) -> Iterator[Any]:
    """The values of `write_lines`."""
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)
