"""Claims from SQuAD 2.0: human questions with their answers, put as statements; some true, some only plausible.

A question that its paragraph answers becomes a supported statement in words that are not the paragraph's own.
One that it does not answer, with the "plausible answer" that a person marked, becomes a subtle falsehood; a
statement from another paragraph of the same article is baseless. Used to fit the judge, never at run time.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.pairs import Claim, change_number
from eval.stats import SEED
from ingest.text import sentence_spans

_WH = re.compile(
    r"\b(?P<wh>who|whom|whose|what|which|when|where|why|how(?: (?:many|much|long|far|old|often|large|big))?)\b", re.I
)
_AUX = re.compile(
    r"\b(?P<aux>did|does|do|is|are|was|were|has|have|had|can|could|will|would|should|might|may|must)\b", re.I
)


def statement(question: str, answer: str) -> str:
    """A question and its answer as one plain statement ("When was Rome sacked?", "410": "Rome sacked 410.")."""
    q = " ".join(question.strip().rstrip("?. ").split())
    match = _WH.search(q)
    if not match:
        return f"{q}: {answer}."
    before, wh, after = q[: match.start()].strip(), match["wh"].lower(), q[match.end() :].strip()
    aux = _AUX.search(after)
    if not aux:  # "Who ruled Normandy", "Rome fell in what year"
        noun = after if wh in ("what", "which") and before else ""
        return _sentence(before, answer, noun if noun else after)
    noun, rest = after[: aux.start()].strip(), after[aux.end() :].strip()
    if wh.startswith("how ") or wh in ("what", "which", "whose"):
        answer = f"{answer} {noun}" if noun and noun.lower() not in answer.lower() else answer
    if aux["aux"].lower() in ("did", "does", "do"):
        return _sentence(rest, before.lower(), answer)
    if wh in ("who", "what", "which", "whom", "whose") and not before:
        return _sentence(answer, aux["aux"].lower(), rest)
    return _sentence(rest, "" if before else aux["aux"].lower(), before.lower(), answer)


def _sentence(*parts: str) -> str:
    text = " ".join(p for p in parts if p)
    return text[:1].upper() + text[1:] + "."


@dataclass(frozen=True, slots=True)
class Fact:
    """A supported statement, its bare answer and the number of the sentence that holds it."""

    text: str
    answer: str
    place: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of `group` as sentences, with what is true by it and what only sounds so."""

    group: str
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]
    subtle: tuple[str, ...]

    @property
    def text(self) -> str:
        """All sentences."""
        return " ".join(self.sentences)

    def without(self, place: int) -> str:
        """All sentences but one."""
        return " ".join(s for n, s in enumerate(self.sentences) if n != place)


def read_paragraphs(path: Path) -> list[Paragraph]:
    """All paragraphs of a file in SQuAD 2.0's format."""
    paragraphs = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for p in article["paragraphs"]:
            spans = sentence_spans(p["context"])
            facts, subtle = [], []
            for q in p["qas"]:
                if q["is_impossible"]:
                    subtle += [statement(q["question"], a["text"]) for a in q.get("plausible_answers", ())[:1]]
                    continue
                first = q["answers"][0]
                place = next((n for n, (_a, b) in enumerate(spans) if first["answer_start"] < b), 0)
                facts.append(Fact(statement(q["question"], first["text"]), first["text"], place))
            sentences = tuple(p["context"][a:b] for a, b in spans)
            paragraphs.append(Paragraph(article["title"], sentences, tuple(facts), tuple(subtle)))
    return paragraphs


def _scene(p: Paragraph, paragraphs: list[Paragraph], rng: random.Random) -> tuple[Paragraph, list[Paragraph]]:
    """A paragraph of the same article that the context leaves out, and two that join it."""
    outside, *near = rng.sample([q for q in paragraphs if q.group == p.group and q is not p], 3)
    return outside, near


def _mixed(texts: list[str], rng: random.Random) -> tuple[str, ...]:
    return tuple(rng.sample(texts, len(texts)))


