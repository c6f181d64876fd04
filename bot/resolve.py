"""Where a citation stands now: an article may have been edited, moved or removed since it was quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingest.values import Article

MOVED = "The article was edited since this was quoted. The quote stands here now."
CHANGED = "The source changed since this was quoted. The quote was:"
_LEAST = 20  # characters of a quote that is looked for in other articles
_MAX_WORDS = 400  # of a quote that is looked for


@dataclass(frozen=True, slots=True)
class Found:
    """A quote's place in the index as it is now; `moved` when that is not where it was quoted from."""

    article: Article
    start: int
    end: int
    moved: bool


def resolve(articles: Mapping[str, Article], article_id: str, start: int, end: int, quote: str) -> Found | None:
    """The span of a citation in the present articles, or None: the source changed.

    The quote is looked for where it was, then in its article, and when the article is gone (a renamed file) in all of
    them; a new place counts only when it is the only one. White space may differ.
    """
    article = articles.get(article_id)
    words = quote.split()
    if article and article.start <= start < end <= article.end and article.text[start:end].split() == words:
        return Found(article, start, end, moved=False)
    if not article and len(quote) < _LEAST:
        return None
    places = list(_places([article] if article else articles.values(), words))
    return places[0] if len(places) == 1 else None


def _places(articles: Iterable[Article], words: Sequence[str]) -> Iterable[Found]:
    if not 0 < len(words) <= _MAX_WORDS:
        return
    pattern = re.compile(r"\s+".join(map(re.escape, words)))
    for article in articles:
        if words[0] not in article.text:
            continue
        for match in pattern.finditer(article.text, article.start, article.end):
            yield Found(article, match.start(), match.end(), moved=True)
