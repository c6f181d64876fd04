"""The grid carried out: indexes built, every question searched or answered once, results kept as they come."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.cache import Results, code_version, key_of
from eval.data import Question
from eval.grid import Plan, System, systems
from eval.inputs import Dataset
from index.config import DEFAULT_CORPUS, default_index_dir
from index.store import read_manifest
from ingest.errors import BackendError

if TYPE_CHECKING:
    from bot.engine import Engine
    from index.retrieve import Retriever

DEPTH_QUOTES, DEPTH_QRELS = 50, 100
# In a manifest: when and from where, not what, and what `corpus_hash` says already.
_VOLATILE = ("created", "files", "corpus", "article_hashes")


@dataclass(frozen=True)
class Cell:
    """A system, the index it searches, what its results depend on, and the results themselves."""

    system: System
    root: Path
    manifest: Mapping[str, Any]
    facts: Mapping[str, Any]
    results: Results


def prepare(plan: Plan, dataset: Dataset, cache: Path) -> list[Cell]:
    """Build the indexes that are not there and open the results of every system, without searching anything.

    Raises:
        PinciteError: no index, an unreadable corpus, a missing model, or a cache that cannot be written.
    """
    corpus = () if plan.index else plan.corpus or dataset.corpus
    if not corpus and (plan.encoders or plan.chunks or plan.max_tokens):
        corpus = (DEFAULT_CORPUS,)
    cells = []
    for system in systems(plan, bool(corpus), dataset.whole and not plan.corpus):
        root = _built(corpus, system, cache) if system.index else plan.index or default_index_dir()
        _folder, manifest = read_manifest(root)
        facts = _facts(system, manifest, plan.depth or (DEPTH_QRELS if dataset.qrels else DEPTH_QUOTES))
        kind = "answers" if system.engine else "runs"
        cells.append(Cell(system, root, manifest, facts, Results(cache / kind, facts)))
    return cells


def _facts(system: System, manifest: Mapping[str, Any], depth: int) -> dict[str, Any]:
    facts = {
        "index": {name: value for name, value in manifest.items() if name not in _VOLATILE},
        "search": asdict(system.search),
        "mode": system.mode,
        "depth": depth,
        "code": code_version("ingest", "index"),
    }
    if not system.engine:
        return facts
    from bot.pipeline import BotConfig

    server = {name: os.environ.get(name, "") for name in ("OPENAI_BASE_URL", "PINCITE_LLM_MODEL")}
    told = {} if system.engine == "extractive" else server
    return facts | {"engine": system.engine, "bot": asdict(BotConfig()), **told, "bot code": code_version("bot")}


def _built(corpus: Sequence[Path], system: System, cache: Path) -> Path:
    """The index of a corpus, made or brought up to date in the cache; documents without any text are left out."""
    from tqdm import tqdm

    from eval.beir import with_text
    from index.build import build_index

    assert system.index
    where = [str(path.resolve()) for path in corpus]
    root = cache / "indexes" / key_of([where, system.index.hash])
    with with_text(corpus) as readable, tqdm(desc="encoding", unit="chunk", disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = build_index(readable, root, system.index, progress=progress)
    for line in report.skipped:
        print(f"skipped: {line}", file=sys.stderr)
    return root


def fill(cells: Sequence[Cell], questions: Sequence[Question]) -> int:
    """Search and answer what has no result yet, with a progress bar; returns how much that was.

    Raises:
        PinciteError: a model or an index fails. What was done before stays done.
    """
    from tqdm import tqdm

    missing = {cell.system: [q for q in questions if _wanted(cell, q) and q not in cell.results] for cell in cells}
    total = sum(len(todo) for todo in missing.values())
    with tqdm(total=total, unit="question", disable=not sys.stderr.isatty()) as bar:
        for root, group in groupby(sorted(cells, key=lambda c: str(c.root)), key=lambda c: c.root):
            waiting = [cell for cell in group if missing[cell.system]]
            for cell, retriever in _opened(root, waiting):
                bar.set_description(cell.system.name)
                work = _Worker(cell, retriever)
                for question in missing[cell.system]:
                    cell.results.add(question, work.record(question))
                    bar.update()
    for cell in cells:
        cell.results.close()
    return total


def _wanted(cell: Cell, question: Question) -> bool:
    return question.answerable or bool(cell.system.engine)


def _opened(root: Path, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Retriever]]:
    """Each cell with its retriever; index and encoder are opened once."""
    if not cells:
        return
    from index.encode import load_reranker
    from index.retrieve import Retriever

    first = Retriever.open(root)
    for cell in cells:
        search = cell.system.search
        reranker = load_reranker(search.reranker) if search.reranker else None
        yield cell, Retriever(first.index, first.encoder, search, reranker)


class _Worker:
    """Makes one cell's records."""

    def __init__(self, cell: Cell, retriever: Retriever) -> None:
        self._cell, self._retriever = cell, retriever
        self._engine: Engine | None = None
        if cell.system.engine:
            from bot.engine import make_engine
            from bot.pipeline import Pipeline

            self._engine, self._pipeline = make_engine(cell.system.engine), Pipeline(retriever)

    def record(self, question: Question) -> dict[str, Any]:
        """An answer record, or hits as `[article id, start, end, score]` and their milliseconds."""
        if self._engine:
            answer = self._pipeline.ask(question.question, self._engine, question.history)
            if answer.refusal_reason == "backend_failed":
                raise BackendError(answer.answer)
            return answer.record()
        found = self._retriever.search(
            question.question, self._cell.facts["depth"], self._cell.system.mode, question.history
        )
        hits = [[h.chunk.article_id, h.chunk.start, h.chunk.end, round(h.score, 6)] for h in found.hits]
        return {"hits": hits, "timings_ms": dict(found.timings_ms)}
