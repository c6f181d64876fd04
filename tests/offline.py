"""The main flow in a network namespace that has nothing but loopback; the kernel counts what would leave it.

    python -m tests.offline --index DIR      (Linux; root, or user namespaces)

A packet to any other address finds no route, which the namespace's own counters (`OutNoRoutes`) record, whatever
process, library or protocol sent it. A last, deliberate attempt shows that they count.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from index.config import ROOT
from tests.serving import Server

QUESTION = "What is overfitting?"


def attempts() -> int:
    """Packets of this namespace that found no route, IPv4 and IPv6."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:"))
    six = re.search(r"Ip6OutNoRoutes\s+(\d+)", Path("/proc/net/snmp6").read_text())
    return int(values[names.index("OutNoRoutes")]) + int(six.group(1) if six else 0)


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


def flow(index: Path, folder: Path) -> dict[str, int]:
    """Attempts counted after each command, and after the page was used, which starts meanwhile."""
    for name in [k for k in os.environ if k.startswith(("HF_", "GRADIO_", "OPENAI_"))]:
        del os.environ[name]
    os.environ["PINCITE_INDEX"] = str(index)
    server = Server(index)
    (folder / "corpus").mkdir()
    (folder / "corpus" / "tea.md").write_text("# Tea\n\nGreen tea is steeped at 80 degrees.\n")
    (folder / "q.jsonl").write_text(json.dumps({"id": "1", "question": QUESTION}) + "\n")
    judged = (ROOT / "eval" / "questions.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    (folder / "judged.jsonl").write_text("\n".join(judged) + "\n", encoding="utf-8")
    answers, report, built = str(folder / "a.jsonl"), str(folder / "eval"), str(folder / "index")
    commands = {
        "build": ["index", "build", "--corpus", str(folder / "corpus"), "--out", built],
        "ask": ["bot", "ask", QUESTION, "--llm", "extractive"],
        "batch": ["bot", "batch", "--questions", str(folder / "q.jsonl"), "--out", answers],
        "eval": ["eval", "run", "--questions", str(folder / "judged.jsonl"), "--modes", "full", "--out", report],
    }
    counted = {}
    try:
        for name, (package, *command) in commands.items():
            with contextlib.redirect_stdout(sys.stderr):
                assert importlib.import_module(f"{package}.__main__").main(command) == 0, name
            counted[name] = attempts()
        _use_page(server.ready())
    finally:
        server.stop()
    counted["page"] = attempts()
    with socket.socket() as deliberate:
        deliberate.connect_ex(("192.0.2.1", 443))
    counted["deliberate"] = attempts() - counted["page"]
    return counted


def _use_page(server: Server) -> None:
    data = json.dumps({"data": [QUESTION, "extractive", None, None]}).encode()
    asked = urllib.request.Request(f"{server.url}gradio_api/call/ask", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as made:
        event = json.loads(made.read())["event_id"]
    with urllib.request.urlopen(f"{server.url}gradio_api/call/ask/{event}", timeout=120) as answer:
        assert b"event: complete" in answer.read()
    with urllib.request.urlopen(server.url, timeout=60) as page:
        assert b"Pincite" in page.read()
    time.sleep(2)  # for what a page does late


def inside_namespace(index: Path) -> dict[str, int]:
    """Run `flow` in a namespace of its own."""
    unshare = shutil.which("unshare")
    assert unshare, "unshare (util-linux) is needed"
    flags = ["-n"] if os.geteuid() == 0 else ["-rn"]
    command = [unshare, *flags, sys.executable, "-m", "tests.offline", "--inside", "--index", str(index)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    counted: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counted


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.offline", description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if not args.inside:
        print(json.dumps(inside_namespace(args.index)))
        return 0
    loopback_up()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "copy", "index")
        shutil.copytree(args.index, copy)
        print(json.dumps(flow(copy, Path(scratch))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
