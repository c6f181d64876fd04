"""The corpus tab: what is in the index, article by article."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import gradio as gr

from bot.page.parts import QUIET, html
from bot.page.service import Service
from bot.render import outline, passages
from bot.suggest import question_heading
from index.store import MANIFEST
from ingest.errors import PinciteError

_SHOWN = 100


def build(service: Service, tab: gr.Tab, views: gr.Tabs, events: gr.HTML, filters: gr.Dropdown) -> None:
    """Lay the tab out and wire it; `filters` is the chat's choice of articles."""
    title = gr.Textbox(
        placeholder="Filter by title",
        label="Filter by title",
        show_label=False,
        container=False,
        max_lines=1,
        elem_id="title-filter",
    )
    with gr.Row(elem_id="corpus-row"):
        with gr.Column(scale=5, min_width=300):
            listed = html(passages.nothing("The articles appear here once the index is loaded."), elem_id="articles")
        with gr.Column(scale=4, min_width=280):
            contents = html(passages.nothing("Press Outline to see an article's sections and questions."))

    def show(text: str) -> str:
        return articles_html(service, text)

    def expand(event: gr.EventData) -> str:
        return outline_html(service, str(event.article))

    def about(event: gr.EventData) -> tuple[Any, Any]:
        return gr.Dropdown(value=[str(event.article)]), gr.Tabs(selected="chat")

    tab.select(show, title, listed, **QUIET)
    title.change(show, title, listed, **QUIET)
    events.expand(expand, outputs=contents, **QUIET)
    events.input(about, outputs=[filters, views], **QUIET)


def articles_html(service: Service, text: str) -> str:
    """The articles whose title holds `text`; HTML."""
    try:
        index = service.ready().retriever.index
    except PinciteError as error:
        return passages.nothing(str(error))
    matching = [a for a in index.articles.values() if text.strip().casefold() in a.title.casefold()]
    shown = matching[:_SHOWN]
    held = {a.article_id for a in shown}
    chunks = list(index.store.chunks_of(held))
    passages_of, words = Counter(c.article_id for c in chunks), Counter[str]()
    questions: dict[str, set[str]] = {name: set() for name in held}
    for chunk in chunks:
        words[chunk.article_id] += chunk.words
        if asked := question_heading(chunk):
            questions[chunk.article_id].add(asked)
    rows = [
        (a, outline.Counts(passages_of[a.article_id], len(questions[a.article_id]), words[a.article_id])) for a in shown
    ]
    written = datetime.fromtimestamp((index.folder / MANIFEST).stat().st_mtime).astimezone()
    summary = outline.corpus_summary(index.manifest, written)
    return summary + outline.article_list(rows, len(matching) - len(shown))


def outline_html(service: Service, article_id: str) -> str:
    """One article's outline; HTML."""
    try:
        index = service.ready().retriever.index
    except PinciteError as error:
        return passages.nothing(str(error))
    article = index.articles.get(article_id)
    if article is None:
        return passages.nothing("This article is no longer in the index.")
    return outline.article_outline(article, list(index.store.chunks_of({article_id})))
