"""How much anybody may send: every limit on questions and answers in one place, each settable by the environment.

Limits on files stand beside their readers (`ingest.load`, `ingest.extract`); a hosted answer's in `bot.hosted`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from ingest.errors import PinciteError


@dataclass(frozen=True, slots=True)
class Limits:
    """`question` characters; `turns` messages of history, `turn` characters each; `at_once` answers worked on and
    `waiting` further ones; `per_minute` requests of one address (0: no limit); `body` bytes of a request; `drain`
    seconds that running answers get when the server is told to stop. `PINCITE_MAX_QUESTION` sets `question`, and so on.
    """

    question: int = 4000
    turns: int = 50
    turn: int = 20_000
    at_once: int = 4
    waiting: int = 32
    per_minute: int = 240
    body: int = 4 << 20
    drain: int = 8

    @classmethod
    def from_environment(cls) -> Limits:
        """The defaults, changed by what the environment sets.

        Raises:
            PinciteError: a variable that is no whole number, or a negative one.
        """
        changed = {}
        for field in fields(cls):
            name = f"PINCITE_MAX_{field.name.upper()}"
            text = os.environ.get(name, "").strip()
            if not text:
                continue
            if (
                not text.isascii()
                or not text.isdigit()
                or len(text) > 9
                or (int(text) == 0 and field.name != "per_minute")
            ):
                raise PinciteError(f"{name} must be a whole number above 0, not {text[:40]!r}")
            changed[field.name] = int(text)
        return cls(**changed)
