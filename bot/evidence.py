"""Hits to evidence: the sentences and list items of the retrieved passages, each an exact span, scored.

A piece of evidence is the smallest thing an answer can quote. Its score says how well it meets the query:
late interaction between the query's tokens and its own, with its passage's score as a prior.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bot.asked import has_number
from index.encode import Encoded, Encoder
from index.late import TokenStore
from index.lexical import stems
from index.retrieve import Hit, Retrieval
from ingest.tables import piped_rows, row_cells, table_rows
from ingest.text import fold, sentence_spans, squeeze
from ingest.values import Chunk

_GLUED_LABEL = re.compile(r"[A-Z][\w’' ()-]{1,48}:(?=[^\s\d/])")
_ASIDE = re.compile(r"^why\b.*\b(?:ask|asks|asked|matter|matters)\b", re.IGNORECASE)
_ADVICE = re.compile(r"^tips? for answering", re.IGNORECASE)
_PROMOTION = re.compile(
    r"\bregister (?:now|for|here|today)\b|\bsign up\b|\bsubscribe\b|\bwebinar\b|\benroll? (?:now|today|in our)\b|"
    r"\bclick here\b|\bfollow us\b|\bcontact us\b|\bbook (?:a|your) (?:call|demo|session|slot)\b|\bfree trial\b|"
    r"\bjoin (?:[\w-]+ ){0,3}(?:now|today)\b|\btake (?:the|your) (?:first|next) steps? (?:to|toward)|"
    r"\bultimate guide\b|^welcome to (?:the|this|our|\w+'s)\b|\bspeciali[sz]e in helping\b|"
    r"\bwe(?:'ve| have) helped (?:hundreds|thousands|many|countless|dozens)\b|"
    r"\bstart (?:preparing|learning|practi[cs]ing|your journey) (?:today|now)\b|\blet's make your\b|"
    r"\bto the next level\?|"
    r"\bgood luck\b|\bwe(?:'re| are) (?:always )?here to help\b|\bhere to help you every step\b|\bdiscount\b.*\bcode\b",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(  # says only what the text is going to say
    r"\blet(?:'s| us) (?:dive|jump|get started|get to|kick (?:things )?off|take a (?:closer )?look|walk through)\b|"
    r"^(?:now that|before) (?:you|we)\b.*\b(?:let's|it's important to)\b|\bready to dive\b|"
    r"^before (?:diving|jumping|getting) into\b|\bby the end(?: of (?:this|the) \w+)?, you(?:'ll| will)\b|"
    r"\bwe(?:'ve| have) (?:packed|put together)\b|"
    r"\bin this (?:blog(?: post)?|article|post|guide|tutorial|chapter),? (?:we|you)(?:'ll| will|'re going to)\b|"
    r"\bwith the right (?:approach|preparation|resources|mindset|tools|guidance)\b.*\byou can\b|"
    r"\byou(?:'ll| will) be well[- ](?:equipped|prepared|on your way)\b|"
    r"^(?:if|whether) you(?:'re| are)\b.*\b(?:you(?:'re| are) (?:probably|likely)|in (?:the right place|for an)|"
    r"this (?:guide|blog|article|post))\b",
    re.IGNORECASE,
)
_HEADING, _PLAIN, _PROSE = -2, -1, 1_000_000  # depths beside those of list items, which are columns
_TITLE = 6  # words of a title at most
_FAVOUR = 0.04  # added to the score of evidence about whom the question names
_ASKS, _ASKS_BACK = 0.65, 0.55  # coverage of a question by a heading that asks the same, and of it by the question
_ASKS_EACH = 0.46  # the least cosine of a telling word of the question there
_HEADED = 0.2  # the same below a heading with the number by which the question names something
CELL_GAP = "\u2003"
_LINE_START = re.compile(r"\n([ \t]*)(?=\S)")
_HASHES = re.compile(r"^#{1,6} (?=\S)")
_ARROW = re.compile(r"(?:→|⇒|->|=>|-->)\s")
_MARKER = re.compile(r"(?:[•✔✓◦▪*\-–]|\(?\d{1,3}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence or list item: `chunk`'s source text from `start` to `end`, in reading order by `place`.

    `indent` is the column of a list item (0 within a line), `leads` whether it only introduces what follows
    ("Key steps:", "Why does it matter?"), `heading` whether it is one of the passage's headings.
    """

    place: int
    rank: int  # of its passage, from 1
    chunk: Chunk
    start: int
    end: int
    text: str  # exactly the span
    score: float
    indent: int
    item: bool  # a list item, or a row of a table
    leads: bool
    heading: bool
    row: bool
    aside: bool  # talks about the question or itself, or advertises, instead of answering
    encoded: Encoded = field(repr=False, compare=False)
    owner: int = -1  # place of the label, title or item that it stands below; -1 for none
    replies: int = 0  # which of the sections it stands in whose heading asks what the question asks, from 1; 0: none

    @property
    def clean(self) -> str:
        """The text on one line, without its list marker; the cells of a table's row stand an em space apart."""
        if self.row:
            return CELL_GAP.join(map(squeeze, row_cells(self.text)))
        text = _HASHES.sub("", squeeze(self.text))
        return text[m.end() :] if (m := _MARKER.match(text)) else text

    @property
    def words(self) -> int:
        """Number of words of the clean text."""
        return len(self.clean.split())


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """How evidence is scored. `prior`: weight of the passage's late-interaction score. `neighbours`: weight of
    the sentences before and after. `aside`: taken from what talks about the question ("Why this is asked", "Tips
    for answering") or advertises instead of answering.
    """

    prior: float = 0.7
    neighbours: float = 0.2
    aside: float = 0.1


