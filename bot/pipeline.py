"""One question, top to bottom: retrieve, gather evidence, see whether it answers, draft, check, cite, answer.

`Pipeline.stream` yields what is known as soon as it is known: the hits, each checked sentence with its
citations, and at last the `Answer`. Presentation happens elsewhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import count, zip_longest
from pathlib import Path

from bot import prompts
from bot.answerable import ANSWERS, Answerability
from bot.asked import identifiers
from bot.compare import Part, compared, compares, titles_by_name
from bot.disagreement import disagreement, each_its_own
from bot.engine import Draft, Engine, ExtractiveEngine
from bot.evidence import Evidence, EvidenceConfig, about_named, favoured, gather, placed_anew
from bot.lists import rest_of_section
from bot.log import log_answer
from bot.nearness import NEAR, Nearness, QueryWords
from bot.values import Answer, Citation, RefusalReason, Sentence, begins_paragraph
from bot.verify import Judgement, Verifier
from index.follow_up import Reading, Turn, leans, points_back, read
from index.query import (
    BRIEF,
    Manner,
    check_history,
    check_question,
    several,
    without_courtesy,
    without_manner,
    without_request,
)
from index.remember import DEFAULT_BYTES, RememberingEncoder
from index.retrieve import Hit, Retrieval, Retriever
from index.turns import Wish, wish
from ingest.errors import BackendError
from ingest.text import fold, squeeze


@dataclass(frozen=True, slots=True)
class BotConfig:
    """How an answer is made.

    `passages`: hits whose sentences are evidence, scored as `evidence` says. `min_near`: below this nearness
    nothing counts as retrieved. `min_answer`: below this score the evidence does not hold what is asked for.
    `keep_share`: a draft of which less than this share survives the check gives way to quotes. `mark_unsupported`:
    show what fails the check, uncited and marked, instead of leaving it out. `remembered_bytes`: room for the
    vectors of sentences that were evidence lately.
    """

    passages: int = 5
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    min_near: float = NEAR
    min_answer: float = ANSWERS
    keep_share: float = 0.5
    mark_unsupported: bool = False
    remembered_bytes: int = DEFAULT_BYTES


@dataclass(frozen=True, slots=True)
class Found:
    """First event: the passages, before anything is written, and milliseconds a stage."""

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A checked sentence with the citations that are new with it."""

    sentence: Sentence
    citations: tuple[Citation, ...]
    item: int


_NEARLY = 0.17  # below the least nearness, where literal words decide
_ELSEWHERE = 0.15  # how much farther than what is refused a short message must be, said among others
_BRIEF_LIST = 4  # lines of a short answer that is a list
_MORE = 0.82  # how near what is told further comes to the best evidence
_TIMINGS = ("retrieve", "first_token", "total")
Event = Found | Said | Answer


