"""Small buttons with a drawing. What one does stands in `data-do`; `bot/static/events.js` acts on it."""

from __future__ import annotations

from bot.render.safe import escape

_DRAWINGS = {  # strokes on 16 by 16, drawn for this page
    "menu": "M2 4h12M2 8h12M2 12h12",
    "copy": "M6 6h7v7H6zM10 6V3H3v7h3",
    "up": "M5 14V7l3-5c1 0 1.5.7 1.3 1.7L9 6h4l-1 7c-.1.6-.5 1-1 1H5zM5 7H3v7h2",
    "down": "M5 2v7l3 5c1 0 1.5-.7 1.3-1.7L9 10h4l-1-7c-.1-.6-.5-1-1-1H5zM5 9H3V2h2",
    "retry": "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
    "edit": "M3 13l1-4 7-7 3 3-7 7zM9 4l3 3",
    "rename": "M3 13l1-4 7-7 3 3-7 7zM9 4l3 3",
    "delete": "M4 5h8l-.7 9H4.7zM3 5h10M6.5 5V3h3v2",
    "export": "M8 2v8M4.5 7 8 10.5 11.5 7M3 14h10",
}


def tool(do: str, label: str, drawing: str = "", pressed: bool | None = None, **data: object) -> str:
    """A button for `do` with a name for screen readers and further `data-` attributes."""
    more = "".join(f' data-{name}="{escape(str(value))}"' for name, value in data.items())
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    said = escape(label)
    return (
        f'<button type="button" class="tool" data-do="{do}" aria-label="{said}" title="{said}"{state}{more}>'
        f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{_DRAWINGS[drawing or do]}"/></svg></button>'
    )
