"""What stands before the page: a bound on answers worked on at once, and a filter on requests.

`Gate` turns overload into one clear line. `Guard` is ASGI middleware that closes Gradio's routes for files, uploads
and proxies, which the page does not use, asks for the login where Gradio does not, and limits the size and the rate
of requests. Both know nothing of answers.
"""

from __future__ import annotations

import base64
import hmac
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.errors import PinciteError
from ingest.limits import Limits

_CLOSED = re.compile(
    r"/(?:gradio_api/)?(?:upload|upload_progress|file|file=.*|proxy=.*|stream|process_recording|run-history|vibe-\w+|"
    r"undo-vibe-edit|custom_component|component_server|deep_link|monitoring|dev|reset)(?:/.*)?"
)
_WORK = re.compile(r"/login/?|/gradio_api/(?:queue/join|call/.+|run/.+|api/.+|mcp(?:/.*)?)")
_TOOLS = re.compile(r"/gradio_api/mcp(?:/.*)?")  # which Gradio's own login leaves open
_WINDOW = 60.0  # seconds
_OWN = frozenset(("127.0.0.1", "::1"))
_ADDRESSES = 10_000  # remembered at most


class BusyError(PinciteError):
    """More questions than can be worked on or wait."""


class Gate:
    """At most `limits.at_once` answers at a time and `limits.waiting` that wait for their turn."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        self._changed = threading.Condition()
        self._slots = threading.Semaphore(limits.at_once)
        self._closed = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold it.

        Raises:
            BusyError: too many wait already, or the server is being stopped.
        """
        with self._changed:
            if self._closed:
                raise BusyError("the server is being stopped: try again in a moment")
            if self._inside >= self._limits.at_once + self._limits.waiting:
                raise BusyError(f"busy: {self._inside} questions are being answered, try again in a moment")
            self._inside += 1
        try:
            with self._slots:
                yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def drain(self) -> bool:
        """Take no more questions and wait, up to `limits.drain` seconds, for those inside; whether all are done."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: not self._inside, self._limits.drain)


class Guard:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, limits: Limits, login: tuple[str, str] | None = None) -> None:
        self._app, self._limits = app, limits
        self._authorization = b"Basic " + base64.b64encode(":".join(login).encode()) if login else b""
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address -> start of its window, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 401, 403, 413 or 429 and one clear line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, why = self._refusal(scope)
        if status:
            await JSONResponse({"detail": why}, status)(scope, receive, send)
            return
        await self._app(scope, _Bounded(receive, self._limits.body), send)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        path = str(scope["path"])
        if _CLOSED.fullmatch(path):
            return 403, "closed: the page serves no files and takes none"
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:12]) > self._limits.body:
            return 413, f"the request is larger than {self._limits.body:,} bytes: shorten it"
        if scope["method"] == "POST" and _WORK.fullmatch(path) and self._too_many(scope):
            return 429, f"more than {self._limits.per_minute} requests a minute: wait a minute, then try again"
        given = headers.get(b"authorization", b"")
        if self._authorization and _TOOLS.fullmatch(path) and not hmac.compare_digest(given, self._authorization):
            return 401, "a login is needed: send name and password as HTTP basic authorization"
        return 0, ""

    def _too_many(self, scope: Scope) -> bool:
        """Whether an address has used up its minute. This machine's own are not counted: they are its owner's, or a
        proxy's that stands for everybody and has to set its own limit.
        """
        address = str((scope.get("client") or ("unknown",))[0])
        if not self._limits.per_minute or address in _OWN:
            return False
        now = time.monotonic()  # a clock that is set back changes nothing
        since, count = self._seen.pop(address, (now, 0))
        if now - since >= _WINDOW:
            since, count = now, 0
        self._seen[address] = (since, count + 1)
        if len(self._seen) > _ADDRESSES:
            self._seen.popitem(last=False)
        return count >= self._limits.per_minute


class _Bounded:
    """A request's body that ends, as if the client had gone, once it is too large: for bodies without a length."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most

    async def __call__(self) -> Message:
        message: Any = await self._receive()
        self._left -= len(message.get("body", b""))
        return message if self._left >= 0 else {"type": "http.disconnect"}
