"""The chat: a question streamed turn by turn into a conversation, and that conversation as HTML."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bot.page.conversation import Conversation, Turn, new_id
from bot.page.service import Service
from bot.render import passages, read_link, transcript
from bot.suggest import example_questions, follow_ups
from bot.values import Answer, Citation, Sentence
from ingest.errors import PinciteError
from ingest.values import Chunk

STOPPED = "Stopped."
CHANGED = "Articles were edited since, and what is missing here with them. Ask again to see them as they are."


def converse(
    service: Service, conversation: Conversation, text: str, engine: str, articles: Collection[str], at: int
) -> Iterator[Conversation]:
    """The conversation after every event while turn `at` is answered; what stood there and after it goes."""
    kept = replace(conversation, id=conversation.id or new_id(), turns=conversation.turns[:at])
    history = kept.history(at)
    turn = Turn(text)
    yield kept.with_turn(at, turn)
    try:
        for now in _answered(service, turn, engine, articles, history):
            turn = now
            yield kept.with_turn(at, turn)
    except PinciteError as error:
        turn = replace(turn, answer=None, problem=str(error), done=True)
        yield kept.with_turn(at, turn)
    if turn.answer:
        service.feedback.add("question", text, history, turn.answer, service.chunks(turn.hits))


def _answered(
    service: Service, turn: Turn, engine: str, articles: Collection[str], history: Sequence[dict[str, str]]
) -> Iterator[Turn]:
    pipeline = service.ready()
    from bot.pipeline import Found
    from bot.writer import Said

    sentences: list[Sentence] = []
    items: list[int] = []
    citations: list[Citation] = []
    for event in service.stream(turn.question, engine, history, articles or None):
        if isinstance(event, Found):
            turn = replace(turn, hits=tuple(_link(h.chunk) for h in event.hits))
        elif isinstance(event, Said):
            sentences.append(event.sentence)
            items.append(event.item)
            citations += event.citations
            turn = replace(turn, answer=_partial(turn.question, engine, sentences, items, citations))
        else:
            hits = () if event.refusal_reason == "nothing_retrieved" else _with_cited(service, turn.hits, event)
            turn = replace(turn, answer=event, hits=hits, done=True)
        yield turn
    if turn.answer:
        asked = [*(m["content"] for m in history if m["role"] == "user"), turn.question]
        offered = follow_ups(pipeline.retriever, turn.answer, asked, articles or None)
        if offered:
            yield replace(turn, follow_ups=tuple(offered))


def _with_cited(service: Service, hits: Sequence[str], answer: Answer) -> tuple[str, ...]:
    """Links of the hits, then of what else the answer cites: what a list or a comparison brought along is no hit."""
    cited = [_link(chunk) for chunk in service.holding(answer.citations)]
    return tuple(dict.fromkeys([*hits, *cited]))


def _link(chunk: Chunk) -> str:
    return read_link(chunk.article_id, chunk.start, chunk.end)


def _partial(
    question: str, engine: str, sentences: Sequence[Sentence], items: Sequence[int], citations: Sequence[Citation]
) -> Answer:
    return Answer(
        id="",
        question=question,
        answer=" ".join(s.text for s in sentences),
        refused=False,
        refusal_reason=None,
        citations=tuple(citations),
        sentences=tuple(sentences),
        engine=engine,
        items=tuple(items),
    )


def stopped(conversation: Conversation) -> Conversation:
    """The conversation with its last turn as far as it came."""
    if not conversation.turns or conversation.turns[-1].done:
        return conversation
    last = conversation.turns[-1]
    answer = replace(last.answer, note=STOPPED) if last.answer else None
    done = replace(last, answer=answer, problem="" if answer else STOPPED, done=True)
    return replace(conversation, turns=(*conversation.turns[:-1], done))


def past_html(service: Service, conversation: Conversation) -> str:
    """Every turn but the last, or the welcome."""
    if not conversation.turns:
        return transcript.welcome(example_questions(service.sample()))
    return "".join(_turn_html(n, t, last=False) for n, t in enumerate(conversation.turns[:-1]))


def live_html(conversation: Conversation) -> str:
    """The last turn, the only one that changes while it streams."""
    if not conversation.turns:
        return ""
    return _turn_html(len(conversation.turns) - 1, conversation.turns[-1], last=True)


def _turn_html(number: int, turn: Turn, last: bool) -> str:
    asked = transcript.question_block(number, turn.question, last and turn.done)
    if turn.problem:
        body = transcript.problem_block(turn.problem, failed=turn.problem != STOPPED, last=last)
    elif turn.answer:
        body = transcript.answer_block(number, turn.answer, not turn.done, turn.vote, last)
    else:
        body = transcript.waiting()
    more = transcript.suggestions(turn.follow_ups, "follow-ups", "You could go on with") if last else ""
    return f'<article class="turn">{asked}{body}{more}</article>'


def sources_html(service: Service, conversation: Conversation, number: int = -1) -> str:
    """The passages behind a turn."""
    turns: tuple[Turn, ...] = conversation.turns
    if not -len(turns) <= number < len(turns):
        return passages.nothing("The passages behind an answer appear here.")
    turn = turns[number]
    chunks: Sequence[Chunk] = service.chunks(turn.hits)
    if not turn.answer and not chunks:
        return passages.nothing("The passages behind an answer appear here.")
    if turn.answer and not turn.answer.citations and not turn.answer.refused:
        return passages.nothing("Nothing was looked up for this reply.")
    cited = turn.answer.citations if turn.answer else ()
    lost = passages.nothing(CHANGED) if len(chunks) < len(turn.hits) and service.pipeline else ""
    return lost if lost and not chunks else passages.source_cards(chunks, cited) + lost
