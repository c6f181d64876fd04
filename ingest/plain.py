"""Plain text and Markdown to articles: one a file, or the articles of a bulleted export; front matter set aside.

The text stays as it is in the file, so that spans are offsets into it.
"""

from __future__ import annotations

import re
from typing import Any

from ingest.outline import outline
from ingest.text import squeeze
from ingest.values import Article

_EXPORT_TITLE = re.compile(r"^[ \t]{0,3}•[ \t]+(\S.*)$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.{0,65536}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def text_articles(text: str, source: str, stem: str) -> list[Article]:
    """The articles of one text; `stem` names an article without a title of its own."""
    if titles := _export_titles(text):
        return _export_articles(text, source, titles)
    return [_single_article(text, source, stem)]


def front_matter(text: str) -> tuple[dict[str, Any], int]:
    """The YAML mapping between two `---` lines at the very top, and where the text begins after it; ({}, 0) without
    one (a byte order mark is skipped all the same).
    """
    import yaml

    begin = 1 if text.startswith("\ufeff") else 0
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, begin
    try:
        fields = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, begin
    return (fields, match.end()) if isinstance(fields, dict) else ({}, begin)


def _export_titles(text: str) -> list[re.Match[str]]:
    """Bullet lines whose text stands again, alone, as the next line with text: the export's titles."""
    found = []
    for match in _EXPORT_TITLE.finditer(text):
        following = re.compile(r"\s*([^\n]*)").match(text, match.end())
        if following and following.group(1).strip() == match.group(1).strip():
            found.append(match)
    return found


def _export_articles(text: str, source: str, titles: list[re.Match[str]]) -> list[Article]:
    articles = []
    seen: dict[str, int] = {}
    for n, match in enumerate(titles):
        end = titles[n + 1].start() if n + 1 < len(titles) else len(text)
        title = match.group(1).strip()
        body = text.index(title, match.end()) + len(title)
        slug = _slug(title)
        seen[slug] = seen.get(slug, 0) + 1
        name = slug if seen[slug] == 1 else f"{slug}-{seen[slug]}"
        blocks = outline(text, body, end, by_line=True)
        articles.append(Article(f"{source}#{name}", title, source, text, match.start(), end, blocks))
    return articles


def _single_article(text: str, source: str, stem: str) -> Article:
    fields, begin = front_matter(text)
    blocks = outline(text, begin, len(text))
    title = stem_title(stem)
    named = squeeze(str(fields.get("title") or ""))
    if blocks:
        first = text[blocks[0].start : blocks[0].end]
        if blocks[0].kind == "heading" and (not named or blocks[0].label == named):
            title, blocks = blocks[0].label, blocks[1:] or blocks
        elif "\n" not in first and len(first.split()) <= 15 and len(blocks) > 1:
            title = squeeze(first)
    url = str(fields.get("url") or "")
    url = url if url.startswith(("http://", "https://")) else ""
    return Article(source, named or title, source, text, begin, len(text), blocks, url)


def stem_title(stem: str) -> str:
    """A file's name as a title."""
    return squeeze(re.sub(r"[_-]+", " ", stem))


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or "article"
