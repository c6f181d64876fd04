"""The eval tab: the committed results of `eval/results` and this machine's last report, read as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from bot.page.parts import QUIET, html
from bot.render import figures, passages
from index.config import ROOT, data_dir

RESULTS = ROOT / "eval" / "results"
LAST_RUN = Path(".data") / "eval" / "report.json"  # in the data folder, where `make eval` writes
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
    "conditions": "on",
    "command": "by",
}


def build(tab: gr.Tab) -> None:
    """Lay the tab out; files are read when it is opened."""
    shown = html("", elem_id="figures")
    tab.select(lambda: reports_html(RESULTS, data_dir() / LAST_RUN), outputs=shown, **QUIET)


def reports_html(folder: Path, last_run: Path) -> str:
    """A report of one's own, then every known result file of a folder as figures; one that cannot be read is named."""
    parts = [_report(last_run, "The last run on this machine", _retrieval)]
    parts += [_report(folder / f"{name}.json", title, draw) for name, (title, draw) in _REPORTS.items()]
    drawn = folder / "report.png"
    if drawn.is_file():
        parts.append(figures.picture("The report of `eval run`, its first plots", drawn.read_bytes()))
    return "".join(parts) or passages.nothing("No results here: `python -m eval run` makes them.")


def _report(path: Path, title: str, draw: Callable[[Mapping[str, Any]], str]) -> str:
    if not path.is_file():
        return ""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        conditions = {said: result[key] for key, said in _CONDITIONS.items() if isinstance(result.get(key), (str, int))}
        return figures.report(title, conditions, draw(result))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return passages.nothing(f"{path.name} does not have the form this page reads.")


def _bar(name: str, figure: Mapping[str, float]) -> figures.Bar:
    return figures.Bar(name, figure["mean"], figure.get("low"), figure.get("high"))


def _retrieval(result: Mapping[str, Any]) -> str:
    modes = result["modes"]
    parts = [figures.bars(m, [_bar(n, row[m]) for n, row in modes.items()]) for m in result.get("headline", _HEADLINE)]
    best = result.get("reference", "full")
    kinds = modes[best].get("by_type", {})
    if rows := [figures.Bar(kind, row["recall@5"]) for kind, row in kinds.items() if "recall@5" in row]:
        parts.append(figures.bars(f"recall@5 of {best}, by type of question", rows))
    return "".join(parts)


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


def _judged(result: Mapping[str, Any]) -> str:
    return figures.bars("All answers", [_bar(name, figure) for name, figure in result["figures"].items()])


def _table(result: Mapping[str, Any]) -> str:
    return figures.table(result["figures"])


def _chunking(result: Mapping[str, Any]) -> str:
    rows = [_bar(name, row["recall"]) for name, row in result["rows"].items()]
    return figures.bars("Recall, percent", rows, full=100.0)


def _scale(result: Mapping[str, Any]) -> str:
    rows = {f"{p['chunks']:,} chunks, a search, ms p50": p["search"]["ms"]["total"]["p50"] for p in result["points"]}
    return figures.table(rows)


_REPORTS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "retrieval": ("Retrieval", _retrieval),
    "compare": ("Beside other stacks' defaults", lambda result: _by_measure(result["stacks"])),
    "answers": ("Answers", _answers),
    "answers_blind": ("Answers to questions by somebody else", _answers),
    "answers_local": ("Answers of the small local model", _answers),
    "verify": ("The judge", _verify),
    "judged_answers": ("The judge on answers of language models", _judged),
    "judged_balanced": ("The judge on harder ones", _judged),
    "chunking_benchmark": ("Chroma's chunking benchmark", _chunking),
    "latency": ("Speed", _table),
    "scale": ("Speed as the corpus grows", _scale),
    "build_speed": ("Speed of building", _table),
    "startup": ("Start-up", _table),
    "space": ("On a Space", _table),
    "scoring": ("Speed of scoring", _table),
}
