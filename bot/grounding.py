"""How a sentence stands to its sources, in eleven figures that each mean something to a reader.

Every figure is a reason for doubt, 0 when there is none: words, numbers and names that no source holds, the
distance to the nearest source sentences, and, where the wording is close, what was changed: a negation, a
number, a term put in another's place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from bot.amounts import year_spans
from bot.words import Sentence, Word, claimed, opposites

FEATURES = (
    "gap_context",  # 1 - best cosine of a content word with any word of the sources, damped mean
    "new_share",  # share of content words that are new: found nowhere, nothing like them either; damped
    "new_clause",  # the same in the clause where it is largest
    "new_run",  # the longest run of neighbouring new words, up to 4, over 4
    "apart",  # 1 - how well neighbouring content words are met by one source sentence, mean over such neighbours
    "number_new",  # numbers that no source holds, up to 2, over 2
    "name_new",  # the same for names
    "negation",  # near a source's wording: a word is negated in one and not in the other
    "opposite",  # near a source's wording: a word stands where its opposite stands there
    "replaced",  # near a source's wording: a word stands in another's place
    "swapped",  # near a source's wording: words have changed places
)
_RARITY = {"name": 1.0, "number": 1.0, "count": 0.6}  # fixed for these kinds, by frequency for other words
_DAMPING = 5.0  # a mean over few or common words says little: "It depends." holds nothing that could be wrong
_MATCH = 0.68  # cosine from which two words stand for each other
_NAME_MATCH = 0.9  # the same for names, whose vectors are alike: France is not Spain
_STRANGE = 0.35  # cosine below which a word has nothing to lean on
_TERM = 0.65  # rarity from which a word can be a term
_LEFT_OUT = 2  # words that count of a stretch of the source which a claim leaves out
_ALIKE = 0.55  # cosine from which a word in another's place says the same


class Grounds:
    """The sources' sentences with their words side by side: `vectors` (n, d), `owner` (n,) the sentence of each.

    Only the first `citable` sentences can be evidence; the others (headings, titles) say what words are known.
    """

    def __init__(self, sentences: Sequence[Sentence], citable: int | None = None) -> None:
        self.names = {w.stem for s in sentences for w in s.words if w.kind == "name"}
        self.sentences = tuple(replace(s, words=tuple(_named(w, self.names) for w in s.words)) for s in sentences)
        self.citable = len(self.sentences) if citable is None else citable
        self.words: list[Word] = [w for s in self.sentences for w in s.words]
        parts = [s.vectors for s in sentences if len(s.words)]
        self.vectors = np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)
        self.owner = np.repeat(np.arange(len(sentences)), [len(s.words) for s in sentences])
        self.places: dict[str, list[int]] = {}
        for n, word in enumerate(self.words):
            for key in (*_keys(word.stem), *word.known):
                self.places.setdefault(key, []).append(n)
        for key, year in year_spans(w.stem for w in self.words):
            self.places.setdefault(key, []).extend(self.places[year])
        for n, letters in _initials(self.words):
            self.places.setdefault(letters, []).append(n)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`values` (len(FEATURES),) float64; `evidence`: the best source sentences, best first; `content`: indices of
    the words that count; `doubt` (len(content),): how little supports each of them, 0..1."""

    values: np.ndarray
    evidence: tuple[int, ...]
    content: tuple[int, ...]
    doubt: np.ndarray


