"""The chat page: `python app.py` serves http://127.0.0.1:7860.

The page is up before the models are: index and encoder load (or the index is built) in the background, and
the page says so. Everything shown is rendered in `bot.render`; nothing here knows retrieval.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no network

import gradio as gr

from bot import render
from bot.engine import Engine, make_engine
from bot.values import Answer, Citation
from index.config import DEFAULT_CORPUS, default_index_dir
from ingest.cli import fail_clearly
from ingest.errors import BackendError, PinciteError

if TYPE_CHECKING:
    from bot.pipeline import Pipeline
    from index.retrieve import Hit

STATIC = Path(__file__).resolve().parent / "bot" / "static"
ENGINES = [
    ("Quotes only — fast, in the articles' own words; nothing leaves this machine", "extractive"),
    ("Local model — slower, every sentence checked; nothing leaves this machine", "local"),
]
NO_SOURCES = '<p class="nothing">The passages behind an answer appear here.</p>'
EXAMPLES = [
    "What is the bias-variance tradeoff?",
    "How many rounds does LinkedIn's interview process have?",
    "Compare how L1 and L2 regularization behave.",
    "Which salary range does the comparison table give for AI engineers?",
]


def engine_choices() -> list[tuple[str, str]]:
    """Engines as (what it means for the person, name), the one that `auto` takes first. A hosted model is offered
    when the environment configures one.
    """
    from bot.hosted import HostedEngine, hosted_configured

    if not hosted_configured():
        return ENGINES
    try:
        hosted = HostedEngine()
    except BackendError:
        return ENGINES
    title = f"Hosted model {hosted.name.partition(':')[2]} — every sentence checked; your question {hosted.destination}"
    return [(title, "hosted"), *ENGINES]


class Service:
    """The pipeline and its state, shared by all sessions; loads in the background."""

    def __init__(self, root: Path, corpus: Path) -> None:
        self.root, self.corpus = root, corpus
        self.pipeline: Pipeline | None = None
        self.state = "Starting ..."
        self.failed = False
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin loading; returns at once."""
        threading.Thread(target=self._load, daemon=True).start()

    def engine(self, name: str) -> Engine:
        """The engine of that name, made once."""
        with self._lock:
            if name not in self._engines:
                self._engines[name] = make_engine(name)
            return self._engines[name]

    def _load(self) -> None:
        try:
            self.state = "Loading the encoder and the index ..."
            from bot.pipeline import Pipeline
            from index.build import build_index
            from index.store import read_manifest
            from ingest.errors import StoreError

            try:
                read_manifest(self.root)
            except StoreError:
                self.state = "Building the index: reading the articles ..."
                build_index([self.corpus], self.root, progress=self._progress)
            self.pipeline = Pipeline.open(self.root)
            counts = self.pipeline.retriever.index.manifest["counts"]
            self.state = f"{counts['articles']} articles, {counts['chunks']} passages, ready."
        except PinciteError as error:
            self.failed, self.state = True, str(error)
        except Exception as error:  # shown to the person; a silent thread would leave the page waiting
            self.failed, self.state = True, f"loading failed: {type(error).__name__}: {error}"
            raise

    def _progress(self, done: int, total: int) -> None:
        self.state = f"Building the index: {done} of {total} passages encoded ..."


def build_page(service: Service) -> gr.Blocks:
    """The page over a service."""
    with gr.Blocks(title="Pincite", analytics_enabled=False, fill_width=True) as page:
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
            yield from _respond(service, text, messages or [], engine_name)

        def read(event: gr.EventData) -> tuple[str, gr.Tabs]:
            return _read(service, event.link), gr.Tabs(selected="reader")

        timer.tick(tick, outputs=[status, timer], show_progress="hidden", api_visibility="private")
        asked = [
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
        clicks.click(read, outputs=[reader, side], show_progress="hidden", api_visibility="private")
    page.queue(max_size=64)
    return page


def _respond(
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


def _read(service: Service, link: Any) -> str:
    try:
        article_id, start, end = render.parse_read_link(str(link))
        article = service.pipeline.retriever.index.articles.get(article_id) if service.pipeline else None
        if article is None:
            return '<p class="nothing">This article is no longer in the index: the source changed.</p>'
        return render.reader(article, start, end)
    except PinciteError as error:
        return f'<p class="nothing">{render.escape(str(error))}</p>'


def _status(service: Service) -> str:
    kind = "failed" if service.failed else "state"
    return f'<span class="{kind}" role="status">{render.escape(service.state)}</span>'


def theme() -> gr.themes.Base:
    """Gradio's soft theme on the system's own fonts: nothing is fetched."""
    fonts = ["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]
    return gr.themes.Soft(primary_hue="blue", font=fonts, font_mono=["ui-monospace", "Menlo", "monospace"])


def main(argv: list[str] | None = None) -> int:
    """Serve the page until stopped."""
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    on_space = bool(os.environ.get("SPACE_ID"))
    parser.add_argument("--host", default="0.0.0.0" if on_space else "127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT") or 7860))
    parser.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="built if there is no index yet")
    args = parser.parse_args(argv)
    service = Service(args.index, args.corpus)
    service.start()
    try:
        build_page(service).launch(
            server_name=args.host,
            server_port=args.port,
            share=False,
            show_error=True,
            footer_links=[],
            theme=theme(),
            css_paths=[STATIC / "page.css"],
            ssr_mode=False,
        )
    except OSError as error:
        raise PinciteError(f"cannot serve on {args.host}:{args.port} ({error}); try another --port") from None
    return 0


if __name__ == "__main__":
    fail_clearly(main)
