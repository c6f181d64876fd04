"""Who gets in, how far, and what happens to the work in hand: the page's server and its hostile clients."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.page.guard import BusyError, Gate
from bot.page.service import Service
from bot.pipeline import Pipeline
from index.config import ROOT
from ingest.errors import PinciteError
from ingest.limits import Limits
from tests.conftest import Run, one_clear_line
from tests.load import resident
from tests.serving import Server
from tests.test_hosted import SENTENCE, Serve, Wire, events, serve

__all__ = ["serve"]
USER, PASSWORD = "ada", "MARKED-pass-71"
SECRET = "MARKED-env-71"
QUESTION = "What is dropout in the phone screen guide?"
LONG = "What are the key differences between supervised and unsupervised learning, and when would you use each?"
MCP = {"accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def server(index_dir: Path, local_model: Path) -> Iterator[Server]:
    settings = {"PINCITE_USER": USER, "PINCITE_PASSWORD": PASSWORD, "PINCITE_LOG": "json", "SOME_TOKEN": SECRET}
    settings |= {"PINCITE_MAX_AT_ONCE": "1", "PINCITE_CACHE": str(local_model.parent)}
    running = Server(index_dir, **settings).ready()
    yield running
    running.stop()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as opened:
        yield opened


@pytest.fixture
def member(client: httpx.Client) -> httpx.Client:
    assert client.post("login", data={"username": USER, "password": PASSWORD}).status_code == 200
    return client


def asked(client: httpx.Client, endpoint: str, *data: object) -> str:
    """The event stream of a call of the API."""
    made = client.post(f"gradio_api/call/{endpoint}", json={"data": list(data)})
    assert made.status_code == 200, made.text
    return client.get(f"gradio_api/call/{endpoint}/{made.json()['event_id']}").text


def tool(name: str = "search") -> dict[str, object]:
    call = {"name": name, "arguments": {"question": QUESTION, "k": 1}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


# --- files -----------------------------------------------------------------------------------------------


def test_no_route_hands_out_a_file_of_this_machine(member: httpx.Client, index_dir: Path) -> None:
    manifest = next(index_dir.glob("v-*/manifest.json"))
    targets = ["/etc/passwd", "/proc/self/environ", str(ROOT / "app.py"), str(manifest), "app.py", "../app.py"]
    routes = [
        "gradio_api/file={}", "file={}", "gradio_api/file/{}", "gradio_api/proxy=http://127.0.0.1:9/{}", "static/{}",
        "gradio_api/proxy=file://{}", "assets/{}", "svelte/{}", "custom_component/{}", "gradio_api/stream/a/b/{}",
        "gradio_api/custom_component/x/server/component/{}", "gradio_api/deep_link?session_hash={}", "theme/{}",
        "static/../../../../../../../..{}", "assets/..%2f..%2f..%2f..%2f..%2f..{}",
        "gradio_api/upload_progress?upload_id={}", "gradio_api/run-history/records/ask/1/assets/{}",
    ]  # fmt: skip
    for route in routes:
        for target in targets:
            answer = member.get(route.format(target))
            assert answer.status_code != 200, route.format(target)
            for secret in ("root:", "def main", "format_version", SECRET, "PINCITE_"):
                assert secret not in answer.text
    for path in ("config", "gradio_api/info", "gradio_api/openapi.json", "theme.css", "", "gradio_api/runs", "healthz"):
        text = member.get(path).text
        assert not any(s in text for s in (SECRET, PASSWORD, str(index_dir), str(ROOT), "/site-packages/")), path


def test_nothing_is_uploaded(member: httpx.Client) -> None:
    for path in ("gradio_api/upload", "gradio_api/process_recording", "gradio_api/stream/x", "gradio_api/vibe-edit"):
        assert member.post(path, files={"files": ("a.txt", b"x")}).status_code == 403


# --- login and address -----------------------------------------------------------------------------------


def test_without_the_login_nothing_is_answered(client: httpx.Client) -> None:
    assert client.get("config").status_code == 401
    assert client.post("gradio_api/call/search", json={"data": [QUESTION]}).status_code == 401
    assert (
        client.post("gradio_api/queue/join", json={"data": [], "session_hash": "x", "fn_index": 0}).status_code == 401
    )
    assert client.post("login", data={"username": USER, "password": "guess"}).status_code == 400
    for headers in (MCP, {**MCP, "authorization": "Basic bm86bm8="}, {**MCP, "authorization": ""}):
        assert client.post("gradio_api/mcp/", json=tool(), headers=headers).status_code == 401
    assert client.get("gradio_api/mcp/schema").status_code == 401
    assert client.get("healthz").json()["ready"] is True


def test_with_the_login_page_api_and_tools_answer(member: httpx.Client) -> None:
    assert "event: complete" in asked(member, "search", QUESTION, 1, "full", None, None)
    answer = member.post("gradio_api/mcp/", json=tool(), headers=MCP, auth=(USER, PASSWORD))
    assert answer.status_code == 200 and "start" in answer.text


def test_only_this_machine_reaches_it_and_anything_else_is_warned_about(server: Server, index_dir: Path) -> None:
    with socket.socket() as other:  # loopback too, but not the address that it listens on
        assert other.connect_ex(("127.0.0.2", server.port)) != 0
    opened = Server(index_dir, "--host", "0.0.0.0")
    try:
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.2", opened.port)) == 0
        assert "warning: 0.0.0.0" in opened.log.read_text() and "PINCITE_PASSWORD" in opened.log.read_text()
    finally:
        opened.stop()
    assert "warning" not in server.log.read_text()


def test_half_a_login_and_odd_limits_are_one_clear_line(run: Run) -> None:
    one_clear_line(run("app.py", PINCITE_USER="ada"), "PINCITE_PASSWORD")
    one_clear_line(run("app.py", PINCITE_LOG="xml"), "PINCITE_LOG", "json")
    for value in ("-1", "0", "many", "9" * 30, "٣"):
        one_clear_line(run("-m", "bot", "ask", "why?", PINCITE_MAX_QUESTION=value), "PINCITE_MAX_QUESTION")


# --- limits ----------------------------------------------------------------------------------------------


def test_large_requests_and_long_questions_are_refused_in_one_line(member: httpx.Client) -> None:
    big = json.dumps({"data": ["x" * (5 << 20)]}).encode()
    assert member.post("gradio_api/call/search", content=big).status_code == 413
    pieces = (big[i : i + 65536] for i in range(0, len(big), 65536))  # no length announced
    with contextlib.suppress(httpx.HTTPError):
        assert member.post("gradio_api/call/search", content=pieces).status_code >= 400
    assert "at most 4,000 are read" in asked(member, "search", "x" * 5000, 1, "full", None, None)
    history = [{"role": "user", "content": "y"}] * 51
    assert "at most 50 messages" in asked(member, "search", QUESTION, 1, "full", None, history)


def test_one_address_gets_so_many_requests_a_minute() -> None:
    import anyio
    from starlette.responses import PlainTextResponse

    from bot.page.guard import Guard

    guard = Guard(PlainTextResponse("ok"), Limits(per_minute=3))

    async def statuses() -> list[int]:
        codes = []
        for address in ("10.0.0.1",) * 5 + ("10.0.0.2",) + ("127.0.0.1",) * 4:
            transport = httpx.ASGITransport(guard, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as one:
                codes.append((await one.post("/gradio_api/call/ask")).status_code)
                assert (await one.get("/")).status_code == 200
        return codes

    assert anyio.run(statuses) == [200, 200, 200, 429, 429, 200, 200, 200, 200, 200]


@pytest.mark.parametrize("history", ["x", [1], [{"role": "user"}], [{"role": "x", "content": "y"}], {"role": "user"}])
def test_a_history_of_another_shape_is_one_clear_line(run: Run, write_jsonl, tmp_path: Path, history: object) -> None:  # type: ignore[no-untyped-def]
    path = write_jsonl("q.jsonl", {"id": "1", "question": QUESTION, "history": history})
    one_clear_line(run("-m", "bot", "batch", "--questions", str(path), "--out", str(tmp_path / "a.jsonl")), "history")


# --- load and loss ---------------------------------------------------------------------------------------


def test_what_cannot_wait_is_told_to_come_again() -> None:
    gate, release, inside = Gate(Limits(at_once=2, waiting=3)), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        with gate.turn():
            inside.release()
            release.wait(30)

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
    assert inside.acquire(timeout=10) and inside.acquire(timeout=10)
    for _ in range(200):
        if gate._inside == 5:
            break
        time.sleep(0.05)
    with pytest.raises(BusyError, match=r"busy: 5 .*try again"), gate.turn():
        raise AssertionError("a sixth got in")
    assert not inside.acquire(blocking=False)
    release.set()
    for worker in workers:
        worker.join(10)
    assert gate.drain()
    with pytest.raises(BusyError, match="being stopped"), gate.turn():
        raise AssertionError("it was closed")


def test_a_reader_that_leaves_gives_its_turn_back(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINCITE_MAX_AT_ONCE", "1")
    monkeypatch.setenv("PINCITE_MAX_WAITING", "1")
    service = Service(Path("unused"), Path("unused"))
    with pytest.raises(PinciteError, match="Starting"):
        next(service.stream(QUESTION, "extractive", []))
    service._pipeline = pipeline
    for _ in range(4):
        answer = service.stream(QUESTION, "extractive", [])
        next(answer)
        answer.close()
    assert list(service.stream(QUESTION, "extractive", []))


def test_a_client_that_leaves_in_mid_stream_frees_its_worker(server: Server, member: httpx.Client) -> None:
    """There is one turn for all, and a real model writes: the next answer comes once the first is given up, which the
    log says when nothing works on it any more.
    """
    before = len(server.logged())
    calls = member.get("config").json()["dependencies"]
    number = next(c["id"] for c in calls if [t[1] for t in c["targets"]] == ["submit", "click"])
    asks = {"session_hash": "leaver", "fn_index": number, "data": [LONG, -1, None, "local", []]}
    assert member.post("gradio_api/queue/join", json=asks).status_code == 200
    with member.stream("GET", "gradio_api/queue/data?session_hash=leaver") as answer:
        told = (line for line in answer.iter_lines() if "process_generating" in line)
        assert len(list(itertools.islice(told, 3))) == 3  # the question, what was found, a first sentence
    assert "event: complete" in asked(member, "ask", QUESTION, "extractive", None, None)
    ends = [(line["event"], line["engine"]) for line in server.logged()[before:]]
    assert ends == [("abandoned", "local"), ("answer", "extractive")]


def test_calls_leave_nothing_behind_in_the_server(server: Server, member: httpx.Client) -> None:
    """Every call without a session of its own opens one; kept for good, 600 of them held 75 MiB."""

    def call(times: int) -> float:
        for _ in range(times):
            assert "event: error" in asked(member, "article", "No such article", None, None)
        return resident(server.process.pid)

    before = call(300)
    assert call(600) - before < 40


def slowly(connection: socket.socket, wire: Wire) -> None:
    """A first sentence at once, the second after three seconds."""
    first, *rest = events(SENTENCE, "It generalizes poorly to new data.")
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + first.encode())
    wire.released.wait(3)
    connection.sendall("".join(rest).encode())


def test_a_stopped_server_finishes_the_answer_in_hand(index_dir: Path, serve: Serve) -> None:
    wire = serve(slowly)
    running = Server(index_dir).ready()
    with httpx.Client(base_url=running.url, timeout=60, trust_env=False) as client:
        made = client.post("gradio_api/call/ask", json={"data": ["What is overfitting?", "hosted", None, None]})
        with client.stream("GET", f"gradio_api/call/ask/{made.json()['event_id']}") as answer:
            while not wire.requests:
                time.sleep(0.05)
            running.process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            text = "".join(answer.iter_text())
    assert running.process.wait(20) == 0 and time.monotonic() - told < 15  # 10 s, and a busy machine
    assert "event: complete" in text and SENTENCE.strip() in text
    assert "Traceback" not in running.log.read_text()


# --- logs ------------------------------------------------------------------------------------------------


def test_the_log_has_timings_and_no_question_and_no_secret(server: Server, member: httpx.Client) -> None:
    assert "event: complete" in asked(member, "ask", QUESTION, "extractive", None, None)
    last = server.logged()[-1]
    assert last["event"] == "answer" and last["engine"] == "extractive" and len(last["request"]) == 12
    assert last["retrieval_ms"]["encode"] > 0 and last["timings_ms"]["total"] > 0
    text = server.log.read_text()
    assert "dropout" not in text and PASSWORD not in text and SECRET not in text


def test_questions_are_logged_only_when_asked_for(run: Run) -> None:
    quiet = run("-m", "bot", "ask", QUESTION, PINCITE_LOG="json")
    assert quiet.returncode == 0 and "dropout" not in quiet.stderr and '"event": "answer"' in quiet.stderr
    loud = run("-m", "bot", "ask", QUESTION, PINCITE_LOG="json", PINCITE_LOG_QUESTIONS="1")
    assert json.loads(loud.stderr.strip().splitlines()[-1])["question"] == QUESTION
