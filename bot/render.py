"""Everything a person sees of an answer: plain text for the terminal, HTML and Markdown for the page.

Text from documents, questions and models is hostile: on its way into HTML every character of it goes through
`escape`, on its way into Markdown through `inert`, and control and bidirectional characters are taken out.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from urllib.parse import quote, unquote

from bot.evidence import CELL_GAP
from bot.prompts import UNSUPPORTED_MARK
from bot.values import Answer, Citation, Sentence
from index.retrieve import Hit
from ingest.errors import QuestionError
from ingest.text import printable, squeeze
from ingest.values import Article

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&])")
_LINK = re.compile(r"#read/([^/]+)/(\d{1,12})-(\d{1,12})")


def escape(text: str) -> str:
    """Text made inert for HTML, braces and dollars included (the page's templates give them a meaning)."""
    escaped = html.escape(printable(text), quote=True)
    return escaped.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def inert(text: str) -> str:
    """Text made inert for Markdown: nothing in it formats, links or starts a tag."""
    cells = (squeeze(cell) for cell in printable(text).split(CELL_GAP))
    return _MARKDOWN.sub(r"\\\1", CELL_GAP.join(cells))


# --- terminal --------------------------------------------------------------------------------------------


def as_text(answer: Answer, width: int = 96) -> str:
    """The answer, then each citation with its place in the source."""
    lines = ["\n".join(textwrap.fill(p, width) for p in answer.answer.split("\n")), ""]
    if answer.note:
        lines += [f"({answer.note})", ""]
    shown = answer.citations or answer.related
    if shown:
        lines.append("Sources:" if answer.citations else "Related passages:")
        lines += [_text_citation(c, width) for c in shown]
    lines.append(f"engine {answer.engine}, {answer.timings_ms['total']:.0f} ms")
    return printable("\n".join(lines))


def _text_citation(c: Citation, width: int) -> str:
    cited = textwrap.fill(f"“{squeeze(c.quote)}”", width, initial_indent="      ", subsequent_indent="      ")
    page = f", page {c.page}" if c.page else ""
    url = f"\n      {c.url}" if c.url else ""
    return f" [{c.marker}] {c.article} — {c.section}\n      {c.source}:{c.start}-{c.end}{page}{url}\n{cited}"


# --- chat ------------------------------------------------------------------------------------------------


def chat_sentence(sentence: Sentence, citations: Sequence[Citation], item: bool, listed: bool, first: bool) -> str:
    """One checked sentence as Markdown, its markers as links that open the reader."""
    by_marker = {c.marker: c for c in citations}
    links = "".join(f" [{m}]({read_link(by_marker[m])})" for m in sentence.markers if m in by_marker)
    text = inert(sentence.text) + links
    if sentence.verdict == "unsupported":
        text = f"*{inert(UNSUPPORTED_MARK)}* {text}"
    if item:
        return ("" if first else "\n" if listed else "\n\n") + f"- {text}"
    return ("" if first else "\n\n" if listed else " ") + text


def chat_closing(answer: Answer) -> str:
    """What follows the sentences: a refusal with related passages, or a note; Markdown."""
    if answer.refused:
        related = "".join(f"\n- {inert(c.quote)} [{c.marker}]({read_link(c)})" for c in answer.related)
        return inert(answer.answer) + (f"\n{related}" if related else "")
    return f"\n\n*{inert(answer.note)}*" if answer.note else ""


def read_link(c: Citation) -> str:
    """The link that opens a citation in the reader."""
    return f"#read/{quote(c.article_id, safe='')}/{c.start}-{c.end}"


def parse_read_link(link: str) -> tuple[str, int, int]:
    """`(article id, start, end)` of a link made by `read_link`.

    Raises:
        QuestionError: anything else.
    """
    match = _LINK.fullmatch(link)
    if not match:
        raise QuestionError(f"not a citation link: {link[:60]!r}")
    return unquote(match.group(1)), int(match.group(2)), int(match.group(3))


# --- side panel ------------------------------------------------------------------------------------------


def source_cards(hits: Sequence[Hit], citations: Sequence[Citation]) -> str:
    """The retrieved passages as HTML cards, cited sentences marked."""
    if not hits:
        return '<p class="nothing">No passage is close to this question.</p>'
    return "".join(_card(hit, citations) for hit in hits)


def _card(hit: Hit, citations: Sequence[Citation]) -> str:
    c = hit.chunk
    inside = [x for x in citations if x.article_id == c.article_id and c.start <= x.start and x.end <= c.end]
    link = f"#read/{quote(c.article_id, safe='')}/{c.start}-{c.end}"
    numbers = " ".join(f"[{x.marker}]" for x in inside)
    return (
        f'<section class="source"><h3><span class="number">{escape(numbers)}</span>{escape(c.article)}</h3>'
        f'<p class="path">{escape(c.section)}</p>'
        f'<p class="text">{_marked(c.text, c.start, inside)}</p>'
        f'<a class="open" href="{link}">Open in the article</a></section>'
    )


def _marked(text: str, offset: int, citations: Sequence[Citation]) -> str:
    out, at = [], 0
    for c in sorted(citations, key=lambda c: c.start):
        start, end = max(at, c.start - offset), c.end - offset
        if start >= end:
            continue
        out.append(_lines(text[at:start]) + f"<mark>{_lines(text[start:end])}</mark>")
        at = end
    out.append(_lines(text[at:]))
    return "".join(out).strip()


def _lines(text: str) -> str:
    """Indentation and blank lines of an export squeezed for a card; the reader shows them."""
    return re.sub(r"[ \t\u00a0]*\n\s*", "\n", escape(text))


def reader(article: Article, start: int, end: int) -> str:
    """The whole article as HTML with `[start, end)` of its source text marked.

    Raises:
        QuestionError: a span outside the article.
    """
    if not article.start <= start < end <= article.end:
        raise QuestionError(f"{start}-{end} lies outside the article ({article.start}-{article.end})")
    text = article.text
    body = (
        escape(text[article.start : start])
        + f"<mark>{escape(text[start:end])}</mark>"
        + escape(text[end : article.end])
    )
    return (
        f'<div class="reader"><h2>{escape(article.title)}</h2>'
        f'<p class="where">{escape(article.source)}, characters {start} to {end}</p>'
        f'<div class="article" dir="auto">{body}</div></div>'
    )
