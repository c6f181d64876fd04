"""Rows of tables: of piped ones ("| a | b |"), and of flattened ones, whose export wrote one cell a line and lost the
columns; the shape of the cells gives them back.
"""

from __future__ import annotations

import re

import numpy as np

_MIN_CELLS, _MIN_ROWS, _MAX_COLUMNS = 8, 4, 6
_MAX_WORDS = 12
_LINE = re.compile(r"[^\n]*[^\s][^\n]*")
_MARKED = re.compile(r"\s*(?:[•✔✓◦▪*\-–|#]\s|\(?\d{1,3}[.)]\s)")


_PIPED = re.compile(r"^[ \t]*(\|[^\n]*\|)[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"\|[\s:|-]+\|")


def row_cells(row: str) -> list[str]:
    """The cells of a table's row, piped or one a line, none of them empty."""
    cells = row.strip().strip("|").split("|") if row.lstrip().startswith("|") else row.split("\n")
    return [cell.strip() for cell in cells if cell.strip()]


def piped_rows(text: str, start: int = 0) -> list[tuple[int, int, bool]]:
    """Spans of the rows of piped tables in `text` from `start` on, and whether each is the head of its table: the first
    one, if a rule stands below it or it holds no digit. Rules are no rows.
    """
    lines = [(m.start(1), m.end(1)) for m in _PIPED.finditer(text, start)]
    rows: list[tuple[int, int, bool]] = []
    for n, (a, b) in enumerate(lines):
        if _RULE.fullmatch(text, a, b):
            continue
        first = n == 0 or bool(text[lines[n - 1][1] : a].strip())
        more = n + 1 < len(lines) and not text[b : lines[n + 1][0]].strip()
        ruled = more and bool(_RULE.fullmatch(text, *lines[n + 1]))
        rows.append((a, b, first and more and (ruled or not any(c.isdigit() for c in text[a:b]))))
    return rows


def table_rows(text: str, start: int = 0) -> list[list[tuple[int, int]]]:
    """Rows of the flattened tables in `text` from `start` on, each a list of the spans of its cells, in order.

    A table is a run of at least eight short unmarked lines, a blank line between each; the number of columns is the
    one under which cells of a column look most alike (F statistic over the cells' shapes). A line that only begins
    what the next line says in full belongs to the next line's cell. No table, no rows.
    """
    rows: list[list[tuple[int, int]]] = []
    for run in _runs(text, start):
        following = text[run[-1][1] :].lstrip("\n")
        rows += _rows(text, run, tails=(1,) if _MARKED.match(following) else (0,))
    return rows


def _runs(text: str, start: int) -> list[list[tuple[int, int]]]:
    """Runs of cell-like lines; the two parts of a doubled cell are one."""
    runs: list[list[tuple[int, int]]] = [[]]
    last_end = -1
    for match in _LINE.finditer(text, start):
        line = match.group()
        begin = match.start() + len(line) - len(line.lstrip())
        end = match.end() - (len(line) - len(line.rstrip()))
        words = len(line.split())
        cell = not _MARKED.match(line) and words <= _MAX_WORDS and not line.rstrip().endswith(":")
        blank_before = text.count("\n", last_end, begin) >= 2 if last_end >= 0 else True
        if not cell or (words > 6 and line.rstrip()[-1:] in ".!;,"):
            runs.append([])
        else:
            if runs[-1] and not blank_before:
                runs.append([])
            previous = text[slice(*runs[-1][-1])] if runs[-1] else ""
            if previous and len(previous) > 2 and text[begin:end].startswith(previous):
                runs[-1][-1] = (runs[-1][-1][0], end)
            else:
                runs[-1].append((begin, end))
        last_end = end
    return [r for r in runs if len(r) >= _MIN_CELLS]


def _rows(text: str, cells: list[tuple[int, int]], tails: tuple[int, ...]) -> list[list[tuple[int, int]]]:
    """The best division into rows; a heading may stand before the table, and one heads what follows it."""
    shapes = np.array([_shape(text[a:b]) for a, b in cells])
    best: tuple[float, int, int, int] = (0.0, 0, 0, 0)
    for head in (0, 1):
        for tail in tails:
            body = shapes[head : len(cells) - tail]
            for columns in range(2, _MAX_COLUMNS + 1):
                if len(body) % columns or len(body) < _MIN_ROWS * columns:
                    continue
                score = _f_statistic(body[columns:], columns) - 0.2 * head
                best = max(best, (score, head, tail, columns))
    score, head, tail, columns = best
    if score <= 1.0:
        return []
    kept = cells[head : len(cells) - tail]
    return [kept[i : i + columns] for i in range(0, len(kept), columns)]


def _f_statistic(shapes: np.ndarray, columns: int) -> float:
    """Between-column over within-column variance of the shapes (n, f), header row left out; mean over features."""
    count = len(shapes)
    grid = shapes.reshape(-1, columns, shapes.shape[1])
    mean = grid.mean(axis=0)
    between = len(grid) * ((mean - shapes.mean(axis=0)) ** 2).sum(axis=0) / (columns - 1)
    within = ((grid - mean) ** 2).sum(axis=(0, 1)) / max(1, count - columns)
    return float(np.mean(between / (within + 0.1)))


def _shape(cell: str) -> tuple[float, ...]:
    words = cell.split()
    return (
        float(any(c.isdigit() for c in cell)),
        float(cell[:1] in "“\"'‘"),
        float("," in cell or "/" in cell or "&" in cell),
        float("(" in cell),
        float(cell[-1:] in ".?!”"),
        min(len(words), 8) / 4,
        sum(w[:1].isupper() for w in words) / len(words),
    )