def gather(
    retrieval: Retrieval,
    hits: Sequence[Hit],
    encoder: Encoder,
    store: TokenStore,
    config: EvidenceConfig | None = None,
    asking: Sequence[Chunk] = (),
) -> list[Evidence]:
    """All evidence of the hits, in reading order within each hit, hits in rank order. `asking`: a passage of each
    section whose heading asks the same, best first.
    """
    config = config or EvidenceConfig()
    query = retrieval.encoded or encoder.encode_query(retrieval.query)
    weights = store.weights(query)
    spans = [(hit, start, end, kind) for hit in hits for start, end, kind in _spans(hit.chunk)]
    texts = [hit.chunk.text[start - hit.chunk.start : end - hit.chunk.start] for hit, start, end, _kind in spans]
    rows = dict(encoder.encode_passages([squeeze(t) for t in texts], 256))
    owners = _owners(spans, texts)
    said = [
        (n, owner) if owner >= 0 and spans[n][2] > spans[n][0].chunk.body else (n,) for n, owner in enumerate(owners)
    ]
    own = [coverage(query, [rows[k] for k in places], weights)[0] for places in said]
    evidence: list[Evidence] = []
    label = ""
    for n, ((hit, start, end, kind), text) in enumerate(zip(spans, texts, strict=True)):
        near = [own[k] for k in (n - 1, n + 1) if 0 <= k < len(spans) and spans[k][0] is hit]
        blended = own[n] if not near else (1 - config.neighbours) * own[n] + config.neighbours * sum(near) / len(near)
        item = kind == "row" or (not kind and bool(_MARKER.match(text)))
        leads = kind == "head" or (not kind and unmarked(text).endswith((":", "?")))
        heading = end <= hit.chunk.body
        if n == 0 or spans[n - 1][0] is not hit:
            label = hit.chunk.headings[-1] if hit.chunk.headings else ""
        if heading or (leads and not item):
            label = text
        plain = squeeze(fold(text))
        aside = bool(
            _ASIDE.search(label) or _ASIDE.search(text) or _PROMOTION.search(plain) or _ANNOUNCEMENT.search(plain)
        )
        score = (1 - config.prior) * blended + config.prior * hit.stages.get("late", (0, blended))[1]
        evidence.append(
            Evidence(
                place=n,
                rank=hit.rank,
                chunk=hit.chunk,
                start=start,
                end=end,
                text=text,
                score=score - (config.aside if aside or is_advice(label) else 0.0),
                indent=_indent(hit.chunk, start),
                item=item,
                leads=leads,
                heading=heading,
                row=bool(kind),
                aside=aside,
                encoded=rows[n],
                owner=owners[n],
                replies=next((k for k, c in enumerate(asking, 1) if in_section(hit.chunk, c, start)), 0),
            )
        )
    return evidence


