"""Does the evidence hold what the question asks for, about what it asks?

Nearness does not tell: a question that comes close to the subject is near to some passage by construction.
So the kind of thing asked for (`bot.asked`) is looked for in the evidence, and where it stands it must be about
the same thing: its surroundings cover the question nearly as well as the best place does, and name whom the
question names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from bot.asked import EARNED, Asked, asked, has_number, holds, identifiers
from bot.evidence import Evidence
from bot.layout import announces, is_title, leans_on_before, lineage, surroundings
from bot.nearness import QueryWords
from bot.words import rarity
from index.encode import Encoded
from index.lexical import stems
from index.query import without_request
from index.retrieve import Hit
from index.store import Index
from ingest.text import fold
from ingest.values import Article

ANSWERS = 0.8  # `answer_score` at or above which the evidence counts as an answer
_ANNOUNCED = 0.55  # coverage of the query by a question or a label of the source that has nothing below it
_BOUND = 0.6  # coverage of the rest of the question where a name stands, relative to the best place anywhere
_SHORT_QUERY, _FAR, _WEIGHTY = 8, 0.36, 0.12  # content words; cosine; share of the query's weight
_FOREIGN_FAR = 0.38  # the cosine for a word that the corpus lacks
_VERY_FAR = 0.25  # the same for common words
_THIN = 0.38  # mean cosine of the words of a query with those of a place
_LOOSE = 0.55  # the same with those of the sentence itself, its labels and what it leans on
_SHORTER_QUERY, _RARER, _MET, _UNMET = 6, 0.6, 0.65, 0.4  # content words; `rarity`; cosines
_TOLD = 0.7  # share of the squared rarities of a query's words
_KIND_WORDS = EARNED | frozenset(
    stems(
        "cost price charge fee expensive spend buy sell money date deadline year time number percentage share count "
        "formula code high large big tall old wide thick deep loud weigh weight heavy hot warm cold cool far distance "
        "color colour company firm write wrote written"
    )
)
_RARE = 0.4  # `rarity` from which a word says something by itself
_ALMOST = 0.85  # share of the best place's coverage that places reach where a word of a claim may stand as well
_NEARLY_BEST = 0.95  # share of the best sentence's coverage
_COMPOUND = re.compile(r"\b\w+(?:-\w+)+")  # "take-home" says nothing of a home
_HEADS = ("version", "date")  # kinds of things that stand in headings above what is said of them
_FINDS = 1.0  # inverse document frequency of a name that tells passages apart: less than about a third have it
_STRANGE_NAME = 0.6  # cosine below which a name that the corpus lacks is nobody it knows
_BARELY = 0.1  # margin of nearness below which a strange name counts in a long question, and all words of a short one
_PARTLY = 0.35  # cosine below which one of these words is not met
_PROPOSITION = re.compile(  # a question that asks whether something is so
    r"^(?:(?:so|and|but|ok|okay|well),? )?"
    r"(?!(?:can|could|will|would) you (?:please )?"
    r"(?:give|show|tell|list|name|suggest|recommend|help|share|compare|summari[sz]e))"
    r"(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|must|whether)\b"
)
_POINTS_BACK = re.compile(r"\b(?:it|its|they|them|their|this|that|these|those|he|she|one)\b")
_EACH = re.compile(r"\b(?:both|either|or|versus|vs|compared?|differ\w*|between|each)\b")
_MORE = re.compile(
    r"\b(?:better|worse|more|less|higher|lower|faster|slower|larger|bigger|smaller|cheaper|easier|harder|longer)\b"
)
_ABOUT_TEXTS = frozenset(
    stems(
        "article guide section page text author blog post example mention end according question answer list name "
        "document tell show explain describe whom whose both option idea kind type sort significance "
        "importance impact effect consequence respond response reaction role purpose fact happen emphasize address "
        "goes mean step told said present"
    )
)
_YEAR = re.compile(
    r"\b(?:in|by|since|of|from|until|till|during|after|before|around|year|early|late|mid) "
    r"((?:19|20)\d\d)\b(?! [a-z]+s\b)"
)
_KEPT_BACK = re.compile(  # says that what is asked for is not said here
    r"\b(?:is|are|was|were) not (?:yet )?(?:printed|listed|given|stated|shown|repeated|reproduced|set out|described|"
    r"decided|fixed|agreed|part of (?:this|the|these))\b|\b(?:to follow|tba|tbc|tbd)\b[.)]?$|"
    r"\bto be (?:announced|confirmed|decided|determined|agreed)\b|"
    r"\bwill be (?:announced|published|decided|confirmed|agreed|communicated|posted)\b|"
    r"\b(?:is|are) (?:announced|published|decided|fixed|agreed) (?:by|separately|later)\b|"
    r"\b(?:is|are) (?:listed|displayed|posted) (?:in|on|at|by)\b|\bplease ask (?:for|at|us)\b|"
    r"\b(?:in|on|is) (?:a|the) separate (?:\w+ )?(?:sheet|list|document|leaflet|page|file|table|report|paper|"
    r"article)\b|"
    r"\b(?:lists?|details?|names?|prices?|rates?|dates?|times?|tariffs?|maps?|forms?|reports?|results?|numbers?|figures?|"
    r"addresses|password|instructions|timetable|schedule)\b[^.;:]{0,60}\b(?:is|are|can be) (?:also )?(?:kept|held|"
    r"available|found|seen|consulted|published|posted|listed|displayed|printed|stored|on|in|at) "
    r"(?!(?:a|an|for|since|until|from) )\w",
    re.IGNORECASE,
)
_WANTS_IT = re.compile(
    r"^(?:(?:and|but|so),? )?(?:(?:in|at|on|by|from|for|to|with) )?(?:what(?!\s+(?:happens?|becomes?)\b)|"
    r"which|when|why|who|how (?:much|many|long|high|large|big|often|far))\b",
    re.IGNORECASE,
)
_VAGUE = frozenset(stems("thing stuff way stand number amount"))
_CAME = frozenset(stems("version release introduce add fix change appear launch publish edition"))
_COMPARING = frozenset(stems("difference differ different compare comparison versus vs better similar"))
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_CAPITALS = re.compile(r"\b[A-Z]{3,}\b")
_PROPER = re.compile(r"(?<=[a-z,] )[A-Z][\w-]+|\b[A-Za-z][a-z]*[A-Z][\w-]*")  # capitals not owed to the place
_OFTEN = 2  # times
_MOSTLY = 0.6  # share of a word's places


def lower_case_words(texts: Iterable[str]) -> frozenset[str]:
    """The words, and parts of hyphenated ones, that the texts write in lower case somewhere: they are no names."""
    words = {w for text in texts for w in _WORD.findall(text) if w[0].islower()}
    return frozenset(words | {part for w in words if "-" in w for part in w.split("-")})


def title_names(titles: Iterable[str], common: Collection[str]) -> frozenset[str]:
    """Stems of the words of titles that are not `common` (see `lower_case_words`) and do not stand in most titles."""
    titles = list(titles)
    usual = set(stems(" ".join(common)))
    counts: dict[str, int] = {}
    for title in titles:
        for stem in {s for w in _WORD.findall(title) if w[0].isupper() for s in stems(w)}:
            counts[stem] = counts.get(stem, 0) + 1
    return frozenset(s for s, n in counts.items() if s not in usual and n <= max(1, len(titles) // 2))


def subjects(articles: Collection[Article]) -> frozenset[str]:
    """Stems of the rare words of titles that stand mostly in articles so titled, be it in lower case: "ibuprofen"."""
    titled = {a.article_id: set(stems(" ".join(w for w in _WORD.findall(a.title) if w[0].isupper()))) for a in articles}
    titles: dict[str, set[str]] = {}
    for a in articles:
        for stem in titled[a.article_id]:
            titles.setdefault(stem, set()).add(a.title)
    few = {s for s, t in titles.items() if len(t) <= max(1, len(articles) // 2) and rarity(s) == 1.0}
    own, total = Counter[str](), Counter[str]()
    met: dict[str, frozenset[str]] = {}
    for a in articles:
        for word, count in Counter(_WORD.findall(a.text[a.start : a.end].lower())).items():
            if word not in met:
                met[word] = frozenset(few.intersection(stems(word)))
            for stem in met[word]:
                total[stem] += count
                own[stem] += count * (stem in titled[a.article_id])
    return frozenset(s for s in few if own[s] >= _MOSTLY * total[s])


def proper_names(texts: Iterable[str], common: Collection[str]) -> frozenset[str]:
    """Stems of the words that the texts write with a capital within sentences or within the word, twice at least, and
    that are not `common`: somebody who types in lower case means them all the same.
    """
    usual = set(stems(" ".join(common)))
    counts = Counter(word for text in texts for word in _PROPER.findall(text))
    often = " ".join(word for word, count in counts.items() if count >= _OFTEN and word.lower() not in common)
    return frozenset(stems(often)) - usual


class Answerability:
    """Judges what was retrieved from one index. Nothing changes after construction; safe to share.

    `known_names`: stems of the names in the corpus's titles and texts.
    """

    def __init__(self, index: Index, words: QueryWords) -> None:
        self._store, self._words = index.tokens, words
        articles = index.articles.values()
        texts = [a.text[a.start : a.end] for a in articles]
        self._common = lower_case_words(texts)
        self._capitals = {word for text in texts for word in _CAPITALS.findall(text)}
        names = title_names([a.title for a in articles], self._common) | proper_names(texts, self._common)
        self.known_names = names | subjects(articles)

    def score(
        self, question: str, query: Encoded, evidence: Sequence[Evidence], margin: float = 1.0, part: bool = False
    ) -> float:
        """How far the evidence holds what is asked for, in 0..1; 1 when nothing speaks against it.

        What may speak against it: the kind of thing asked for is missing, or stands where the rest of the question
        or its names do not; a subject that no evidence comes near to; names that stand far from the rest of the
        question, or apart; a place that only asks the same question, or announces what it does not hold.
        `margin`: by how much the passages are nearer than what is refused as far. `part`: whether what else is near
        was looked at before.
        """
        if not evidence:
            return 0.0
        weights = self._store.weights(query)
        best = np.array([(e.encoded.tokens @ query.tokens.T).max(axis=0) for e in evidence])
        around = [surroundings(evidence, n) for n in range(len(evidence))]
        covered = np.array([best[near].max(axis=0) for near in around])
        named = _names(question) | self.known(question)
        merely = _merely_asked(question, evidence, best @ weights)
        bound = self._binding(query, evidence, covered, weights, named)
        strange = self._stranger(question, query, best, margin)
        strange = strange or self._missing(question, query, evidence, best, weights)
        places = covered @ weights
        if not strange and _is_claim(question):
            good = [e for e, near in zip(evidence, places, strict=True) if near >= _ALMOST * places.max()]
            told = (f"{e.chunk.article} {e.chunk.section_at(e.start)} {e.text}" for e in good)
            said = set(stems(" ".join(_COMPOUND.sub(" ", fold(text)) for text in told)))
            strange = self._unsaid(query, covered[int(places.argmax())], weights, said | named)
            strange = strange or self._apart(question, query, evidence, named)
        strange = strange or self._kept_back(question, evidence, best @ weights)
        unmet = not part and bool(self._thin(query, covered, named).all()) and self._finds(query, named)
        if not part and margin < _BARELY and not _is_claim(question):
            unmet = unmet or self._partly(query, evidence, around, covered, named)
        kinds = self._told(question, query, evidence, around, best, covered, places, named)
        return min(merely, bound, 0.5 if strange or unmet else 1.0, kinds)

    def score_words(self, question: str, query: Encoded, evidence: Sequence[Evidence]) -> float:
        """1, or 0.5 when a telling word of the query is none that the evidence has or comes near to."""
        best = np.array([(e.encoded.tokens @ query.tokens.T).max(axis=0) for e in evidence])
        return 0.5 if self._missing(question, query, evidence, best, self._store.weights(query)) else 1.0

    def _kept_back(self, question: str, evidence: Sequence[Evidence], own: np.ndarray) -> str:
        """The piece that covers a question for a thing best, where it only says that this is told elsewhere, or later;
        else an empty string.
        """
        if not _WANTS_IT.match(fold(without_request(question))):
            return ""
        kinds = asked(question)
        said = np.array([0.0 if e.heading or e.leads else near for e, near in zip(evidence, own, strict=True)])
        good = [e for e, near in zip(evidence, said, strict=True) if near >= _NEARLY_BEST * said.max()]
        if any(holds(e.clean, kind, question, self._common) for e in good for kind in kinds):
            return ""
        return next((e.text for e in good if _KEPT_BACK.search(fold(e.clean))), "")

    def _binding(
        self,
        query: Encoded,
        evidence: Sequence[Evidence],
        covered: np.ndarray,
        weights: np.ndarray,
        named: Collection[str],
    ) -> float:
        """1, or, when some name of the question stands only where the rest of the question is covered much worse
        than elsewhere, how much worse: another's interview process is no answer about this one's. 1 for long questions.
        """
        rest = np.zeros(len(weights))
        for word, places in self._words.all(query):
            if not set(stems(word)) & (set(named) | _COMPARING):
                rest[places] = weights[places]
        rest[[k for k in range(len(rest)) if k not in set(self._words.content(query))]] = 0.0
        if not named or not rest.sum():
            return 1.0
        if len(self._words.telling(query)) > _SHORT_QUERY:
            return 1.0
        reach = covered @ rest
        bags = {
            chunk.chunk_id: set(stems(f"{chunk.article} {chunk.section} {chunk.text}"))
            for chunk in {e.chunk.chunk_id: e.chunk for e in evidence}.values()
        }
        worst = 1.0
        for name in named:
            here = [reach[n] for n, e in enumerate(evidence) if name in bags[e.chunk.chunk_id]]
            if here:
                worst = min(worst, float(max(here) / reach.max()))
        return worst if worst < _BOUND else 1.0

    def _stranger(self, question: str, query: Encoded, best: np.ndarray, margin: float) -> str:
        """A name of the question that stands nowhere in the corpus and has nothing like it in the evidence, or an
        empty string: what is said of others is no answer about it. None of a long question, which describes enough
        of what it asks for: a speech does not name its speaker. But where the `margin` is small, it counts there too.
        """
        near = best.max(axis=0)
        names = _names(question)
        if len(self._words.telling(query)) > _SHORT_QUERY and margin >= _BARELY:
            return ""
        for word, places in self._words.all(query):
            if not self._words.known(word) and set(stems(word)) & names and near[places].mean() < _STRANGE_NAME:
                return word
        return ""

    def _missing(
        self, question: str, query: Encoded, evidence: Sequence[Evidence], best: np.ndarray, weights: np.ndarray
    ) -> str:
        """A year or version that no evidence has, or a telling word of a short query that none has or comes near to in
        meaning, or an empty string. Queries of more than eight content words describe more than they name; "Outline
        ..." asks.
        """
        near = best.max(axis=0)
        texts = " ".join({f"{e.chunk.article} {e.chunk.section} {e.chunk.text}" for e in evidence})
        for year in _YEAR.findall(question):
            if year not in texts:
                return str(year)
        for number in identifiers(question):
            if not has_number(texts, number):
                return number
        known = set(stems(texts)) | _COMPARING | _VAGUE | (set(stems(question)) - set(stems(without_request(question))))
        if any(kind.kind in _HEADS for kind in asked(question)):
            known |= _CAME
        for word, place, rare in self._telling(query, weights):
            far = near[place] < (_FAR if self._words.known(word) else _FOREIGN_FAR)
            if far and rare >= _RARE and not set(stems(word)) & (known | _ABOUT_TEXTS):
                return word
        return ""

    def _unsaid(self, query: Encoded, covered: np.ndarray, weights: np.ndarray, known: Collection[str]) -> str:
        """A telling word, other than those `known`, that the best place does not come near to, or an empty string;
        `covered` (query tokens,) is that place's best cosine with each token of the query.
        """
        for word, place, rare in self._telling(query, weights):
            far = covered[place] < (_FAR if rare >= _RARE else _VERY_FAR)
            if far and not set(stems(word)) & (set(known) | _ABOUT_TEXTS):
                return word
        return ""

    def spelled(self, question: str) -> str:
        """The question with a capital for each of the corpus's names that it writes small."""
        known = self.known_names
        return _WORD.sub(
            lambda m: m.group().capitalize() if m.group().islower() and set(stems(m.group())) & known else m.group(),
            question,
        )

    def known(self, question: str) -> set[str]:
        """The stems of the corpus's names that the question has."""
        return set(stems(question)) & self.known_names

    def names(self, question: str, query: Encoded) -> list[str]:
        """Who or what the question names that tells passages of the corpus apart, in the question's words; neighbours
        ("Hugging Face") are one.
        """
        named = self.known(question)
        shouted = question.isupper()
        found: list[str] = []
        end = -2
        for match in _WORD.finditer(question):
            own = set(stems(match.group())) & named
            if own and found and not question[end : match.start()].strip():
                found[-1] += question[end : match.end()]
            elif (own and self._finds(query, own)) or (not shouted and match.group() in self._capitals):
                found.append(match.group())
            else:
                continue
            end = match.end()
        return found

    def is_heading(self, query: Encoded, hits: Sequence[Hit]) -> bool:
        """Whether all words of the query that say what it is about stand in the title and headings of one hit."""
        words = [set(stems(word)) - _ABOUT_TEXTS - _VAGUE for word, _places in self._words.telling(query)]
        words = [word for word in words if word]
        above = [set(stems(" ".join([hit.chunk.article, *hit.chunk.headings]))) for hit in hits]
        telling = any(rarity(stem) >= _RARE for word in words for stem in word)
        return telling and any(all(word & path for word in words) for path in above)

    def is_told(self, query: Encoded, hits: Sequence[Hit]) -> bool:
        """Whether most of what the words of the query say by their mere presence stands literally in one hit, in two
        rare words at least.
        """
        words = [set(stems(word)) for word, _places in self._words.telling(query)]
        weights = [min(map(rarity, word), default=0.0) for word in words]
        for hit in hits:
            said = set(stems(" ".join([hit.chunk.article, *hit.chunk.headings, hit.chunk.text])))
            met = [weight for word, weight in zip(words, weights, strict=True) if word & said]
            if sum(w >= _RARER for w in met) > 1 and sum(w * w for w in met) >= _TOLD * sum(w * w for w in weights):
                return True
        return False

    def _finds(self, query: Encoded, named: Collection[str]) -> bool:
        """Whether a name of the query stands in so few passages that it finds them, whatever is asked about it."""
        idf = self._store.idf[query.token_ids]
        return any(set(stems(word)) & set(named) and idf[p].max() >= _FINDS for word, p in self._words.all(query))

    def _apart(self, question: str, query: Encoded, evidence: Sequence[Evidence], named: Collection[str]) -> str:
        """A name of a short question whether something is so that stands in no passage, title included, together with
        its other names, or an empty string. None where both are asked about, or the one or the other.
        """
        if len(self._words.telling(query)) > _SHORT_QUERY or _EACH.search(fold(question).lower()):
            return ""
        chunks = {e.chunk.chunk_id: e.chunk for e in evidence}.values()
        held = [set(named) & set(stems(f"{c.article} {c.section} {c.text}")) for c in chunks]
        met = set().union(*held)
        fullest = max(held, key=len)
        return next(iter(sorted(met - fullest)), "")

    def _told(
        self,
        question: str,
        query: Encoded,
        evidence: Sequence[Evidence],
        around: Sequence[Sequence[int]],
        best: np.ndarray,
        covered: np.ndarray,
        places: np.ndarray,
        named: set[str],
    ) -> float:
        """The mean over the kinds of things asked for of how well the best place that holds one covers the question,
        relative to the best place of all; 1 where none is asked for.
        """
        if not (wanted := asked(question)):
            return 1.0
        above = [set(stems(f"{e.chunk.article} {e.chunk.section_at(e.start)}")) for e in evidence]
        kinds = []
        for kind in wanted:
            leans = _POINTS_BACK.search(kind.clause)
            apart = set() if leans else set(stems(question)) - set(stems(kind.clause))  # words of its other questions
            besides = self._thin(query, covered, named | apart, above)
            besides |= self._elsewhere(query, best, covered, named | apart, above)
            besides |= self._loose(query, evidence, best, apart, above)
            near = np.where(besides, 0.0, places / places.max())
            kinds.append(self._best_place(kind, evidence, around, near, question, named))
        return float(np.mean(kinds))

    def _best_place(
        self,
        kind: Asked,
        evidence: Sequence[Evidence],
        around: Sequence[Sequence[int]],
        covered: np.ndarray,
        question: str,
        named: set[str],
    ) -> float:
        score = 0.0
        by_place = {e.place: e for e in evidence}
        for n, piece in enumerate(evidence):
            if kind.kind == "label" and announces(evidence, n):
                continue
            text = piece.clean
            if kind.kind in ("label", "expansion"):  # the number of an item, the initials of lines
                text = piece.text if kind.kind == "label" else piece.chunk.text
            if not holds(text, kind, question, self._common) and not (
                kind.kind == "count" and _lists(evidence, n, kind)
            ):
                continue
            place = [piece.chunk.article, piece.chunk.section, *(evidence[k].text for k in around[n])]
            here = set(stems(" ".join(place)))
            if kind.kind == "salary" and not here & EARNED:
                continue
            share = 1.0
            if named:
                share = (len(named & here) + 0.5 * len(named & set(stems(piece.chunk.text)) - here)) / len(named)
            near = float(covered[n])
            if kind.kind in _HEADS and (piece.heading or is_title(piece)):  # it heads what stands below it
                near = max(float(covered[k]) for k, e in enumerate(evidence) if piece in lineage(e, by_place))
            if kind.kind == "count":  # "4-5 rounds" meets "how many rounds" already
                near = 0.5 + 0.5 * near if near else 0.0
            score = max(score, near * (0.5 + 0.5 * share))
        return score

    def _thin(
        self, query: Encoded, covered: np.ndarray, named: Collection[str], above: Sequence[Collection[str]] = ()
    ) -> np.ndarray:
        """(places,) bool: where a short query's words, names left out, are on the whole not met; every word counts the
        same, and one that stands `above` a place, by stem, is met there. There a thing of the kind asked for is one of
        something else.
        """
        left = set(named) | _ABOUT_TEXTS | _VAGUE
        words = [(word, p) for word, p in self._words.telling(query) if not set(stems(word)) & left]
        if not words or len(words) > _SHORT_QUERY:
            return np.zeros(len(covered), dtype=bool)
        met = np.stack([_met(covered, p, word, above) for word, p in words])
        thin: np.ndarray = met.mean(axis=0) < _THIN
        return thin

    def _partly(
        self,
        query: Encoded,
        evidence: Sequence[Evidence],
        around: Sequence[Sequence[int]],
        covered: np.ndarray,
        named: Collection[str],
    ) -> bool:
        """Whether every place leaves some word of a short query unmet, other than those of the kind of thing asked for,
        and no name finds passages: a hospital among the clients of a project has no visiting hours.
        """
        left = _KIND_WORDS | _ABOUT_TEXTS | _VAGUE
        words = [(word, p) for word, p in self._words.telling(query) if not set(stems(word)) & left]
        if not words or len(words) > _SHORTER_QUERY or self._finds(query, named):
            return False
        said = [
            set(stems(" ".join([e.chunk.article, e.chunk.section, *(evidence[k].text for k in near)])))
            for e, near in zip(evidence, around, strict=True)
        ]
        lowest = np.min([_met(covered, p, word, said) for word, p in words], axis=0)
        return bool(lowest.max() < _PARTLY)

    def _loose(
        self,
        query: Encoded,
        evidence: Sequence[Evidence],
        best: np.ndarray,
        apart: Collection[str],
        above: Sequence[Collection[str]],
    ) -> np.ndarray:
        """(places,) bool: where the words of a short query, its names too, but not those of the kind of thing asked for
        nor those in `apart`, are on the whole not met by the sentence itself with its labels: "Closing takes 35
        minutes" tells how long something else takes.
        """
        left = _KIND_WORDS | _ABOUT_TEXTS | _VAGUE | set(apart)
        words = [(word, p) for word, p in self._words.telling(query) if not set(stems(word)) & left]
        if not words or len(words) > _SHORT_QUERY:
            return np.zeros(len(evidence), dtype=bool)
        by_place = {e.place: n for n, e in enumerate(evidence)}
        pieces = {e.place: e for e in evidence}
        covered, said = np.empty_like(best), []
        for n, piece in enumerate(evidence):
            near = {by_place[e.place] for e in lineage(piece, pieces)}
            if n and leans_on_before(piece) and evidence[n - 1].chunk is piece.chunk:
                near.add(n - 1)
            covered[n] = best[sorted(near)].max(axis=0)
            said.append(set(stems(" ".join(evidence[k].text for k in near))).union(above[n]))
        loose: np.ndarray = np.stack([_met(covered, p, word, said) for word, p in words]).mean(axis=0) < _LOOSE
        return loose

    def _elsewhere(
        self,
        query: Encoded,
        best: np.ndarray,
        covered: np.ndarray,
        named: Collection[str],
        above: Sequence[Collection[str]],
    ) -> np.ndarray:
        """(places,) bool: where a rare word of a short query, no name, is not met though it is elsewhere. A thing of
        the kind asked for there is one of something else: what is paid for a desk, where a pension is asked about.
        `above` as for `_thin`.
        """
        words = self._words.telling(query)
        if len(words) > _SHORTER_QUERY:
            return np.zeros(len(covered), dtype=bool)
        near = best.max(axis=0)
        rare = [
            (word, p)
            for word, p in words
            if not set(stems(word)) & (set(named) | _ABOUT_TEXTS | _KIND_WORDS)
            and min(map(rarity, stems(word)), default=0.0) >= _RARER
            and near[p].mean() >= _MET
        ]
        lowest = np.min([_met(covered, p, word, above) for word, p in rare] + [np.ones(len(covered))], axis=0)
        elsewhere: np.ndarray = lowest < _UNMET
        return elsewhere

    def _telling(self, query: Encoded, weights: np.ndarray) -> list[tuple[str, int, float]]:
        """The words that a short query turns on, each with its token's place and its rarity; none of a long one.

        Only words that the encoder knows whole count, so that a typo is not taken for a missing subject.
        """
        words = self._words.telling(query)
        if len(words) > _SHORT_QUERY:
            return []
        return [
            (word, places[0], min(map(rarity, stems(word)), default=0.0))
            for word, places in words
            if len(places) == 1 and len(word) > 3 and weights[places[0]] >= _WEIGHTY and not word.endswith("ly")
        ]


