"""The chat tab: its components, and what every event on it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from bot.feedback import Vote
from bot.page.chat import STOPPED, converse, live_html, past_html, sources_html, stopped
from bot.page.conversation import Conversation, Turn, read_conversation
from bot.page.parts import QUIET, Side, html
from bot.page.running import Answers
from bot.page.service import Service, engine_choices
from bot.render import export, frame, transcript
from ingest.errors import PinciteError

_CHOICES = 2000  # articles offered as filters
Outputs = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Talk:
    """The components of the tab. `stored` and `listed` carry what the browser keeps, `file` what it saves."""

    conversation: gr.State
    editing: gr.State
    past: gr.HTML
    live: gr.HTML
    notice: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    engine: gr.Dropdown
    articles: gr.Dropdown
    history: gr.HTML
    stored: gr.JSON
    listed: gr.JSON
    file: gr.JSON


def layout(service: Service) -> Talk:
    """Lay the tab out."""
    with gr.Row(elem_id="chat-row"):
        with gr.Column(elem_id="history", scale=2, min_width=190):
            html(frame.new_button())
            history = html(transcript.conversations([], ""))
        with gr.Column(elem_id="talk", scale=7, min_width=300):
            with gr.Column(elem_id="chat"):
                past = html(past_html(service, Conversation()), elem_id="past")
                live = html("", elem_id="live")
            notice = html("", elem_id="notice")
            with gr.Row(elem_id="ask"):
                question = gr.Textbox(
                    placeholder="Ask a question",
                    label="Question",
                    show_label=False,
                    container=False,
                    max_lines=6,
                    scale=8,
                    elem_id="question",
                    autofocus=True,
                )
                send = gr.Button("Ask", variant="primary", scale=0, min_width=84, elem_id="send")
                stop = gr.Button("Stop", scale=0, min_width=84, elem_id="stop", visible=False)
            with gr.Row(elem_id="options"):
                choices = engine_choices()
                engine = gr.Dropdown(
                    choices, value=choices[0][1], label="How answers are written", elem_id="engine", min_width=380
                )
                articles = gr.Dropdown(
                    [], multiselect=True, label="Only from these articles (all)", elem_id="filter", min_width=200
                )
            html(frame.keeping(service.feedback.path is not None))
    return Talk(
        conversation=gr.State(Conversation()),
        editing=gr.State(-1),
        past=past,
        live=live,
        notice=notice,
        question=question,
        send=send,
        stop=stop,
        engine=engine,
        articles=articles,
        history=history,
        stored=gr.JSON(visible=False),
        listed=gr.JSON(visible=False),
        file=gr.JSON(visible=False),
    )


def connect(
    service: Service, page: gr.Blocks, events: gr.HTML, talk: Talk, side: Side, views: gr.Tabs, status: gr.HTML
) -> None:
    """Wire the tab's events."""
    shown = [talk.past, talk.live, talk.conversation, side.sources]
    streamed = [*shown, side.tabs, talk.question, talk.notice, talk.editing, talk.send, talk.stop]
    said = [talk.conversation, talk.engine, talk.articles]

    def keep(event: Any) -> Any:
        """After an event, hand the conversation to the browser and show the list it answers with."""
        return event.then(_record, talk.conversation, talk.stored, **QUIET).then(
            _listed, [talk.stored, talk.conversation], talk.history, js=_SAVE, **QUIET
        )

    answers = Answers()

    async def submit(
        request: gr.Request, text: str, at: int, conversation: Conversation, engine: str, only: list[str]
    ) -> AsyncIterator[Outputs]:
        if not text.strip():  # before it could end an answer that is being told
            yield (gr.skip(),) * len(streamed)
            return
        session = str(request.session_hash)
        running = await answers.begin(session)
        conversation = stopped(conversation)  # an answer that this question cut short
        try:
            async with aclosing(running.follow(_asked(service, text, at, conversation, engine, only))) as steps:
                async for outputs in steps:
                    conversation = outputs[2] if isinstance(outputs[2], Conversation) else conversation
                    yield outputs
            if running.stopped:
                now = stopped(conversation)
                yield gr.skip(), live_html(now), now, *(gr.skip(),) * 5, *_IDLE
        finally:
            answers.end(session, running)

    async def press(request: gr.Request, event: gr.EventData, *said: Any) -> AsyncIterator[Outputs]:
        async for outputs in submit(request, str(event.question), -1, *said):
            yield outputs

    async def again(request: gr.Request, conversation: Conversation, *said: Any) -> AsyncIterator[Outputs]:
        if conversation.turns:
            at = len(conversation.turns) - 1
            async for outputs in submit(request, conversation.turns[at].question, at, conversation, *said):
                yield outputs

    async def stop(request: gr.Request) -> None:
        answers.stop(str(request.session_hash))

    answering: dict[str, Any] = {"concurrency_limit": 4, "concurrency_id": "answer", **QUIET}
    # A question sent while another is still answered waits for its turn: Gradio's own default drops it without a word.
    sent, typed = [talk.question.submit, talk.send.click], [talk.question, talk.editing, *said]
    asked: list[Any] = [
        gr.on(sent, submit, typed, streamed, trigger_mode="always_last", **answering),
        events.submit(press, said, streamed, **answering),
        events.retry(again, said, streamed, **answering),
    ]
    for event in asked:
        keep(event)

    talk.stop.click(stop, **QUIET)

    def edit(conversation: Conversation) -> Outputs:
        if not conversation.turns:
            return gr.skip(), gr.skip(), gr.skip()
        at = len(conversation.turns) - 1
        return conversation.turns[at].question, at, frame.editing()

    edited = [talk.question, talk.editing, talk.notice]
    events.edit(edit, talk.conversation, edited, **QUIET).then(None, js=_FOCUS, **QUIET)
    events.clear(lambda: ("", -1, ""), outputs=edited, **QUIET).then(None, js=_FOCUS, **QUIET)

    def vote(event: gr.EventData, conversation: Conversation) -> Outputs:
        return _voted(service, conversation, int(event.turn), str(event.vote))

    keep(events.like(vote, talk.conversation, [talk.past, talk.live, talk.conversation], **QUIET))

    def sources(event: gr.EventData, conversation: Conversation) -> Outputs:
        return sources_html(service, conversation, int(event.turn)), gr.Tabs(selected="sources")

    events.select(sources, talk.conversation, [side.sources, side.tabs], **QUIET)
    _connect_conversations(service, page, events, talk, shown, answers, status)


