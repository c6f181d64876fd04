"""Questions, votes and candidate eval cases, one JSON object a line, if `PINCITE_FEEDBACK` names a file.

Nothing is written when the variable is unset. Several threads and several servers may share one file. Each line is
`{"time", "kind": "question" | "vote" | "case", "question", "history", "engine", "answer", "refused", "citations",
"hits", "vote"}`; `python -m eval collect` reads it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from filelock import FileLock

from bot.values import Answer, Citation
from ingest.errors import PinciteError
from ingest.values import Chunk

Kind = Literal["question", "vote", "case"]
Vote = Literal["up", "down"]


class Feedback:
    """Appends to the file, or does nothing without one. Safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        """Open the file once to see that it can be written.

        Raises:
            PinciteError: it cannot.
        """
        self.path = path
        self._lock = threading.Lock()
        if path:
            try:
                with open(path, "a", encoding="utf-8"):
                    pass
            except OSError as error:
                raise PinciteError(
                    f"PINCITE_FEEDBACK={path} cannot be written ({error.strerror}); name another file or unset it"
                ) from None

    @classmethod
    def from_environment(cls) -> Feedback:
        """As `PINCITE_FEEDBACK` says."""
        named = os.environ.get("PINCITE_FEEDBACK", "").strip()
        return cls(Path(named) if named else None)

    def add(
        self,
        kind: Kind,
        question: str,
        history: Sequence[Mapping[str, str]] = (),
        answer: Answer | None = None,
        hits: Sequence[Chunk] = (),
        vote: Vote | None = None,
    ) -> None:
        """Append one line; `answer` is None for a candidate case."""
        if not self.path:
            return
        record = {
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "kind": kind,
            "question": question,
            "history": [{"role": m["role"], "content": m["content"]} for m in history],
            "engine": answer.engine if answer else "",
            "answer": answer.answer if answer else "",
            "refused": answer.refused if answer else False,
            "citations": [_citation(c) for c in answer.citations] if answer else [],
            "hits": [_hit(c) for c in hits],
            "vote": vote,
        }
        line = json.dumps(record, ensure_ascii=False) + "\n"
        with self._lock, FileLock(f"{self.path}.lock"), open(self.path, "a", encoding="utf-8") as file:
            file.write(line)


def _citation(c: Citation) -> dict[str, object]:
    return {"article_id": c.article_id, "source": c.source, "start": c.start, "end": c.end, "quote": c.quote}


def _hit(c: Chunk) -> dict[str, object]:
    return {
        "article_id": c.article_id,
        "article": c.article,
        "source": c.source,
        "start": c.start,
        "end": c.end,
        "text": c.text,
    }
