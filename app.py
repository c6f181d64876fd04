"""The chat page: `python app.py` serves http://127.0.0.1:7860.

The page is up before the models are: index and encoder load (or the index is built) in the background, and
the page says so. The page itself stands in `bot.page`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no network

from bot.page.endpoints import app_settings
from bot.page.layout import build_page, launch_options
from bot.page.service import Service
from index.config import DEFAULT_CORPUS, default_index_dir
from index.encode import on_zerogpu
from ingest.cli import fail_clearly
from ingest.errors import PinciteError


def main(argv: list[str] | None = None) -> int:
    """Serve the page until stopped."""
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    on_space = bool(os.environ.get("SPACE_ID"))  # a Hugging Face Space: its proxy comes from outside
    parser.add_argument("--host", default="0.0.0.0" if on_space else "127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT") or 7860))
    parser.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="built if there is no index yet")
    args = parser.parse_args(argv)
    service = Service(args.index, args.corpus)
    if on_zerogpu():
        service.engine("local")  # a function that is lent a GPU must be known before the launch
    page = build_page(service)
    try:
        page.launch(
            server_name=args.host,
            server_port=args.port,
            share=False,
            show_error=True,
            **launch_options(),
            mcp_server=True,
            app_kwargs=app_settings(page, service),
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise PinciteError(f"cannot serve on {args.host}:{args.port} ({error}); try another --port") from None
    service.start()  # only now, so that heavy imports do not hold up the page
    page.block_thread()
    return 0


if __name__ == "__main__":
    fail_clearly(main)
