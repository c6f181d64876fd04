"""Answers and conversations as Markdown, every citation with its quote and its span."""

from __future__ import annotations

from collections.abc import Sequence

from bot.render.safe import inert
from bot.values import Answer, Citation, begins_paragraph
from ingest.text import printable, squeeze


def answer_markdown(answer: Answer) -> str:
    """The answer with its markers, then a numbered list of quotes and where they stand."""
    parts = []
    for n, (sentence, item) in enumerate(zip(answer.sentences, answer.items, strict=True)):
        marked = inert(sentence.text) + "".join(f" [{m}]" for m in sentence.markers)
        opens = begins_paragraph(answer.sentences, answer.items, n)
        parts.append((f"\n{'  ' * (item - 1)}- " if item else "\n\n" if opens else " ") + marked)
    text = "".join(parts).strip() or inert(answer.answer)
    if answer.note:
        text += f"\n\n*{inert(answer.note)}*"
    shown = answer.citations or answer.related
    if shown:
        text += "\n\n" + ("Sources:" if answer.citations else "Related passages:") + "\n\n"
        text += "\n".join(map(_source, shown))
    return printable(text)


def conversation_markdown(title: str, turns: Sequence[tuple[str, Answer | None]]) -> str:
    """A whole conversation, one heading a question."""
    parts = [f"# {inert(title)}"]
    for question, answer in turns:
        parts.append(f"## {inert(question)}")
        parts.append(answer_markdown(answer) if answer else "*No answer.*")
    return "\n\n".join(parts) + "\n"


def _source(c: Citation) -> str:
    where = f"{inert(c.article)}, {inert(c.section)}" if c.section else inert(c.article)
    page = f", page {c.page}" if c.page else ""
    source = c.source.replace("`", "")
    return f"{c.marker}. “{inert(squeeze(c.quote))}” ({where}{page}; `{source}:{c.start}-{c.end}`)"
