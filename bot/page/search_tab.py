"""The search tab: one search taken apart."""

from __future__ import annotations

from typing import Any

import gradio as gr

from bot.page.parts import QUIET, html
from bot.page.service import Service
from bot.render import inspection, passages
from ingest.errors import PinciteError

_SHOWN = 10  # passages a column
_EXPLAINED = 5


def build(service: Service) -> None:
    """Lay the tab out and wire it."""
    with gr.Row(elem_id="search-row"):
        query = gr.Textbox(
            placeholder="Search the articles",
            label="Query",
            show_label=False,
            container=False,
            max_lines=1,
            elem_id="query",
            scale=8,
        )
        search = gr.Button("Search", variant="primary", scale=0, min_width=96)
        case = gr.Button(
            "Make this an eval case", scale=0, min_width=200, interactive=service.feedback.path is not None
        )
    said = "" if service.feedback.path else "Cases are written to the file that PINCITE_FEEDBACK names; none is named."
    notice = html(passages.nothing(said) if said else "")
    found = html(passages.nothing("See what each stage of the search finds, and why."), elem_id="found")

    def look(text: str) -> str:
        return inspect(service, text)

    def keep(text: str) -> str:
        return make_case(service, text)

    for event in (query.submit, search.click):
        event(look, query, found, **QUIET)
    case.click(keep, query, notice, **QUIET)


def inspect(service: Service, text: str) -> str:
    """One search in all its stages; HTML."""
    from index.encode import passage_text
    from index.explain import explain, stage_orders, unread_from

    try:
        retriever = service.ready().retriever
        result = retriever.search(text, _EXPLAINED)
    except PinciteError as error:
        return passages.nothing(str(error))
    parts = [inspection.searched_for(text, result.query), inspection.timings(result.timings_ms)]
    parts.append(inspection.stage_columns(stage_orders(retriever, result, _SHOWN)))
    if result.encoded:
        for hit in result.hits:
            matches, unread = explain(retriever, result.encoded, hit), unread_from(retriever, hit)
            parts.append(inspection.explained(hit, passage_text(hit.chunk), matches, unread))
    return "".join(parts)


def make_case(service: Service, text: str) -> str:
    """Append the query with its first hits to the feedback file as a candidate question; HTML."""
    try:
        found: Any = service.ready().retriever.search(text)
    except PinciteError as error:
        return passages.nothing(str(error))
    service.feedback.add("case", text.strip(), hits=[hit.chunk for hit in found.hits])
    return passages.nothing("Written as a candidate; `python -m eval collect` turns candidates into judged questions.")
