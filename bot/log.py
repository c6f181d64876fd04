"""Structured logs: `PINCITE_LOG=json` writes one JSON object a line to standard error.

An answer's line has a request id, engine, outcome, counts and the milliseconds of every stage, and no text of the
question unless `PINCITE_LOG_QUESTIONS=1`; one whose reader left is a line as well. Nothing is logged otherwise.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone

from bot.values import Answer
from ingest.errors import PinciteError

_LOG = logging.getLogger("pincite")


def start_logging() -> None:
    """Set the logger up as the environment says.

    Raises:
        PinciteError: a value of PINCITE_LOG that is not known.
    """
    wanted = os.environ.get("PINCITE_LOG", "").strip().lower()
    if wanted not in ("", "off", "json"):
        raise PinciteError(f"PINCITE_LOG is {wanted[:40]!r}; json and off are known")
    if wanted == "json" and not _LOG.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Json())
        _LOG.addHandler(handler)
        _LOG.setLevel(logging.INFO)
        _LOG.propagate = False


def log_answer(answer: Answer, stages: Mapping[str, float]) -> None:
    """One line for a finished answer; `stages` are retrieval's milliseconds."""
    if not _LOG.isEnabledFor(logging.INFO):
        return
    fields = {
        "event": "answer",
        "request": answer.id or uuid.uuid4().hex[:12],
        "engine": answer.engine,
        "refused": answer.refusal_reason,
        "sentences": len(answer.sentences),
        "citations": len(answer.citations),
        "characters": len(answer.question),
        "retrieval_ms": dict(stages),
        "timings_ms": dict(answer.timings_ms),
    }
    if os.environ.get("PINCITE_LOG_QUESTIONS") == "1":
        fields["question"] = answer.question
    _LOG.info("answer", extra={"fields": fields})


def log_abandoned(engine: str) -> None:
    """One line for an answer whose reader left before its end, once nothing works on it any more."""
    if _LOG.isEnabledFor(logging.INFO):
        fields = {"event": "abandoned", "request": uuid.uuid4().hex[:12], "engine": engine}
        _LOG.info("abandoned", extra={"fields": fields})


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {"event": record.getMessage()})
        now = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        return json.dumps({"time": now, "level": record.levelname.lower(), **fields})
