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
from ingest.text import sentence_spans, squeeze
from ingest.values import Chunk

_GLUED_LABEL = re.compile(r"[A-Z][\w’' ()-]{1,48}:(?=[^\s\d/])")
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
    item: bool
    leads: bool
    heading: bool
    encoded: Encoded = field(repr=False, compare=False)

    @property
    def clean(self) -> str:
        """The text on one line, without its list marker."""
        text = squeeze(self.text)
        return text[m.end() :] if (m := _MARKER.match(text)) else text

    @property
    def words(self) -> int:
        """Number of words of the clean text."""
        return len(self.clean.split())


def gather(
    retrieval: Retrieval, hits: Sequence[Hit], encoder: Encoder, store: TokenStore, prior: float = 0.3
) -> list[Evidence]:
    """All evidence of the hits, in reading order within each hit, hits in rank order.

    `prior` is the weight of the passage's own late-interaction score in that of its sentences.
    """
    query = retrieval.encoded or encoder.encode_query(retrieval.query)
    weights = store.weights(query)
    spans = [(hit, start, end) for hit in hits for start, end in _spans(hit.chunk)]
    texts = [hit.chunk.text[start - hit.chunk.start : end - hit.chunk.start] for hit, start, end in spans]
    rows = dict(encoder.encode_passages([squeeze(t) for t in texts], 256))
    evidence = []
    for n, ((hit, start, end), text) in enumerate(zip(spans, texts, strict=True)):
        row = rows[n]
        own = float((row.tokens @ query.tokens.T).max(axis=0) @ weights)
        passage = hit.stages.get("late", (0, own))[1]
        evidence.append(
            Evidence(
                place=n,
                rank=hit.rank,
                chunk=hit.chunk,
                start=start,
                end=end,
                text=text,
                score=(1 - prior) * own + prior * passage,
                indent=_indent(hit.chunk, start),
                item=bool(_MARKER.match(text)),
                leads=text.rstrip().endswith((":", "?")),
                heading=end <= hit.chunk.body,
                encoded=row,
            )
        )
    return evidence


def _spans(chunk: Chunk) -> list[tuple[int, int]]:
    spans = []
    base = chunk.start
    for start, end in sentence_spans(chunk.text):
        spans.extend(_split_lines(chunk.text, start, end, base))
    return spans


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
