"""Everything a person sees: plain text for the terminal, HTML for the page, Markdown for an export.

`safe` makes text inert and is the only way of document, question and model text into HTML or Markdown; `terminal`,
`transcript`, `passages`, `export`, `inspection`, `outline` and `figures` each render one thing and nothing else does.
"""

from bot.render.safe import escape, inert, parse_read_link, read_link
from bot.render.terminal import as_text
from ingest.text import printable

__all__ = ["as_text", "escape", "inert", "parse_read_link", "printable", "read_link"]
