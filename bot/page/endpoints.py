"""The ways in beside the page: API endpoints, MCP tools, and `/healthz`, over `bot.api`."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import gradio as gr
from gradio.context import LocalContext
from gradio.events import api as add_endpoint
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.api import Api
from bot.page.guard import Guard
from bot.page.service import Service
from ingest.errors import PinciteError

_CALLERS = 256  # sessions of API callers that are kept; more than can be at work or waiting at once


def add_endpoints(page: gr.Blocks, api: Api) -> None:
    """Add the API's endpoints to the page that is being built; with `mcp_server=True` they are MCP tools, too."""
    callers = _Callers(page)
    for call, work in ((api.ask, "answer"), (api.search, "search"), (api.article, "search")):
        add_endpoint(_told(call, callers), concurrency_limit=4, concurrency_id=work)


class _Callers:
    """Sessions that called the API. Gradio opens one for every call that names none and keeps it, 35 KB each, and with
    10,000 of them the oldest page loses its conversation. Calls have nothing to be kept, so old ones are closed here.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page
        self._sessions: deque[str] = deque()
        self._lock = threading.Lock()

    def add(self, session: str) -> None:
        """Remember one more, and close the oldest beyond `_CALLERS`."""
        with self._lock:
            self._sessions.append(session)
            while len(self._sessions) > _CALLERS:
                oldest = self._sessions.popleft()
                if oldest not in self._sessions:
                    self._close(oldest)

    def _close(self, session: str) -> None:
        sessions, events = self._page.state_holder, self._page._queue.pending_event_ids_session
        with sessions.lock:
            sessions.session_data.pop(session, None)
            sessions.time_last_used.pop(session, None)
        if not events.get(session):
            events.pop(session, None)


def app_settings(page: gr.Blocks, service: Service, login: tuple[str, str] | None = None) -> dict[str, Any]:
    """What the web application needs besides Gradio's own: for `launch(app_kwargs=...)`."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        _answer_tools_in_json(page, Api(service))
        yield

    def healthz(_request: Request) -> JSONResponse:
        ready = service.pipeline is not None
        state = "loading failed, see the page" if service.failed else service.state
        return JSONResponse({"ready": ready, "state": state}, 200 if ready else 503)

    guard = Middleware(Guard, limits=service.limits, login=login)
    return {"lifespan": lifespan, "routes": [Route("/healthz", healthz)], "middleware": [guard]}


def _told(call: Callable[..., Any], callers: _Callers) -> Callable[..., Any]:
    """The call, its errors turned into those that Gradio hands to a client."""

    @functools.wraps(call)
    def told(*args: Any, **kwargs: Any) -> Any:
        if request := LocalContext.request.get(None):
            callers.add(str(request.session_hash))
        try:
            return call(*args, **kwargs)
        except PinciteError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return told


def _answer_tools_in_json(page: gr.Blocks, api: Api) -> None:
    """Answer MCP calls with the record, as JSON text and as structured content.

    Gradio's own handler hands an assistant Python's `str(dict)`, over a detour through HTTP; the list of tools and
    their schemas stay Gradio's.
    """
    if page.mcp_server_obj is None:
        return
    from mcp.types import TextContent

    calls: dict[str, Callable[..., Any]] = {"/ask": api.ask, "/search": api.search, "/article": api.article}
    tools = {tool: calls[endpoint] for tool, endpoint in page.mcp_server_obj.tool_to_endpoint.items()}

    async def call(name: str, arguments: dict[str, Any]) -> tuple[list[TextContent], dict[str, Any]]:
        if name not in tools:
            raise PinciteError(f"unknown tool {name!r}; there are {', '.join(tools)}")
        record = await anyio.to_thread.run_sync(functools.partial(tools[name], **arguments))
        return [TextContent(type="text", text=json.dumps(record, ensure_ascii=False))], record

    page.mcp_server_obj.mcp_server.call_tool()(call)