class Pipeline:
    """Answers questions over one index. Safe to share between threads."""

    def __init__(self, retriever: Retriever, config: BotConfig | None = None) -> None:
        self.retriever, self.config = retriever, config or BotConfig()
        self._encoder = RememberingEncoder(retriever.encoder, self.config.remembered_bytes)
        self._verifier = Verifier(self._encoder)
        self._words = QueryWords(retriever.index, retriever.encoder)
        self._nearness = Nearness(retriever, self._words)
        self._answerability = Answerability(retriever.index, self._words)

    @classmethod
    def open(cls, root: Path, config: BotConfig | None = None) -> Pipeline:
        """Open the index in `root`; raises `StoreError` when there is none."""
        return cls(Retriever.open(root), config)

    def warm(self) -> None:
        """Do now what the first question would else wait for."""
        _ = self._nearness.above

    @property
    def version(self) -> str:
        """The name of the version of the index that is asked."""
        return self.retriever.index.folder.name

    def reopened(self, root: Path) -> Pipeline:
        """The same over the version of the index in `root` that is current now; raises `StoreError`."""
        return Pipeline(self.retriever.reopened(root), self.config)

    def _search(
        self, question: str, history: Sequence[Mapping[str, str]], articles: Collection[str] | None
    ) -> tuple[Retrieval, float]:
        """What was found and how near it is; what is far is searched once more without a polite opening."""
        found = self.retriever.search(question, self.config.passages, "full", history, articles)
        near = self._nearness(found)
        bare = without_request(question)
        if near < self.config.min_near and bare != question:
            found = self.retriever.search(bare, self.config.passages, "full", history, articles)
            near = self._nearness(found)
        return found, near

    @cached_property
    def _titles_by_name(self) -> dict[str, frozenset[str]]:
        titles = {a.title for a in self.retriever.index.articles.values()}
        return titles_by_name(titles, self._answerability.known_names)

    def _titles(self, articles: Collection[str] | None) -> list[str]:
        """The titles of the articles that are asked."""
        known = self.retriever.index.articles.values()
        return [a.title for a in known if not articles or a.article_id in articles or a.title in articles]

    def _turns(self, history: Sequence[Mapping[str, str]]) -> list[Turn]:
        """What was asked before and what was answered, small talk left out. What was refused is no longer a subject,
        unless it names one of the corpus's own.
        """
        turns: list[Turn] = []
        for message in history:
            text = message["content"]
            if message["role"] == "user":
                turns.append(Turn(_asked_for(text)[0]))
            elif turns:
                asked = turns[-1].question
                unnamed = not self._answerability.known(asked)
                refused = text.startswith((prompts.NOTHING_RETRIEVED, *([prompts.NOT_SUPPORTED] * unnamed)))
                turns[-1] = Turn(asked, text, refused)
        return [t for t in turns if not prompts.small_talk(t.question) and not prompts.about_itself(t.question, list)]

    def _read(self, question: str, turns: Sequence[Turn]) -> Reading:
        """The question as the turns before it tell to read it; the corpus's names are known in small letters too."""
        plain = read(question, turns)
        if not turns or (plain.question == question and not leans(question)):
            return plain
        spelled = self._answerability.spelled
        return read(spelled(question), [replace(t, question=spelled(t.question)) for t in turns])

    def _is_elsewhere(self, alone: Retrieval) -> bool:
        """Whether a message that leans on earlier ones only for being short ("who won the world cup?") is about
        something else: on its own, with two telling words at least, it is far from everything.
        """
        telling = alone.encoded is not None and len(self._words.telling(alone.encoded)) > 1
        return telling and self._nearness(alone) < self.config.min_near - _ELSEWHERE

    def _hits(self, parts: Sequence[Part]) -> list[tuple[Part, tuple[Hit, ...]]]:
        """The best passages of each of the articles compared, ranked one after another."""
        each = max(3, self.config.passages // max(1, len(parts)))
        found = [(p, self.retriever.search(p.question, each, "full", (), p.titles).hits) for p in parts]
        ranks = count(1)
        return [(part, tuple(replace(hit, rank=next(ranks)) for hit in hits)) for part, hits in found]

    def _rest(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        articles = {hit.chunk.article_id for hit in hits}
        return rest_of_section(question, hits, self.retriever.index.store.chunks_of(articles))

    def ask(
        self,
        question: str,
        engine: Engine,
        history: Sequence[Mapping[str, str]] = (),
        articles: Collection[str] | None = None,
        question_id: str = "",
    ) -> Answer:
        """The finished answer; see `stream`."""
        *_before, answer = self.stream(question, engine, history, articles, question_id)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self,
        question: str,
        engine: Engine,
        history: Sequence[Mapping[str, str]] = (),
        articles: Collection[str] | None = None,
        question_id: str = "",
    ) -> Iterator[Event]:
        """Events in order, the last one an `Answer`.

        Raises:
            QuestionError: an empty or overlong question, or an unknown article. A model that fails is not
            an exception but an answer with `refusal_reason` "backend_failed".
        """
        stages: Mapping[str, float] = {}
        for event in self._events(question, engine, history, articles, question_id):
            if isinstance(event, Found):
                stages = event.timings_ms
            elif isinstance(event, Answer):
                log_answer(event, stages)
            yield event

    def _events(
        self,
        question: str,
        engine: Engine,
        history: Sequence[Mapping[str, str]],
        articles: Collection[str] | None,
        question_id: str,
    ) -> Iterator[Event]:
        started = time.perf_counter()
        question = check_question(question)
        if reply := prompts.small_talk(question) or prompts.about_itself(question, lambda: self._titles(articles)):
            yield _Writer(question_id, question, engine.name, dict.fromkeys(_TIMINGS, 0.0), started).talk(reply)
            return
        turns = self._turns(check_history(history))
        bare, manner = _asked_for(question)
        reading = self._read(bare, turns)
        history = [{"role": "user", "content": t.question} for t in turns if not _is_far(t) and not wish(t.question)]
        writer = partial(_Writer, question_id, question, engine.name)
        answered = partial(self._answered, started, reading, manner, engine, history, articles, writer)
        if isinstance(engine, ExtractiveEngine) and not (reading.wish or manner.sentences):
            told = self._told_apart(reading.question, manner, engine, articles, writer)
            has_answer = [_is_answer(events[-1]) for _part, events in told]
            if any(has_answer):
                whole = [] if all(has_answer) else [*answered(reading.question)]
                if whole and _is_answer(whole[-1]):
                    yield from whole
                else:
                    yield from _together(told, writer(dict.fromkeys(_TIMINGS, 0.0), started))
                return
        *likely, last = (reading.question, *reading.others)
        for asking in likely:
            events = answered(asking)
            found, then = next(events), next(events)
            if not isinstance(then, Answer) or _is_answer(then) or then.refusal_reason == "backend_failed":
                yield from (found, then)
                yield from events
                return
        yield from answered(last)

    def _told_apart(
        self,
        question: str,
        manner: Manner,
        engine: ExtractiveEngine,
        articles: Collection[str] | None,
        writer: Callable[[dict[str, float], float], _Writer],
    ) -> list[tuple[str, list[Event]]]:
        """Each of several questions in one, as those before it tell to read it, with the events of its answer, all
        within the word budget; nothing where one thing is asked, or a comparison.
        """
        parts = several(question)
        if not parts or compared(question, self._titles_by_name):
            return []
        engine = ExtractiveEngine(engine.max_words // len(parts), engine.max_list_words // len(parts))
        told: list[tuple[str, list[Event]]] = []
        for part in parts:
            asking = self._read(part, [Turn(told[-1][0])]).question if told else part
            events = self._answered(time.perf_counter(), Reading(asking), manner, engine, [], articles, writer, asking)
            told.append((asking, [*events]))
        return told

    def _answered(
        self,
        started: float,
        reading: Reading,
        manner: Manner,
        engine: Engine,
        history: Sequence[Mapping[str, str]],
        articles: Collection[str] | None,
        writer: Callable[[dict[str, float], float], _Writer],
        asking: str,
    ) -> Iterator[Event]:
        """The events of one reading of a question: what was found, then what is said of it."""
        asking = self.retriever.corrected(asking)
        retrieval, near = self._search(asking, history, articles)
        parts = [] if articles else compared(asking, self._titles_by_name)
        compared_hits = self._hits(parts)
        hits = tuple(hit for _part, found in compared_hits for hit in found) or retrieval.hits
        timings = {"retrieve": _ms(started), "first_token": _ms(started), "total": 0.0}
        yield Found(hits, retrieval.timings_ms)
        answer = writer(timings, started)
        query = retrieval.encoded or self.retriever.encoder.encode_query(retrieval.query)
        shifted = bool(history) and leans(asking) and not points_back(asking)
        alone = self.retriever.search(asking) if shifted else None
        far = near < self.config.min_near or (alone is not None and self._is_elsewhere(alone))
        far = far and not self._answerability.is_heading(query, retrieval.hits)
        if near >= self.config.min_near - _NEARLY and alone is None:
            far = far and not self._answerability.is_told(query, retrieval.hits)
        named = self._answerability.names(asking, query)
        if not retrieval.hits or (far and not named):
            yield answer.refuse("nothing_retrieved", prompts.NOTHING_RETRIEVED)
            return
        rest = [hit for part, found in compared_hits for hit in self._rest(part.question, found)]
        passages = [*hits, *(rest if parts else self._rest(asking, hits))]
        found = gather(retrieval, passages, self._encoder, self.retriever.index.tokens, self.config.evidence)
        known = self._answerability.known(asking)
        evidence = found if compares(asking) else about_named(found, known, self._titles_by_name)
        evidence = favoured(evidence, named, identifiers(asking))
        held = self._answerability.score(asking, query, found, near - self.config.min_near)
        if len(evidence) < len(found):
            held = min(held, self._answerability.score(asking, query, evidence, near - self.config.min_near, part=True))
        if alone is not None and alone.encoded is not None:
            held = min(held, self._answerability.score_words(asking, alone.encoded, evidence))
        answer.confidence = round(max(0.0, min(1.0, near * held)), 4)
        if far or held < self.config.min_answer:
            yield answer.refuse("not_supported", prompts.NOT_SUPPORTED, _related(found))
            return
        if reading.wish == "more":
            evidence = _unsaid(evidence, reading.said)
        if not evidence:
            yield answer.talk(prompts.NOTHING_MORE)
            return
        drafted = kept = 0
        note = ""
        try:
            for draft in _drafts(engine, asking, evidence, parts, reading.wish, manner):
                if answer.has_said(draft.text):
                    continue
                drafted += 1
                judgement = self._verifier.judge(draft, evidence)
                if judgement.verdict == "unsupported":
                    note = prompts.SOME_MARKED if self.config.mark_unsupported else prompts.SOME_REMOVED
                    if self.config.mark_unsupported:
                        yield answer.say(draft, judgement)
                    continue
                kept += 1
                yield answer.say(draft, judgement)
        except BackendError as error:
            yield answer.refuse("backend_failed", prompts.backend_failed(str(error)))
            return
        if not kept or kept < self.config.keep_share * drafted:
            confidence = answer.confidence
            answer = writer(timings, started)
            answer.confidence = confidence
            note = prompts.QUOTES_INSTEAD
            for draft in _drafts(ExtractiveEngine(), asking, evidence, parts, reading.wish, manner):
                yield answer.say(draft, self._verifier.judge(draft, evidence))
        if not answer.sentences:
            yield answer.refuse("not_supported", prompts.NOT_SUPPORTED, _related(found))
            return
        names = self._answerability.known_names
        if not parts and (differ := disagreement(asking, answer.citations, evidence, names)):
            first, other = differ
            if not answer.cites(other):
                draft = Draft(other.clean, (other,))
                yield answer.say(draft, self._verifier.judge(draft, evidence))
            if second := answer.cites(other):
                note = " ".join(filter(None, (note, prompts.articles_differ(first, second))))
        elif not parts and (own := each_its_own(asking, answer.citations, names)):
            note = " ".join(filter(None, (note, prompts.articles_apart(*own))))
        yield answer.finish(note)


def _is_answer(event: Event) -> bool:
    """Whether it is an answer that is no refusal."""
    return isinstance(event, Answer) and not event.refused


def _together(told: Sequence[tuple[str, Sequence[Event]]], answer: _Writer) -> Iterator[Event]:
    """One answer to several questions: the passages of each in turn, what is said of each, and which has no answer."""
    found = [event for _part, events in told for event in events if isinstance(event, Found)]
    ranked = [hit for row in zip_longest(*(f.hits for f in found)) for hit in row if hit]
    hits = {hit.chunk.chunk_id: hit for hit in ranked}
    stages = dict.fromkeys(stage for f in found for stage in f.timings_ms)
    yield Found(tuple(hits.values()), {s: round(sum(f.timings_ms.get(s, 0.0) for f in found), 1) for s in stages})
    notes = []
    answer.confidence = 1.0
    for part, (*_before, own) in told:
        assert isinstance(own, Answer)
        answer.confidence = min(answer.confidence, own.confidence)
        yield from answer.take(own)
        notes.append(prompts.part_unanswered(part) if own.refused else answer.renumbered(own))
    yield answer.finish(" ".join(filter(None, notes)))


def _asked_for(message: str) -> tuple[str, Manner]:
    """A message without courtesy and without the manner in which to answer, and that manner."""
    bare = without_courtesy(message)
    return (bare, Manner()) if wish(bare) else without_manner(bare)


def _drafts(
    engine: Engine,
    question: str,
    evidence: Sequence[Evidence],
    parts: Sequence[Part],
    wish: Wish,
    manner: Manner,
) -> Iterator[Draft]:
    """What the engine drafts; one that quotes answers the parts of a comparison one by one, and in the articles' own
    words whatever the `manner` asked for.
    """
    if not isinstance(engine, ExtractiveEngine):
        drafts = engine.draft(f"{question} {manner.words}".strip(), evidence)
    elif parts:
        drafts = engine.compare(parts, evidence)
    else:
        drafts = engine.draft(question, evidence)
    most = manner.sentences or (BRIEF if wish == "shorter" else 0)
    return _brief(drafts, most) if most else drafts


def _brief(drafts: Iterator[Draft], most: int) -> Iterator[Draft]:
    """The first few drafts; what stands below a label at the beginning as well, a few items of it."""
    for n, draft in enumerate(drafts):
        if n >= (_BRIEF_LIST if draft.item else most):
            return
        yield draft


def _unsaid(evidence: Sequence[Evidence], said: str) -> list[Evidence]:
    """What was not said of the passages that have more to tell, its places told anew: of those where something left
    scores nearly as high as the best.
    """
    plain = _plain(said)
    left = [e for e in evidence if e.heading or _plain(e.clean) not in plain]
    least = _MORE * max(e.score for e in evidence)
    telling = {e.chunk.chunk_id for e in left if e.score >= least and not (e.heading or e.leads or e.aside)}
    return placed_anew([e for e in left if e.chunk.chunk_id in telling])


def _plain(text: str) -> str:
    return fold(squeeze(text)).casefold()


class _Writer:
    """Collects checked sentences, numbers citations by span, and makes the answer."""

    def __init__(self, answer_id: str, question: str, engine: str, timings: dict[str, float], started: float) -> None:
        self.sentences: list[Sentence] = []
        self._items: list[int] = []
        self._citations: dict[tuple[str, int, int], Citation] = {}
        self._id, self._question, self._engine = answer_id, question, engine
        self._timings, self._started = timings, started
        self.confidence = 0.0

    def say(self, draft: Draft, judgement: Judgement) -> Said:
        """Add a sentence with a citation for every span that supports it."""
        if not self.sentences:
            self._timings["first_token"] = _ms(self._started)
        markers, new = [], []
        for span in _joined(judgement.support):
            key = (span.article_id, span.start, span.end)
            if key not in self._citations:
                self._citations[key] = replace(span, marker=len(self._citations) + 1)
                new.append(self._citations[key])
            markers.append(self._citations[key].marker)
        sentence = Sentence(draft.text, tuple(markers), judgement.verdict, round(judgement.score, 4))
        self.sentences.append(sentence)
        self._items.append(draft.item)
        return Said(sentence, tuple(new), draft.item)

    def take(self, other: Answer) -> Iterator[Said]:
        """Say what another answer says and this one did not, with its citations numbered anew."""
        cited = {c.marker: c for c in other.citations}
        self._timings["retrieve"] = round(self._timings["retrieve"] + other.timings_ms["retrieve"], 1)
        for sentence, item in zip(other.sentences, other.items, strict=True):
            if self.has_said(sentence.text):
                continue
            if not self.sentences:
                self._timings["first_token"] = _ms(self._started)
            markers, new = [], []
            for span in (cited[m] for m in sentence.markers):
                key = (span.article_id, span.start, span.end)
                if key not in self._citations:
                    self._citations[key] = replace(span, marker=len(self._citations) + 1)
                    new.append(self._citations[key])
                markers.append(self._citations[key].marker)
            said = replace(sentence, markers=tuple(markers))
            self.sentences.append(said)
            self._items.append(item)
            yield Said(said, tuple(new), item)

    def renumbered(self, other: Answer) -> str:
        """The note of an answer that was taken, its markers as they are here."""
        here = {c.marker: self._citations[c.article_id, c.start, c.end].marker for c in other.citations}
        return re.sub(r"\[(\d+)\]", lambda m: f"[{here[int(m[1])]}]", other.note)

    def has_said(self, text: str) -> bool:
        """Whether the same sentence was said before; small models repeat themselves."""
        plain = _plain(text)
        return any(_plain(s.text) == plain for s in self.sentences)

    def cites(self, piece: Evidence) -> Citation | None:
        """The citation that holds a piece of evidence, if there is one."""
        same = (c for c in self.citations if c.article_id == piece.chunk.article_id)
        return next((c for c in same if c.start <= piece.start and piece.end <= c.end), None)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations so far, in the order of their markers."""
        return tuple(self._citations.values())

    def finish(self, note: str = "") -> Answer:
        """The answer as it stands."""
        return Answer(
            id=self._id,
            question=self._question,
            answer=join_sentences(self.sentences, self._items),
            refused=False,
            refusal_reason=None,
            citations=self.citations,
            sentences=tuple(self.sentences),
            engine=self._engine,
            timings_ms=self._timings | {"total": _ms(self._started)},
            items=tuple(self._items),
            note=note,
            confidence=self.confidence,
        )

    def refuse(self, reason: RefusalReason, text: str, related: tuple[Citation, ...] = ()) -> Answer:
        """A refusal: no citations, no sentences."""
        return Answer(
            id=self._id,
            question=self._question,
            answer=text,
            refused=True,
            refusal_reason=reason,
            citations=(),
            sentences=(),
            engine=self._engine,
            timings_ms=self._timings | {"total": _ms(self._started)},
            related=related,
            confidence=self.confidence,
        )

    def talk(self, reply: str) -> Answer:
        """A reply to a greeting or thanks: nothing was looked up, so nothing is cited."""
        return replace(self.finish(), answer=reply)


def join_sentences(sentences: Sequence[Sentence], items: Sequence[int]) -> str:
    """Sentences with their markers as Markdown text; list items stand on lines of their own, as deep as `items` say."""
    text = ""
    for n, (sentence, item) in enumerate(zip(sentences, items, strict=True)):
        marked = sentence.text + "".join(f" [{m}]" for m in sentence.markers)
        if sentence.verdict == "unsupported":
            marked = f"{prompts.UNSUPPORTED_MARK} {sentence.text}"
        if item:
            text += ("\n" if n and items[n - 1] else "\n\n") + f"{'  ' * (item - 1)}- {marked}"
        else:
            text += ("\n\n" if begins_paragraph(sentences, items, n) else " ") + marked
    return text.strip()


def _joined(support: Sequence[Evidence]) -> list[Citation]:
    """One citation a run of neighbouring evidence: spans that touch become one."""
    spans: list[Citation] = []
    last_place = -2
    for e in support:
        if spans and e.place == last_place + 1 and spans[-1].article_id == e.chunk.article_id:
            previous = spans[-1]
            quote = e.chunk.text[previous.start - e.chunk.start : e.end - e.chunk.start]
            if previous.start >= e.chunk.start:
                spans[-1] = replace(previous, end=e.end, quote=quote)
                last_place = e.place
                continue
        spans.append(_citation(e, 0))
        last_place = e.place
    return spans


def _citation(e: Evidence, marker: int) -> Citation:
    c = e.chunk
    place = c.where(e.start)
    return Citation(marker, c.article_id, c.article, c.section_at(e.start), c.source, e.start, e.end, e.text, **place)


def _related(evidence: Sequence[Evidence], count: int = 3) -> tuple[Citation, ...]:
    best = sorted((e for e in evidence if not e.heading and not e.aside), key=lambda e: (-e.score, e.place))[:count]
    return tuple(_citation(e, n) for n, e in enumerate(best, 1))


def _is_far(turn: Turn) -> bool:
    return turn.reply.startswith(prompts.NOTHING_RETRIEVED)


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 1)
