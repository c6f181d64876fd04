"""What all sessions of the page share: the pipeline, its state while it loads, and the engines."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.engine import Engine, make_engine
from bot.feedback import Feedback
from bot.log import log_abandoned
from bot.page.guard import Gate
from bot.render import parse_read_link
from bot.values import Citation
from ingest.errors import BackendError, PinciteError, StoreError
from ingest.limits import Limits
from ingest.values import Chunk

if TYPE_CHECKING:
    from bot.pipeline import Event, Pipeline

ENGINES = [
    ("Quotes only · instant, free · stays on this machine", "extractive"),
    ("Local model · seconds, free · stays on this machine", "local"),
]

_SAMPLE = 40  # articles that examples are drawn from


def engine_choices() -> list[tuple[str, str]]:
    """Engines as (what it costs and where the text goes, name), the one that `auto` takes first. A hosted model is
    offered when the environment configures one.
    """
    from bot.hosted import HostedEngine, hosted_configured

    if not hosted_configured():
        return ENGINES
    try:
        hosted = HostedEngine()
    except BackendError:
        return ENGINES
    name = hosted.name.partition(":")[2]
    title = f"{name} · at its provider's price · your question and passages: {hosted.destination}"
    return [(title, "hosted"), *ENGINES]


class Service:
    """The pipeline and its state, shared by all sessions; loads in the background."""

    def __init__(self, root: Path, corpus: Path) -> None:
        self.root, self.corpus = root, corpus
        self.limits = Limits.from_environment()
        self.gate = Gate(self.limits)
        self.state = "Starting ..."
        self.failed = False
        self.feedback = Feedback.from_environment()
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self._pipeline: Pipeline | None = None
        self._refused = ""  # the version of the index that could not be opened
        self._swapping = threading.Lock()

    def start(self) -> None:
        """Begin loading; returns at once."""
        threading.Thread(target=self._load, daemon=True).start()

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline over the index as it is now, None while it loads. A version that was built meanwhile is opened
        first; who asks during that is answered from the one before.
        """
        if self._pipeline and self._swapping.acquire(blocking=False):
            try:
                self._follow(self._pipeline)
            finally:
                self._swapping.release()
        return self._pipeline

    def _follow(self, pipeline: Pipeline) -> None:
        from index.store import current_version

        version = current_version(self.root)
        if version in ("", pipeline.version, self._refused):
            return
        try:
            self._serve(pipeline.reopened(self.root))
        except PinciteError as error:
            self._refused = version
            self.state = f"The new index cannot be used ({error}); answers come from the one before."

    def _serve(self, pipeline: Pipeline) -> None:
        counts = pipeline.retriever.index.manifest["counts"]
        self._pipeline = pipeline
        self.state = f"{counts['articles']} articles, {counts['chunks']} passages, ready."

    def engine(self, name: str) -> Engine:
        """The engine of that name, made once."""
        with self._lock:
            if name not in self._engines:
                self._engines[name] = make_engine(name)
            return self._engines[name]

    def ready(self) -> Pipeline:
        """The pipeline.

        Raises:
            PinciteError: it is still loading, or could not be loaded.
        """
        if self.pipeline is None:
            raise PinciteError(self.state if self.failed else f"{self.state} Ask again in a moment.")
        return self.pipeline

    def sample(self) -> list[Chunk]:
        """The chunks of some articles from all over the corpus; none while the index loads."""
        pipeline = self.pipeline
        if pipeline is None:
            return []
        index = pipeline.retriever.index
        names = list(index.articles)
        return list(index.store.chunks_of(names[:: max(1, len(names) // _SAMPLE)][:_SAMPLE]))

    def chunks(self, links: Sequence[str]) -> list[Chunk]:
        """The chunks at these reader links that are in the index as it is now."""
        pipeline = self.pipeline
        spans = [parse_read_link(link) for link in links]
        if pipeline is None or not spans:
            return []
        held = pipeline.retriever.index.store.chunks_of({article_id for article_id, _start, _end in spans})
        found = {(c.article_id, c.start, c.end): c for c in held}
        return [found[span] for span in spans if span in found]

    def holding(self, citations: Sequence[Citation]) -> list[Chunk]:
        """The chunk that each citation stands in, each chunk once."""
        pipeline = self.pipeline
        if pipeline is None or not citations:
            return []
        chunks = list(pipeline.retriever.index.store.chunks_of({c.article_id for c in citations}))
        found = [
            next((k for k in chunks if (k.article_id == c.article_id and k.start <= c.start and c.end <= k.end)), None)
            for c in citations
        ]
        return list({chunk.chunk_id: chunk for chunk in found if chunk}.values())

    def stream(
        self, question: str, engine: str, history: Sequence[Mapping[str, str]], articles: Collection[str] | None = None
    ) -> Iterator[Event]:
        """`Pipeline.stream` once it is this question's turn; a reader that stops early ends the work and gives the turn
        back.

        Raises:
            PinciteError: not loaded yet, too many questions at once, or what `Pipeline.stream` raises.
        """
        pipeline = self.ready()
        recent = [{**m, "content": m["content"][: self.limits.turn]} for m in history[-self.limits.turns :]]
        with self.gate.turn():
            events = pipeline.stream(question, self.engine(engine), recent, articles)
            try:
                yield from events
            except GeneratorExit:  # which has closed `events`
                log_abandoned(self.engine(engine).name)
                raise

    def _load(self) -> None:
        try:
            self.state = "Loading the encoder and the index ..."
            from bot.pipeline import Pipeline
            from index.build import build_index

            if self._outdated():
                self.state = "Building the index: reading the articles ..."
                build_index([self.corpus], self.root, progress=self._progress)
            opened = Pipeline.open(self.root)
            self._serve(opened)
            opened.warm()
        except PinciteError as error:
            self.failed, self.state = True, str(error)
        except Exception as error:  # shown to the person; a silent thread would leave the page waiting
            self.failed, self.state = True, f"loading failed: {type(error).__name__}: {error}"
            raise

    def _outdated(self) -> bool:
        """Whether to build or refresh the index first: there is none, or it may be older than the articles, since a
        Space's storage outlives what was pushed before.
        """
        from index.store import read_manifest

        if os.environ.get("SPACE_ID"):
            return True
        try:
            read_manifest(self.root)
        except StoreError:
            return True
        return False

    def _progress(self, done: int, total: int) -> None:
        self.state = f"Building the index: {done} of {total} passages encoded ..."
