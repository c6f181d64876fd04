"""A gate for figures: a committed baseline, and exit status 1 when a run falls behind it for real.

A figure has fallen when its mean lies more than the stated margin below the baseline's *and* the paired
randomisation test over the same questions says that the difference is no chance (p < 0.05).

    python -m eval run --modes full --split dev --write-gate gate.json
    python -m eval run --modes full --split dev --gate gate.json
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from eval.stats import paired_randomisation
from ingest.errors import PinciteError

ALPHA = 0.05


def check(baseline: Mapping[str, Any], path: Path, systems: Collection[str], ids: Collection[str]) -> None:
    """Whether a run of these systems over these questions can be held against a baseline, before it starts.

    Raises:
        PinciteError: a system of the baseline will not be run, or none of its questions asked.
    """
    for system, scores in baseline["per_question"].items():
        if system not in systems:
            raise PinciteError(f"gate {path}: its system {system!r} is not run here; see its command for the modes")
        if not any(i in ids for i in scores):
            raise PinciteError(f"gate {path}: none of its questions is asked; give those that it was made with")


def hold(baseline: Mapping[str, Any], result: Mapping[str, Any]) -> int:
    """Print how every figure stands against the baseline; returns the exit status, 1 when one has fallen."""
    rows = compare(baseline, result)
    for row in rows:
        print(_told(row))
    fallen = sum(row["fallen"] for row in rows)
    print(f"gate: {fallen} of {len(rows)} figures have fallen" if fallen else f"gate: passed, {len(rows)} figures")
    return int(fallen > 0)


def write_gate(path: Path, result: Mapping[str, Any], margin: float) -> None:
    """The headline figures of every system as a baseline, question by question."""
    names = result["headline"]
    baseline = {
        "command": result["command"],
        "made": result["made"],
        "config_hash": result["config_hash"],
        "corpus_hash": result["corpus_hash"],
        "alpha": ALPHA,
        "margins": dict.fromkeys(names, margin),
        "figures": {s: {n: round(row[n]["mean"], 4) for n in names} for s, row in result["modes"].items()},
        "per_question": {
            system: {i: [round(row[n], 6) for n in names] for i, row in scores.items()}
            for system, scores in result["per_question"].items()
        },
    }
    text = json.dumps(baseline, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_one_line_a_question(text) + "\n", encoding="utf-8")
    except OSError as error:
        raise PinciteError(f"{path}: cannot be written ({error.strerror})") from None


def _one_line_a_question(text: str) -> str:
    """Lists of numbers on one line, so that a change of one question is a change of one line."""
    return re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text)


def read_gate(path: Path) -> dict[str, Any]:
    """A baseline.

    Raises:
        PinciteError: it cannot be read or is none.
    """
    try:
        baseline = json.loads(path.read_text(encoding="utf-8"))
        names = list(baseline["margins"])
        for scores in baseline["per_question"].values():
            if not scores or any(len(values) != len(names) for values in scores.values()):
                raise ValueError("a question without its figures")
        if not all(0 <= float(m) < 1 for m in baseline["margins"].values()):
            raise ValueError("a margin outside 0 to 1")
    except OSError as error:
        raise PinciteError(f"gate {path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PinciteError(f"gate {path}: not a gate ({error}); make one with --write-gate") from None
    gate: dict[str, Any] = baseline
    return gate


def compare(baseline: Mapping[str, Any], result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a system and measure, over the questions of the baseline that were asked now (`--limit` and its like
    leave some out). A measure that the run does not have counts as zero.
    """
    rows = []
    for system, scores in baseline["per_question"].items():
        now = result["per_question"][system]
        shared = [i for i in scores if i in now]
        for n, (name, margin) in enumerate(baseline["margins"].items()):
            before = [scores[i][n] for i in shared]
            after = [now[i].get(name, 0.0) for i in shared]
            mean = math.fsum(before) / len(shared)
            drop = mean - math.fsum(after) / len(shared)
            p = paired_randomisation(before, after)
            fallen = drop > float(margin) and p < float(baseline.get("alpha", ALPHA))
            rows.append(
                {"system": system, "measure": name, "questions": len(shared), "margin": margin}
                | {"before": mean, "drop": drop, "p": p, "fallen": fallen}
            )
    return rows


def _told(row: Mapping[str, Any]) -> str:
    verdict = "FALLEN" if row["fallen"] else "ok"
    return (
        f"{verdict:6} {row['system']} {row['measure']}: {row['before']:.3f} -> {row['before'] - row['drop']:.3f} "
        f"(margin {row['margin']}, p = {row['p']:.4f}, {row['questions']} questions)"
    )
