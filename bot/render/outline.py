"""The corpus as HTML: its articles with their counts, and one article's outline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.render.passages import nothing
from bot.render.safe import escape, read_link
from ingest.values import Article, Chunk


@dataclass(frozen=True, slots=True)
class Counts:
    """What an article holds."""

    passages: int
    questions: int
    words: int


def corpus_summary(manifest: Mapping[str, Any], written: datetime) -> str:
    """One line about the whole index: counts, date, encoder."""
    counts = manifest["counts"]
    figures = f"{counts['articles']:,} articles, {counts['chunks']:,} passages, {counts['words']:,} words"
    encoder = manifest["encoder"]["name"]
    indexed = written.strftime("%Y-%m-%d %H:%M %Z").strip()
    return f'<p class="path">{escape(f"{figures}. Indexed {indexed} with {encoder}.")}</p>'


def article_list(rows: Sequence[tuple[Article, Counts]], left_out: int) -> str:
    """Articles with what can be done with each."""
    if not rows:
        return nothing("No article has this in its title.")
    more = nothing(f"{left_out:,} more: filter by title.") if left_out else ""
    return f'<ul class="articles">{"".join(_article(a, c) for a, c in rows)}</ul>{more}'


def _article(article: Article, counts: Counts) -> str:
    name = escape(article.article_id)
    counted = {"passage": counts.passages, "question": counts.questions, "word": counts.words}
    figures = ", ".join(f"{n:,} {name}{'' if n == 1 else 's'}" for name, n in counted.items())
    return (
        f'<li><h3>{escape(article.title)}</h3><p class="path">{escape(article.source)} · {figures}</p>'
        f'<div class="steps"><button type="button" data-do="outline" data-article="{name}">Outline</button>'
        f'<a class="open" href="{read_link(article.article_id, article.start, article.end)}">Read</a>'
        f'<button type="button" data-do="about" data-article="{name}">Ask about this article</button></div></li>'
    )


def article_outline(article: Article, chunks: Sequence[Chunk]) -> str:
    """The headings of one article, nested, each a link into the reader."""
    parts: list[str] = []
    before: tuple[str, ...] = ()
    for chunk in chunks:
        for depth, heading in enumerate(chunk.headings):
            if chunk.headings[: depth + 1] != before[: depth + 1]:
                link = read_link(chunk.article_id, chunk.start, chunk.end)
                asks = ' class="asks"' if heading.rstrip().endswith("?") else ""
                parts.append(f'<li style="--depth:{depth}"{asks}><a href="{link}">{escape(heading)}</a></li>')
        before = chunk.headings
    listed = f'<ul class="outline">{"".join(parts)}</ul>' if parts else nothing("This article has no headings.")
    return f"<h2>{escape(article.title)}</h2>{listed}"
