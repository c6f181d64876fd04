"""The report as one HTML page that needs nothing else: no network, no other file. Jinja escapes what it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from eval import plots
from eval.failures import BUDGET, GRADED_TOP, TOP, Failure

_MOST_FAILURES = 300
_MOST_DUELS = 7
_FAILED = {
    True: f"Questions of which some evidence is not within the first {TOP} passages and {BUDGET:,} words.",
    False: f"Questions without a relevant document among the first {GRADED_TOP}.",
}


def render(
    result: Mapping[str, Any], failures: Sequence[Failure], times: Mapping[str, Sequence[float]], command: str
) -> str:
    """The page of `eval run`. `failures`: of the reference system; `times`: milliseconds by system."""
    folder = Path(__file__).resolve().parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reference, names = result["reference"], result["headline"]
    return environment.get_template("report.html").render(
        result=result,
        reference=reference,
        names=names,
        systems=list(result["modes"]),
        verdicts=_verdicts(result),
        charts=_charts(result, times),
        duels=_duels(result),
        failures=failures[:_MOST_FAILURES],
        more_failures=max(0, len(failures) - _MOST_FAILURES),
        kinds=Counter(kind for f in failures for kind in f.why).most_common(),
        types=sorted({f.question.type for f in failures if f.question.type}),
        measured=[name for name in result["modes"][reference] if not name.startswith(("by_", "curve"))],
        breakdowns=_breakdowns(result),
        failed=_FAILED[names[0] == "recall@5"],
        command=command,
    )


def _verdicts(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every pair of systems, the reference first, with its difference and corrected p in each headline measure."""
    rows: dict[str, dict[str, Any]] = {}
    for name in result["headline"]:
        for pair, row in result["tests"].get(name, {}).items():
            a, b = pair.split(" | ")
            sign, systems = (-1, [b, a]) if b == result["reference"] else (1, [a, b])
            shown = {"difference": sign * row["difference"] + 0.0, "p_holm": row["p_holm"]}
            rows.setdefault(pair, {"pair": systems})[name] = shown
    return sorted(rows.values(), key=lambda row: row["pair"][0] != result["reference"])


def _charts(result: Mapping[str, Any], times: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    systems, first = result["modes"], result["headline"][0]
    ranked = first != "recall@5"
    by_type = {
        kind: {
            name: (row["by_type"][kind][first], *row["by_type"][kind]["intervals"][first])
            for name, row in systems.items()
        }
        for kind in next(iter(systems.values()))["by_type"]
    }
    x, told = ("documents read", "relevant documents found") if ranked else ("words read", "evidence found")
    charts = [_chart(f"Share of {told}, by {x}", plots.curve({n: r["curve"] for n, r in systems.items()}, x, told))]
    if by_type:
        charts.append(_chart(f"{first} by type of question", plots.bars(by_type, first)))
    if times:
        charts.append(_chart("Time a question took when first searched", plots.boxes(times)))
    if answers := result.get("answers"):
        curves = {name: row["risk_coverage"] for name, row in answers.items()}
        charts.append(_chart("Risk when only the surest are answered", plots.risk(curves), list(curves)))
    return charts


def _chart(title: str, svg: str, legend: Sequence[str] = ()) -> dict[str, Any]:
    return {"title": title, "svg": Markup(svg), "legend": legend}  # plots escape what they are given


def _duels(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reference against each of the others, question by question."""
    measure, ours = result["headline"][0], result["reference"]
    scores = result["per_question"]
    duels = []
    for other in [name for name in scores if name != ours][:_MOST_DUELS]:
        pairs = [(scores[ours][i][measure], scores[other][i][measure]) for i in scores[ours]]
        svg = plots.duel([a for a, _b in pairs], [b for _a, b in pairs], ours, other)
        wins, losses = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
        duels.append(
            {"other": other, "svg": Markup(svg), "wins": wins, "losses": losses, "ties": len(pairs) - wins - losses}
        )
    return duels


def _breakdowns(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    first = result["headline"][0]
    tables = []
    for key, title in (("by_type", "type"), ("by_article", "article"), ("by_length", "length of the question")):
        groups = result["modes"][result["reference"]][key]
        rows = [
            {
                "name": name,
                "questions": group["questions"],
                "values": [row[key][name][first] for row in result["modes"].values()],
            }
            for name, group in groups.items()
        ]
        if len(rows) > 1:
            tables.append({"title": title, "rows": rows})
    return tables
