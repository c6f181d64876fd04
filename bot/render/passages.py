"""The panel beside the chat as HTML: retrieved passages, and an article with a span marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.render.safe import escape, read_link
from bot.values import Citation
from ingest.errors import QuestionError
from ingest.text import squeeze
from ingest.values import Article, Chunk

_STEPS = (
    '<div class="steps" role="group" aria-label="Citations of this answer">'
    '<button type="button" data-do="previous">← Previous</button><span class="place"></span>'
    '<button type="button" data-do="next">Next →</button></div>'
)


def nothing(text: str) -> str:
    """One quiet line where there is nothing else to show."""
    return f'<p class="nothing">{escape(text)}</p>'


def gone(why: str, quote: str, article: Article | None) -> str:
    """A quote that its source no longer holds, and a way to the article as it is now."""
    now = ""
    if article:
        link = read_link(article.article_id, article.start, article.end)
        now = f'<a class="open" href="{link}">The article as it is now</a>'
    return (
        f'<div class="reader">{_STEPS}<p class="changed" role="status">{escape(why)}</p>'
        f'<blockquote class="gone" dir="auto">{escape(quote)}</blockquote>{now}</div>'
    )


def source_cards(chunks: Sequence[Chunk], citations: Sequence[Citation]) -> str:
    """The retrieved passages as HTML cards, cited sentences marked."""
    if not chunks:
        return nothing("No passage is close to this question.")
    return "".join(_card(chunk, citations) for chunk in chunks)


def _card(c: Chunk, citations: Sequence[Citation]) -> str:
    inside = [x for x in citations if x.article_id == c.article_id and c.start <= x.start and x.end <= c.end]
    numbers = "".join(f'<span class="number">{x.marker}</span>' for x in inside)
    return (
        f'<section class="source"><h3>{escape(c.article)}{numbers}</h3>'
        f'<p class="path">{escape(c.section)}</p>'
        f'<p class="text" dir="auto">{_marked(c.text, c.start, inside)}</p>'
        f'<a class="open" href="{read_link(c.article_id, c.start, c.end)}" data-quote="{escape(squeeze(c.text))}">'
        "Open in the article</a></section>"
    )


def _marked(text: str, offset: int, citations: Sequence[Citation]) -> str:
    out, at = [], 0
    for c in sorted(citations, key=lambda c: c.start):
        start, end = max(at, c.start - offset), c.end - offset
        if start >= end:
            continue
        out.append(compact(text[at:start]) + f"<mark>{compact(text[start:end])}</mark>")
        at = end
    out.append(compact(text[at:]))
    return "".join(out).strip()


def compact(text: str) -> str:
    """Escaped, with the indentation and blank lines of an export squeezed for a card; the reader shows them."""
    return re.sub(r"[ \t\u00a0]*\n\s*", "\n", escape(text))


def _original(url: str) -> str:
    """A link to where an article came from, if that is on the web; any other scheme may run something."""
    if not url.startswith(("https://", "http://")):
        return ""
    return f' · <a href="{escape(url)}" target="_blank" rel="noopener noreferrer">original</a>'


def reader(article: Article, start: int, end: int, note: str = "") -> str:
    """The whole article as HTML with `[start, end)` of its source text marked, under a note about the span.

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
    changed = f'<p class="changed" role="status">{escape(note)}</p>' if note else ""
    return (
        f'<div class="reader"><h2>{escape(article.title)}</h2>'
        f'<p class="where">{escape(article.source)}, characters {start} to {end}{_original(article.url)}</p>'
        f"{_STEPS}{changed}"
        f'<div class="article" dir="auto">{body}</div></div>'
    )
