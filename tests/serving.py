"""The page's server as a person starts it, for tests that are its clients."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from index.config import ROOT


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Server:
    """`python app.py` on a port of its own, once it accepts connections; `ready` waits until it can answer."""

    def __init__(self, index: Path, *args: str, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        command = [sys.executable, "app.py", "--port", str(self.port), "--index", str(index), *args]
        self.log = index.parent / f"app-{self.port}.log"
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **env}, stdout=self.log.open("w"), stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.2)
        raise AssertionError("the page was not served: " + self.log.read_text())

    def health(self) -> tuple[int, str]:
        """Status and body of `/healthz`."""
        try:
            with urllib.request.urlopen(self.url + "healthz", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self) -> Server:
        deadline = time.monotonic() + 120
        while self.health()[0] != 200:
            assert time.monotonic() < deadline, self.health()[1] + self.log.read_text()
            time.sleep(0.2)
        return self

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON (`PINCITE_LOG=json`)."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
