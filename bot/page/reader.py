"""The reader: a citation link to its article with the span marked."""

from __future__ import annotations

from typing import Any

from bot import render
from bot.page.service import Service
from ingest.errors import PinciteError


def read(service: Service, link: Any) -> str:
    """The article of a link, or one line that says why it cannot be shown; HTML."""
    try:
        article_id, start, end = render.parse_read_link(str(link))
        article = service.pipeline.retriever.index.articles.get(article_id) if service.pipeline else None
        if article is None:
            return '<p class="nothing">This article is no longer in the index: the source changed.</p>'
        return render.reader(article, start, end)
    except PinciteError as error:
        return f'<p class="nothing">{render.escape(str(error))}</p>'
