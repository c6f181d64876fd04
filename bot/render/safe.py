"""Text from documents, questions and models is hostile: on its way into HTML every character of it goes through
`escape`, on its way into Markdown through `inert`, and control and bidirectional characters are taken out.
"""

from __future__ import annotations

import html
import re
from urllib.parse import quote, unquote

from bot.evidence import CELL_GAP
from ingest.errors import QuestionError
from ingest.text import printable, squeeze

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


def read_link(article_id: str, start: int, end: int) -> str:
    """The link that opens a span in the reader."""
    return f"#read/{quote(article_id, safe='')}/{start}-{end}"


def parse_read_link(link: str) -> tuple[str, int, int]:
    """`(article id, start, end)` of a link made by `read_link`.

    Raises:
        QuestionError: anything else.
    """
    match = _LINK.fullmatch(link)
    if not match:
        raise QuestionError(f"not a citation link: {link[:60]!r}")
    return unquote(match.group(1)), int(match.group(2)), int(match.group(3))