def compare(claim: Sentence, grounds: Grounds, max_evidence: int = 3) -> Comparison:
    """All figures of one claim sentence; zeros when it holds nothing that could be wrong, ones without sources."""
    content = tuple(n for n, w in enumerate(claim.words) if w.kind != "light" and claim.vectors[n].any())
    starts = np.flatnonzero(np.r_[True, np.diff(grounds.owner) > 0]) if grounds.words else np.zeros(0, dtype=int)
    owners = grounds.owner[starts]  # the sentences that have words
    citable = int((owners < grounds.citable).sum())
    if not content or not citable:
        return Comparison(np.full(len(FEATURES), float(bool(content))), (), content, np.ones(len(content)))
    words = [_named(claim.words[n], grounds.names) for n in content]
    rare = np.array([_RARITY.get(w.kind) or claimed(w.stem) for w in words])
    weights = rare / rare.sum()
    cosines = np.clip(claim.vectors[list(content)] @ grounds.vectors.T, 0.0, 1.0)
    same = np.zeros(cosines.shape, dtype=bool)
    for i, word in enumerate(words):
        for key in (*_keys(word.stem), *word.sought):
            same[i, grounds.places.get(key, ())] = True
    rows = {place: i for i, place in enumerate(content)}
    for n, letters in _initials(claim.words):
        short = [p for p in grounds.places.get(letters, ()) if grounds.words[p].stem == letters]
        if any(grounds.words[p].kind == "name" for p in short):
            for place in range(n, n + len(letters)):
                if place in rows:
                    same[rows[place], short] = True
    best = np.maximum.reduceat(cosines, starts, axis=1)  # (words, sentences)
    held = np.maximum.reduceat(same, starts, axis=1)
    strength = np.maximum(best, 0.9 * held)[:, :citable]
    evidence = _choose(strength, weights, max_evidence)
    anywhere, known = best.max(axis=1), held.any(axis=1)
    number = np.array([w.kind == "number" for w in words])
    name = np.array([w.kind == "name" for w in words])
    match = np.where(name, _NAME_MATCH, _MATCH)
    fresh = np.where(known, 0.0, np.clip((match - anywhere) / (match - _STRANGE), 0.0, 1.0))
    fresh = np.where(number & ~known, 1.0, fresh)
    new = fresh * rare
    clauses = [[n for n, place in enumerate(content) if a <= place < b] for a, b in claim.clauses]
    edits = _changes(claim, content, (held * rare[:, None])[:, :citable], grounds, owners)
    values = np.array(
        [
            float(rare @ (1.0 - anywhere) / (rare.sum() + _DAMPING)),
            float(new.sum() / (rare.sum() + _DAMPING)),
            max(float(new[c].sum() / (rare[c].sum() + _DAMPING)) for c in clauses),
            _longest_run(new > 0.4, 4) / 4,
            _apart(strength),
            min(2.0, float((number & ~known).sum())) / 2,
            min(2.0, float((fresh * name).sum())) / 2,
            edits.negation,
            edits.opposite,
            edits.replaced,
            edits.swapped,
        ]
    )
    suspect = np.array([word.start in edits.suspects for word in words])
    return Comparison(values, tuple(int(owners[e]) for e in evidence), content, np.maximum(fresh, 0.8 * suspect))


def _named(word: Word, names: set[str]) -> Word:
    """A word that opens a sentence is a name when the sources use it as one."""
    opens = word.kind == "plain" and word.capital and word.stem in names
    return replace(word, kind="name") if opens else word


