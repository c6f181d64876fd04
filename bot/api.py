"""What programs and assistants may ask: `ask`, `search` and `article`, typed, over the service that the page uses.

Knows neither Gradio nor MCP: `bot.page.endpoints` makes endpoints and tools of these functions and takes names,
descriptions and schemas from their signatures. (Gradio reads annotations as they stand, so this module keeps
them as types and has no `from __future__ import annotations`.)
"""

from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from bot.page.service import Service
from index.query import check_history
from ingest.errors import PinciteError, QuestionError

if TYPE_CHECKING:
    from bot.pipeline import Pipeline

MAX_HITS = 100
EngineName = Literal["auto", "extractive", "local", "hosted"]
Mode = Literal["full", "hybrid", "dense", "bm25"]


class Turn(TypedDict):
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class CitationRecord(TypedDict):
    """A span of a source: `source_text[start:end] == quote`."""

    marker: int
    article_id: str
    article: str
    section: str
    source: str
    start: int
    end: int
    quote: str
    page: int | None
    anchor: str
    url: str


class SentenceRecord(TypedDict):
    """A sentence of an answer, the citations that support it, and how well they do (0..1)."""

    text: str
    markers: list[int]
    verdict: Literal["verbatim", "supported", "unsupported"]
    score: float


class AnswerRecord(TypedDict):
    """An answer as `bot batch` writes it."""

    id: str
    question: str
    answer: str
    refused: bool
    refusal_reason: Literal["nothing_retrieved", "not_supported", "backend_failed"] | None
    citations: list[CitationRecord]
    sentences: list[SentenceRecord]
    engine: str
    timings_ms: dict[str, float]
    related: list[CitationRecord]
    items: list[int]
    confidence: float
    note: str


class HitRecord(TypedDict):
    """A passage that was found: `source_text[start:end] == text`."""

    rank: int
    score: float
    article_id: str
    article: str
    section: str
    source: str
    start: int
    end: int
    text: str
    page: int | None
    anchor: str
    url: str


class SearchRecord(TypedDict):
    """The text searched for, what was found, best first, and milliseconds a stage."""

    query: str
    hits: list[HitRecord]
    timings_ms: dict[str, float]


class ArticleRecord(TypedDict):
    """An article or a part of it: `source_text[start:end] == text`."""

    article_id: str
    article: str
    source: str
    url: str
    start: int
    end: int
    text: str


class Api:
    """The three calls. Each raises `PinciteError` with one clear line for what it cannot do."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def ask(
        self,
        question: str,
        engine: EngineName = "auto",
        articles: list[str] | None = None,
        history: list[Turn] | None = None,
    ) -> AnswerRecord:
        """Answer a question from the indexed articles. Every sentence of the answer carries markers like [1] that
        point to citations: exact quotes with their place in the source. An answer that the articles do not hold is
        refused, with the reason.

        Args:
            question: The question, in plain words.
            engine: Who writes: "extractive" quotes, "local" and "hosted" are language models, "auto" takes the best.
            articles: Only answer from these articles, by title or article_id; all when left out.
            history: Earlier messages of the conversation, oldest first, for follow-up questions.
        """
        pipeline = self._pipeline()
        _one_of("engine", engine, EngineName)
        earlier = check_history(history)
        chosen = _checked_articles(articles)
        with self._service.gate.turn():
            answer = pipeline.ask(question, self._service.engine(engine), earlier, chosen)
        return cast(AnswerRecord, answer.record())

    def search(
        self,
        question: str,
        k: int = 5,
        mode: Mode = "full",
        articles: list[str] | None = None,
        history: list[Turn] | None = None,
    ) -> SearchRecord:
        """Find the passages of the indexed articles that are nearest to a question, best first, each with its exact
        place in the source. Use it to read the evidence itself; use ask for a finished answer with citations.

        Args:
            question: What to look for: a question or a few words.
            k: How many passages, 1 to 100.
            mode: How to rank. "full" is the best; "hybrid", "dense" and "bm25" are its parts, for comparison.
            articles: Only search these articles, by title or article_id; all when left out.
            history: Earlier messages of the conversation, oldest first, for follow-up questions.
        """
        pipeline = self._pipeline()
        _one_of("mode", mode, Mode)
        k = _whole_number("k", k, 1, MAX_HITS)
        earlier, chosen = check_history(history), _checked_articles(articles)
        with self._service.gate.turn():
            found = pipeline.retriever.search(question, k, mode, earlier, chosen)
        hits = [cast(HitRecord, hit.record()) for hit in found.hits]
        return {"query": found.query, "hits": hits, "timings_ms": dict(found.timings_ms)}

    def article(self, article: str, start: int | None = None, end: int | None = None) -> ArticleRecord:
        """Read one of the indexed articles, or the part of it between two offsets, exactly as it stands in the source.
        Use it to see what surrounds a hit or a citation.

        Args:
            article: The article's title or article_id, as hits and citations give it.
            start: First character to read, an offset into the source text as in hits; the article's first by default.
            end: Offset after the last character to read; the article's end by default.
        """
        known = self._pipeline().retriever.index.articles
        found = next((a for a in known.values() if article in (a.article_id, a.title)), None)
        if found is None:
            titles = "; ".join(list(dict.fromkeys(a.title for a in known.values()))[:20])
            raise QuestionError(f"unknown article {str(article)[:80]!r}; there are: {titles}")
        first = found.start if start is None else _whole_number("start", start, found.start, found.end)
        last = found.end if end is None else _whole_number("end", end, found.start, found.end)
        if first >= last:
            raise QuestionError(f"start is {first}, end is {last}: start must come first")
        return {
            "article_id": found.article_id,
            "article": found.title,
            "source": found.source,
            "url": found.url,
            "start": first,
            "end": last,
            "text": found.text[first:last],
        }

    def _pipeline(self) -> "Pipeline":
        pipeline = self._service.pipeline
        if pipeline is None:
            advice = "" if self._service.failed else " Try again in a moment."
            raise PinciteError(f"not ready: {self._service.state}{advice}")
        return pipeline


def _one_of(name: str, value: object, choices: Any) -> None:
    if value not in choices.__args__:
        raise QuestionError(f"unknown {name} {str(value)[:80]!r}; choose one of {', '.join(choices.__args__)}")


def _whole_number(name: str, value: object, least: int, most: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON from JavaScript knows one kind of number
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise QuestionError(f"{name} is {str(value)[:80]!r}; a whole number from {least} to {most} is needed")
    return value


def _checked_articles(articles: object) -> list[str] | None:
    if articles is not None and not (isinstance(articles, list) and all(isinstance(a, str) for a in articles)):
        raise QuestionError("articles must be a list of titles or article_ids")
    return articles
