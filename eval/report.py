"""Figures as tables: in the terminal, as Markdown, and in the README between two markers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.figures import HEADLINE
from eval.scale_plot import scale_plot
from eval.sizing import scale_table, sizing_table

README = Path(__file__).resolve().parent.parent / "README.md"
RESULTS = Path(__file__).resolve().parent / "results"
PLOT = RESULTS / "scale.svg"


def retrieval_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a mode, mean and 95 % interval of the headline measures."""
    names = result.get("headline", HEADLINE)
    lines = ["| mode | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for mode, figures in result["modes"].items():
        cells = [
            f"{figures[name]['mean']:.3f} [{figures[name]['low']:.3f}, {figures[name]['high']:.3f}]" for name in names
        ]
        lines.append(f"| {mode} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def type_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a question type, the first headline measure of every mode."""
    measure = result.get("headline", HEADLINE)[0]
    modes = list(result["modes"])
    first = result["modes"][modes[0]]["by_type"]
    lines = [f"| {measure} by type | questions | " + " | ".join(modes) + " |", "|---" * (len(modes) + 2) + "|"]
    for kind, row in first.items():
        cells = [f"{result['modes'][m]['by_type'][kind][measure]:.2f}" for m in modes]
        lines.append(f"| {kind} | {row['questions']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def chroma_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a system of the chunking benchmark, published figures beside those reproduced."""
    lines = ["| system | recall | precision | IoU | published recall |", "|---|---|---|---|---|"]
    for name, row in result["rows"].items():
        cells = [f"{row['recall']['mean']:.1f} [{row['recall']['low']:.1f}, {row['recall']['high']:.1f}]"]
        cells += [f"{row[m]['mean']:.1f}" for m in ("precision", "IoU")]
        cells.append(f"{row['published']['recall']:.1f}" if "published" in row else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def compare_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a stack, headline measures with intervals, p of mode `full` against it."""
    lines = ["| stack | " + " | ".join(HEADLINE) + " | p (recall@5) |", "|---" * (len(HEADLINE) + 2) + "|"]
    for name, row in result["stacks"].items():
        cells = [f"{row[m]['mean']:.3f} [{row[m]['low']:.3f}, {row[m]['high']:.3f}]" for m in HEADLINE]
        p = result["p_full_against"].get(name)
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {f'{p[HEADLINE[0]]:.4f}' if p else ''} |")
    return "\n".join(lines)


def answers_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a measure with its 95 % interval, one column an engine; then bounds, verdicts, times. What is
    measured on questions with an answer is left out where there are none.
    """
    engines = result["engines"]
    answerable = any("key facts" in e["figures"] for e in engines.values())
    lines = ["| measure | " + " | ".join(engines) + " |", "|---" * (len(engines) + 1) + "|"]
    names = list(dict.fromkeys(name for e in engines.values() for name in e["figures"]))
    for name in names:
        lines.append(f"| {name} | " + " | ".join(_interval(e["figures"].get(name)) for e in engines.values()) + " |")
    for name in ("reference answers", "all passages") if answerable else ():
        cells = [_interval(e["bounds"][name]) for e in engines.values()]
        lines.append(f"| key facts of {name} | " + " | ".join(cells) + " |")
    for share in (0.25, 0.5, 0.75, 1.0) if answerable else ():
        cells = [f"{_risk(e['risk_coverage'], share):.3f}" for e in engines.values()]
        lines.append(f"| risk when the surest {share:.0%} are answered | " + " | ".join(cells) + " |")
    for verdict in ("verbatim", "supported", "unsupported"):
        cells = [str(e["verdicts"].get(verdict, 0)) for e in engines.values()]
        lines.append(f"| sentences {verdict} | " + " | ".join(cells) + " |")
    for name in ("first_token", "total"):
        cells = [f"{e['timings_ms'].get(name, 0):.0f}" for e in engines.values()]
        lines.append(f"| median ms, {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def corpora_table(result: Mapping[str, Any]) -> str:
    """Markdown: a row a corpus, then one a split with its intervals."""
    measures = list(next(iter(result["splits"].values())))
    lines = ["| corpus | split | " + " | ".join(measures) + " |", "|---" * (len(measures) + 2) + "|"]
    for name, row in sorted(result["corpora"].items(), key=lambda item: (item[1]["split"], item[0])):
        cells = [_cell(row.get(m)) for m in measures]
        lines.append(f"| {name.replace('_', ' ')} | {row['split']} | " + " | ".join(cells) + " |")
    for split, figures in sorted(result["splits"].items()):
        cells = [f"{_cell(f['mean'])} [{_cell(f['low'])}, {_cell(f['high'])}]" for f in map(figures.get, measures) if f]
        lines.append(f"| all of {split} | {split} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value > 1 else f"{value:.3f}"


def _risk(curve: Sequence[Sequence[float]], share: float) -> float:
    """Risk at the least coverage of at least `share`."""
    return next((risk for coverage, risk in curve if coverage >= share), float("nan"))


def labelled_table(result: Mapping[str, Any]) -> str:
    """The figures of `evaluate_labelled` as Markdown."""
    lines = [
        f"{result['claims']} claims, {result['unsupported']} of them unsupported",
        "",
        "| figure | value |",
        "|---|---|",
    ]
    lines += [f"| {n} | {f['mean']:.3f} [{f['low']:.3f}, {f['high']:.3f}] |" for n, f in result["figures"].items()]
    lines += [
        f"| called unsupported: {kind} ({row['count']}) | {row['share']:.3f} |"
        for kind, row in result["called_unsupported"].items()
    ]
    return "\n".join(lines)


def verify_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a kind of pair of the articles that were not fitted on, after the figures over all."""
    held = result["held_out"]
    low, high = held["interval_95"]
    head = (
        f"{held['pairs']} pairs: balanced accuracy {held['balanced_accuracy']:.3f} [{low:.3f}, {high:.3f}], "
        f"AUROC {held['auroc']:.3f}"
    )
    lines = [head, "", "| kind of claim | supported | pairs | judged rightly | AUROC |", "|---|---|---|---|---|"]
    for kind, row in held["kinds"].items():
        said = "yes" if row["supported"] else "no"
        lines.append(f"| {kind} | {said} | {row['count']} | {row['accuracy']:.3f} | {row['auroc']:.3f} |")
    return "\n".join(lines)


def _interval(figure: Mapping[str, float] | None) -> str:
    if not figure:
        return ""
    digits = 1 if figure["mean"] > 1.5 else 3
    return f"{figure['mean']:.{digits}f} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"


def markdown(result: Mapping[str, Any]) -> str:
    """The whole report as Markdown."""
    made_with = f"{result['made']}, {result['encoder']}, config {result['config_hash']}"
    head = f"{result['questions']} answerable questions, {made_with}"
    parts = [head, retrieval_table(result)]
    if next(iter(result["modes"].values()))["by_type"]:
        parts.append(type_table(result))
    if result["tests"]:
        parts.append(tests_table(result))
    if "answers" in result:
        parts.append(answers_table({"engines": result["answers"]}))
    return "\n\n".join(parts) + "\n"


def tests_table(result: Mapping[str, Any]) -> str:
    """Markdown: one row a pair of systems, difference and p of the paired test, corrected for the pairs (Holm)."""
    names = result["headline"]
    lines = ["| difference | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for pair in result["tests"][names[0]]:
        rows = [result["tests"][name][pair] for name in names]
        cells = [f"{row['difference']:+.3f} (p = {row['p_holm']:.4f})" for row in rows]
        lines.append(f"| {pair.replace(' | ', ' - ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def render_readme(readme: str) -> str:
    """The README with every generated block replaced by its table, from the committed results.

    A block stands between `<!-- results:NAME -->` and `<!-- /results -->`; NAME is a file in `eval/results`.
    """
    parts = readme.split("<!-- results:")
    out = [parts[0]]
    for part in parts[1:]:
        name, rest = part.split(" -->", 1)
        _old, after = rest.split("<!-- /results -->", 1)
        result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        body = _table(result)
        out.append(f"{name} -->\n{body}\n<!-- /results -->{after}")
    return "<!-- results:".join(out)


def render_plot() -> str:
    """The picture of cost against chunks, from the committed results."""
    return scale_plot(json.loads((RESULTS / "scale.json").read_text(encoding="utf-8")))


def _table(result: Mapping[str, Any]) -> str:
    if "engines" in result:
        return answers_table(result)
    if "called_unsupported" in result:
        return labelled_table(result)
    if "held_out" in result and "threshold" in result:
        return verify_table(result)
    if "corpora" in result:
        return corpora_table(result)
    if "modes" in result:
        return retrieval_table(result) + "\n\n" + type_table(result)
    if "points" in result:
        return scale_table(result) + "\n\n" + sizing_table(result)
    if "rows" in result:
        return chroma_table(result)
    return compare_table(result) if "stacks" in result else _plain(result)


def _plain(result: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in result["figures"].items()]
    return "\n".join(["| figure | value |", "|---|---|", *rows])
