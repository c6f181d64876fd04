"""One search as HTML: every stage's order side by side, what moved, which words matched, what each stage read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.render.passages import nothing
from bot.render.safe import escape, read_link
from index.explain import Match
from index.retrieve import Hit

STAGES = {  # in the order of the search, with what a person should know of each
    "dense": ("Dense", "sentence vectors, cosine"),
    "bm25": ("BM25", "rare words in common"),
    "late": ("Late interaction", "each query word's best counterpart"),
    "reranker": ("Re-ranker", "a model reads query and passage"),
    "full": ("Final order", "all of them together"),
}


def stage_columns(orders: Mapping[str, Sequence[Hit]]) -> str:
    """The first passages of every stage, one column a stage; a passage has one letter in all of them."""
    if not any(orders.values()):
        return nothing("Nothing was found.")
    letters: dict[str, str] = {}
    columns = []
    for stage in filter(orders.get, STAGES):
        title, about = STAGES[stage]
        others = [s for s in STAGES if s in orders and s != stage]
        rows = "".join(_row(h, stage, others, letters) for h in orders[stage])
        columns.append(f"<section><h3>{title}</h3><p>{about}</p><ol>{rows}</ol></section>")
    return f'<div class="stages" role="region" aria-label="Orders of the stages" tabindex="0">{"".join(columns)}</div>'


def _row(hit: Hit, stage: str, others: Sequence[str], letters: dict[str, str]) -> str:
    c = hit.chunk
    letter = letters.setdefault(c.chunk_id, _letter(len(letters)))
    heading = c.headings[-1] if c.headings else c.article
    places = ", ".join(f"{STAGES[s][0]} {hit.stages[s][0] if s in hit.stages else '–'}" for s in others)
    return (
        f'<li><span class="rank">{hit.rank}</span><a href="{read_link(c.article_id, c.start, c.end)}">'
        f'<b class="letter">{letter}</b> {escape(heading)}</a>'
        f'<span class="score">{hit.score:.3f}{_moved(hit, stage)}</span>'
        f'<span class="elsewhere">{escape(places)}</span></li>'
    )


def _moved(hit: Hit, stage: str) -> str:
    """In the final order: how far a passage rose or fell against the dense order."""
    if stage != "full":
        return ""
    if "dense" not in hit.stages:
        return ' <span class="up">not found by dense</span>'
    by = hit.stages["dense"][0] - hit.rank
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


def explained(hit: Hit, text: str, matches: Sequence[Match], unread: int) -> str:
    """One hit: its query words by strength, and the text that the stages read with the words that they met coloured;
    from `unread` on, BM25 alone read it.
    """
    c = hit.chunk
    chips = "".join(
        f'<li style="--strength:{_strength(m.cosine):.2f}"><b>{escape(m.query_word)}</b> → {escape(m.passage_word)} '
        f"<span>{m.cosine:.2f}, weight {m.weight:.0%}</span></li>"
        for m in matches
    )
    title = c.headings[-1] if c.headings else c.article
    said = "What every stage read" + (", but BM25 alone what is grey" if unread < len(text) else "")
    rest = f'<span class="unread">{escape(text[unread:])}</span>' if unread < len(text) else ""
    return (
        f'<details class="explained"{" open" if hit.rank == 1 else ""}><summary>{hit.rank}. {escape(title)}</summary>'
        f'<ul class="matches" aria-label="Query words and their counterparts">{chips}</ul>'
        f'<p class="path">{said}:</p><p class="text" dir="auto">{_coloured(text[:unread], matches)}{rest}</p>'
        f'<a class="open" href="{read_link(c.article_id, c.start, c.end)}">Open in the article</a></details>'
    )


def _coloured(text: str, matches: Sequence[Match]) -> str:
    strongest: dict[tuple[int, int], Match] = {}
    for match in sorted(matches, key=lambda m: m.cosine):
        strongest[match.start, match.end] = match
    parts, at = [], 0
    for (start, end), match in sorted(strongest.items()):
        if at <= start < end and match.cosine > 0:
            parts.append(
                f'{escape(text[at:start])}<span class="met" style="--strength:{_strength(match.cosine):.2f}" '
                f'title="{escape(match.query_word)}">{escape(text[start:end])}</span>'
            )
            at = end
    return "".join(parts) + escape(text[at:])


def _strength(cosine: float) -> float:
    return max(0.0, min(1.0, cosine))


def _letter(number: int) -> str:
    """A, B, ... Z, A1, B1, ..."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")
