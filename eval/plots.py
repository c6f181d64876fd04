"""Plots as inline SVG: plain shapes whose colours come from the page's style sheet, so that they follow light and dark.

Every text is escaped here; series are coloured by their number (classes `s0` to `s7`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 480
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 12, 40
COLOURS = 8
Point = tuple[float, float]


def curve(series: Mapping[str, Sequence[Mapping[str, float]]], x_name: str, y_name: str) -> str:
    """Lines with 95 % bands over a logarithmic x; points are `{"at", "mean", "low", "high"}`."""
    height = 300
    ats = sorted({float(p["at"]) for points in series.values() for p in points})
    xs = {at: _scale(math.log(at), math.log(ats[0]), math.log(ats[-1]), LEFT + 8, WIDTH - RIGHT - 8) for at in ats}
    least = min((p["low"] for points in series.values() for p in points), default=0.0)
    floor = math.floor(least * 10) / 10
    body = [_grid_y(height, floor), *(_tick_x(height, x, f"{at:g}") for at, x in _sparse(xs))]
    for n, (name, points) in enumerate(series.items()):
        at = [(xs[float(p["at"])], p) for p in points]
        upper = [(x, _y(p["high"], floor, height)) for x, p in at]
        lower = [(x, _y(p["low"], floor, height)) for x, p in reversed(at)]
        body.append(f'<polygon class="band {_colour(n)}" points="{_points([*upper, *lower])}"/>')
        means = [(x, _y(p["mean"], floor, height)) for x, p in at]
        body.append(f'<polyline class="line {_colour(n)}" points="{_points(means)}"/>')
        for x, p in at:
            told = f"{name}, {p['at']:g}: {p['mean']:.3f} [{p['low']:.3f}, {p['high']:.3f}]"
            body.append(_dot(x, _y(p["mean"], floor, height), 3.5, _colour(n), told))
    return _svg(height, [*body, _x_name(height, x_name)], f"{y_name} against {x_name}")


def bars(groups: Mapping[str, Mapping[str, tuple[float, float, float]]], name: str) -> str:
    """Horizontal bars in groups, each bar `(mean, low, high)` in 0..1 with its interval as a whisker."""
    bar, gap, title = 9, 12, 17
    body: list[str] = []
    y = float(TOP)
    for group, values in groups.items():
        body.append(f'<text class="label" x="4" y="{y + 11:.1f}">{escape(group)}</text>')
        y += title
        for n, (series, (mean, low, high)) in enumerate(values.items()):
            x0, x1 = _bar_x(0), _bar_x(mean)
            told = escape(f"{series}, {group}: {mean:.3f} [{low:.3f}, {high:.3f}]")
            body.append(
                f'<g><title>{told}</title><rect class="fill {_colour(n)}" x="{x0:.1f}" y="{y:.1f}" '
                f'width="{max(x1 - x0, 1):.1f}" height="{bar - 2}" rx="1.5"/>'
                f'<line class="whisker" x1="{_bar_x(low):.1f}" x2="{_bar_x(high):.1f}" '
                f'y1="{y + 3.5:.1f}" y2="{y + 3.5:.1f}"/></g>'
            )
            y += bar
        y += gap
    height = int(y + BOTTOM - gap)
    grid = [
        f'<line class="grid" x1="{_bar_x(v):.1f}" x2="{_bar_x(v):.1f}" y1="{TOP}" y2="{height - BOTTOM + 4}"/>'
        + _tick_x(height, _bar_x(v), f"{v:g}")
        for v in (0, 0.25, 0.5, 0.75, 1)
    ]
    return _svg(height, [*grid, *body, _x_name(height, name)], f"{name} by type")


def duel(ours: Sequence[float], theirs: Sequence[float], our_name: str, their_name: str) -> str:
    """Every question as a point (theirs, ours) in the unit square; equal points are one bubble, larger with more."""
    height = 400
    counts = Counter(zip((round(t, 3) for t in theirs), (round(o, 3) for o in ours), strict=True))
    most = max(counts.values(), default=1)
    side = min(WIDTH - LEFT - RIGHT, height - TOP - BOTTOM) - 40
    x0, y0 = LEFT + 22, height - BOTTOM - 20
    body = [f'<line class="axis dashed" x1="{x0}" y1="{y0}" x2="{x0 + side}" y2="{y0 - side}"/>']
    for v in (0, 0.25, 0.5, 0.75, 1):
        at = v * side
        body.append(f'<line class="grid" x1="{x0 + at}" x2="{x0 + at}" y1="{y0}" y2="{y0 - side}"/>')
        body.append(f'<line class="grid" x1="{x0}" x2="{x0 + side}" y1="{y0 - at}" y2="{y0 - at}"/>')
        body.append(f'<text class="tick" x="{x0 + at}" y="{y0 + 36}" text-anchor="middle">{v:g}</text>')
        body.append(f'<text class="tick" x="{x0 - 26}" y="{y0 - at + 4}" text-anchor="end">{v:g}</text>')
    for (their, our), count in sorted(counts.items(), key=lambda item: -item[1]):
        kind = "win" if our > their else "loss" if our < their else "tie"
        told = f"{count} questions: {our_name} {our:g}, {their_name} {their:g}"
        body.append(_dot(x0 + their * side, y0 - our * side, 3 + 19 * math.sqrt(count / most), kind, told))
        if count >= 3:
            body.append(f'<text class="count" x="{x0 + their * side:.1f}" y="{y0 - our * side + 4:.1f}">{count}</text>')
    middle = y0 - side / 2
    turned = f'transform="rotate(-90 12 {middle})" text-anchor="middle"'
    body.append(f'<text class="name" x="12" y="{middle}" {turned}>{escape(our_name)}</text>')
    return _svg(height, [*body, _x_name(height, their_name, x0 + side / 2)], f"{our_name} against {their_name}")


def risk(curves: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Risk against coverage of each engine."""
    height = 300
    body = [
        _grid_y(height, 0.0),
        *(_tick_x(height, _line_x(v), f"{v:.0%}") for v in (0.0, 0.25, 0.5, 0.75, 1.0)),
    ]
    for n, points in enumerate(curves.values()):
        line = [(_line_x(coverage), _y(value, 0.0, height)) for coverage, value in points]
        body.append(f'<polyline class="line {_colour(n)}" points="{_points(line)}"/>')
    return _svg(height, [*body, _x_name(height, "questions answered, surest first")], "risk against coverage")


