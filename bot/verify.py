"""Does the evidence say so? A verdict on a text, from the encoder's own word vectors and from what the words are.

Every sentence is compared with the sources (`bot.grounding`) and read beside the best of their sentences
(`bot.reader`); each figure adds to the log odds that it is not supported what its curve says, and a text is as good as
its worst sentence, a little worse for every further doubtful one. The curves come from `python -m eval.fit_verify`.
Nothing is generated, and no model beyond the encoder and the reader is needed; without the reader words decide alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bot.engine import Draft
from bot.evidence import Evidence
from bot.grounding import FEATURES, Comparison, Grounds, compare
from bot.meta import meta_mask
from bot.values import Verdict
from bot.words import Sentence, build_sentence
from index.encode import Encoder
from ingest.text import fold, sentence_spans, squeeze

WEIGHTS = Path(__file__).with_name("verify_weights.json")
SUPPORTED = 0.5  # a text at or above this score counts as supported
SEVERAL = 1.0  # log odds by which a text of several sentences must fail more clearly than a single one
_WORST = 2.0  # exponent of the norm of the odds of its sentences: their sum at 1, the worst alone at infinity
MAX_TOKENS = 256
READ_FEATURES = (*FEATURES, "misread")  # with the figure that the reader adds
_LONGEST = 90  # words of one piece of text
_UNREAD = -2.0  # what a sentence counts that the reader was not given, about as one that is borne out
_DOUBTFUL = 0.5  # a word at or above this doubt is named as unsupported


@dataclass(frozen=True, slots=True)
class Assessment:
    """What sources say of a text. `evidence`: numbers of the supporting source sentences, best first;
    `unsupported`: spans of the text that nothing supports; `empty`: there was nothing to check."""

    score: float
    evidence: tuple[int, ...]
    unsupported: tuple[tuple[int, int], ...]
    empty: bool

    @property
    def supported(self) -> bool:
        """Whether the score reaches `SUPPORTED`."""
        return self.score >= SUPPORTED


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one sentence, its score in 0..1 and the evidence that carries it, best first."""

    verdict: Verdict
    score: float
    support: tuple[Evidence, ...]


class Verifier:
    """Judges draft sentences against evidence. Stateless; safe to share."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def judge(self, draft: Draft, evidence: Sequence[Evidence]) -> Judgement:
        """Verbatim when the draft quotes its own evidence; else the best few spans and how well they carry it."""
        if draft.evidence and draft.text == " ".join(e.clean for e in draft.evidence):
            return Judgement("verbatim", 1.0, draft.evidence)
        pool = [e for e in evidence if not e.heading]
        text = squeeze(draft.text)
        for piece in pool:
            if fold(text).casefold().rstrip(". ") == fold(piece.clean).casefold().rstrip(". "):
                return Judgement("verbatim", 1.0, (piece,))
        titles = list(dict.fromkeys(" > ".join((e.chunk.article, *e.chunk.headings)) for e in pool))
        known = [build_sentence(e.text, e.encoded, self._encoder.token_text) for e in pool]
        grounds = Grounds([*known, *encode_sentences(self._encoder, titles)], len(pool))
        found = assess(text, grounds, self._encoder)
        if found.empty or not found.supported:
            return Judgement("unsupported", 0.0 if found.empty else found.score, ())
        return Judgement("supported", found.score, tuple(pool[n] for n in found.evidence))


def encode_sentences(
    encoder: Encoder, texts: Sequence[str], masks: Sequence[list[tuple[int, int]]] | None = None
) -> list[Sentence]:
    """The texts with their word vectors, in order; `masks`: spans of each that count for nothing."""
    encoded = dict(encoder.encode_passages([squeeze(t) for t in texts], MAX_TOKENS))
    return [
        build_sentence(text, encoded[n], encoder.token_text, masks[n] if masks else None)
        for n, text in enumerate(texts)
    ]


def assess(text: str, grounds: Grounds, encoder: Encoder) -> Assessment:
    """Judge every sentence of `text` and the text as a whole. A text that says nothing of its own is supported."""
    spans = claim_spans(text)
    sentences, compared = examine([text[a:b] for a, b in spans], grounds, encoder)
    odds = log_odds(np.array([c.values for c in compared]), misread(sentences, compared, grounds, encoder))
    checked = [n for n, c in enumerate(compared) if c.content]
    if not checked:
        return Assessment(1.0, (), (), True)
    score = combined_score([odds[n] for n in checked])
    evidence: dict[int, None] = {}
    unsupported: list[tuple[int, int]] = []
    worst = max(checked, key=lambda n: odds[n])
    for n in checked:
        if combined_score([odds[n]]) < SUPPORTED or (score < SUPPORTED and n == worst):
            at = spans[n][0]
            unsupported += [(at + a, at + b) for a, b in _doubtful(sentences[n], compared[n])]
        else:
            evidence.update(dict.fromkeys(compared[n].evidence))
    return Assessment(score, tuple(evidence), tuple(unsupported), False)


def claim_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of an answer; a new line that does not go on in small letters opens another."""
    spans: list[tuple[int, int]] = []
    for start, end in sentence_spans(text):
        at = start
        for match in re.finditer(r"\s*\n\s*(?![a-z\s])", text[start:end]):
            spans.append((at, start + match.start()))
            at = start + match.end()
        spans.append((at, end))
    return [piece for a, b in spans if a < b for piece in cut_long(text, a, b)]


