"""Questions to offer: the corpus's own question headings, so that the corpus can answer them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from bot.values import Answer
from index.retrieve import Hit, Retriever
from ingest.text import FUNCTION_WORDS, fold, squeeze
from ingest.values import Chunk

_NUMBER = re.compile(r"^(?:(?:question|q)\s*)?\d{1,3}\s*[.:)]\s*", re.IGNORECASE)
_LENGTH = range(12, 111)  # characters that fit a button
_WORD = re.compile(r"[a-z0-9]+")
_SAME = 0.75  # share of the shorter question's content words in the other from which both count as one
_DEPTH = 24  # passages looked at for follow-ups


def question_heading(chunk: Chunk) -> str:
    """The innermost heading of a chunk that is a question, without its number; "" when there is none."""
    for heading in reversed(chunk.headings):
        asked = squeeze(_NUMBER.sub("", squeeze(heading)))
        if asked.endswith("?") and len(asked) in _LENGTH:
            return asked
    return ""


def example_questions(chunks: Sequence[Chunk], count: int = 4) -> list[str]:
    """Questions from as many articles as possible, in corpus order; a corpus without question headings gives
    questions about its headings and titles.
    """
    by_article: dict[str, list[str]] = {}
    for chunk in chunks:
        asked = question_heading(chunk)
        if asked and asked not in by_article.setdefault(chunk.article_id, []):
            by_article[chunk.article_id].append(asked)
    asking = [questions for questions in by_article.values() if questions]
    spread = asking[:: max(1, len(asking) // count)] if asking else []
    chosen = _distinct((questions[len(questions) // 2] for questions in spread), count)
    if len(chosen) < count:
        chosen += _distinct((q for questions in asking for q in questions), count - len(chosen), chosen)
    if not chosen:
        subjects = (chunk.headings[-1] if chunk.headings else chunk.article for chunk in chunks)
        chosen = _distinct((f"What is said about {squeeze(_NUMBER.sub('', s))}?" for s in subjects), count)
    return chosen


def follow_ups(
    retriever: Retriever, answer: Answer, asked: Collection[str], articles: Collection[str] | None, count: int = 3
) -> list[str]:
    """Questions that stand over passages near the cited ones, none of them asked or answered already."""
    if answer.refused or not answer.citations:
        return []
    query = f"{answer.question} {answer.citations[0].quote}"[:600]
    own = {c.article_id for c in answer.citations}
    spans = {(c.article_id, c.start) for c in answer.citations}
    found: list[Hit] = []
    chosen: list[str] = []
    for scope in (own, articles):  # what the cited articles ask comes first
        found += retriever.search(query, _DEPTH, articles=scope).hits
        answered = [question_heading(h.chunk) for h in found if _holds(h.chunk, spans)]
        chosen = _distinct((question_heading(h.chunk) for h in found), count, [*asked, *answered])
        if len(chosen) == count:
            break
    return chosen


def _holds(chunk: Chunk, cited: set[tuple[str, int]]) -> bool:
    return any(a == chunk.article_id and chunk.start <= start < chunk.end for a, start in cited)


def _distinct(questions: Iterable[str], count: int, others: Collection[str] = ()) -> list[str]:
    """The first `count` questions that say something else than `others` and one another."""
    chosen: list[str] = []
    seen = [_content(q) for q in others]
    for question in questions:
        words = _content(question)
        if not words or any(len(words & w) >= _SAME * min(len(words), len(w)) for w in seen if w):
            continue
        chosen.append(question)
        seen.append(words)
        if len(chosen) == count:
            break
    return chosen


def _content(question: str) -> frozenset[str]:
    return frozenset(w for w in _WORD.findall(fold(question).casefold()) if w not in FUNCTION_WORDS)
