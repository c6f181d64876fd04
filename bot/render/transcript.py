"""The chat as HTML: questions, checked sentences with their markers, what can be done with an answer."""

from __future__ import annotations

from collections.abc import Sequence

from bot.evidence import CELL_GAP
from bot.prompts import UNSUPPORTED_MARK
from bot.render.export import answer_markdown
from bot.render.safe import escape, read_link
from bot.render.tools import tool
from bot.values import Answer, Citation, Sentence, begins_paragraph
from ingest.text import squeeze


def question_block(number: int, question: str, last: bool) -> str:
    """What the person asked; the last question can be edited."""
    edit = tool("edit", "Edit this question", turn=number) if last else ""
    return f'<div class="user"><p dir="auto">{escape(question)}</p>{edit}</div>'


def waiting() -> str:
    """An answer that has not begun."""
    return '<div class="bot"><p class="waiting" role="status">Reading …</p></div>'


def problem_block(text: str, failed: bool, last: bool) -> str:
    """Why there is no answer: something failed, or it was not wanted; the last question can be asked again."""
    look = 'class="problem" role="alert"' if failed else 'class="note" role="status"'
    tools = f'<div class="tools">{tool("retry", "Ask again")}</div>' if last else ""
    return f'<div class="bot"><p {look}>{escape(text)}</p>{tools}</div>'


def answer_block(number: int, answer: Answer, streaming: bool, vote: str | None, last: bool) -> str:
    """An answer; once it is whole, with its tools."""
    tools = "" if streaming else _tools(number, answer, vote, last)
    kind = " refused" if answer.refused else ""
    return f'<div class="bot{kind}">{_body(answer)}{tools}</div>'


def suggestions(questions: Sequence[str], kind: str, title: str) -> str:
    """Questions to ask with one press."""
    if not questions:
        return ""
    buttons = "".join(
        f'<li><button type="button" data-do="ask" data-question="{escape(q)}">{escape(q)}</button></li>'
        for q in questions
    )
    return (
        f'<nav class="suggestions {kind}" aria-label="{escape(title)}"><p>{escape(title)}</p><ul>{buttons}</ul></nav>'
    )


def welcome(examples: Sequence[str]) -> str:
    """The empty chat."""
    return (
        '<div class="welcome"><h2>Ask the articles</h2>'
        "<p>Every sentence of an answer carries a number. It leads to the exact words that say so.</p>"
        f"{suggestions(examples, 'examples', 'For example')}</div>"
    )


def conversations(summaries: Sequence[tuple[str, str]], current: str) -> str:
    """The conversations of this browser as `(id, title)`, newest first."""
    if not summaries:
        return '<p class="nothing">Conversations are kept in this browser and nowhere else.</p>'
    return '<ul class="conversations">' + "".join(_conversation(i, t, i == current) for i, t in summaries) + "</ul>"


def _conversation(name: str, title: str, current: bool) -> str:
    key, shown = escape(name), escape(title)
    here = ' aria-current="true"' if current else ""
    tools = "".join(
        tool(do, f"{label}: {title}", do, id=name)
        for do, label in (("rename", "Rename"), ("export", "Export as Markdown"), ("delete", "Delete"))
    )
    return (
        f'<li{here}><button type="button" class="title" data-do="open" data-id="{key}">{shown}</button>'
        f'<span class="tools">{tools}</span></li>'
    )


# --- one answer ------------------------------------------------------------------------------------------


def _told(part: str) -> str:
    """What is said without a source: a paragraph, or a list."""
    if not part.startswith("- "):
        return f"<p>{escape(part)}</p>"
    return f"<ul>{''.join(f'<li>{escape(line[2:])}</li>' for line in part.splitlines())}</ul>"


def _body(answer: Answer) -> str:
    if answer.refused:
        return f"<p>{escape(answer.answer)}</p>{_related(answer.related)}"
    if not answer.sentences:
        return "".join(map(_told, filter(None, answer.answer.split("\n\n"))))
    by_marker = {c.marker: c for c in answer.citations}
    parts: list[str] = []
    depth = 0
    for n, (sentence, item) in enumerate(zip(answer.sentences, answer.items, strict=True)):
        if begins_paragraph(answer.sentences, answer.items, n):
            parts.append(("</li></ul>" * depth or ("</p>" if n else "")) + "<p>")
        elif item > depth:
            parts.append(("" if depth or not n else "</p>") + "<ul><li>" * (item - depth))
        elif item:
            parts.append("</li></ul>" * (depth - item) + "</li><li>")
        parts.append(_sentence(sentence, by_marker) + ("" if item else " "))
        depth = item
    parts.append("</li></ul>" * depth or "</p>")
    note = f'<p class="note">{escape(answer.note)}</p>' if answer.note else ""
    return "".join(parts) + note


def _sentence(sentence: Sentence, by_marker: dict[int, Citation]) -> str:
    cells = (escape(squeeze(cell)) for cell in sentence.text.split(CELL_GAP))
    text = f'<span dir="auto">{CELL_GAP.join(cells)}</span>'
    if sentence.verdict == "unsupported":
        return f'<span class="unsupported">{text} <em>{escape(UNSUPPORTED_MARK)}</em></span>'
    how = "word for word" if sentence.verdict == "verbatim" else f"reworded, judged supported ({sentence.score:.2f})"
    return text + "".join(_marker(by_marker[m], how) for m in sentence.markers if m in by_marker)


def _marker(c: Citation, how: str) -> str:
    page = f"page {c.page}" if c.page else ""
    where = " › ".join(filter(None, (c.article, c.section.split(" > ")[-1], page)))
    data = {"quote": squeeze(c.quote), "where": where, "how": how}
    said = "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())
    link = read_link(c.article_id, c.start, c.end)
    return f'<a class="cite" href="{link}" aria-label="Source {c.marker}: {escape(c.article)}"{said}>{c.marker}</a>'


def _related(related: Sequence[Citation]) -> str:
    if not related:
        return ""
    items = "".join(
        f"<li><span dir='auto'>{escape(squeeze(c.quote).removeprefix('• '))}</span>"
        f"{_marker(c, 'close to the question')}</li>"
        for c in related
    )
    return f'<p class="note">The nearest passages:</p><ul class="related">{items}</ul>'


def _tools(number: int, answer: Answer, vote: str | None, last: bool) -> str:
    tools = tool("copy", "Copy with citations", text=answer_markdown(answer))
    tools += tool("up", "A good answer", pressed=vote == "up", turn=number)
    tools += tool("down", "A bad answer", pressed=vote == "down", turn=number)
    if last:
        tools += tool("retry", "Ask again")
    passages = f'<button type="button" class="passages" data-do="sources" data-turn="{number}">Passages</button>'
    return f'<div class="tools">{tools}{passages}<span class="engine">{escape(_made(answer))}</span></div>'


def _made(answer: Answer) -> str:
    """By which engine, and in what time if it came to its end."""
    total = answer.timings_ms.get("total", 0.0)
    took = f"{total / 1000:.1f} s" if total >= 1000 else f"{total:.0f} ms"
    return f"{answer.engine}, {took}" if total else answer.engine
