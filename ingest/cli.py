"""What every command shares: clear one-line failures, JSONL in and out."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ingest.errors import PinciteError
from ingest.text import printable, squeeze

_UNSAFE = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e007f]")


def fail_clearly(main: Callable[[], int]) -> NoReturn:
    """Run a command; a `PinciteError`, or a disk that is full or read-only, becomes one line on standard error and
    exit status 2.
    """
    try:
        status = main()
        sys.stdout.flush()
    except PinciteError as error:
        print("error: " + squeeze(printable(str(error))), file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # the reader (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what could not be written is not tried again
        place = f"{error.filename}: " if error.filename else ""
        print("error: " + squeeze(printable(f"{place}{error.strerror or error}")), file=sys.stderr)
        status = 2
    sys.exit(status)


def report_skipped(skipped: Sequence[str]) -> None:
    """List files that could not be read on standard error; the run goes on without them."""
    if skipped:
        print(f"skipped {len(skipped)} file(s) that cannot be read:", file=sys.stderr)
    for line in skipped:
        print(f"  {squeeze(printable(line))}", file=sys.stderr)


def read_jsonl(path: str | Path, what: str = "file") -> Iterator[tuple[int, dict[str, Any]]]:
    """`(line number, object)` for every non-empty line.

    Raises:
        PinciteError: the file cannot be read, or a line is not a JSON object.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PinciteError(f"{what} {path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise PinciteError(f"{what} {path}: not UTF-8 (byte {error.start})") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise PinciteError(f"{what} {path}, line {number}: not JSON ({error.msg})") from None
        except (ValueError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
            raise PinciteError(f"{what} {path}, line {number}: not read ({why})") from None
        if not isinstance(record, dict):
            raise PinciteError(f"{what} {path}, line {number}: one JSON object a line is needed")
        yield number, record


def json_line(record: Mapping[str, Any]) -> str:
    """The record as JSON on one line. What could drive a terminal, reorder a line, hide in it or not be encoded is
    written as an escape, which reads back as the same text.
    """
    return _UNSAFE.sub(_escaped, json.dumps(record, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\u{code:04x}" if code < 0x10000 else json.dumps(match.group())[1:-1]


def write_jsonl(path: str | Path, records: Iterable[Mapping[str, Any]]) -> int:
    """Write records, one a line, replacing the file only when all are written. Returns their number."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    count = 0
    with open(scratch, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json_line(record) + "\n")
            count += 1
    scratch.replace(path)
    return count