def _connect_conversations(
    service: Service, page: gr.Blocks, events: gr.HTML, talk: Talk, shown: list[Any], answers: Answers, status: gr.HTML
) -> None:
    """The list of conversations, and what is found again on a reload."""
    renewed = [*shown, talk.send, talk.stop, talk.history]

    def whole(conversation: Conversation, listed: Any) -> Outputs:
        return (
            past_html(service, conversation),
            live_html(conversation),
            conversation,
            sources_html(service, conversation),
            gr.Button(visible=True),
            gr.Button(visible=False),
            _listed(listed, conversation),
        )

    timer = gr.Timer(1.0, active=False)  # while the index loads: later it could bring back what is no longer shown

    def restore(listed: Any, record: Any) -> Outputs:
        loading = gr.Timer(active=service.pipeline is None)
        conversation, _problem = _read(record)
        shown = frame.status(service.state, service.failed)
        return *whole(conversation, listed), _articles(service), shown, loading

    async def load(request: gr.Request, event: gr.EventData, listed: Any) -> Outputs:
        await answers.leave(str(request.session_hash))
        conversation, problem = _read(event.record)
        if problem:
            gr.Warning(problem)
        return whole(conversation, listed)

    async def begin(request: gr.Request, listed: Any) -> Outputs:
        await answers.leave(str(request.session_hash))
        return whole(Conversation(), listed)

    async def delete(request: gr.Request, event: gr.EventData, conversation: Conversation) -> Outputs:
        if conversation.id != event.id:
            return *(gr.skip(),) * 6, _listed(event.list, conversation)
        await answers.leave(str(request.session_hash))
        return whole(Conversation(), event.list)

    def file(event: gr.EventData) -> dict[str, str]:
        conversation, problem = _read(event.record)
        if problem:
            gr.Warning(problem)
            return {}
        turns = [(turn.question, turn.answer) for turn in conversation.turns]
        return {"name": "conversation.md", "text": export.conversation_markdown(conversation.title, turns)}

    page.load(restore, [talk.listed, talk.stored], [*renewed, talk.articles, status, timer], js=_RESTORE, **QUIET)
    events.option_select(load, talk.listed, renewed, js=_LIST, **QUIET)
    events.undo(begin, talk.listed, renewed, js=_LIST, **QUIET)
    events.delete(delete, talk.conversation, renewed, **QUIET)
    events.apply(_relisted, talk.conversation, talk.history, **QUIET)
    events.download(file, outputs=talk.file, **QUIET).then(None, talk.file, js=_DOWNLOAD, **QUIET)

    def tick(conversation: Conversation) -> Outputs:
        shown = frame.status(service.state, service.failed)
        if service.pipeline is None:
            return shown, gr.Timer(active=not service.failed), gr.skip(), gr.skip(), gr.skip()
        past, sources = past_html(service, conversation), sources_html(service, conversation)
        return shown, gr.Timer(active=False), _articles(service), past, sources

    timer.tick(tick, talk.conversation, [status, timer, talk.articles, shown[0], shown[3]], **QUIET)


