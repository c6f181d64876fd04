"""The layout of the page: a header, the tabs, the panel beside them. Each tab's events stand in its own module."""

from __future__ import annotations

from typing import Any

import gradio as gr

from bot.api import Api
from bot.page import chat_tab, corpus_tab, eval_tab, search_tab
from bot.page.endpoints import add_endpoints
from bot.page.parts import STATIC, Side, html, script_text
from bot.page.reader import read
from bot.page.service import Service
from bot.render import frame, passages


def build_page(service: Service) -> gr.Blocks:
    """The page over a service."""
    page = gr.Blocks(title="Pincite", analytics_enabled=False, fill_width=True)
    with page:
        with gr.Row(elem_id="top"):
            html(frame.header())
            status = html(frame.status(service.state, service.failed), elem_id="status")
        events = html("", "events.js", visible="hidden")
        with gr.Row(elem_id="shell"):
            with gr.Column(elem_id="main", scale=8, min_width=320):
                views = gr.Tabs(elem_id="views", selected="chat")
                with views:
                    with gr.Tab("Chat", id="chat"):
                        talk = chat_tab.layout(service)
                    with gr.Tab("Search", id="search"):
                        search_tab.build(service)
                    with gr.Tab("Corpus", id="corpus") as corpus:
                        corpus_tab.build(service, corpus, views, events, talk.articles)
                    with gr.Tab("Eval", id="eval") as figures:
                        eval_tab.build(figures)
            with gr.Column(elem_id="side", scale=4, min_width=320):
                html(frame.close_button(), elem_id="side-close")
                with gr.Tabs(elem_id="side-tabs") as tabs:
                    with gr.Tab("Passages", id="sources"):
                        sources = html(passages.nothing("The passages behind an answer appear here."))
                    with gr.Tab("Reader", id="reader"):
                        reader = html(
                            passages.nothing("Press a number in an answer to read it in its article."),
                            "reader.js",
                            elem_id="reader",
                        )
        side = Side(tabs, sources, reader)

        def open_reader(event: gr.EventData) -> tuple[str, gr.Tabs]:
            return read(service, str(event.link), str(event.quote)), gr.Tabs(selected="reader")

        events.click(open_reader, outputs=[reader, tabs], show_progress="hidden", api_visibility="private")
        chat_tab.connect(service, page, events, talk, side, views, status)
        add_endpoints(page, Api(service))
    page.queue(max_size=2 * service.limits.waiting)
    return page


def launch_options() -> dict[str, Any]:
    """What `launch` needs to know about the page's look and scripts."""
    return {
        "theme": _theme(),
        "css_paths": [STATIC / "page.css"],
        "head": "".join(f"<script>{script_text(name)}</script>" for name in ("store.js", "popover.js")),
        "footer_links": [],
        "ssr_mode": False,
    }


def _theme() -> gr.themes.Base:
    """Gradio's soft theme on the system's own fonts (nothing is fetched), its blue dark enough to read."""
    fonts = ["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]
    mono = ["ui-monospace", "Menlo", "monospace"]
    return gr.themes.Soft(primary_hue="blue", neutral_hue="slate", font=fonts, font_mono=mono).set(
        color_accent="*primary_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_300",
    )
