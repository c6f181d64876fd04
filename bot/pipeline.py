"""One question, top to bottom: retrieve, gather evidence, see whether it answers, draft, check, cite, answer.

`Pipeline.stream` yields what is known as soon as it is known: the hits, each checked sentence with its
citations, and at last the `Answer`. Presentation happens elsewhere.
"""

from __future__ import annotations

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
from bot.evidence import Evidence, EvidenceConfig, about_named, asking_sections, favoured, gather, placed_anew
from bot.lists import rest_of_section
from bot.log import log_answer
from bot.nearness import NEAR, Nearness, QueryWords
from bot.values import Answer
from bot.verify import Verifier
from bot.writer import TIMINGS, Said, Writer, elapsed_ms, plain, related_citations
from index.encode import Encoded
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
from ingest.values import Chunk


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


_NEARLY = 0.17  # below the least nearness, where literal words decide
_ELSEWHERE = 0.15  # how much farther than what is refused a short message must be, said among others
_BRIEF_LIST = 4  # lines of a short answer that is a list
_MORE = 0.82  # how near what is told further comes to the best evidence
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

    def _query(self, found: Retrieval) -> Encoded:
        return found.encoded or self.retriever.encoder.encode_query(found.query)

    def _asking_sections(self, found: Retrieval) -> list[Chunk]:
        return asking_sections(self._query(found), found.hits, self._encoder, self.retriever.index.tokens)

    def _rest(self, question: str, hits: Sequence[Hit], same: Sequence[Chunk] = ()) -> list[Hit]:
        articles = {hit.chunk.article_id for hit in hits}
        return rest_of_section(question, hits, self.retriever.index.store.chunks_of(articles), same)

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
            yield Writer(question_id, question, engine.name, dict.fromkeys(TIMINGS, 0.0), started).talk(reply)
            return
        turns = self._turns(check_history(history))
        bare, manner = _asked_for(question)
        reading = self._read(bare, turns)
        history = [{"role": "user", "content": t.question} for t in turns if not _is_far(t) and not wish(t.question)]
        writer = partial(Writer, question_id, question, engine.name)
        answered = partial(self._answered, started, reading, manner, engine, history, articles, writer)
        if isinstance(engine, ExtractiveEngine) and not (reading.wish or manner.sentences):
            told = self._told_apart(reading.question, manner, engine, articles, writer)
            has_answer = [_is_answer(events[-1]) for _part, events in told]
            if any(has_answer):
                whole = [] if all(has_answer) else [*answered(reading.question)]
                if whole and _is_answer(whole[-1]):
                    yield from whole
                else:
                    yield from _together(told, writer(dict.fromkeys(TIMINGS, 0.0), started))
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
        writer: Callable[[dict[str, float], float], Writer],
    ) -> list[tuple[str, list[Event]]]:
        """Each of several questions in one, as those before it tell to read it, with the events of its answer, all
        within the word budget; nothing where one thing is asked, or a comparison, or what a heading asks in one, too.
        """
        parts = several(question)
        if not parts or compared(question, self._titles_by_name):
            return []
        found, _near = self._search(question, (), articles)
        if self._asking_sections(found):
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
        writer: Callable[[dict[str, float], float], Writer],
        asking: str,
    ) -> Iterator[Event]:
        """The events of one reading of a question: what was found, then what is said of it."""
        asking = self.retriever.corrected(asking)
        retrieval, near = self._search(asking, history, articles)
        parts = [] if articles else compared(asking, self._titles_by_name)
        compared_hits = self._hits(parts)
        hits = tuple(hit for _part, found in compared_hits for hit in found) or retrieval.hits
        timings = {"retrieve": elapsed_ms(started), "first_token": elapsed_ms(started), "total": 0.0}
        yield Found(hits, retrieval.timings_ms)
        answer = writer(timings, started)
        query = self._query(retrieval)
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
        same = [] if parts else self._asking_sections(retrieval)
        passages = [*hits, *(rest if parts else self._rest(asking, hits, same))]
        found = gather(retrieval, passages, self._encoder, self.retriever.index.tokens, self.config.evidence, same)
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
            yield answer.refuse("not_supported", prompts.NOT_SUPPORTED, related_citations(asking, found))
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
            yield answer.refuse("not_supported", prompts.NOT_SUPPORTED, related_citations(asking, found))
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


def _together(told: Sequence[tuple[str, Sequence[Event]]], answer: Writer) -> Iterator[Event]:
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
    before = plain(said)
    left = [e for e in evidence if e.heading or plain(e.clean) not in before]
    least = _MORE * max(e.score for e in evidence)
    telling = {e.chunk.chunk_id for e in left if e.score >= least and not (e.heading or e.leads or e.aside)}
    return placed_anew([e for e in left if e.chunk.chunk_id in telling])


def _is_far(turn: Turn) -> bool:
    return turn.reply.startswith(prompts.NOTHING_RETRIEVED)
