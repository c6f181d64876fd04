"""An answer as plain text for the terminal."""

from __future__ import annotations

import textwrap

from bot.values import Answer, Citation
from ingest.text import printable, squeeze


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