def cut_long(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """`text[start:end]` in pieces of like size, cut between words, so short that the encoder sees all of each."""
    ends = [start + m.end() for m in re.finditer(r"\S+", text[start:end])]
    count = max(1, -(-len(ends) // _LONGEST))
    stops = [ends[(n + 1) * len(ends) // count - 1] for n in range(count)] if ends else []
    pieces, at = [], start
    for stop in stops:
        at += len(text[at:stop]) - len(text[at:stop].lstrip())
        pieces.append((at, stop))
        at = stop
    return pieces


def examine(texts: Sequence[str], grounds: Grounds, encoder: Encoder) -> tuple[list[Sentence], list[Comparison]]:
    """Each sentence with its words, and how it stands to the sources."""
    sentences = encode_sentences(encoder, texts, [meta_mask(t) for t in texts])
    return sentences, [compare(s, grounds) for s in sentences]


def misread(
    sentences: Sequence[Sentence], compared: Sequence[Comparison], grounds: Grounds, encoder: Encoder
) -> np.ndarray | None:
    """(sentences,) the reader's log odds that each is not borne out by its evidence, `_UNREAD` where it has none; None
    without a reader.
    """
    from bot.reader import load_reader  # which imports torch

    reader = load_reader(encoder.source)
    if reader is None:
        return None
    read = [n for n, c in enumerate(compared) if c.content and c.evidence]
    pairs = [
        (squeeze(sentences[n].text), " ".join(squeeze(grounds.sentences[e].text) for e in sorted(compared[n].evidence)))
        for n in read
    ]
    doubt = np.full(len(sentences), _UNREAD)
    doubt[read] = -reader.supports(pairs)
    return doubt


def log_odds(values: np.ndarray, doubt: np.ndarray | None) -> list[float]:
    """Log odds that sentences are not supported, with their `values` (sentences, FEATURES) and the reader's `doubt`
    (sentences,); 0 is the threshold.
    """
    intercept, curves = _model(doubt is not None)
    figures = values.reshape(-1, len(FEATURES))
    whole = figures if doubt is None else np.c_[figures, doubt]
    odds = np.full(len(whole), intercept)
    for column, curve in zip(whole.T, curves, strict=True):
        odds += np.interp(column, *curve)
    return [float(o) for o in odds]


def combined_score(odds: Sequence[float]) -> float:
    """Score in 0..1 of a text whose sentences have these log odds against them; higher is better. Each sentence is a
    further chance to be wrong, but if one fails, others of the text often do.
    """
    total = float(np.logaddexp.reduce(_WORST * np.asarray(odds, dtype=np.float64))) / _WORST
    total -= SEVERAL * (len(odds) > 1)
    return float(1.0 / (1.0 + np.exp(np.clip(total, -50.0, 50.0))))


@lru_cache(maxsize=2)
def _model(read: bool) -> tuple[float, list[tuple[list[float], list[float]]]]:
    """The intercept and, for each figure, the points of its curve: where, and what it adds there."""
    record = json.loads(WEIGHTS.read_text(encoding="utf-8"))["read" if read else "words"]
    names = READ_FEATURES if read else FEATURES
    return float(record["intercept"]), [(record["curves"][n]["at"], record["curves"][n]["adds"]) for n in names]


def _doubtful(sentence: Sentence, compared: Comparison) -> list[tuple[int, int]]:
    """The parts of an unsupported sentence that stand out; when most does or nothing does, all that counts."""
    words = [sentence.words[n] for n in compared.content]
    flags = compared.doubt >= _DOUBTFUL
    if not flags.any() or flags.mean() > 0.6:
        return [(words[0].start, words[-1].end)]
    parts: list[tuple[int, int]] = []
    last = -9
    for n, word in enumerate(words):
        if not flags[n]:
            continue
        if parts and n - last <= 2:  # one word between two doubtful ones is doubtful with them
            parts[-1] = (parts[-1][0], word.end)
        else:
            parts.append((word.start, word.end))
        last = n
    return parts
