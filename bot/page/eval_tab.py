"""The eval tab: the committed results of `eval/results`, read as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from bot.page.parts import QUIET, html
from bot.render import figures, passages
from index.config import ROOT

RESULTS = ROOT / "eval" / "results"
_HEADLINE = ("recall@5", "recall@1000w", "MRR@10")
_ANSWERS = ("key facts", "citation precision", "citation recall", "wrongly refused", "refused: unanswerable")
_CONDITIONS = {  # as it stands in a result file: as a person reads it
    "made": "made",
    "split": "split",
    "questions": "questions:",
    "chunks": "chunks:",
    "encoder": "encoder",
    "config_hash": "configuration",
    "index_config": "index",
    "machine": "on",
}


def build(tab: gr.Tab) -> None:
    """Lay the tab out; files are read when it is opened."""
    shown = html("", elem_id="figures")
    tab.select(lambda: reports_html(RESULTS), outputs=shown, **QUIET)


def reports_html(folder: Path) -> str:
    """Every known result file of a folder as figures; one that cannot be read is named."""
    parts = []
    for name, (title, draw) in _REPORTS.items():
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            conditions = {
                said: result[key] for key, said in _CONDITIONS.items() if isinstance(result.get(key), (str, int))
            }
            parts.append(figures.report(title, conditions, draw(result)))
        except (OSError, ValueError, KeyError, TypeError):
            parts.append(passages.nothing(f"{path.name} does not have the form this page reads."))
    return "".join(parts) or passages.nothing("No results here: `python -m eval run` makes them.")


def _bar(name: str, figure: Mapping[str, float]) -> figures.Bar:
    return figures.Bar(name, figure["mean"], figure.get("low"), figure.get("high"))


def _by_measure(rows: Mapping[str, Any]) -> str:
    return "".join(figures.bars(m, [_bar(name, row[m]) for name, row in rows.items()]) for m in _HEADLINE)


def _answers(result: Mapping[str, Any]) -> str:
    parts = []
    for name, engine in result["engines"].items():
        measured = [_bar(m, engine["figures"][m]) for m in _ANSWERS if m in engine["figures"]]
        parts.append(figures.bars(f"Answers, engine {name}", measured))
        points = [(float(x), float(y)) for x, y in engine["risk_coverage"]]
        if points:
            title = f"Risk when only the surest questions are answered, engine {name}"
            parts.append(figures.curve(title, points, "questions answered", "key facts missed"))
    return "".join(parts)


def _verify(result: Mapping[str, Any]) -> str:
    held = result["held_out"]
    kinds = [figures.Bar(kind, row["accuracy"]) for kind, row in held["kinds"].items()]
    low, high = held["interval_95"]
    overall = figures.Bar("balanced accuracy", held["balanced_accuracy"], low, high)
    return figures.bars("Judged rightly, by kind of claim", [overall, figures.Bar("AUROC", held["auroc"]), *kinds])


def _chunking(result: Mapping[str, Any]) -> str:
    rows = [_bar(name, row["recall"]) for name, row in result["rows"].items()]
    return figures.bars("Recall, percent", rows, full=100.0)


def _scale(result: Mapping[str, Any]) -> str:
    rows = {f"{p['chunks']:,} chunks, a search, ms p50": p["search"]["ms"]["total"]["p50"] for p in result["points"]}
    return figures.table(rows)


_REPORTS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "retrieval": ("Retrieval", lambda result: _by_measure(result["modes"])),
    "compare": ("Beside other stacks' defaults", lambda result: _by_measure(result["stacks"])),
    "answers": ("Answers", _answers),
    "verify": ("The judge", _verify),
    "near_domain": ("Questions that only come close", lambda result: figures.table(result["figures"])),
    "chunking_benchmark": ("Chroma's chunking benchmark", _chunking),
    "latency": ("Speed", lambda result: figures.table(result["figures"])),
    "scale": ("Speed as the corpus grows", _scale),
}
