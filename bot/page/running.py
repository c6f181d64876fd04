"""Answers in the making, one a session, and how a person ends one before it is whole.

Gradio's own `cancels` lets the event that cancels race with what it cancels, and takes no further question until the
step in hand has ended, which may be seconds with a language model. Here the answer ends itself, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

from anyio import to_thread

T = TypeVar("T")
_PATIENCE = 2.0  # seconds, for a page that went away


class Running:
    """One answer. `stopped` tells whether a person stopped it."""

    def __init__(self) -> None:
        self.stopped = False
        self.over, self.ended = asyncio.Event(), asyncio.Event()

    async def follow(self, steps: Iterator[T]) -> AsyncGenerator[T, None]:
        """The steps of a slow iterator, each made in a thread, until it ends or this is over. A step in hand is not
        waited for; the iterator, which nobody holds any more, is closed after it.
        """

        def advance() -> tuple[T, ...]:
            for step in steps:
                return (step,)
            return ()

        over = asyncio.ensure_future(self.over.wait())
        try:
            while not self.over.is_set():
                step = asyncio.ensure_future(to_thread.run_sync(advance, abandon_on_cancel=True))
                await asyncio.wait({step, over}, return_when=asyncio.FIRST_COMPLETED)
                if self.over.is_set():
                    step.cancel()
                elif step.result():
                    yield step.result()[0]
                else:
                    return
        finally:
            over.cancel()


class Answers:
    """The running answer of every session; used from the server's event loop alone."""

    def __init__(self) -> None:
        self._running: dict[str, Running] = {}

    async def begin(self, session: str) -> Running:
        """A new answer; one that still runs is left."""
        await self.leave(session)
        self._running[session] = Running()
        return self._running[session]

    def stop(self, session: str) -> None:
        """End the answer where it is; whoever follows it shows it as stopped."""
        if running := self._running.get(session):
            running.stopped = True
            running.over.set()

    async def leave(self, session: str) -> None:
        """End the answer without another word, and wait until it has ended."""
        if running := self._running.get(session):
            running.over.set()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(running.ended.wait(), _PATIENCE)

    def end(self, session: str, running: Running) -> None:
        """The answer is told."""
        running.ended.set()
        if self._running.get(session) is running:
            del self._running[session]
