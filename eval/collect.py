"""From use to test: questions asked on the page become judged questions, reviewed one by one in the terminal.

    PINCITE_FEEDBACK=feedback.jsonl python app.py           (opt-in: the page writes there)
    python -m eval collect --feedback feedback.jsonl --out my_questions.jsonl

Every case is written as soon as it is judged, so a review can stop and go on at any time; what is judged once
is not asked again.
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from eval.data import question_rows
from eval.rows import BadRows, json_rows
from index.query import check_question
from ingest.errors import PinciteError, QuestionError
from ingest.text import printable, sentence_spans, squeeze

HELP = """\
  1 3      passages 1 and 3 are both needed         1/3   either of them is enough
  n        none: these articles do not answer it    s     skip it for now
  q        stop here                                ?     this help"""
Ask = Callable[[str], str]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Candidate:
    """A question as it was asked, what it was answered with, and how often people liked that."""

    question: str
    history: tuple[Mapping[str, str], ...] = ()
    answer: str = ""
    engine: str = ""
    hits: tuple[Mapping[str, Any], ...] = ()
    votes: Mapping[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    @property
    def id(self) -> str:
        """From the content, so that the same question is the same case."""
        key = json.dumps([self.question, [dict(m) for m in self.history]], ensure_ascii=True, sort_keys=True)
        return "asked-" + hashlib.sha256(key.encode()).hexdigest()[:12]


def read_candidates(path: Path) -> list[Candidate]:
    """Distinct questions of the page's file, thumbs-down first, then in the order in which they were asked.

    Raises:
        QuestionError: the file cannot be read, or bad rows, all of them listed.
    """
    bad = BadRows()
    found: dict[str, Candidate] = {}
    for line, record in json_rows(path, bad, "feedback"):
        try:
            candidate = _candidate(record)
        except QuestionError as error:
            bad.add(path, line, str(error))
            continue
        known = found.get(candidate.id, candidate)
        votes = {name: known.votes[name] + (record.get("vote") == name) for name in ("up", "down")}
        found[candidate.id] = replace(
            known, hits=known.hits or candidate.hits, answer=candidate.answer or known.answer, votes=votes
        )
    bad.check()
    return sorted(found.values(), key=lambda c: -c.votes["down"])


def _candidate(record: Mapping[str, Any]) -> Candidate:
    question = check_question(record.get("question"))
    history, hits = record.get("history") or [], record.get("hits") or []
    if not isinstance(history, list) or not all(isinstance(m, dict) for m in history):
        raise QuestionError('"history" must be a list of messages')
    if not isinstance(hits, list) or not all(isinstance(h, dict) and isinstance(h.get("text"), str) for h in hits):
        raise QuestionError('"hits" must be a list of passages with "text"')
    if record.get("vote") not in (None, "up", "down"):
        raise QuestionError(f'"vote" is {record["vote"]!r}; "up", "down" or null needed')
    answer, engine = (str(record.get(name) or "") for name in ("answer", "engine"))
    return Candidate(question, tuple(history), answer, engine, tuple(hits))


def collect(candidates: Iterable[Candidate], out: Path, ask: Ask, say: Say) -> int:
    """Review the candidates that are not in `out` yet; returns how many were added.

    `ask` shows a prompt and returns a line, and raises `EOFError` at the end of the input.

    Raises:
        PinciteError: `out` cannot be written or holds something else.
    """
    judged = _judged(out)
    waiting = [c for c in candidates if c.id not in judged]
    added = 0
    for n, candidate in enumerate(waiting, 1):
        _show(candidate, f"{n} of {len(waiting)}", say)
        try:
            case = _judge(candidate, ask, say)
        except EOFError:
            break
        if case:
            _append(out, case)
            added += 1
    return added


def _judged(out: Path) -> set[str]:
    if not out.exists():
        return set()
    bad = BadRows()
    ids = {q.id for q in question_rows(out, bad, judged=True)}
    bad.check()
    return ids


def _show(candidate: Candidate, count: str, say: Say) -> None:
    votes = ", ".join(f"{n} {name}" for name, n in candidate.votes.items() if n)
    say(f"\n--- {count}{': ' + votes if votes else ''}")
    for message in candidate.history:
        say(_wrapped(f"{message.get('role')}: {message.get('content')}", "    "))
    say(_wrapped(f"Question: {candidate.question}", ""))
    say(_wrapped(f"Answer ({candidate.engine}): {candidate.answer}", "", 500))
    for n, hit in enumerate(candidate.hits, 1):
        say(f"\n[{n}] {printable(str(hit.get('article') or hit.get('source') or ''))}")
        say(_wrapped(hit["text"], "    ", 900))


def _wrapped(text: str, indent: str, most: int = 4000) -> str:
    shown = squeeze(printable(text))
    shown = shown if len(shown) <= most else shown[:most] + " ..."
    return textwrap.fill(shown, 100, initial_indent=indent, subsequent_indent=indent)


def _judge(candidate: Candidate, ask: Ask, say: Say) -> dict[str, Any] | None:
    """The judged question, or None for one that is skipped. Raises `EOFError` to stop."""
    while True:
        said = ask("\nWhich passages answer it? (? for help) ").strip().lower()
        if said == "q":
            raise EOFError
        if said == "s":
            return None
        if said == "n":
            return _case(candidate, [], [])
        groups = _groups(said, len(candidate.hits))
        if not groups:
            say(HELP)
            continue
        evidence = [[_quote(candidate.hits[n - 1], n, ask, say) for n in group] for group in groups]
        titles = [str(candidate.hits[n - 1].get("article") or "") for group in groups for n in group]
        return _case(candidate, evidence, [title for title in dict.fromkeys(titles) if title])


def _groups(said: str, count: int) -> list[list[int]]:
    """`1/3 4` as [[1, 3], [4]]; nothing when it is not of that form or names a passage that is not there."""
    if not re.fullmatch(r"\d+(?:/\d+)*(?:[\s,]+\d+(?:/\d+)*)*", said):
        return []
    groups = [[int(n) for n in part.split("/")] for part in re.split(r"[\s,]+", said)]
    return groups if all(1 <= n <= count for group in groups for n in group) else []


def _quote(hit: Mapping[str, Any], number: int, ask: Ask, say: Say) -> str:
    """The sentences of a passage that hold the evidence, verbatim."""
    text: str = hit["text"]
    spans = sentence_spans(text)
    if len(spans) < 2:
        return text.strip()
    say(f"\nPassage {number}:")
    for n, (start, end) in enumerate(spans, 1):
        say(_wrapped(f"{n}. {text[start:end]}", "    "))
    while True:
        said = ask(f"Which of these sentences? (1 to {len(spans)}, or 2-3; Enter: all) ").strip()
        match = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", said or f"1-{len(spans)}")
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if 1 <= first <= last <= len(spans):
            return text[spans[first - 1][0] : spans[last - 1][1]].strip()
        say("  a sentence number, or two with - between them")


def _case(candidate: Candidate, evidence: list[list[str]], articles: list[str]) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "type": "asked",
        "question": candidate.question,
        "history": [dict(m) for m in candidate.history],
        "answerable": bool(evidence),
        "articles": articles,
        "evidence": evidence,
        "votes": dict(candidate.votes),
        "judged": date.today().isoformat(),
    }


def _append(out: Path, case: Mapping[str, Any]) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(case, ensure_ascii=False) + "\n")
    except OSError as error:
        raise PinciteError(f"{out}: cannot be written ({error.strerror})") from None