_BUSY = ({"visible": False, "__type__": "update"}, {"visible": True, "__type__": "update"})  # Ask, Stop
_IDLE = _BUSY[::-1]
_SAVE = "(record) => [window.pincite.save(record), null]"
_RESTORE = "() => window.pincite.restore()"
_LIST = "() => [window.pincite.list()]"
_DOWNLOAD = "(file) => window.pincite.download(file)"
_FOCUS = "() => { document.querySelector('#question textarea').focus(); return []; }"


def _asked(
    service: Service, text: str, at: int, conversation: Conversation, engine: str, articles: list[str]
) -> Iterator[Outputs]:
    """Stream an answer: what `streamed` shows after every event."""
    skip = gr.skip()
    if at < 0:
        unanswered = bool(conversation.turns and conversation.turns[-1].problem not in ("", STOPPED))
        at = len(conversation.turns) - unanswered
    begun: Turn | None = None
    for now in converse(service, conversation, text, engine, articles or [], at):
        turn = now.turns[-1]
        if begun is None:
            tab = gr.Tabs(selected="sources")
            yield past_html(service, now), live_html(now), now, skip, tab, "", "", -1, *_BUSY
        else:
            panel = sources_html(service, now) if turn.answer or turn.hits != begun.hits else skip
            yield skip, live_html(now), now, panel, *(skip,) * 6
        begun = turn
    box = text if begun and begun.problem else skip
    yield (skip,) * 5 + (box, skip, skip, *_IDLE)


def _voted(service: Service, conversation: Conversation, number: int, vote: str) -> Outputs:
    """Record a vote; the same one again takes it back."""
    turns = conversation.turns
    if not 0 <= number < len(turns):
        return gr.skip(), gr.skip(), gr.skip()
    turn = turns[number]
    cast: Vote = "up" if vote == "up" else "down"
    now = replace(turn, vote=None if turn.vote == cast else cast)
    conversation = replace(conversation, turns=(*turns[:number], now, *turns[number + 1 :]))
    hits = service.chunks(now.hits)
    service.feedback.add("vote", now.question, conversation.history(number), now.answer, hits, now.vote)
    return past_html(service, conversation), live_html(conversation), conversation


def _record(conversation: Conversation) -> dict[str, Any]:
    return conversation.record()


def _read(record: Any) -> tuple[Conversation, str]:
    """A conversation of the browser's, or a new one and what is wrong."""
    if record is None:
        return Conversation(), ""
    try:
        return read_conversation(record), ""
    except PinciteError as error:
        return Conversation(), str(error)


def _listed(listed: Any, conversation: Conversation) -> str:
    rows = listed if isinstance(listed, list) else []
    pairs = [(str(r.get("id", "")), str(r.get("title", ""))) for r in rows if isinstance(r, dict)]
    return transcript.conversations(pairs, conversation.id)


def _relisted(event: gr.EventData, conversation: Conversation) -> str:
    return _listed(event.list, conversation)


def _articles(service: Service) -> Any:
    if service.pipeline is None:
        return gr.skip()
    articles = list(service.pipeline.retriever.index.articles.values())[:_CHOICES]
    return gr.Dropdown(choices=[(a.title, a.article_id) for a in articles])