def sentence_claims(paragraphs: list[Paragraph]) -> Iterator[Claim]:
    """Claims of one sentence. Supported: "true", "quote", "merged", "fragment". Not supported: "subtle",
    "removed" (its sentence was taken out of the context), "tail" (a true beginning, then something removed),
    "bare" (only the answer, removed), "outside" (from another paragraph), "number", "name"."""
    rng = random.Random(SEED)
    for p in paragraphs:
        outside, near = _scene(p, paragraphs, rng)
        near_texts = [q.text for q in near]
        context = _mixed([p.text, *near_texts], rng)
        facts = [f for f in p.facts if len(f.text.split()) > 3]
        if not facts:
            continue
        texts = [f.text for f in facts]
        other = [f.text for f in near[0].facts] or texts
        editable = [*texts, *p.sentences]
        made = [("true", t, True) for t in rng.sample(texts, min(3, len(texts)))]
        made.append(("quote", shorten(rng.choice(p.sentences), rng), True))
        made.append(("merged", joined(rng.choice(texts), rng.choice(other)), True))
        made.append(("fragment", rng.choice(facts).answer, True))
        made += [("subtle", t, False) for t in rng.sample(p.subtle, min(2, len(p.subtle)))]
        made += [("outside", f.text, False) for f in rng.sample(outside.facts, min(1, len(outside.facts)))]
        made.append(("number", change_number(rng.choice(editable), rng), False))
        made.append(("name", change_name(rng.choice(editable), outside.text, rng), False))
        for kind, claim, supported in made:
            if claim:
                yield Claim(kind, p.group, claim, context, supported)
        for f in rng.sample(facts, min(2, len(facts))):
            context = _mixed([p.without(f.place), *near_texts], rng)
            yield Claim("removed", p.group, f.text, context, False)
            kept = [g.text for g in facts if g.place != f.place]
            if kept:
                yield Claim("tail", p.group, joined(rng.choice(kept), f.text), context, False)
            if f.answer.lower() not in " ".join(context).lower():
                yield Claim("bare", p.group, f.answer, context, False)


def joined(a: str, b: str) -> str:
    """Two statements as one sentence."""
    return f"{a.rstrip('.')} and {b[:1].lower() + b[1:]}"


def answer_claims(paragraphs: list[Paragraph], per_paragraph: int = 2) -> Iterator[Claim]:
    """Answers of several sentences against three paragraphs; three in ten hold one or two bad sentences."""
    rng = random.Random(SEED + 1)
    for p in paragraphs:
        for _ in range(per_paragraph):
            outside, near = _scene(p, paragraphs, rng)
            bad = rng.random() < 0.3
            facts = list(rng.sample(p.facts, len(p.facts)))
            lost = facts.pop() if facts else None
            gone = lost.place if bad and lost else -1
            context = _mixed([p.without(gone), *(q.text for q in near)], rng)
            good = [f.text for f in (*facts, *near[0].facts) if f.place != gone or f not in p.facts]
            good += [shorten(s, rng) for n, s in enumerate(p.sentences) if n != gone]
            if not good:
                continue
            count = rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 10))
            parts = rng.sample(good, min(count, len(good)))
            if bad:
                pool = [f.text for f in outside.facts[:1]] + [*p.subtle[:1]]
                if lost:
                    pool += [lost.text] * 2 + [joined(parts[-1], lost.text)] * 2
                if not pool:
                    continue
                parts.insert(rng.randint(0, len(parts)), rng.choice(pool))
            yield Claim("answer", p.group, dress(parts, rng), context, not bad)


_OPENINGS = (
    "", "", "", "Based on the given passages, ", "According to passage 1, ", "Based on the provided passages, here is "
    "the answer: ", "Passage 2 states that ", "According to the passages provided, ",
)  # fmt: skip


def dress(parts: list[str], rng: random.Random) -> str:
    """Sentences put together as a language model does: an opening, prose or a list, sometimes a closing."""
    opening = rng.choice(_OPENINGS)
    if opening and parts and rng.random() < 0.8:
        parts = [opening + parts[0], *parts[1:]]
    style = rng.random()
    if style < 0.7 or len(parts) < 3:
        text = " ".join(parts)
    elif style < 0.85:
        text = "\n".join(f"{n}. {s}" for n, s in enumerate(parts, 1))
    else:
        text = "\n".join(f"* {s}" for s in parts)
    return text + str(rng.choice(("", "", "", " I hope this helps!", " The passages do not provide further details.")))


def shorten(sentence: str, rng: random.Random) -> str:
    """A sentence without one of its clauses between commas, or as it is."""
    clauses = sentence.split(", ")
    if len(clauses) < 3:
        return sentence
    clauses.pop(rng.randrange(1, len(clauses)))
    text = ", ".join(clauses)
    return text if text[-1] in ".!?" else text + "."


_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")


def change_name(sentence: str, outside: str, rng: random.Random) -> str:
    """The sentence with one name replaced by a name of another text, or "" when there is none to replace."""
    names = list(_NAME.finditer(sentence))
    others: list[str] = sorted(set(_NAME.findall(outside)) - set(sentence.split()))
    if not names or not others:
        return ""
    m = rng.choice(names)
    return sentence[: m.start()] + rng.choice(others) + sentence[m.end() :]
