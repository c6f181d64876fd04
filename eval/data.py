"""Questions and judged questions from JSONL: all bad rows are listed before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.rows import BadRows, json_rows
from index.query import check_question
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
    line: int = 0  # where it stands in its file


def read_questions(path: str | Path, *, judged: bool = False, split: str = "") -> list[Question]:
    """Read questions; `judged` demands evidence for answerable ones, `split` keeps one part.

    Raises:
        QuestionError: the file or any row is bad; the message lists every bad row with its line.
    """
    bad = BadRows()
    questions = question_rows(Path(path), bad, judged=judged)
    bad.check()
    kept = [q for q in questions if not split or q.split == split]
    if not kept:
        raise QuestionError(f"{path}: no questions" + (f" in split {split!r}" if split else ""))
    return kept


def question_rows(path: Path, bad: BadRows, *, judged: bool) -> list[Question]:
    """All good questions of a file; what is wrong with the others goes to `bad`."""
    questions: list[Question] = []
    seen: set[str] = set()
    for number, record in json_rows(path, bad, "questions"):
        if problem := _problem(record, seen, judged):
            bad.add(path, number, problem)
            continue
        seen.add(record["id"])
        questions.append(_question(record, number))
    return questions


def _problem(record: dict[str, Any], seen: set[str], judged: bool) -> str:
    if not isinstance(record.get("id"), str) or not record["id"]:
        return '"id" must be a non-empty string'
    if record["id"] in seen:
        return f"id {record['id']!r} stands twice"
    if not isinstance(record.get("question"), str) or not record["question"].strip():
        return '"question" must be a non-empty string'
    try:
        check_question(record["question"])
    except QuestionError as error:
        return str(error)
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
    for name in ("articles", "key_facts"):
        value = record.get(name) or []
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            return f'"{name}" must be a list of strings'
    if judged and record.get("answerable", True) and not evidence:
        return "an answerable judged question needs evidence"
    return ""


def _question(record: dict[str, Any], line: int) -> Question:
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
        line=line,
    )