def asking_sections(query: Encoded, hits: Sequence[Hit], encoder: Encoder, store: TokenStore) -> list[Chunk]:
    """The best-ranked passage below every heading that asks what the query asks, in other words or the same: each
    covers the other. Those that do so best come first; of headings that are alike in several articles only one counts.
    """
    headings = {hit.chunk.headings[-1]: hit.chunk for hit in reversed(hits) if hit.chunk.headings}
    names = [name for name in headings if name.rstrip().endswith("?")]
    told = dict(encoder.encode_passages([squeeze(name) for name in names], 64))
    weights = store.weights(query)
    found: list[tuple[float, Chunk]] = []
    for n, name in enumerate(names):
        there, words = coverage(query, [told[n]], weights)
        back, _words = coverage(told[n], [query], store.weights(told[n]))
        if there >= _ASKS and back >= _ASKS_BACK and words[weights >= weights.mean()].min() >= _ASKS_EACH:
            found.append((there + back, headings[name]))
    return [chunk for _score, chunk in sorted(found, key=lambda row: -row[0])]


def in_section(chunk: Chunk, other: Chunk, start: int | None = None) -> bool:
    """Whether a chunk, or what begins at `start` in it, stands below the other's innermost heading."""
    depth = len(other.headings)
    same = depth > 0 and chunk.article_id == other.article_id and chunk.headings[:depth] == other.headings
    return same and (start is None or chunk.section_at(start).startswith(other.section))


def favoured(evidence: Sequence[Evidence], names: Sequence[str], numbers: Sequence[str] = ()) -> list[Evidence]:
    """The evidence, that of passages which have all of the names in their title, headings or text a little ahead, and
    that of passages whose headings have all of the numbers by which something is named ("3.2.0").
    """
    wanted = set(stems(" ".join(names)))
    chunks = {e.chunk.chunk_id: e.chunk for e in evidence}
    having = {i for i, c in chunks.items() if wanted and wanted <= set(stems(f"{c.article} {c.section} {c.text}"))}
    headed = {
        i for i, c in chunks.items() if numbers and all(has_number(f"{c.article} {c.section}", n) for n in numbers)
    }
    return [
        replace(e, score=e.score + _FAVOUR * (e.chunk.chunk_id in having) + _HEADED * (e.chunk.chunk_id in headed))
        for e in evidence
    ]


def about_named(
    evidence: Sequence[Evidence], names: Collection[str], titled: Mapping[str, frozenset[str]]
) -> list[Evidence]:
    """The evidence without that of articles about others than whom a question names, by stem, unless the piece, a label
    that it stands below or its section has the name: what another's article says of its own subject is no answer about
    this one's. All of it where no title has a name; `titled` as `bot.compare.titles_by_name` tells.
    """
    own = frozenset[str]().union(*(titled[name] for name in names if name in titled))
    if not own:
        return list(evidence)
    others = frozenset[str]().union(*titled.values()) - own
    having = {e.place for e in evidence if set(names) & set(stems(f"{e.chunk.section_at(e.start)} {e.text}"))}
    for e in evidence:  # a label stands before what it is the label of
        if e.owner in having:
            having.add(e.place)
    return placed_anew([e for e in evidence if e.chunk.article not in others or e.place in having])


def placed_anew(evidence: Sequence[Evidence]) -> list[Evidence]:
    """A part of the evidence, its places counted from 0."""
    places = {e.place: n for n, e in enumerate(evidence)}
    return [replace(e, place=places[e.place], owner=places.get(e.owner, -1)) for e in evidence]


def _spans(chunk: Chunk) -> list[tuple[int, int, str]]:
    """Spans of the sentences, list items and table rows of a chunk, in order; "row" or "head" for those of tables."""
    text, body = chunk.text, chunk.body - chunk.start
    rows = [(row[0][0], row[-1][1], "row") for row in table_rows(text, body)]
    rows = sorted(rows + [(a, b, "head" if head else "row") for a, b, head in piped_rows(text, body)])
    spans = [(chunk.start + a, chunk.start + b, kind) for a, b, kind in rows]
    at = 0
    for begin, end, _kind in [*rows, (len(text), len(text), "")]:
        for a, b in _with_their_tails(text, sentence_spans(text, at, begin)):
            spans.extend((x, y, "") for x, y in _split_lines(text, a, b, chunk.start))
        at = end
    return sorted(s for s in spans if any(c.isalnum() for c in text[s[0] - chunk.start : s[1] - chunk.start]))


