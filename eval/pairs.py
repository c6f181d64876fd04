"""Pairs of a claim and its context, made from the articles: what they say, and what they almost say.

Nothing but the corpus is needed (the reference answers of the `dev` questions add human wording), and the seed
fixes every choice. Supported: sentences as they stand, lightly reworded, and reference answers with their
evidence. Not supported: the same sentences with two terms swapped, a negation flipped, a number changed or a
company exchanged, a sentence of a passage on a like topic, and reference answers beside the wrong passage.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from eval.data import Question
from eval.stats import SEED
from index.lexical import Lexical
from ingest.text import sentence_spans, squeeze
from ingest.values import Chunk


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim against its context; `kind` says how it was made, `group` is its article."""

    kind: str
    group: str
    claim: str
    context: tuple[str, ...]
    supported: bool


def _listed(text: str) -> list[str]:
    return [item for item in " ".join(text.split()).split("|") if item]


COMPANIES = _listed(
    """
    Uber|LinkedIn|Deloitte|Tesla|BYD|Hugging
    Face|Netflix|Google|Amazon|Meta|Spotify|Twitter|TikTok|PayPal|Airbnb|DoorDash|Lyft|Waymo|Pinterest|Instagram|YouTube|Apple|Microsoft
    """
)
_COMPANY = re.compile(rf"\b(?:{'|'.join(COMPANIES)})\b")
# Terms that stand side by side in machine-learning texts: swapped, each sentence stays fluent and turns false.
_TERMS = [
    tuple(pair.split("/"))
    for pair in _listed(
        """
        L1/L2|precision/recall|bias/variance|bagging/boosting|supervised/unsupervised|CNNs/RNNs|CNN/RNN|overfitting/underfitting|generative/discriminative|encoder/decoder|false
        positives/false negatives|true positives/false
        positives|batch/stochastic|parametric/non-parametric|LIME/SHAP|BLEU/ROUGE|BERT/GPT|Random Forest/Gradient
        Boosting|classification/regression|mean/median|low/high|short-term/long-term|users/items|online/offline|collaborative/content-based|features/labels|Lasso/Ridge|sigmoid/ReLU|Type
        I/Type
        II|cars/batteries|increase/decrease|higher/lower|more/less|simple/complex|before/after|drivers/riders|accuracy/latency|Data
        Scientists/ML Engineers|AI Engineers/ML Engineers|Kafka/Spark|TensorFlow/PyTorch|speed/accuracy|input/output
        """
    )
]  # fmt: skip
_REWORDINGS = [
    (re.compile(rf"\b{a}\b"), b)
    for a, b in (
        ("such as", "like"), ("for example", "for instance"), ("e\\.g\\.,", "for example"), ("in order to", "to"),
        ("due to", "because of"), ("helps to", "serves to"), ("ensure", "make sure"), ("Ensure", "Make sure"),
        ("large", "big"), ("reduce", "lower"), ("reduces", "lowers"), ("improve", "enhance"), ("improves", "enhances"),
        ("use", "employ"), ("Use", "Employ"), ("uses", "employs"), ("using", "with"), ("Using", "With"),
        ("multiple", "several"), ("However,", "Yet"), ("might", "may"), ("do not", "don't"), ("cannot", "can't"),
        ("is not", "isn't"), ("because", "since"), ("requires", "needs"), ("important", "essential"),
        ("show", "display"),
        ("explain", "describe"), ("Explain", "Describe"), ("companies", "firms"), ("handle", "deal with"),
        ("Handle", "Deal with"), ("choose", "pick"), ("Choose", "Pick"), ("common", "widespread"), ("allows", "lets"),
        ("process", "procedure"), ("you can", "one can"), ("such", "this kind of"), ("users", "people"), ("often",
        "frequently"), ("helps", "aids"), ("provides", "offers"), ("quickly", "fast"), ("build", "create"),
        ("involves", "includes"), ("techniques", "methods"), ("methods", "techniques"), ("goal", "aim"), ("predict",
        "forecast"), ("combines", "joins"), ("ability", "capability"), ("typically", "usually"),
    )
]  # fmt: skip
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|will|should|does|do|has|must)\b(?! not|n't)")
_NOT = re.compile(r"\b(is|are|was|were|can|will|should|does|do|has|must) not\b")


def corpus_pairs(chunks: Sequence[Chunk], questions: Sequence[Question], per_kind: int = 120) -> list[Claim]:
    """At most `per_kind` pairs of every kind, in a fixed order; `questions` are those of split `dev`."""
    rng = random.Random(SEED)
    near = _Neighbours(chunks)
    made: dict[str, list[Claim]] = {}
    order = list(chunks)
    rng.shuffle(order)
    for chunk in order:
        for claim in _from_chunk(chunk, near, rng):
            made.setdefault(claim.kind, []).append(claim)
    for q in questions:
        for claim in _from_question(q, chunks, near):
            made.setdefault(claim.kind, []).append(claim)
    return [claim for kind in sorted(made) for claim in made[kind][:per_kind]]


class _Neighbours:
    """Passages on a like topic: the best by BM25 that neither overlap nor share the article."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = chunks
        self._lexical = Lexical.build([squeeze(" ".join((*c.headings, c.text))) for c in chunks])

    def of(self, text: str, avoid: set[str]) -> Chunk:
        scores = self._lexical.scores(text)
        ranked = sorted(range(len(self._chunks)), key=lambda i: (-float(scores[i]), i))
        return next(self._chunks[i] for i in ranked if self._chunks[i].article_id not in avoid)


def _from_chunk(chunk: Chunk, near: _Neighbours, rng: random.Random) -> Iterator[Claim]:
    sentences = [s for s in _sentences(chunk) if 8 <= len(s.split()) <= 40]
    if not sentences:
        return
    here = squeeze(f"{chunk.article}. {' > '.join(chunk.headings)}. ") + chunk.text

    def claim(kind: str, text: str, context: tuple[str, ...], supported: bool = False) -> Iterator[Claim]:
        if text:
            yield Claim(kind, chunk.article_id, text, context, supported)

    pick = rng.choice(sentences)
    yield from claim("verbatim", pick, (here,), True)
    yield from claim("reworded", _first(sentences, reword, rng), (here,), True)
    yield from claim("swap", _first(sentences, lambda s, r: swap_terms(s, chunk.text, r), rng), (here,))
    yield from claim("negation", _first(sentences, flip_negation, rng), (here,))
    yield from claim("number", _first(sentences, change_number, rng), (here,))
    other = near.of(pick, {chunk.article_id})
    there = squeeze(f"{other.article}. {' > '.join(other.headings)}. ") + other.text
    yield from claim("company", _first(sentences, lambda s, r: mix_companies(s, there, r), rng), (here, there))
    yield from claim("neighbour", pick, (there,))


def _from_question(q: Question, chunks: Sequence[Chunk], near: _Neighbours) -> Iterator[Claim]:
    if not q.answer or not q.answerable:
        return
    homes = [c for group in q.evidence for c in chunks if squeeze(group[0]) in squeeze(c.text)]
    if not homes:
        return
    homes = list({c.chunk_id: c for c in homes}.values())
    context = tuple(squeeze(f"{c.article}. {' > '.join(c.headings)}. ") + c.text for c in homes)
    yield Claim("answer", homes[0].article_id, q.answer, context, True)
    other = near.of(q.question + " " + q.answer, {c.article_id for c in homes})
    yield Claim("answer elsewhere", homes[0].article_id, q.answer, (other.text,), False)


def _sentences(chunk: Chunk) -> list[str]:
    text = chunk.text[chunk.body - chunk.start :]
    found = (squeeze(text[a:b]) for a, b in sentence_spans(text))
    return [re.sub(r"^(?:[•✔✓◦▪*\-–]|\(?\d{1,3}[.)])\s+", "", s) for s in found if s[-1] in ".!"]


def _first(sentences: Sequence[str], edit: object, rng: random.Random) -> str:
    assert callable(edit)
    for sentence in rng.sample(list(sentences), len(sentences)):
        if changed := edit(sentence, rng):
            return str(changed)
    return ""


def reword(sentence: str, rng: random.Random) -> str:
    """The sentence with up to four common words exchanged and, where it can be, its clauses turned round."""
    text = sentence
    for pattern, new in rng.sample(_REWORDINGS, len(_REWORDINGS)):
        text = pattern.sub(new, text)
    turned = re.fullmatch(r"(If|When|While|By|For example, if) ([^,]+), (?:then )?([^,]+)\.", text)
    if turned:
        text = f"{turned[3][:1].upper()}{turned[3][1:]} {turned[1].split()[-1].lower()} {turned[2]}."
    return text if text != sentence else ""


def swap_terms(sentence: str, passage: str, rng: random.Random) -> str:
    """The sentence with two terms exchanged, both of which the passage holds, or ""."""
    for a, b in rng.sample(_TERMS, len(_TERMS)):
        pattern = re.compile(rf"\b(?:{re.escape(a)}|{re.escape(b)})\b", re.IGNORECASE)
        held = {m.group().lower() for m in pattern.finditer(passage)}
        inside = [m.group().lower() for m in pattern.finditer(sentence)]
        if len(held) == 2 and inside and len(set(inside)) <= 2:
            other = {a.lower(): b, b.lower(): a}
            text = pattern.sub(partial(_exchanged, other), sentence)
            if _different(text, sentence):
                return text
    return ""


def _exchanged(other: Mapping[str, str], match: re.Match[str]) -> str:
    old = match.group()
    new = other[old.lower()]
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _different(a: str, b: str) -> bool:
    """Whether more than the order of a list changed ("bias and variance" to "variance and bias")."""
    words_a, words_b = re.findall(r"[\w-]+", a.lower()), re.findall(r"[\w-]+", b.lower())
    changed = [n for n, (x, y) in enumerate(zip(words_a, words_b, strict=False)) if x != y]
    moved = sorted(words_a) == sorted(words_b)
    return not moved or (bool(changed) and changed[-1] - changed[0] > 3)


def flip_negation(sentence: str, rng: random.Random) -> str:
    """The sentence with its "not" taken out or one put in, or ""."""
    if _NOT.search(sentence):
        return _NOT.sub(r"\1", sentence, count=1)
    if match := re.search(r"\b(is|are|do|does|ca|wo|should|was)n['’]t\b", sentence):
        plain = {"ca": "can", "wo": "will"}.get(match[1], match[1])
        return sentence[: match.start()] + plain + sentence[match.end() :]
    if match := _AUXILIARY.search(sentence):
        return f"{sentence[: match.end()]} not{sentence[match.end() :]}"
    return ""


def change_number(sentence: str, rng: random.Random) -> str:
    """The sentence with one figure changed, or "" when it has none."""
    figures = [m for m in re.finditer(r"(?<![\w.])\d+(?![\w.]*\w\.?\w)", sentence) if len(m.group()) < 7]
    if not figures:
        return ""
    m = rng.choice(figures)
    value = int(m.group())
    new = value
    while new == value:
        new = max(1, value + rng.choice((-1, 1)) * rng.randint(1, max(2, value // 3 if value < 1000 else 40)))
    return sentence[: m.start()] + str(new) + sentence[m.end() :]


def mix_companies(sentence: str, elsewhere: str, rng: random.Random) -> str:
    """The sentence with its company exchanged for one that the other passage names, or ""."""
    own = _COMPANY.search(sentence)
    others = sorted(set(_COMPANY.findall(elsewhere)) - set(_COMPANY.findall(sentence)))
    if not own or not others:
        return ""
    return sentence.replace(own.group(), rng.choice(others))
