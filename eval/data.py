"""Questions and judged questions from JSONL: all bad rows are listed before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.cli import read_jsonl
from ingest.errors import QuestionError

DEFAULT_QUESTIONS = Path(__file__).resolve().parent / "questions.jsonl"


@dataclass(frozen=True)
class Question:
    """One question. `evidence`: groups of alternative verbatim quotes; all groups are needed."""

    id: str
    question: str
    history: tuple[Mapping[str, str], ...] = ()
    type: str = ""
    split: str = ""
    answerable: bool = True
    evidence: tuple[tuple[str, ...], ...] = ()
    articles: tuple[str, ...] = ()
    answer: str = ""
    key_facts: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_questions(path: str | Path, *, judged: bool = False, split: str = "") -> list[Question]:
    """Read questions; `judged` demands evidence for answerable ones, `split` keeps one part.

    Raises:
        QuestionError: the file or any row is bad; the message lists every bad row with its line.
    """
    questions: list[Question] = []
    problems: list[str] = []
    seen: set[str] = set()
    for number, record in read_jsonl(path, "questions"):
        problem = _problem(record, seen, judged)
        if problem:
            problems.append(f"line {number}: {problem}")
            continue
        seen.add(record["id"])
        questions.append(_question(record))
    if problems:
        raise QuestionError(f"{path}: {len(problems)} bad rows: " + "; ".join(problems[:20]))
    kept = [q for q in questions if not split or q.split == split]
    if not kept:
        raise QuestionError(f"{path}: no questions" + (f" in split {split!r}" if split else ""))
    return kept


def _problem(record: dict[str, Any], seen: set[str], judged: bool) -> str:
    if not isinstance(record.get("id"), str) or not record["id"]:
        return '"id" must be a non-empty string'
    if record["id"] in seen:
        return f"id {record['id']!r} stands twice"
    if not isinstance(record.get("question"), str) or not record["question"].strip():
        return '"question" must be a non-empty string'
    history = record.get("history") or []
    if not isinstance(history, list) or not all(
        isinstance(m, dict) and m.get("role") in ("user", "assistant") and isinstance(m.get("content"), str)
        for m in history
    ):
        return '"history" must be a list of {"role": "user"|"assistant", "content": str}'
    evidence = record.get("evidence") or []
    if not isinstance(evidence, list) or not all(
        isinstance(g, list) and g and all(isinstance(q, str) and q.strip() for q in g) for g in evidence
    ):
        return '"evidence" must be a list of non-empty lists of quotes'
    if judged and record.get("answerable", True) and not evidence:
        return "an answerable judged question needs evidence"
    return ""


def _question(record: dict[str, Any]) -> Question:
    return Question(
        id=record["id"],
        question=record["question"],
        history=tuple(record.get("history") or ()),
        type=str(record.get("type") or ""),
        split=str(record.get("split") or ""),
        answerable=bool(record.get("answerable", True)),
        evidence=tuple(tuple(g) for g in record.get("evidence") or ()),
        articles=tuple(record.get("articles") or ()),
        answer=str(record.get("answer") or ""),
        key_facts=tuple(record.get("key_facts") or ()),
        record=record,
    )
