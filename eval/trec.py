"""TREC files: topics and qrels read, runs and qrels written as the standard tools take them.

Topics may be SGML (`<top><num>..<title>..`), XML (`<topic number="1">..`) or `id TAB text` lines; qrels are
`query 0 document grade`, or BEIR's `query TAB document TAB grade` under a header.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from eval.rows import BadRows, read_text

Qrels = dict[str, dict[str, int]]  # question id -> document id -> grade
_BLOCK = re.compile(r"<(top|topic)\b([^>]*)>(.*?)(?=<(?:top|topic)\b|</(?:top|topic)>|\Z)", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(?:number|id)\s*=\s*[\"']?([^\s\"'>]+)", re.IGNORECASE)
_TEXT = re.compile(r"<(?:title|query|question)>\s*(?:Topic:)?([^<]*)", re.IGNORECASE)


def read_topics(path: Path, bad: BadRows) -> dict[str, tuple[str, int]]:
    """Question text and line by query id; topics without a number or a text go to `bad`."""
    text = read_text(path, "topics")
    if not text.lstrip().startswith("<"):
        return _tab_topics(path, text, bad)
    topics: dict[str, tuple[str, int]] = {}
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        number = _NUMBER.search(match[3]) or _ATTRIBUTE.search(match[2])
        said = _TEXT.search(match[3])
        words = " ".join(html.unescape(said[1] if said else re.sub(r"<[^>]*>", " ", match[3])).split())
        if not number:
            bad.add(path, line, 'a topic without a number: <num> or number="..." needed')
        elif not words:
            bad.add(path, line, f"topic {number[1]} has no text: <title> needed")
        elif number[1] in topics:
            bad.add(path, line, f"topic {number[1]} stands twice")
        else:
            topics[number[1]] = (words, line)
    return topics


def _tab_topics(path: Path, text: str, bad: BadRows) -> dict[str, tuple[str, int]]:
    topics: dict[str, tuple[str, int]] = {}
    for line, row in enumerate(text.split("\n"), 1):
        key, _tab, words = (part.strip() for part in row.partition("\t"))
        if not row.strip():
            continue
        if not key or not words:
            bad.add(path, line, "'query-id TAB text' needed")
        elif key in topics:
            bad.add(path, line, f"topic {key} stands twice")
        else:
            topics[key] = (words, line)
    return topics


def read_qrels(path: Path, queries: Iterable[str], bad: BadRows) -> Qrels:
    """Grades by query and document, in file order; rows about none of the `queries` go to `bad`."""
    known = set(queries)
    qrels: Qrels = {}
    for line, row in enumerate(read_text(path, "qrels").split("\n"), 1):
        cells = [c.strip() for c in row.rstrip("\r").split("\t")]
        if len(cells) != 3:
            cells = row.split()
            cells = [cells[0], *cells[2:]] if len(cells) == 4 else cells
        if not row.strip() or (line == 1 and len(cells) == 3 and "id" in cells[0].lower() and not _is_grade(cells[2])):
            continue
        if len(cells) != 3 or not all(cells) or not _is_grade(cells[2]):
            bad.add(path, line, "'query-id TAB document-id TAB grade' or 'query 0 document grade' needed")
        elif cells[0] not in known:
            bad.add(path, line, f"there is no query {cells[0]!r}")
        elif qrels.setdefault(cells[0], {}).setdefault(cells[1], int(cells[2])) != int(cells[2]):
            bad.add(path, line, f"document {cells[1]!r} is judged twice for query {cells[0]!r}, differently")
    return qrels


def _is_grade(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+", text))


def write_run(path: Path, run: Mapping[str, Sequence[tuple[str, float]]], tag: str) -> None:
    """`query Q0 document rank score tag`, best first; scores strictly fall, so that tools keep the order."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for query, documents in run.items():
            scores = falling([score for _document, score in documents])
            for rank, ((document, _score), score) in enumerate(zip(documents, scores, strict=True), 1):
                file.write(f"{_field(query)} Q0 {_field(document)} {rank} {score!r} {_field(tag)}\n")


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """`query 0 document grade`."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for query, documents in qrels.items():
            file.writelines(f"{_field(query)} 0 {_field(d)} {grade}\n" for d, grade in documents.items())


def falling(scores: Sequence[float]) -> list[float]:
    """The scores, each lowered just below the one before it where it is not already; trec_eval reads float32."""
    out: list[float] = []
    below = np.float32(np.inf)
    for score in scores:
        value = min(np.float32(score), np.nextafter(below, np.float32(-np.inf)))
        out.append(float(value))
        below = value
    return out


def _field(text: str) -> str:
    """Text without white space, which separates the fields: percent-encoded where there is some."""
    return "".join(quote(c) if c.isspace() or c == "%" else c for c in text)
