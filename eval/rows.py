"""Rows of input files, gzip or not, with their lines; bad ones are collected and shown all at once."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.errors import QuestionError

MOST_SHOWN = 100  # bad rows in the message itself; beyond that they go to a file that the message names


class BadRows:
    """Everything that is wrong with the input files, by file and line."""

    def __init__(self) -> None:
        self._rows: dict[str, list[str]] = {}

    def add(self, path: Path, line: int, what: str) -> None:
        """Note one bad row."""
        self._rows.setdefault(str(path), []).append(f"line {line}: {what}")

    def check(self) -> None:
        """Go on only when there is no bad row.

        Raises:
            QuestionError: one line that lists every bad row, or counts them and names the file that lists them.
        """
        count = sum(len(rows) for rows in self._rows.values())
        if not count:
            return
        if count <= MOST_SHOWN:
            raise QuestionError("; ".join(f"{p}: {len(rows)} bad rows: {'; '.join(rows)}" for p, rows in self._files()))
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="pincite-bad-rows-", suffix=".txt", delete=False
        ) as listing:
            listing.writelines(f"{path}: {row}\n" for path, rows in self._files() for row in rows)
        first, rows = next(self._files())
        raise QuestionError(f"{count} bad rows, all listed in {listing.name}; the first: {first}: {rows[0]}")

    def _files(self) -> Iterator[tuple[str, list[str]]]:
        yield from self._rows.items()


def read_text(path: Path, what: str = "file") -> str:
    """A UTF-8 file, unpacked when it is named `.gz`.

    Raises:
        QuestionError: it cannot be read, unpacked or decoded.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise QuestionError(f"{what} {path}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise QuestionError(f"{what} {path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise QuestionError(f"{what} {path}: not UTF-8 (byte {error.start})") from None


def json_rows(path: Path, bad: BadRows, what: str = "file") -> Iterator[tuple[int, dict[str, Any]]]:
    """`(line, object)` for every line that holds a JSON object; other non-empty lines are bad rows."""
    for number, line in enumerate(read_text(path, what).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            bad.add(path, number, f"not JSON ({getattr(error, 'msg', 'nested too deeply')})")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            bad.add(path, number, "one JSON object a line is needed")


def table_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """`(first line, cells)` for every row of a CSV or TSV file that is not empty.

    Raises:
        QuestionError: the file cannot be read as a table.
    """
    csv.field_size_limit(1 << 24)
    reader = csv.reader(io.StringIO(read_text(path, "table"), newline=""), delimiter=delimiter)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise QuestionError(f"{path}, line {start}: not a table row ({error})") from None


def either(folder: Path, name: str) -> Path | None:
    """`name` or `name.gz` in a folder, whichever is there."""
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
