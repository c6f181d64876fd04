"""From what a person typed, and said before, to the text that is searched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.errors import QuestionError
from ingest.text import squeeze

MAX_QUESTION = 4000  # characters; a question longer than this is a mistake
MAX_TURNS = 3  # earlier user turns that a follow-up may lean on


def check_question(question: object) -> str:
    """The question, trimmed.

    Raises:
        QuestionError: not a string, empty, or longer than `MAX_QUESTION` characters.
    """
    if not isinstance(question, str):
        raise QuestionError(f"a question must be text, {type(question).__name__} seen")
    text = question.encode("utf-8", "replace").decode("utf-8").strip()
    if not any(c.isalnum() for c in text):
        raise QuestionError("the question is empty: type a question with at least one word")
    if len(text) > MAX_QUESTION:
        raise QuestionError(f"the question has {len(text):,} characters, at most {MAX_QUESTION:,} are read: shorten it")
    return text


def search_text(question: str, history: Sequence[Mapping[str, str]] = ()) -> str:
    """The text to search for: earlier user turns, oldest first, then the question itself."""
    turns = [squeeze(str(m.get("content", ""))) for m in history if m.get("role") == "user"]
    return squeeze(" ".join([*turns[-MAX_TURNS:], question]))
