"""Does the evidence say so? A verdict for every sentence, from the encoder's own token vectors.

A claim is compared with the evidence token by token: the IDF-weighted mean of each claim token's best cosine
with a token of the supporting spans, lowered when numbers or negation disagree. Nothing is generated and no
model beyond the encoder is needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.engine import Draft
from bot.evidence import Evidence, coverage
from bot.values import Verdict
from index.encode import Encoder
from index.late import TokenStore
from index.lexical import stems
from ingest.text import fold, squeeze

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_NEGATION = re.compile(r"\b(?:no|not|never|none|nor|without|cannot|neither)\b|n't\b")
SUPPORTED = 0.75  # a sentence at or above this score counts as supported
_PER_SPAN = 0.02  # a further span must add at least this much


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one sentence, its score in 0..1 and the evidence that carries it, best first."""

    verdict: Verdict
    score: float
    support: tuple[Evidence, ...]


class Verifier:
    """Judges draft sentences against evidence. Stateless; safe to share."""

    def __init__(self, encoder: Encoder, store: TokenStore, max_spans: int = 3) -> None:
        self._encoder, self._store, self._max_spans = encoder, store, max_spans

    def judge(self, draft: Draft, evidence: Sequence[Evidence]) -> Judgement:
        """Verbatim when the draft quotes its own evidence; else the best few spans and how well they cover it."""
        if draft.evidence and draft.text == " ".join(e.clean for e in draft.evidence):
            return Judgement("verbatim", 1.0, draft.evidence)
        pool = [e for e in evidence if not e.heading]
        text = squeeze(draft.text)
        for piece in pool:
            if fold(text).casefold().rstrip(". ") == fold(piece.clean).casefold().rstrip(". "):
                return Judgement("verbatim", 1.0, (piece,))
        if not pool or not stems(text):
            return Judgement("unsupported", 0.0, ())
        claim = self._encoder.encode_query(text)
        weights = self._store.weights(claim)
        chosen: list[Evidence] = []
        score = 0.0
        while len(chosen) < self._max_spans:
            options = [
                (coverage(claim, [e.encoded for e in (*chosen, piece)], weights)[0], -piece.place, piece)
                for piece in pool
                if piece not in chosen
            ]
            if not options:
                break
            best, _place, piece = max(options, key=lambda o: o[:2])
            if chosen and best < score + _PER_SPAN:
                break
            chosen.append(piece)
            score = best
        score = max(0.0, min(1.0, score * agreement(text, " ".join(e.text for e in chosen))))
        verdict: Verdict = "supported" if score >= SUPPORTED else "unsupported"
        return Judgement(verdict, score, tuple(chosen) if verdict == "supported" else ())


def agreement(claim: str, source: str) -> float:
    """A factor in 0..1: numbers of the claim must stand in the source, and negation must agree."""
    claim, source = fold(claim).lower(), fold(source).lower()
    numbers = {n.replace(",", "") for n in _NUMBER.findall(claim)}
    known = {n.replace(",", "") for n in _NUMBER.findall(source)}
    factor = 1.0 if numbers <= known else 0.6
    words = set(stems(claim))
    if words:
        factor *= 0.7 + 0.3 * len(words & set(stems(source))) / len(words)
    if bool(_NEGATION.search(claim)) and not _NEGATION.search(source):
        factor *= 0.8
    return factor
