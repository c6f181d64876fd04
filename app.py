"""The chat page: `python app.py` serves http://127.0.0.1:7860.

The page is up before the models are: index and encoder load (or the index is built) in the background, and
the page says so. The page itself stands in `bot.page`.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no network

from bot.log import start_logging
from bot.page.endpoints import app_settings
from bot.page.layout import build_page, launch_options
from bot.page.service import Service
from index.config import DEFAULT_CORPUS, default_index_dir
from index.encode import on_zerogpu
from ingest.cli import fail_clearly
from ingest.errors import PinciteError

_SESSIONS = 2000  # open pages whose conversation the server holds, some 35 KB each; the browser keeps them all the same


def main(argv: list[str] | None = None) -> int:
    """Serve the page until stopped."""
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    on_space = bool(os.environ.get("SPACE_ID"))  # a Hugging Face Space: its proxy comes from outside
    parser.add_argument("--host", default="0.0.0.0" if on_space else "127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT") or 7860))
    parser.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="built if there is no index yet")
    args = parser.parse_args(argv)
    start_logging()
    _share_memory_between_threads()
    login = _login()
    if not login and args.host not in ("127.0.0.1", "localhost", "::1") and not on_space:
        print(
            f"warning: {args.host} can be reached from other machines and no login is set: anybody there can ask and "
            "read the articles; set PINCITE_USER and PINCITE_PASSWORD, or leave --host out",
            file=sys.stderr,
        )
    service = Service(args.index, args.corpus)
    if on_zerogpu():
        service.engine("local")  # a function that is lent a GPU must be known before the launch
    page = build_page(service)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        page.launch(
            server_name=args.host,
            server_port=args.port,
            share=False,
            show_error=True,
            **launch_options(),
            mcp_server=True,
            app_kwargs=app_settings(page, service, login),
            auth=login,
            max_file_size=1,  # byte: nothing is uploaded
            state_session_capacity=_SESSIONS,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise PinciteError(f"cannot serve on {args.host}:{args.port} ({error}); try another --port") from None
    service.start()  # only now, so that heavy imports do not hold up the page
    stop.wait()
    service.gate.drain()
    time.sleep(0.5)  # for the last words to reach their reader
    sys.stdout.flush()
    os._exit(0)  # threads of the server's libraries would hold up an ordinary exit


def _share_memory_between_threads() -> None:
    """Have glibc serve all threads from two heaps. By default every thread of a server comes to have its own, which
    keeps the most that any answer ever took: half a gigabyte more after 5,000 questions.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(-8, 2)  # M_ARENA_MAX


def _login() -> tuple[str, str] | None:
    """Name and password that the page asks for, from the environment; None when neither is set."""
    name, password = os.environ.get("PINCITE_USER", ""), os.environ.get("PINCITE_PASSWORD", "")
    if bool(name) != bool(password):
        raise PinciteError("PINCITE_USER and PINCITE_PASSWORD go together: set both or neither")
    return (name, password) if name else None


if __name__ == "__main__":
    fail_clearly(main)
