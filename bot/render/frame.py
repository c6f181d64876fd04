"""The page's frame as HTML: what stands around the tabs."""

from __future__ import annotations

from bot.render.safe import escape
from bot.render.tools import tool


def header() -> str:
    """Name and purpose."""
    menu = tool("history", "Conversations", "menu")
    return f'<header class="brand">{menu}<h1>Pincite</h1><p>Every sentence with its source</p></header>'


def status(text: str, failed: bool) -> str:
    """The state of the index."""
    return f'<span class="{"failed" if failed else "state"}" role="status">{escape(text)}</span>'


def close_button() -> str:
    """Closes the panel where it lies over the page."""
    return '<button type="button" class="close" data-do="close" aria-label="Close the panel">Close</button>'


def new_button() -> str:
    """Begins a conversation."""
    return '<button type="button" class="new" data-do="new">New conversation</button>'


def editing() -> str:
    """Shown while the last question is being edited."""
    return (
        '<p class="editing">You are editing your last question. '
        '<button type="button" data-do="cancel">Cancel</button></p>'
    )


def keeping(recorded: bool) -> str:
    """What happens to what is typed here."""
    text = (
        "Questions, answers and votes are recorded on this server."
        if recorded
        else "Conversations stay in this browser; this server records nothing."
    )
    return f'<p class="keeping">{escape(text)} <span class="keys">Press / to ask.</span></p>'
