"""The layout of the page and its events; what the events do stands in the tabs' own modules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from bot import render
from bot.api import Api
from bot.page.chat import NO_SOURCES, respond_to
from bot.page.endpoints import add_endpoints
from bot.page.reader import read
from bot.page.service import Service, engine_choices

STATIC = Path(__file__).resolve().parents[1] / "static"
EXAMPLES = [
    "What is the bias-variance tradeoff?",
    "How many rounds does LinkedIn's interview process have?",
    "Compare how L1 and L2 regularization behave.",
    "Which salary range does the comparison table give for AI engineers?",
]


def build_page(service: Service) -> gr.Blocks:
    """The page over a service."""
    page = gr.Blocks(title="Pincite", analytics_enabled=False, fill_width=True)
    with page:
        gr.Markdown("# Pincite\nAnswers from the articles, every sentence with its source.", elem_id="title")
        status = gr.HTML(_status(service), elem_id="status")
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                chat = gr.Chatbot(
                    elem_id="chat",
                    height="58vh",
                    buttons=["copy"],
                    show_label=False,
                    latex_delimiters=[],
                    layout="bubble",
                    placeholder="Ask a question about the articles.",
                )
                with gr.Row():
                    question = gr.Textbox(
                        placeholder="Ask a question and press Enter",
                        label="Question",
                        show_label=False,
                        max_lines=6,
                        scale=8,
                        elem_id="question",
                        autofocus=True,
                    )
                    send = gr.Button("Ask", variant="primary", scale=1, min_width=80, elem_id="send")
                    stop = gr.Button("Stop", scale=1, min_width=80)
                choices = engine_choices()
                engine = gr.Dropdown(choices, value=choices[0][1], label="How answers are written")
                gr.Examples(EXAMPLES, inputs=question, label="Try")
            with gr.Column(scale=4, min_width=320), gr.Tabs(elem_id="side") as side:
                with gr.Tab("Sources", id="sources"):
                    sources = gr.HTML(NO_SOURCES)
                with gr.Tab("Reader", id="reader"):
                    reader = gr.HTML(
                        '<p class="nothing">Click a citation to read it in its article.</p>',
                        elem_id="reader",
                        js_on_load=(STATIC / "reader.js").read_text(encoding="utf-8"),
                    )
        clicks = gr.HTML("", js_on_load=(STATIC / "citations.js").read_text(encoding="utf-8"), visible="hidden")
        timer = gr.Timer(1.0)

        def tick() -> tuple[str, gr.Timer]:
            return _status(service), gr.Timer(active=service.pipeline is None and not service.failed)

        def respond(text: str, messages: list[dict[str, Any]], engine_name: str) -> Iterator[tuple[Any, ...]]:
            yield from respond_to(service, text, messages or [], engine_name)

        def open_reader(event: gr.EventData) -> tuple[str, gr.Tabs]:
            return read(service, event.link), gr.Tabs(selected="reader")

        timer.tick(tick, outputs=[status, timer], show_progress="hidden", api_visibility="private")
        asked: list[Any] = [
            event(
                respond,
                inputs=[question, chat, engine],
                outputs=[question, chat, sources, side],
                show_progress="hidden",
                concurrency_limit=4,
                concurrency_id="answer",
                api_visibility="private",
            )
            for event in (question.submit, send.click)
        ]
        stop.click(None, cancels=asked, api_visibility="private")
        chat.clear(lambda: NO_SOURCES, outputs=sources, cancels=asked, api_visibility="private")
        clicks.click(open_reader, outputs=[reader, side], show_progress="hidden", api_visibility="private")
        add_endpoints(Api(service))
    page.queue(max_size=64)
    return page


def _status(service: Service) -> str:
    kind = "failed" if service.failed else "state"
    return f'<span class="{kind}" role="status">{render.escape(service.state)}</span>'


def theme() -> gr.themes.Base:
    """Gradio's soft theme on the system's own fonts: nothing is fetched."""
    fonts = ["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]
    return gr.themes.Soft(primary_hue="blue", font=fonts, font_mono=["ui-monospace", "Menlo", "monospace"])