def _met(covered: np.ndarray, at: Sequence[int], word: str, above: Sequence[Collection[str]]) -> np.ndarray:
    """(places,) how far a word of the query, whose tokens are `at` these places of it, is met at every place."""
    met: np.ndarray = covered[:, at].mean(axis=1)
    met[[n for n, words in enumerate(above) if set(stems(word)) & set(words)]] = 1.0
    return met


def _is_claim(question: str) -> bool:
    """Whether it asks if something is so; "Do A or B have the higher ...?" claims neither."""
    text = fold(without_request(question)).lower()
    return bool(_PROPOSITION.match(text)) and not (" or " in text and _MORE.search(text))


def _merely_asked(question: str, evidence: Sequence[Evidence], own: np.ndarray) -> float:
    """1, or where something that is only announced covers the query far best, what else covers it relative to that."""
    if "question" in set(stems(question)):
        return 1.0
    announced = np.array([announces(evidence, n) for n in range(len(evidence))])
    others = ~announced & np.array([not e.heading for e in evidence])
    if not announced.any() or not others.any() or own[announced].max() < _ANNOUNCED:
        return 1.0
    return min(1.0, float(own[others].max() / own[announced].max()))


def _lists(evidence: Sequence[Evidence], n: int, kind: Asked) -> bool:
    """Whether the piece names the counted things: a label with at least two items below it, or a table's row with a
    number.
    """
    piece = evidence[n]
    if piece.row and set(stems(kind.of)) & set(stems(piece.text)):
        return any(c.isdigit() for c in piece.text)
    label = piece.heading or piece.leads or (piece.words <= 8 and piece.text[-1:] not in ".!?,;")
    if not label or not set(stems(kind.of)) & set(stems(piece.text)):
        return False
    below = [e.item and e.chunk is piece.chunk for e in evidence[n + 1 : n + 4]]
    return sum(below) >= 2


def _names(question: str) -> set[str]:
    """Stems of the words that are capitalised within a sentence, or within the word."""
    found: set[str] = set()
    for match in _WORD.finditer(question):
        word, before = match.group(), question[: match.start()].rstrip()
        opens = not before or before[-1] in ".?!:"
        inner = any(c.isupper() for c in word[1:])
        if inner or (word[0].isupper() and not opens and word.split("'")[0].split("’")[0] != "I"):
            found.update(stems(word))
    return found
