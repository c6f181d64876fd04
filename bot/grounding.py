"""How a sentence stands to its sources, in a dozen figures that each mean something to a reader.

Every figure is a reason for doubt, 0 when there is none: words, numbers and names that no source holds, the
distance to the nearest source sentences, and, where the wording is close, what was changed: a negation, a
number, a term put in another's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from bot.words import Sentence, Word

FEATURES = (
    "gap_context",  # 1 - best cosine of a content word with any word of the sources, mean
    "gap_evidence",  # the same with the words of the best few source sentences
    "gap_sentence",  # the same with the best single source sentence
    "gap_vector",  # 1 - cosine with the nearest source sentence as a whole
    "new_share",  # share of content words that are new: found nowhere, nothing like them either
    "new_count",  # log(1 + their number)
    "new_run",  # the longest run of neighbouring new words, up to 4, over 4
    "new_worst",  # how new the newest word is
    "far_share",  # share of content words in the sources, but not in the best few sentences
    "number_new",  # numbers that no source holds, up to 2, over 2
    "number_far",  # numbers that the sources hold, but not the best few sentences
    "name_new",
    "name_far",
    "negation",  # a word is negated in one and not in the other
    "opposite",  # a word stands where its opposite stands in the source
    "replaced",  # near-verbatim wording in which a word stands in another's place
    "swapped",  # near-verbatim wording in which two words have changed places
    "role",  # 1 - cosine of the same word here and there, mean over words in common
)
_OPPOSITES = """
increase decrease|increase reduce|high low|higher lower|large small|larger smaller|more less|most least|more fewer
before after|always never|all none|first last|positive negative|internal external|maximum minimum|maximize minimize
supervised unsupervised|linear nonlinear|parametric nonparametric|sparse dense|strong weak|fast slow|faster slower
good bad|better worse|best worst|true false|easy hard|simple complex|early late|rich poor|inside outside|above below
over under|overfit underfit|overfitting underfitting|online offline|discrete continuous|static dynamic|global local
convex concave|upper lower|add remove|gain loss|rise fall|win lose|accept reject|include exclude|allow prevent
encourage discourage|improve worsen|expensive cheap|hot cold|old new|older newer|north south|east west|northern southern
eastern western|hard soft|batch stream|forward backward|encoder decoder|generative discriminative|precision recall
bias variance|training test|input output|start end|begin end|left right|open closed|safe dangerous|similar different
short long|shorter longer|rare common|often rarely|many few|raise lower|raise reduce|grow shrink|enable disable
correct incorrect|equal unequal|known unknown|stable unstable|balanced imbalanced|able unable|legal illegal
""".replace("\n", "|")


def _opposites() -> dict[str, frozenset[str]]:
    from index.lexical import stems

    table: dict[str, set[str]] = {}
    for pair in _OPPOSITES.strip("|").split("|"):
        a, b = ((stems(w) or [w])[0] for w in pair.split())
        table.setdefault(a, set()).add(b)
        table.setdefault(b, set()).add(a)
    return {word: frozenset(others) for word, others in table.items()}


_MATCH = 0.72  # cosine from which two words stand for each other
_STRANGE = 0.42  # cosine below which a word has nothing to lean on


class Grounds:
    """The sources' sentences with their words side by side: `vectors` (n, d), `owner` (n,) the sentence of each."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self.sentences = tuple(sentences)
        self.words: list[Word] = [w for s in sentences for w in s.words]
        parts = [s.vectors for s in sentences if len(s.words)]
        self.vectors = np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)
        self.owner = np.repeat(np.arange(len(sentences)), [len(s.words) for s in sentences])
        self.places: dict[str, list[int]] = {}
        for n, word in enumerate(self.words):
            for key in _keys(word.stem):
                self.places.setdefault(key, []).append(n)
        self.matrix = np.stack([s.vector for s in sentences]) if sentences else np.zeros((0, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`values` (len(FEATURES),) float64; `evidence`: the best source sentences, best first; `content`: indices of
    the words that count; `doubt` (len(content),): how little supports each of them, 0..1."""

    values: np.ndarray
    evidence: tuple[int, ...]
    content: tuple[int, ...]
    doubt: np.ndarray


def compare(claim: Sentence, grounds: Grounds, max_evidence: int = 3) -> Comparison:
    """All figures of one claim sentence; zeros when it holds nothing that could be wrong."""
    content = tuple(n for n, w in enumerate(claim.words) if w.kind != "light" and claim.vectors[n].any())
    if not content or not grounds.words:
        empty = 0.0 if not content else 1.0
        return Comparison(np.full(len(FEATURES), empty), (), content, np.full(len(content), empty))
    words = [claim.words[n] for n in content]
    weights = np.array([1.3 if w.kind in ("name", "number") else 1.0 for w in words])
    weights /= weights.sum()
    cosines = np.clip(claim.vectors[list(content)] @ grounds.vectors.T, 0.0, 1.0)
    same = np.zeros(cosines.shape, dtype=bool)
    for i, word in enumerate(words):
        for key in _keys(word.stem):
            same[i, grounds.places.get(key, ())] = True
    starts = np.flatnonzero(np.r_[True, np.diff(grounds.owner) > 0])
    owners = grounds.owner[starts]
    best = np.maximum.reduceat(cosines, starts, axis=1)  # (words, sentences that have words)
    held = np.maximum.reduceat(same, starts, axis=1)
    strength = np.maximum(best, 0.9 * held)
    evidence = _choose(strength, weights, max_evidence)
    near, in_near = best[:, evidence].max(axis=1), held[:, evidence].any(axis=1)
    anywhere, in_any = best.max(axis=1), held.any(axis=1)
    fresh = np.where(in_any, 0.0, np.clip((_MATCH - anywhere) / (_MATCH - _STRANGE), 0.0, 1.0))
    far = np.where(in_near | (fresh > 0), 0.0, np.clip((_MATCH - near) / (_MATCH - _STRANGE), 0.0, 1.0))
    number = np.array([w.kind == "number" for w in words])
    name = np.array([w.kind == "name" for w in words])
    fresh = np.where(number & ~in_any, 1.0, fresh)
    top = owners[evidence[0]]
    source = grounds.sentences[top]
    negation = _negation(claim, source)
    edits = _Edits(words, source)
    closeness = edits.closeness
    in_top = same & (grounds.owner == top)[None, :]
    common = in_top.any(axis=1)
    role = float((1.0 - np.where(in_top, cosines, 0.0).max(axis=1))[common].mean()) if common.any() else 0.0
    values = np.array(
        [
            float(weights @ (1.0 - anywhere)),
            float(weights @ (1.0 - near)),
            float(weights @ (1.0 - best[:, evidence[0]])),
            float(1.0 - np.clip((grounds.matrix @ claim.vector).max(), 0.0, 1.0)),
            float(weights @ fresh),
            float(np.log1p(fresh.sum())),
            _longest_run(fresh > 0.5, 4) / 4,
            float(fresh.max()),
            float(weights @ far),
            min(2.0, float((number & ~in_any).sum())) / 2,
            min(2.0, float((number & in_any & ~in_near).sum())) / 2,
            min(2.0, float((fresh * name).sum())) / 2,
            min(2.0, float((name & in_any & ~in_near).sum())) / 2,
            negation * closeness,
            edits.opposite * closeness,
            edits.replaced * closeness,
            edits.swapped * closeness,
            role,
        ]
    )
    doubt = np.maximum(fresh, 0.6 * far)
    doubt = np.where(number & ~in_near, np.maximum(doubt, 0.8), doubt)
    for n in edits.suspects:
        doubt[n] = max(doubt[n], 0.8 * closeness)
    return Comparison(values, tuple(int(owners[e]) for e in evidence), content, doubt)


def _keys(stem: str) -> tuple[str, ...]:
    """A stem and, for a long one, its first letters: "classifi" and "classific" are one word."""
    if not stem.isalpha() or len(stem) < 6:
        return (stem,)
    return stem, stem[: max(5, round(0.75 * len(stem)))] + "~"


def _choose(strength: np.ndarray, weights: np.ndarray, count: int) -> list[int]:
    """Greedy: the sentence that covers most, then those that add at least a little."""
    chosen: list[int] = []
    covered = np.zeros(len(weights))
    while len(chosen) < min(count, strength.shape[1]):
        gains = weights @ np.maximum(strength, covered[:, None])
        best = int(gains.argmax())
        if chosen and gains[best] < weights @ covered + 0.03:
            break
        chosen.append(best)
        covered = np.maximum(covered, strength[:, best])
    return chosen


def _longest_run(flags: np.ndarray, cap: int) -> int:
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return min(longest, cap)


def _negation(claim: Sentence, source: Sentence) -> float:
    """1 when a word that both hold stands under a negation in only one of them."""
    ours, theirs = _polarity(claim), _polarity(source)
    mismatch = [ours[w] != theirs[w] for w in ours.keys() & theirs.keys() if len(ours[w]) == len(theirs[w]) == 1]
    negated = any(True in p for p in ours.values()) or any(True in p for p in theirs.values())
    return float(negated and any(mismatch))


def _polarity(sentence: Sentence) -> dict[str, set[bool]]:
    """For each content word whether it stands within the three words after a negation."""
    result: dict[str, set[bool]] = {}
    left = 0
    for word in sentence.words:
        if word.negator:
            left = 4
        elif word.kind != "light":
            result.setdefault(word.stem, set()).add(left > 0)
        left -= 1
    return result


class _Edits:
    """What changed between a claim's content words and a source sentence that reads much the same."""

    def __init__(self, words: Sequence[Word], source: Sentence) -> None:
        ours = [w.stem for w in words]
        theirs_words = [w for w in source.words if w.kind != "light"]
        theirs = [w.stem for w in theirs_words]
        known, own = set(theirs), set(ours)
        shared = sum(w in known for w in ours) / len(ours)
        self.closeness = float(np.clip((shared - 0.4) / 0.4, 0.0, 1.0))  # 0 below 40 % of words in common, 1 from 80 %
        self.opposite = self.replaced = 0.0
        self.suspects: list[int] = []
        opposites = _opposites()
        for n, word in enumerate(ours):
            if word not in known and any(o in known and o not in own for o in opposites.get(word, ())):
                self.opposite = 1.0
                self.suspects.append(n)
        for op, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
            if op != "replace" or b - a > 2 or d - c > 2:
                continue
            new = [n for n in range(a, b) if ours[n] not in known]
            lost = [m for m in range(c, d) if theirs[m] not in own]
            if new and lost:
                hard = any(words[n].kind != "plain" for n in new) and any(theirs_words[m].kind != "plain" for m in lost)
                self.replaced = max(self.replaced, 1.0 if hard else 0.4)
                self.suspects.extend(new if hard else [])
        self.swapped, pair = _swap(ours, theirs)
        self.suspects.extend(pair)


def _swap(ours: Sequence[str], theirs: Sequence[str]) -> tuple[float, list[int]]:
    """How clearly two shared words stand each among the other's neighbours (0..1), and their first places."""
    common = [w for w in dict.fromkeys(ours) if w in theirs]
    if len(common) < 4:
        return 0.0, []
    here = {w: _neighbours(ours, w) for w in common}
    there = {w: _neighbours(theirs, w) for w in common}
    best, pair = 0.0, ("", "")
    for i, a in enumerate(common):
        for b in common[i + 1 :]:
            gain_a = _overlap(here[a], there[b], {a, b}) - _overlap(here[a], there[a], {a, b})
            gain_b = _overlap(here[b], there[a], {a, b}) - _overlap(here[b], there[b], {a, b})
            if min(gain_a, gain_b) > best:
                best, pair = min(gain_a, gain_b), (a, b)
    return min(1.0, best), [ours.index(w) for w in pair if w] if best > 0.5 else []


def _neighbours(words: Sequence[str], word: str) -> set[str]:
    found: set[str] = set()
    for n, w in enumerate(words):
        if w == word:
            found.update(words[max(0, n - 2) : n], words[n + 1 : n + 3])
    return found


def _overlap(a: set[str], b: set[str], leave_out: set[str]) -> float:
    a, b = a - leave_out, b - leave_out
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0