def _with_their_tails(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans, what goes on after an arrow on the same line joined to what stands before it."""
    joined: list[tuple[int, int]] = []
    for a, b in spans:
        if joined and _ARROW.match(text, a) and "\n" not in text[joined[-1][1] : a]:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined


def _split_lines(text: str, start: int, end: int, base: int) -> list[tuple[int, int]]:
    """A label is a piece of its own, on its line or glued to what follows; wrapped prose stays together."""
    glued = _GLUED_LABEL.match(text, start, end)
    if glued:
        cut = glued.end()
        return [(base + start, base + cut), *_split_lines(text, cut, end, base)]
    first = re.compile(r"[^\n]*").match(text, start, end)
    cut = first.end() if first else end
    rest = start + len(text[start:end]) - len(text[cut:end].lstrip())
    if rest >= end or unmarked(text[start:cut])[-1:] not in ":?":
        return [(base + start, base + end)]
    return [(base + start, base + start + len(text[start:cut].rstrip())), (base + rest, base + end)]


def unmarked(text: str) -> str:
    """The text without what ends emphasis in Markdown ("**Is it so?**") and white space behind it."""
    return text.rstrip("*_ \t\n")


def is_title_line(line: str) -> bool:
    """A short line without an end: the heading of what follows."""
    return len(line.split()) <= _TITLE and unmarked(line)[-1:] not in ".!?,;"


def is_advice(label: str) -> bool:
    """Whether a label says that how to answer a question is told below it."""
    return bool(_ADVICE.search(label))


def _owners(spans: Sequence[tuple[Hit, int, int, str]], texts: Sequence[str]) -> list[int]:
    """For each piece the number of the nearest label, title or less indented item above it in its passage, or -1."""
    owners: list[int] = []
    open_: list[tuple[float, int]] = []  # depth and number of what may own what follows
    for n, ((hit, start, end, kind), text) in enumerate(zip(spans, texts, strict=True)):
        if n == 0 or spans[n - 1][0] is not hit:
            open_ = []
        heading, item = end <= hit.chunk.body, kind == "row" or (not kind and bool(_MARKER.match(text)))
        labels = kind == "head" or (not kind and (unmarked(text).endswith((":", "?")) or is_title_line(text)))
        column: float = _column(hit.chunk, start)
        if item and labels and text[0].isdigit():
            column -= 0.5  # "2. Wrapper methods": the bullets below it may stand in its own column
        depth = _HEADING if heading else column if item else _PLAIN if labels else _PROSE
        if not heading and (hashes := _HASHES.match(text)):
            depth = _HEADING + len(hashes.group()) / 10  # "## 4.0.0" above "### New"
        if depth == _PROSE and _begins_paragraph(hit.chunk, start):
            depth = column  # a list above ends here unless this is indented further
        open_ = [(d, k) for d, k in open_ if d < depth or (heading and d == _HEADING)]
        owners.append(open_[-1][1] if open_ else -1)
        if heading or item or labels:
            open_.append((depth, n))
    return owners


def _column(chunk: Chunk, start: int) -> int:
    """The column of a piece; of the first of a chunk, whose own is not known, the least one of further lines."""
    if start > chunk.start:
        return _indent(chunk, start)
    return min((len(m.group(1)) for m in _LINE_START.finditer(chunk.text)), default=0)


def _begins_paragraph(chunk: Chunk, start: int) -> bool:
    """Whether a blank line stands before a place in the chunk."""
    before = chunk.text[: start - chunk.start]
    return before[len(before.rstrip()) :].count("\n") > 1


def _indent(chunk: Chunk, start: int) -> int:
    before = chunk.text[: start - chunk.start]
    line = before[before.rfind("\n") + 1 :]
    return len(line) if not line.strip() else 0


def coverage(claim: Encoded, sources: Sequence[Encoded], weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Weighted mean, and per claim token, of the best cosine with any token of the sources."""
    if not sources:
        return 0.0, np.zeros(len(claim.token_ids), dtype=np.float32)
    tokens = np.concatenate([s.tokens for s in sources])
    best = (tokens @ claim.tokens.T).max(axis=0)
    return float(best @ weights), best
