"""The reader: a citation link to its article with the span marked."""

from __future__ import annotations

from bot.page.service import Service
from bot.render import parse_read_link, passages
from bot.resolve import CHANGED, MOVED, resolve
from ingest.errors import PinciteError


def read(service: Service, link: str, quote: str = "") -> str:
    """The article of a link, or one line that says why it cannot be shown; HTML. With the quote that a citation
    carries, its place is found again when the article was edited since.
    """
    try:
        article_id, start, end = parse_read_link(link)
        articles = service.ready().retriever.index.articles
        if quote:
            found = resolve(articles, article_id, start, end, quote)
            if found is None:
                return passages.gone(CHANGED, quote, articles.get(article_id))
            return passages.reader(found.article, found.start, found.end, MOVED if found.moved else "")
        article = articles.get(article_id)
        if article is None:
            return passages.nothing("This article is no longer in the index: the source changed.")
        return passages.reader(article, start, end)
    except PinciteError as error:
        return passages.nothing(str(error))
