"""The chat: one question streamed into messages and source cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from bot import render
from bot.page.service import Service
from bot.values import Answer, Citation
from ingest.errors import PinciteError

if TYPE_CHECKING:
    from index.retrieve import Hit

NO_SOURCES = '<p class="nothing">The passages behind an answer appear here.</p>'


def respond_to(
    service: Service, text: str, messages: list[dict[str, Any]], engine_name: str
) -> Iterator[tuple[Any, ...]]:
    """Stream one answer: (question box, chat, sources, tabs) after every event."""
    if not text.strip():
        yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return
    history = [{"role": m["role"], "content": _plain(m["content"])} for m in messages]
    shown = [*messages, {"role": "user", "content": render.inert(text)}]
    if service.pipeline is None:
        reply = {"role": "assistant", "content": render.inert(service.state + " Ask again in a moment.")}
        yield text, [*shown, reply], gr.skip(), gr.skip()
        return
    from bot.pipeline import Found, Said

    body, listed = "", False
    hits: tuple[Hit, ...] = ()
    citations: list[Citation] = []
    tab = gr.Tabs(selected="sources")
    try:
        for event in service.pipeline.stream(text, service.engine(engine_name), history):
            if isinstance(event, Found):
                hits = event.hits
                waiting = {"role": "assistant", "content": "..."}
                yield "", [*shown, waiting], render.source_cards(hits, []), tab
            elif isinstance(event, Said):
                citations += event.citations
                body += render.chat_sentence(event.sentence, citations, event.item, listed, not body)
                listed = event.item
                yield "", [*shown, _reply(body)], render.source_cards(hits, citations), gr.skip()
            else:
                body, citations = _finished(event)
                cards = () if event.refusal_reason == "nothing_retrieved" else hits
                panel = render.source_cards(cards, citations) if event.refused or citations else gr.skip()
                yield "", [*shown, _reply(body)], panel, gr.skip()
    except PinciteError as error:
        yield text, [*shown, _reply(render.inert(str(error)))], gr.skip(), gr.skip()


def _finished(answer: Answer) -> tuple[str, list[Citation]]:
    """The final text of an answer (it may replace what was streamed) and its citations."""
    body, listed = "" if answer.sentences or answer.refused else render.inert(answer.answer), False
    for sentence, item in zip(answer.sentences, answer.items, strict=True):
        body += render.chat_sentence(sentence, answer.citations, item, listed, not body)
        listed = item
    return body + render.chat_closing(answer), list(answer.citations)


def _reply(body: str) -> dict[str, str]:
    return {"role": "assistant", "content": body}


def _plain(content: Any) -> str:
    """The text of a chat message; Gradio hands content over as a list of blocks."""
    if isinstance(content, str):
        return content.replace("\\", "")
    blocks = content if isinstance(content, list) else [content]
    texts = [str(b.get("text", "")) if isinstance(b, dict) else str(b) for b in blocks]
    return " ".join(texts).replace("\\", "")
