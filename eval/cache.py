"""Results kept by the hash of what they depend on, one file a system, one line a question.

A line is added as soon as its question is done, so a run that is killed goes on where it stopped: a line cut
short is passed over, and a question that stands twice counts once. Nothing here is ever out of date: other
content, settings or code is another key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.local import cache_dir
from eval.data import Question
from index.config import ROOT
from ingest.errors import PinciteError


def default_cache() -> Path:
    """`eval` in the project's cache folder (`PINCITE_CACHE`)."""
    return cache_dir() / "eval"


def key_of(facts: Any) -> str:
    """32 hex digits of the SHA-256 over the facts as sorted JSON."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def question_key(question: Question) -> str:
    """Over what a search or an answer sees of a question: its text and history, not its id or judgements."""
    return key_of([question.question, question.history])


@lru_cache
def code_version(*packages: str) -> str:
    """Over the source files of our own packages: changes with any edit to them."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


class Results:
    """The results of one system, in memory and in a file that only grows."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """`facts`: everything that the results depend on beside the question; stands in the file's first line.

        Raises:
            PinciteError: the folder cannot be written.
        """
        self.path = folder / f"{key_of(facts)}.jsonl"
        self._records: dict[str, dict[str, Any]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            data = self.path.read_bytes() if self.path.exists() else b""
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise PinciteError(
                f"the cache {folder} cannot be written ({error.strerror}); choose another: --cache"
            ) from None
        for line in data.split(b"\n"):
            self._take(line)
        if not data:
            self._write({"facts": facts})
        elif not data.endswith(b"\n"):  # killed while writing: what follows must not join that line
            os.write(self._file, b"\n")

    def __contains__(self, question: Question) -> bool:
        return question_key(question) in self._records

    def __getitem__(self, question: Question) -> dict[str, Any]:
        return self._records[question_key(question)]

    def add(self, question: Question, record: Mapping[str, Any]) -> None:
        """Keep a result; when this returns it survives the process."""
        key = question_key(question)
        self._records[key] = dict(record)
        self._write({"question": key, "record": record})

    def close(self) -> None:
        """Close the file; what was read and added stays at hand."""
        os.close(self._file)

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            self._records.setdefault(entry["question"], entry["record"])
        except (ValueError, KeyError, TypeError):
            return  # the line of facts, or one that a kill cut short

    def _write(self, entry: Mapping[str, Any]) -> None:
        data = (json.dumps(entry, ensure_ascii=False, default=str) + "\n").encode("utf-8", "surrogatepass")
        try:
            while data:  # one call as a rule, so that two processes do not mix their lines
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise PinciteError(f"{self.path}: cannot be written ({error.strerror})") from None