def _initials(words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    """Where two to five capitalised words stand together, their initials: "NCUA" is known by its full name, and the
    full name by "NCUA".
    """
    for n in range(len(words)):
        letters = ""
        for word in words[n : n + 5]:
            if not word.capital or not word.stem[:1].isalpha():
                break
            letters += word.stem[0]
            if len(letters) > 1:
                yield n, letters


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


def _apart(strength: np.ndarray) -> float:
    """How far neighbours among the content words are from standing in one source sentence, in 0..1; `strength` (words,
    sentences). What two sentences say of two things, a claim may not say of one.
    """
    if len(strength) < 2:
        return 0.0
    together = (strength[:-1] * strength[1:]).max(axis=1)
    return float(1.0 - together.mean())


def _longest_run(flags: np.ndarray, cap: int) -> int:
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return min(longest, cap)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What was changed in wording that is near a source's; `suspects` are the starts of the words concerned."""

    negation: float = 0.0
    opposite: float = 0.0
    replaced: float = 0.0
    swapped: float = 0.0
    suspects: frozenset[int] = frozenset()

    @property
    def worst(self) -> float:
        return max(self.negation, self.opposite, self.replaced, self.swapped)

    def __or__(self, other: _Changes) -> _Changes:
        return _Changes(
            max(self.negation, other.negation),
            max(self.opposite, other.opposite),
            max(self.replaced, other.replaced),
            max(self.swapped, other.swapped),
            self.suspects | other.suspects,
        )


def _changes(
    claim: Sentence, content: Sequence[int], held: np.ndarray, grounds: Grounds, owners: np.ndarray
) -> _Changes:
    """Each clause, and the whole, beside the source sentences that share most of its words: what they agree on
    least badly. `held` (content, sentences): the rarity of a content word where the sentence has it, else 0."""
    total = _Changes()
    spans = {(0, len(claim.words)), *claim.clauses}
    for a, b in sorted(spans):
        rows = [n for n, place in enumerate(content) if a <= place < b]
        if not rows:
            continue
        shared = held[rows].sum(axis=0)
        order = np.argsort(-shared, kind="stable")[:3]
        near = [int(owners[s]) for s in order if shared[s] >= 0.85 * shared[order[0]]]
        words = [_named(w, grounds.names) for w in claim.words[a:b]]
        options = [c for s in near if (c := _between(words, claim.vectors[a:b], s, grounds))]
        total = total | min(options, key=lambda c: c.worst, default=_Changes())
    return total


def _between(claim: Sequence[Word], vectors: np.ndarray, number: int, grounds: Grounds) -> _Changes | None:
    """What differs between a clause and a source sentence, weighted by how closely the one follows the other: between
    free wordings a "not" or another word says nothing. A word exchanged for another counts as followed. None when they
    share too little to be compared.
    """
    sentence = grounds.sentences[number]
    source = sentence.words
    words = [w for w in claim if not w.function and not w.negator]
    source_words = [w for w in source if not w.function and not w.negator]
    ours, theirs = [w.stem for w in words], [w.stem for w in source_words]
    known, own = set(theirs), set(ours)
    known |= {w.stem for w in words if any(w.sought & other.known for other in source_words)}
    content = [w.stem in known for w in words if w.kind != "light"]
    if len(content) < 3 or sum(content) < 0.4 * len(content):
        return None
    our_vectors = dict(zip((w.start for w in claim), vectors, strict=True))
    their_vectors = dict(zip((w.start for w in source), sentence.vectors, strict=True))

    def alike(word: Word, other: Word) -> bool:  # another word for the same, not another term ("bias", "variance")
        return float(our_vectors[word.start] @ their_vectors[other.start]) >= _ALIKE

    opposite = replaced = 0.0
    suspects: set[int] = set()
    table = opposites()
    for word in words:
        others = [o for o in table.get(word.stem, ()) if o in known and o not in own]
        if word.stem not in known and any(_neighbours(ours, word.stem) & _neighbours(theirs, o) for o in others):
            opposite = 1.0
            suspects.add(word.start)
    moved, followed = 0, int(opposite)
    edits = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    for op, a, b, c, d in edits:
        followed += (b - a) * (op == "equal")
        if op != "replace" or b - a > 2 or d - c > 2:
            continue
        if b - a == d - c and all(w in known for w in ours[a:b]) and all(w in own for w in theirs[c:d]):
            followed += b - a
            if any(not alike(w, o) for w, o in zip(words[a:b], source_words[c:d], strict=True)):
                moved += 1
                suspects.update(w.start for w in words[a:b])
        new = [w for w in words[a:b] if w.stem not in known and w.kind != "light"]
        lost = [w for w in source_words[c:d] if w.stem not in own and w.kind != "light"]
        if new and lost:
            hard = any(w.kind != "plain" for w in new) and any(w.kind != "plain" for w in lost)
            other = len(new) == len(lost) == 1 and new[0].stem in grounds.places and not alike(new[0], lost[0])
            other = other and min(claimed(new[0].stem), claimed(lost[0].stem)) >= _TERM
            replaced = max(replaced, 1.0 if hard or other else 0.3)
            suspects.update(w.start for w in new if hard)
            followed += len(new) if hard or other else 0
    flipped = _negation(claim, source)
    suspects.update(w.start for w in claim if flipped and w.negator)
    shared = [n for n, (op, *_span) in enumerate(edits) if op == "equal"]
    between = edits[shared[0] : shared[-1] + 1] if shared else []  # of the source, from first to last word in common
    stretch = sum(d - c if op == "equal" else min(d - c, _LEFT_OUT) for op, _a, _b, c, d in between)
    likeness = 2 * followed / max(1, len(ours) + stretch)
    # most free wordings are below .75; in answers of models another term means little below .9
    loose, close = (float(np.clip((likeness - least) / 0.15, 0.0, 1.0)) for least in (0.6, 0.75))
    if max(loose * flipped, loose * opposite, close * replaced, 0.75 * close * moved) <= 0.5:
        suspects.clear()
    return _Changes(
        loose * flipped, loose * opposite, close * replaced, close * min(1.0, 0.75 * moved), frozenset(suspects)
    )


def _negation(claim: Sequence[Word], source: Sequence[Word]) -> float:
    """1 when one says "not" more often, and a word that both hold stands under it in only one of them; a half when it
    stands under a mere "avoid".
    """
    if sum(w.negator for w in claim) == sum(w.negator for w in source):
        return 0.0
    ours, theirs = _polarity(claim), _polarity(source)
    both = [w for w in ours.keys() & theirs.keys() if len(ours[w]) == len(theirs[w]) == 1]
    return max((abs(min(ours[w]) - min(theirs[w])) for w in both), default=0.0)


def _polarity(words: Sequence[Word]) -> dict[str, set[float]]:
    """For each content word how surely it is denied: 1 for the two after a negation, 0.5 for the third and next to
    "avoid", up to a comma or a stop. A negation on another takes it back, "unless" for what stands before it, too.
    """
    denied: list[tuple[str, float]] = []
    weight, left, since, apart = 0.0, 0, 0, 9
    for word in words:
        apart += 1
        if word.negator and word.stem == "unless":
            denied[since:] = [(stem, 0.0) for stem, _weight in denied[since:]]
            left = 0
        elif word.negator:
            again = left > 0 and apart < 3  # "do not forget", "not without"
            weight, left = (0.5, 1) if word.averse else (1.0, 3)
            left = 0 if again else left
            since, apart = len(denied), 0
        elif word.kind != "light":
            denied.append((word.stem, 0.0 if left <= 0 else 0.5 if left == 1 else weight))
            left -= 1
        if word.pause:
            left, since = 0, len(denied)
    result: dict[str, set[float]] = {}
    for stem, under in denied:
        result.setdefault(stem, set()).add(under)
    return result


def _neighbours(words: Sequence[str], word: str) -> set[str]:
    found: set[str] = set()
    for n, w in enumerate(words):
        if w == word:
            found.update(words[max(0, n - 2) : n], words[n + 1 : n + 3])
    return found