def boxes(times: Mapping[str, Sequence[float]]) -> str:
    """A row a system over logarithmic milliseconds: 5 to 95 % as a line, the middle half as a box, the median."""
    row = 44
    height = TOP + row * len(times) + BOTTOM
    spread = {name: _quantiles(sorted(values)) for name, values in times.items()}
    low = min(q[0] for q in spread.values())
    high = max(q[4] for q in spread.values())
    ends = math.log(max(low, 0.01) * 0.9), math.log(max(high, 0.02) * 1.1)
    body = []
    for at in _decades(math.exp(ends[0]), math.exp(ends[1])):
        x = _scale(math.log(at), *ends, 10, WIDTH - RIGHT)
        body.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM + 4}"/>')
        body.append(_tick_x(height, x, f"{at:g}"))
    for n, (name, quantiles) in enumerate(spread.items()):
        y = TOP + row * n
        a, b, m, c, d = (_scale(math.log(max(v, 0.01)), *ends, 10, WIDTH - RIGHT) for v in quantiles)
        told = escape(f"{name}: median {quantiles[2]:.1f} ms, 95 % within {quantiles[4]:.1f} ms")
        label = f"{escape(name)}  ·  {quantiles[2]:.1f} ms"
        body.append(
            f'<g><title>{told}</title><text class="label" x="4" y="{y + 12}">{label}</text>'
            f'<line class="line {_colour(n)}" x1="{a:.1f}" x2="{d:.1f}" y1="{y + 27}" y2="{y + 27}"/>'
            f'<rect class="fill {_colour(n)}" x="{b:.1f}" y="{y + 20}" width="{max(c - b, 2):.1f}" height="14" rx="2"/>'
            f'<line class="median" x1="{m:.1f}" x2="{m:.1f}" y1="{y + 18}" y2="{y + 36}"/></g>'
        )
    return _svg(height, [*body, _x_name(height, "milliseconds a question")], "time a question takes")


# --- parts -------------------------------------------------------------------------------------------------


def _svg(height: int, body: Sequence[str], about: str) -> str:
    label = escape(about, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(body)}</svg>'


def _grid_y(height: int, floor: float) -> str:
    step = 0.1 if floor >= 0.4 else 0.2
    values = [n / 10 for n in range(0, 11, round(step * 10)) if n / 10 >= floor - 1e-9]
    rows = []
    for value in values:
        y = _y(value, floor, height)
        rows.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        rows.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    return "".join(rows)


def _tick_x(height: int, x: float, text: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>'


def _x_name(height: int, name: str, x: float = WIDTH / 2) -> str:
    return f'<text class="name" x="{x:.1f}" y="{height - 5}" text-anchor="middle">{escape(name)}</text>'


def _dot(x: float, y: float, radius: float, kind: str, told: str) -> str:
    return (
        f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{escape(told)}</title></circle>'
    )


def _sparse(xs: Mapping[float, float]) -> list[tuple[float, float]]:
    """Ticks far enough apart to be read."""
    kept: list[tuple[float, float]] = []
    for at, x in xs.items():
        if not kept or x - kept[-1][1] >= 36:
            kept.append((at, x))
    return kept


def _decades(low: float, high: float) -> list[float]:
    marks = [m * 10.0**e for e in range(-2, 6) for m in (1, 2, 5)]
    return [m for m in marks if low * 1.15 <= m <= high] or [round((low + high) / 2, 2)]


def _quantiles(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(values[min(len(values) - 1, int(q * len(values)))] for q in (0.05, 0.25, 0.5, 0.75, 0.95))


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (end - start) * ((value - low) / (high - low) if high > low else 0.5)


def _y(value: float, floor: float, height: int) -> float:
    return _scale(value, floor, 1.0, height - BOTTOM, TOP)


def _bar_x(value: float) -> float:
    return _scale(value, 0.0, 1.0, 8, WIDTH - RIGHT)


def _line_x(value: float) -> float:
    return _scale(value, 0.0, 1.0, LEFT + 8, WIDTH - RIGHT - 8)


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _colour(n: int) -> str:
    return f"s{n % COLOURS}"
