"""Figures on the terminal: a table for a person, Markdown where the output goes into a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from eval.report import markdown


def show(result: Mapping[str, Any]) -> None:
    """Print the headline figures with intervals, the reference system and real differences in bold."""
    if not sys.stdout.isatty():
        print(markdown(result))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names, reference = result["headline"], result["reference"]
    table = Table(
        box=box.SIMPLE_HEAD, caption=f"{result['questions']} questions, 95 % intervals; p against {reference}"
    )
    for column in ("system", *names, "p (Holm)"):
        table.add_column(column, no_wrap=column != "system")
    tests = result["tests"].get(names[0], {})
    for system, figures in result["modes"].items():
        cells = [f"{figures[n]['mean']:.3f} [{figures[n]['low']:.3f}, {figures[n]['high']:.3f}]" for n in names]
        row = tests.get(f"{system} | {reference}") or tests.get(f"{reference} | {system}")
        p = f"{row['p_holm']:.4f}" if row else ""
        style = "bold" if system == reference else ""
        table.add_row(*(Text(cell) for cell in (system, *cells, p)), style=style)
    Console().print(table)
