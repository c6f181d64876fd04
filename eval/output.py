"""The files of a report: JSON, Markdown, one HTML page, and runs and qrels for the standard tools."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import PinciteError

if TYPE_CHECKING:
    from eval.execute import Cell
    from eval.failures import Failure
    from eval.inputs import Dataset
    from eval.metrics import Judge, SourceTexts
    from ingest.values import Article

Hits = Mapping[str, Sequence[Sequence[Any]]]  # question id -> [article id, start, end, score], best first


@dataclass(frozen=True)
class Material:
    """What the hits are read against."""

    texts: SourceTexts
    judges: Mapping[str, Judge]
    articles: Mapping[str, Article]


def write_report(
    out: Path, result: Mapping[str, Any], cells: Sequence[Cell], dataset: Dataset, material: Material
) -> None:
    """Write `report.json`, `report.md`, `report.html` and `trec/` into a folder.

    Raises:
        PinciteError: the folder cannot be written.
    """
    from eval.page import render
    from eval.report import markdown

    answerable = [q for q in dataset.questions if q.answerable]
    runs: dict[str, Hits] = {
        c.system.name: {q.id: c.results[q]["hits"] for q in answerable} for c in cells if not c.system.engine
    }
    times = {
        c.system.name: [c.results[q]["timings_ms"]["total"] for q in answerable] for c in cells if not c.system.engine
    }
    failures = _failures(runs[result["reference"]], dataset, material)
    save_json(result, out / "report.json")
    try:
        (out / "report.md").write_text(markdown(result), encoding="utf-8")
        page = render(result, failures, times, result["command"])
        (out / "report.html").write_text(page, encoding="utf-8", errors="replace")
        _write_trec(out / "trec", runs, dataset, material)
    except OSError as error:
        raise PinciteError(f"{out}: the report cannot be written ({error.strerror})") from None


def save_json(result: Mapping[str, Any], out: Path) -> None:
    """Write figures; the folder is made."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise PinciteError(f"{out}: cannot be written ({error.strerror})") from None


def _failures(hits: Hits, dataset: Dataset, material: Material) -> list[Failure]:
    from eval.failures import graded_failures, quote_failures

    if dataset.qrels:
        return graded_failures(dataset.questions, hits, dataset.qrels, material.articles)
    return quote_failures(dataset.questions, hits, material.judges, material.texts, material.articles)


def _write_trec(folder: Path, runs: Mapping[str, Hits], dataset: Dataset, material: Material) -> None:
    """A run a system, and qrels beside it: the given grades, or every passage that by itself holds a quote."""
    from eval.ranked import documents
    from eval.trec import write_qrels, write_run

    folder.mkdir(exist_ok=True)
    for system, hits in runs.items():
        name = re.sub(r"[^\w=.-]+", "_", system)
        if dataset.qrels:
            write_run(folder / f"{name}.run", {i: documents(found) for i, found in hits.items()}, name)
            continue
        ranked = {i: [(_passage_id(hit), float(hit[3])) for hit in found] for i, found in hits.items()}
        write_run(folder / f"{name}.run", ranked, name)
        write_qrels(folder / f"{name}.qrels", {i: _relevant(found, material, i) for i, found in hits.items()})
    if dataset.qrels:
        write_qrels(folder / "qrels", {q.id: dataset.qrels[q.id] for q in dataset.questions})


def _passage_id(hit: Sequence[Any]) -> str:
    return f"{hit[0]}:{hit[1]}-{hit[2]}"


def _relevant(hits: Sequence[Sequence[Any]], material: Material, question: str) -> dict[str, int]:
    """Grade 1 for a passage that finds a quote by itself, else 0; only passages that came back are judged."""
    judge = material.judges[question]
    return {_passage_id(h): int(judge.finds_alone(material.texts.span(h[0], h[1], h[2]))) for h in hits}
