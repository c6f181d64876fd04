"""Many clients for long: 8 at a time, 5,000 questions in all, against a real server on loopback.

    python -m tests.load --index DIR [--clients 8] [--questions 5000] [--out eval/results/load.json]

Figures: errors, answers a second, latency, CPU time an answer, and the server's memory over the run. The bounds:
no error, memory grows by less than 3 % in the last half, p99 under 5 times the median; exit status 1 beyond them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shlex
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from eval.data import DEFAULT_QUESTIONS, read_questions
from tests.serving import Server

_EVERY = 25  # answers between two looks at the memory
GROWTH, TAIL = 3.0, 5.0  # percent; times the median


@dataclass
class Measured:
    """What the clients saw so far: seconds an answer, errors, MiB of the server every so often, its CPU seconds."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0


def resident(pid: int) -> float:
    """MiB of the process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def cpu_seconds(pid: int) -> float:
    """CPU time that the process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def ask(client: httpx.Client, question: str) -> str:
    """ "" when answered, else what went wrong."""
    try:
        made = client.post("gradio_api/call/ask", json={"data": [question, "extractive", None, None]})
        if made.status_code != 200:
            return f"{made.status_code} {made.text[:200]}"
        text = client.get(f"gradio_api/call/ask/{made.json()['event_id']}").text
        return "" if "event: complete" in text else text[:200]
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"


def measure(server: Server, clients: int, questions: int) -> Measured:
    """Ask the judged questions in turn, over and over, with so many clients at a time."""
    texts = [q.question for q in read_questions(DEFAULT_QUESTIONS, judged=True)]
    todo = itertools.islice(itertools.cycle(texts), questions)
    seen, lock, pid = Measured(), threading.Lock(), server.process.pid

    def work() -> None:
        with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as client:
            while True:
                with lock:
                    question = next(todo, None)
                if question is None:
                    return
                began = time.monotonic()
                wrong = ask(client, question)
                with lock:
                    seen.seconds.append(time.monotonic() - began)
                    seen.errors += [wrong] if wrong else []
                    if len(seen.seconds) % _EVERY == 0:
                        seen.memory.append(resident(pid))
                        print(f"{len(seen.seconds)} of {questions}: {seen.memory[-1]:.0f} MiB", file=sys.stderr)

    began, used = time.monotonic(), cpu_seconds(pid)
    workers = [threading.Thread(target=work) for _ in range(clients)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seen.wall, seen.cpu = time.monotonic() - began, cpu_seconds(pid) - used
    return seen


def figures(seen: Measured) -> dict[str, Any]:
    """What is told of a run."""
    ordered = sorted(seen.seconds)
    median, p99 = statistics.median(ordered), ordered[int(0.99 * len(ordered))]
    memory = seen.memory or [0.0]
    half = memory[len(memory) // 2 :]
    return {
        "questions": len(ordered), "errors": len(seen.errors), "first errors": seen.errors[:3],
        "seconds": round(seen.wall), "answers a second": round(len(ordered) / seen.wall, 2),
        "CPU s an answer": round(seen.cpu / len(ordered), 3),
        "median s": round(median, 3), "p99 s": round(p99, 3), "p99 / median": round(p99 / median, 2),
        "MiB at tenths": [round(memory[n * (len(memory) - 1) // 10]) for n in range(11)],
        "growth in the last half, %": round(100 * (half[-1] / max(half[0], 1.0) - 1), 2),
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__.split("\n")[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--questions", type=int, default=5000)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    server = Server(args.index, PINCITE_MAX_PER_MINUTE="0").ready()
    try:
        found = figures(measure(server, args.clients, args.questions))
    finally:
        server.stop()
    result = {
        "made": date.today().isoformat(),
        "command": shlex.join(["python", "-m", "tests.load", *(argv if argv is not None else sys.argv[1:])]),
        "conditions": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{args.clients} clients, engine extractive, bundled questions in turn; load before: {load:.1f}",
        "figures": found,
    }
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    beyond = found["growth in the last half, %"] >= GROWTH or found["p99 / median"] >= TAIL
    return 1 if found["errors"] or beyond else 0


if __name__ == "__main__":
    sys.exit(main())
