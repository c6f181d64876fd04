"""A conversation as values, and as the JSON that the browser keeps. Nothing of it is kept on the server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bot.feedback import Vote
from bot.render import parse_read_link
from bot.values import Answer, Citation, Sentence
from ingest.errors import PinciteError, QuestionError

_TITLE = 80  # characters


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came of it. `hits` are reader links; `problem` stands in the place of an answer."""

    question: str
    answer: Answer | None = None
    problem: str = ""
    hits: tuple[str, ...] = ()
    vote: Vote | None = None
    follow_ups: tuple[str, ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns under a title that begins as the first question, its id given when it begins."""

    id: str = ""
    title: str = ""
    turns: tuple[Turn, ...] = ()

    def with_turn(self, number: int, turn: Turn) -> Conversation:
        """With `turn` as turn `number`, later ones left out."""
        title = self.title or turn.question[:_TITLE]
        return replace(self, title=title, turns=(*self.turns[:number], turn))

    def history(self, before: int) -> list[dict[str, str]]:
        """What was said before turn `before`, as the pipeline reads it."""
        messages = []
        for turn in self.turns[:before]:
            messages.append({"role": "user", "content": turn.question})
            if turn.answer:
                messages.append({"role": "assistant", "content": turn.answer.answer})
        return messages

    def record(self) -> dict[str, Any]:
        """As JSON, for the browser."""
        return asdict(self)


def new_id() -> str:
    """A name for a conversation that no other has."""
    return uuid.uuid4().hex[:16]


def read_conversation(record: object) -> Conversation:
    """A conversation out of a browser's store, every field checked: the store may hold anything.

    Raises:
        PinciteError: it does not hold a conversation.
    """
    try:
        fields = _mapping(record)
        turns = tuple(_turn(t) for t in fields["turns"])
        return Conversation(_text(fields["id"]), _text(fields["title"])[: 4 * _TITLE], turns)
    except (KeyError, TypeError, ValueError, QuestionError):
        raise PinciteError("this conversation cannot be read: the browser's copy of it is damaged") from None


def _turn(record: object) -> Turn:
    fields = _mapping(record)
    vote = fields["vote"]
    if vote not in (None, "up", "down"):
        raise ValueError(vote)
    return Turn(
        question=_text(fields["question"]),
        answer=_answer(fields["answer"]) if fields["answer"] is not None else None,
        problem=_text(fields["problem"]),
        hits=tuple(map(_link, fields["hits"])),
        vote=vote,
        follow_ups=tuple(map(_text, fields["follow_ups"])),
        done=True,
    )


def _answer(record: object) -> Answer:
    fields = _mapping(record)
    sentences = tuple(_sentence(s) for s in fields["sentences"])
    items = tuple(map(int, fields["items"]))
    if len(items) != len(sentences) or not set(items) <= {0, 1, 2}:
        raise ValueError(len(items))
    return Answer(
        id=_text(fields["id"]),
        question=_text(fields["question"]),
        answer=_text(fields["answer"]),
        refused=bool(fields["refused"]),
        refusal_reason=fields["refusal_reason"],
        citations=tuple(map(_citation, fields["citations"])),
        sentences=sentences,
        engine=_text(fields["engine"]),
        timings_ms={str(k): float(v) for k, v in _mapping(fields["timings_ms"]).items()},
        related=tuple(map(_citation, fields["related"])),
        items=items,
        confidence=float(fields["confidence"]),
        note=_text(fields["note"]),
    )


def _sentence(record: object) -> Sentence:
    fields = _mapping(record)
    return Sentence(
        _text(fields["text"]), tuple(map(int, fields["markers"])), fields["verdict"], float(fields["score"])
    )


def _citation(record: object) -> Citation:
    fields = _mapping(record)
    values: dict[str, Any] = {n: _text(fields[n]) for n in ("article_id", "article", "section", "source", "quote")}
    values |= {n: int(fields[n]) for n in ("marker", "start", "end")}
    values |= {n: _text(fields[n]) for n in ("anchor", "url")}
    values["page"] = None if fields["page"] is None else int(fields["page"])
    return Citation(**values)


def _link(value: object) -> str:
    link = _text(value)
    parse_read_link(link)
    return link


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(type(value))
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value))
    return value
