"""One picture of cost against chunks out of the points of `eval.scale`: an SVG that stands alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from eval.sizing import encoding_hours

_WIDTH, _HEIGHT = 420, 230  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 30, 34
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}.grid{stroke:#8884}"
    ".a{stroke:#2563eb;fill:#2563eb}.b{stroke:#d97706;fill:#d97706}polyline{fill:none!important;stroke-width:2}"
    "text.a,text.b{stroke:none}@media(prefers-color-scheme:dark){text{fill:#ccc}.a{stroke:#60a5fa;fill:#60a5fa}"
    ".b{stroke:#fbbf24;fill:#fbbf24}}"
)
_Series = dict[str, Callable[[Mapping[str, Any]], float]]
_PANELS: dict[str, _Series] = {
    "building, minutes": {
        "encoding (calculated)": lambda p: encoding_hours(p) * 60,
        "all else": lambda p: p["build"]["writing the index, s"] / 60,
    },
    "memory of a searching process, MiB": {
        "with mapped files": lambda p: p["search"]["memory, MiB"]["peak"],
        "its own": lambda p: p["search"]["memory, MiB"]["anonymous"],
    },
    "disk, MB": {
        "all": lambda p: sum(p["build"]["disk, bytes"].values()) / 1e6,
        "token vectors": lambda p: p["build"]["disk, bytes"]["token vectors"] / 1e6,
    },
    "a whole search, ms": {
        "p95": lambda p: p["search"]["ms"]["total"]["p95"],
        "p50": lambda p: p["search"]["ms"]["total"]["p50"],
    },
}


def scale_plot(result: Mapping[str, Any]) -> str:
    """Four panels over logarithmic axes."""
    panels = []
    for n, (title, series) in enumerate(_PANELS.items()):
        corner = f"{_WIDTH * (n % 2)} {_HEIGHT * (n // 2)}"
        panels.append(f'<g transform="translate({corner})">{_panel(title, series, result["points"])}</g>')
    size = f'width="{2 * _WIDTH}" height="{2 * _HEIGHT}" viewBox="0 0 {2 * _WIDTH} {2 * _HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="cost against chunks">'
        f"<style>{_STYLE}</style>{''.join(panels)}</svg>\n"
    )


def _panel(title: str, series: _Series, points: Sequence[Mapping[str, Any]]) -> str:
    xs = [math.log10(p["chunks"]) for p in points]
    lines = {name: [max(value(p), 1e-3) for p in points] for name, value in series.items()}
    low = math.floor(math.log10(min(map(min, lines.values()))))
    high = max(low + 1, math.ceil(math.log10(max(map(max, lines.values())))))
    x = _axis(xs[0], xs[-1], _LEFT, _WIDTH - _RIGHT)
    y = _axis(low, high, _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<text class="title" x="{_LEFT}" y="18">{escape(title)}</text>']
    for power in range(low, high + 1):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(power):.1f}" y2="{y(power):.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(power) + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for at, point in zip(xs, points, strict=True):
        parts.append(f'<text x="{x(at):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{_short(point["chunks"])}</text>')
    for n, (kind, (name, values)) in enumerate(zip("ab", lines.items(), strict=True)):
        places = [(x(at), y(math.log10(value))) for at, value in zip(xs, values, strict=True)]
        parts.append(f'<polyline class="{kind}" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>')
        parts += [f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in places]
        parts.append(f'<text class="{kind}" x="{_LEFT + 8}" y="{_TOP + 14 + 16 * n}">{escape(name)}</text>')
    return "".join(parts)


def _axis(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * ((value - low) / (high - low) if high > low else 0.5)


def _short(count: int) -> str:
    return f"{count // 1_000_000} M" if count >= 1_000_000 else f"{count // 1000} k" if count >= 1000 else str(count)
