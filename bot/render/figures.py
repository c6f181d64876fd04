"""Measured figures as HTML: bars with intervals, a curve, plain tables, and how they were made."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.render.safe import escape

_WIDTH, _HEIGHT = 420, 160  # of a curve


@dataclass(frozen=True, slots=True)
class Bar:
    """A named figure, with its 95 % interval where there is one."""

    name: str
    mean: float
    low: float | None = None
    high: float | None = None


def report(title: str, conditions: Mapping[str, object], body: str) -> str:
    """One result file: a heading, what was measured and under which conditions."""
    made = " · ".join(f"{escape(k)} {escape(str(v))}" for k, v in conditions.items())
    return f'<section class="report"><h2>{escape(title)}</h2><p class="path">{made}</p>{body}</section>'


def bars(title: str, rows: Sequence[Bar], full: float = 1.0) -> str:
    """Bars from 0 to `full`, the interval as a line over each."""
    return (
        f'<figure class="bars"><figcaption>{escape(title)}</figcaption>{"".join(_bar(r, full) for r in rows)}</figure>'
    )


def _bar(row: Bar, full: float) -> str:
    def share(value: float) -> str:
        return f"{max(0.0, min(1.0, value / full)):.2%}"

    digits = 3 if full == 1.0 else 1
    whisker, interval = "", ""
    if row.low is not None and row.high is not None:
        whisker = f'<i class="whisker" style="left:{share(row.low)};right:{share(full - row.high)}"></i>'
        interval = f" [{row.low:.{digits}f}, {row.high:.{digits}f}]"
    return (
        f'<div class="bar"><span class="name">{escape(row.name)}</span>'
        f'<span class="track" aria-hidden="true"><i class="fill" style="width:{share(row.mean)}"></i>{whisker}</span>'
        f'<span class="value">{row.mean:.{digits}f}<small>{interval}</small></span></div>'
    )


def curve(title: str, points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """A curve over 0..1 both ways, its axes named."""
    line = " ".join(f"{x * _WIDTH:.1f},{(1 - y) * _HEIGHT:.1f}" for x, y in points)
    grid = "".join(
        f'<line x1="0" x2="{_WIDTH}" y1="{y * _HEIGHT}" y2="{y * _HEIGHT}"/>' for y in (0, 0.25, 0.5, 0.75, 1)
    )
    at = [next((y for x, y in points if x >= share), points[-1][1]) for share in (0.25, 0.5, 0.75, 1.0)]
    said = ", ".join(f"{share:.0%}: {y:.3f}" for share, y in zip((0.25, 0.5, 0.75, 1.0), at, strict=True))
    return (
        f'<figure class="curve"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="-4 -4 {_WIDTH + 8} {_HEIGHT + 8}" role="img" aria-label="{escape(f"{title}. {said}")}">'
        f'<g class="grid">{grid}</g><polyline points="{line}"/></svg>'
        f'<p class="path">{escape(up)} (up, 0 to 1) against {escape(across)} (0 to 100 %). {escape(said)}</p></figure>'
    )


def picture(title: str, png: bytes) -> str:
    """A drawn report as it is; in the page itself, since the server hands out no files."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<section class="report"><h2>{escape(title)}</h2>'
        f'<img src="data:image/png;base64,{data}" alt="{escape(title)}" loading="lazy"></section>'
    )


def table(rows: Mapping[str, object]) -> str:
    """Named figures, one a line."""
    cells = "".join(f'<tr><th scope="row">{escape(k)}</th><td>{escape(_value(v))}</td></tr>' for k, v in rows.items())
    return f'<table class="figures"><tbody>{cells}</tbody></table>'


def _value(value: object) -> str:
    if isinstance(value, list):
        return " to ".join(_value(v) for v in value)
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
