"""Many clients for long: 8 at a time, 5,000 questions in all, against a real server on loopback.

    python -m tests.load --index DIR [--clients 8] [--questions 5000]

Prints errors, answers a second, median and 99th percentile, and the server's memory over the run. The issue's
bounds: no error, memory grows by less than 3 % in the last half, p99 under 5 times the median.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import threading
import time
from pathlib import Path

import httpx

from eval.data import DEFAULT_QUESTIONS, read_questions
from tests.serving import Server


def resident(pid: int) -> float:
    """MiB of the process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


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


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--questions", type=int, default=5000)
    args = parser.parse_args(argv)
    texts = itertools.cycle(q.question for q in read_questions(DEFAULT_QUESTIONS, judged=True))
    todo = iter([next(texts) for _ in range(args.questions)])
    lock, seconds, errors, memory = threading.Lock(), [], [], []
    server = Server(args.index, PINCITE_MAX_PER_MINUTE="0").ready()

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
                    seconds.append(time.monotonic() - began)
                    if wrong:
                        errors.append(wrong)
                    if len(seconds) % 50 == 0:
                        memory.append(resident(server.process.pid))

    began = time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(args.clients)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        taken = time.monotonic() - began
    finally:
        server.stop()
    ordered = sorted(seconds)
    half = memory[len(memory) // 2 :] or [0.0]
    result = {
        "clients": args.clients, "questions": len(seconds), "errors": len(errors), "first errors": errors[:3],
        "answers a second": round(len(seconds) / taken, 2), "median s": round(statistics.median(ordered), 3),
        "p99 s": round(ordered[int(0.99 * len(ordered))], 3),
        "p99 / median": round(ordered[int(0.99 * len(ordered))] / statistics.median(ordered), 2),
        "memory MiB, first half to end": [round(m) for m in (memory[:1] + half[:1] + half[-1:])],
        "growth in the last half, %": round(100 * (half[-1] / max(half[0], 1) - 1), 2),
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
