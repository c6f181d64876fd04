"""What the tabs share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

STATIC = Path(__file__).resolve().parents[1] / "static"
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}  # of every event


def html(value: str, script: str = "", **options: Any) -> gr.HTML:
    """Rendered HTML without Gradio's own styles on it, with a script of `bot/static` that runs beside it."""
    return gr.HTML(value, js_on_load=script_text(script) if script else None, apply_default_css=False, **options)


def script_text(name: str) -> str:
    """A file of `bot/static`."""
    return (STATIC / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Side:
    """The panel beside the tabs."""

    tabs: gr.Tabs
    sources: gr.HTML
    reader: gr.HTML
