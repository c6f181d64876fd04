"""Hits to evidence: the sentences and list items of the retrieved passages, each an exact span, scored.

A piece of evidence is the smallest thing an answer can quote. Its score says how well it meets the query:
late interaction between the query's tokens and its own, with its passage's score as a prior.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from index.encode import Encoded, Encoder
from index.late import TokenStore
from index.retrieve import Hit, Retrieval
from ingest.tables import table_rows
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
    r"\bgood luck\b|\bwe(?:'re| are) (?:always )?here to help\b|\bhere to help you every step\b|\bdiscount\b.*\bcode\b",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(  # says only what the text is going to say
    r"\blet(?:'s| us) (?:dive|jump|get started|get to|kick (?:things )?off|take a (?:closer )?look|walk through)\b|"
    r"^(?:now that|before) (?:you|we)\b.*\b(?:let's|it's important to)\b|\bready to dive\b|"
    r"^before (?:diving|jumping|getting) into\b|\bby the end(?: of (?:this|the) \w+)?, you(?:'ll| will)\b|"
    r"\bwe(?:'ve| have) (?:packed|put together)\b|"
    r"^(?:if|whether) you(?:'re| are)\b.*\b(?:you(?:'re| are) (?:probably|likely)|in (?:the right place|for an)|"
    r"this (?:guide|blog|article|post))\b",
    re.IGNORECASE,
)
CELL_GAP = "\u2003"
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

    @property
    def clean(self) -> str:
        """The text on one line, without its list marker; the cells of a table's row stand an em space apart."""
        if self.row:
            return CELL_GAP.join(squeeze(cell) for cell in self.text.split("\n") if cell.strip())
        text = squeeze(self.text)
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
) -> list[Evidence]:
    """All evidence of the hits, in reading order within each hit, hits in rank order."""
    config = config or EvidenceConfig()
    query = retrieval.encoded or encoder.encode_query(retrieval.query)
    weights = store.weights(query)
    spans = [(hit, start, end, row) for hit in hits for start, end, row in _spans(hit.chunk)]
    texts = [hit.chunk.text[start - hit.chunk.start : end - hit.chunk.start] for hit, start, end, _row in spans]
    rows = dict(encoder.encode_passages([squeeze(t) for t in texts], 256))
    own = [coverage(query, [rows[n]], weights)[0] for n in range(len(spans))]
    evidence: list[Evidence] = []
    label = ""
    for n, ((hit, start, end, row), text) in enumerate(zip(spans, texts, strict=True)):
        near = [own[k] for k in (n - 1, n + 1) if 0 <= k < len(spans) and spans[k][0] is hit]
        blended = own[n] if not near else (1 - config.neighbours) * own[n] + config.neighbours * sum(near) / len(near)
        item, leads = row or bool(_MARKER.match(text)), not row and text.rstrip().endswith((":", "?"))
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
                score=score - (config.aside if aside or _ADVICE.search(label) else 0.0),
                indent=_indent(hit.chunk, start),
                item=item,
                leads=leads,
                heading=heading,
                row=row,
                aside=aside,
                encoded=rows[n],
            )
        )
    return evidence


def _spans(chunk: Chunk) -> list[tuple[int, int, bool]]:
    """Spans of the sentences, list items and table rows of a chunk, in order, and which of them are rows."""
    rows = [(row[0][0], row[-1][1]) for row in table_rows(chunk.text, chunk.body - chunk.start)]
    spans = [(chunk.start + a, chunk.start + b, True) for a, b in rows]
    at = 0
    for begin, end in [*rows, (len(chunk.text), len(chunk.text))]:
        for a, b in sentence_spans(chunk.text, at, begin):
            spans.extend((x, y, False) for x, y in _split_lines(chunk.text, a, b, chunk.start))
        at = end
    return sorted(spans)


def _split_lines(text: str, start: int, end: int, base: int) -> list[tuple[int, int]]:
    """A label is a piece of its own, on its line or glued to what follows; wrapped prose stays together."""
    glued = _GLUED_LABEL.match(text, start, end)
    if glued:
        cut = glued.end()
        return [(base + start, base + cut), *_split_lines(text, cut, end, base)]
    first = re.compile(r"[^\n]*").match(text, start, end)
    cut = first.end() if first else end
    rest = start + len(text[start:end]) - len(text[cut:end].lstrip())
    if rest >= end or text[start:cut].rstrip()[-1:] not in ":?":
        return [(base + start, base + end)]
    return [(base + start, base + start + len(text[start:cut].rstrip())), (base + rest, base + end)]


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
