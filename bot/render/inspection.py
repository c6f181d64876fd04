"""One search as HTML: every stage's order side by side, what moved, which words matched, what each stage read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.render.passages import nothing
from bot.render.safe import escape, read_link
from index.explain import Match
from index.retrieve import Hit
from ingest.text import fold

STAGES = {  # in the order of the search, with what a person should know of each
    "dense": ("Dense", "sentence vectors, cosine"),
    "bm25": ("BM25", "rare words in common"),
    "late": ("Late interaction", "each query word's best counterpart"),
    "reranker": ("Re-ranker", "a model reads query and passage"),
    "full": ("Final order", "all of them together"),
}
_WORD = re.compile(r"[A-Za-z0-9]+")


def stage_columns(hits: Sequence[Hit], shown: int) -> str:
    """The first `shown` of every stage, one column a stage; a passage has one letter in all of them."""
    if not hits:
        return nothing("Nothing was found.")
    letters: dict[str, str] = {}
    columns = []
    for stage, (title, about) in STAGES.items():
        ranked = sorted((h for h in hits if stage in h.stages), key=lambda h: h.stages[stage][0])[:shown]
        if ranked:
            rows = "".join(_row(h, stage, letters) for h in ranked)
            columns.append(f"<section><h3>{title}</h3><p>{about}</p><ol>{rows}</ol></section>")
    return f'<div class="stages">{"".join(columns)}</div>'


def _row(hit: Hit, stage: str, letters: dict[str, str]) -> str:
    c = hit.chunk
    letter = letters.setdefault(c.chunk_id, _letter(len(letters)))
    rank, score = hit.stages[stage]
    heading = c.headings[-1] if c.headings else c.article
    moves = ", ".join(f"{STAGES[s][0]} {r}" for s, (r, _score) in hit.stages.items() if s != stage and s in STAGES)
    return (
        f'<li><span class="rank">{rank}</span><a href="{read_link(c.article_id, c.start, c.end)}">'
        f'<b class="letter">{letter}</b> {escape(heading)}</a>'
        f'<span class="score">{score:.3f}{_moved(hit, stage)}</span><span class="elsewhere">{escape(moves)}</span></li>'
    )


def _moved(hit: Hit, stage: str) -> str:
    """In the final order: how far a passage rose or fell against the dense order."""
    if stage != "full" or "dense" not in hit.stages:
        return ""
    by = hit.stages["dense"][0] - hit.stages["full"][0]
    if not by:
        return ' <span class="same">as dense</span>'
    way, arrow = ("up", "↑") if by > 0 else ("down", "↓")
    return f' <span class="{way}">{arrow}{abs(by)} against dense</span>'


def timings(milliseconds: Mapping[str, float]) -> str:
    """Milliseconds by stage."""
    parts = "".join(f"<li><span>{escape(name)}</span> {ms:.1f} ms</li>" for name, ms in milliseconds.items())
    return f'<ul class="timings" aria-label="Timings">{parts}</ul>'


def searched_for(typed: str, query: str) -> str:
    """The text that was searched for, where it is not what was typed."""
    return "" if query == typed.strip() else f'<p class="path">Searched for: {escape(query)}</p>'


def explained(hit: Hit, matches: Sequence[Match]) -> str:
    """One hit: its query words by strength, and the text that the stages read, matched words coloured."""
    c = hit.chunk
    strengths: dict[str, float] = {}
    for match in matches:
        word = fold(match.passage_word).casefold()
        strengths[word] = max(strengths.get(word, 0.0), match.cosine)
    chips = "".join(
        f'<li style="--strength:{_strength(m.cosine):.2f}"><b>{escape(m.query_word)}</b> → {escape(m.passage_word)} '
        f"<span>{m.cosine:.2f}, weight {m.weight:.0%}</span></li>"
        for m in matches
    )
    path = " > ".join(filter(None, (c.article, c.section)))
    title = c.headings[-1] if c.headings else c.article
    return (
        f'<details class="explained"{" open" if hit.rank == 1 else ""}><summary>{hit.rank}. {escape(title)}</summary>'
        f'<ul class="matches" aria-label="Query words and their counterparts">{chips}</ul>'
        f'<p class="path">Every stage read this heading path before the text: {_coloured(path, strengths)}</p>'
        f'<p class="text" dir="auto">{_coloured(c.text, strengths)}</p>'
        f'<a class="open" href="{read_link(c.article_id, c.start, c.end)}">Open in the article</a></details>'
    )


def _coloured(text: str, strengths: Mapping[str, float]) -> str:
    parts, at = [], 0
    for match in _WORD.finditer(text):
        cosine = strengths.get(fold(match.group()).casefold(), 0.0)
        if cosine > 0:
            parts.append(escape(text[at : match.start()]))
            parts.append(f'<span class="met" style="--strength:{_strength(cosine):.2f}">{escape(match.group())}</span>')
            at = match.end()
    return re.sub(r"[ \t\u00a0]*\n\s*", "\n", "".join(parts) + escape(text[at:]))


def _strength(cosine: float) -> float:
    return max(0.0, min(1.0, cosine))


def _letter(number: int) -> str:
    """A, B, ... Z, A1, B1, ..."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")
