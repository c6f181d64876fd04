"""Free-text claims against free-text contexts: what `python -m bot verify` does. No index is needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.grounding import Grounds
from bot.verify import assess, cut_long, encode_sentences
from index.encode import Encoder
from ingest.cli import read_jsonl
from ingest.errors import QuestionError
from ingest.text import sentence_spans

_KEPT = 32  # contexts remembered: several claims on one context come one after another


@dataclass(frozen=True, slots=True)
class Span:
    """`contexts[context][start:end]` supports the claim."""

    context: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ClaimReport:
    """The verdict on a claim: `score` 0..1, higher is better supported; `unsupported` are spans of the claim."""

    score: float
    supported: bool
    spans: tuple[Span, ...]
    unsupported: tuple[tuple[int, int], ...]

    def record(self) -> dict[str, Any]:
        """The fields of one output line."""
        return {
            "score": round(self.score, 6),
            "supported": self.supported,
            "spans": [{"context": s.context, "start": s.start, "end": s.end} for s in self.spans],
            "unsupported": [{"start": a, "end": b} for a, b in self.unsupported],
        }


class ClaimVerifier:
    """Checks claims against contexts given as plain text. Not for use from several threads at once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[tuple[str, ...], tuple[list[Span], Grounds]] = OrderedDict()

    def check(self, claim: str, contexts: Sequence[str]) -> ClaimReport:
        """The verdict on one claim; a claim that says nothing of its own is supported, by no span."""
        spans, grounds = self.grounds(tuple(contexts))
        found = assess(claim, grounds, self._encoder)
        support = sorted({spans[n] for n in found.evidence}, key=lambda s: (s.context, s.start))
        return ClaimReport(found.score, found.supported, tuple(support), found.unsupported)

    def grounds(self, contexts: tuple[str, ...]) -> tuple[list[Span], Grounds]:
        """The contexts' sentences as spans, and ready to be compared with."""
        if contexts in self._known:
            self._known.move_to_end(contexts)
            return self._known[contexts]
        spans = [
            Span(n, a, b)
            for n, text in enumerate(contexts)
            for start, end in sentence_spans(text)
            for a, b in cut_long(text, start, end)
        ]
        grounds = Grounds(encode_sentences(self._encoder, [contexts[s.context][s.start : s.end] for s in spans]))
        self._known[contexts] = spans, grounds
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return spans, grounds


def read_claims(path: Path) -> list[dict[str, Any]]:
    """The rows of a claims file, each with `id`, `claim` and `context`.

    Raises:
        QuestionError: any row is bad, or there is none; the message lists every bad row with its line.
    """
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, record in read_jsonl(path, "claims"):
        if problem := _problem(record):
            problems.append(f"line {number}: {problem}")
        rows.append(record)
    if problems:
        raise QuestionError(f"{path}: {len(problems)} bad rows: " + "; ".join(problems))
    if not rows:
        raise QuestionError(f"{path}: no claims")
    return rows


def _problem(record: Mapping[str, Any]) -> str:
    faults = []
    if isinstance(record.get("id"), bool) or not isinstance(record.get("id"), (str, int)) or record["id"] == "":
        faults.append('"id" must be a non-empty string')
    if not isinstance(record.get("claim"), str) or not record["claim"].strip():
        faults.append('"claim" must be a non-empty string')
    context = record.get("context")
    if not isinstance(context, str) and not (isinstance(context, list) and all(isinstance(c, str) for c in context)):
        faults.append('"context" must be a string or a list of strings')
    return ", ".join(faults)


def verified(rows: Iterable[Mapping[str, Any]], verifier: ClaimVerifier) -> Iterator[dict[str, Any]]:
    """One output record a row: the verdict, with every unknown field of the row carried through."""
    for row in rows:
        contexts = [row["context"]] if isinstance(row["context"], str) else row["context"]
        report = verifier.check(row["claim"], contexts).record()
        other = {k: v for k, v in row.items() if k not in ("claim", "context") and k not in report}
        yield {"id": row["id"], **other, **report}
