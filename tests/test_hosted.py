"""The hosted engine against real servers on loopback: one with a real model, and many that fail."""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot import prompts
from bot.engine import ExtractiveEngine, make_engine, split_stream
from bot.hosted import HostedEngine, hosted_configured
from bot.pipeline import BotConfig, Pipeline
from bot.values import Answer
from bot.writer import Said
from ingest.errors import BackendError
from tests.conftest import Run, one_clear_line

KEY = "sk-MARKED-4f9c1d7e"
QUESTION = "What is overfitting?"
SENTENCE = "Overfitting is when a model learns the training data too well. "
LIMIT, SHORT = 20.0, 1.5  # PINCITE_LLM_TIMEOUT, seconds: as a rule, and where it is to run out


# --- servers ---------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """A TCP server that answers its n-th request as `script[n]` says, the last one for all that follow."""

    port: int
    requests: list[tuple[str, dict[str, str], dict[str, object]]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


Step = Callable[[socket.socket, Wire], None]
Serve = Callable[..., Wire]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a scripted server and point the environment at it."""
    running: list[tuple[socketserver.ThreadingTCPServer, Wire]] = []

    def start(*script: Step) -> Wire:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline().decode()
                headers: dict[str, str] = {}
                while header := self.rfile.readline().decode().strip():
                    name, _colon, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                wire.requests.append((line.strip(), headers, json.loads(body)))
                try:
                    script[min(len(wire.requests), len(script)) - 1](self.connection, wire)
                except OSError:  # the client has gone, as it should
                    wire.released.set()

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads, server.block_on_close = True, False
        wire = Wire(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        running.append((server, wire))
        point_at(monkeypatch, f"http://{wire.host}/v1")
        return wire

    yield start
    for server, wire in running:
        wire.released.set()
        server.shutdown()
        server.server_close()


def point_at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PINCITE_LLM_MODEL", "tiny")
    monkeypatch.setenv("PINCITE_LLM_TIMEOUT", str(LIMIT))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "PINCITE_LLM_MODEL", "PINCITE_LLM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


def status(code: int, body: str = '{"error": {"message": "no"}}', *headers: str) -> Step:
    def step(connection: socket.socket, wire: Wire) -> None:
        head = [f"HTTP/1.1 {code} X", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        connection.sendall("\r\n".join([*head, "Connection: close", "", body]).encode())

    return step


def events(*texts: str, finish: str = "stop") -> list[str]:
    """The lines of a chat completion stream."""
    chunks: list[dict[str, object]] = [{"delta": {"role": "assistant", "content": t}, "index": 0} for t in texts]
    if finish:
        chunks.append({"delta": {}, "index": 0, "finish_reason": finish})
    made = [{"id": "1", "object": "chat.completion.chunk", "model": "tiny", "choices": [c]} for c in chunks]
    return [f"data: {json.dumps(m)}\n\n" for m in made] + (["data: [DONE]\n\n"] if finish else [])


def stream(*lines: str, length: str = "", pause: float = 0.0) -> Step:
    """Send an event stream; the end is the end of the connection, unless `length` announces more."""

    def step(connection: socket.socket, wire: Wire) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{length}\r\n".encode())
        for line in lines:
            connection.sendall(line.encode())
            time.sleep(pause)

    return step


def hang(connection: socket.socket, wire: Wire) -> None:
    wire.released.wait(30)


def drip(connection: socket.socket, wire: Wire) -> None:
    """A byte now and then, for ever: never a timeout between two reads."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while not wire.released.wait(0.25):
        connection.sendall(b":")


def trickle(connection: socket.socket, wire: Wire) -> None:
    """Whole sentences, slowly, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while not wire.released.wait(0.25):
        connection.sendall(events(SENTENCE, finish="")[0].encode())


def banner(connection: socket.socket, wire: Wire) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


def slam(connection: socket.socket, wire: Wire) -> None:
    pass


# --- a real model ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[tuple[str, str]]:
    """`transformers serve` with the packaged model: its address and the model's name."""
    folder = tmp_path_factory.mktemp("serve")
    model = str(local_model)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", model]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    log = open(folder / "log", "wb")  # noqa: SIM115 - closed below
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    server = subprocess.Popen([*command, *options], stdout=log, stderr=log, env=env)
    try:
        for _ in range(240):
            assert server.poll() is None, (folder / "log").read_text()
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://127.0.0.1:{port}/health", timeout=2
                ).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}/v1", model
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def test_a_real_model_behind_a_real_server_answers_with_exact_spans(
    pipeline: Pipeline, model_server: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, model = model_server
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("PINCITE_LLM_TIMEOUT", "300")  # a busy machine
    engine = make_engine(f"hosted:{model}")
    short = Pipeline(pipeline.retriever, BotConfig(passages=1))
    seen = list(short.stream("What is the bias-variance tradeoff?", engine))
    answer = seen[-1]
    assert isinstance(answer, Answer)
    assert answer.refusal_reason is None and answer.engine == f"hosted:{model}"
    assert answer.note != prompts.QUOTES_INSTEAD  # it is the model that speaks
    assert "underfitting and overfitting" in answer.answer and answer.citations
    assert [e.sentence for e in seen if isinstance(e, Said)] == list(answer.sentences)
    for c in answer.citations:
        assert pipeline.retriever.index.articles[c.article_id].text[c.start : c.end] == c.quote


def test_a_real_server_names_an_unknown_model(
    pipeline: Pipeline, model_server: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server[0])
    answer = pipeline.ask(QUESTION, HostedEngine("no-such-model"))
    assert answer.refusal_reason == "backend_failed" and "127.0.0.1" in answer.answer


# --- what is sent, and how it comes back -----------------------------------------------------------------


def test_sentences_arrive_while_the_server_still_writes(pipeline: Pipeline, serve: Serve) -> None:
    def slowly(connection: socket.socket, wire: Wire) -> None:
        first, *rest = events(SENTENCE + "It", " generalizes poorly to new data [1].")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + first.encode())
        assert wire.released.wait(10)
        connection.sendall("".join(rest).encode())

    wire = serve(slowly)
    told = []
    for event in pipeline.stream(QUESTION, make_engine("auto")):
        if isinstance(event, Said):
            told.append((event.sentence.text, wire.released.is_set()))
            wire.released.set()
    assert told[0] == (SENTENCE.strip(), False)
    assert all("[" not in text for text, _released in told)
    (line, headers, body), *more = wire.requests
    assert not more and line.startswith("POST /v1/chat/completions ")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["stream"], body["temperature"], body["max_tokens"]) == ("tiny", True, 0, 300)
    assert prompts.SYSTEM in json.dumps(body["messages"], ensure_ascii=False) and QUESTION in json.dumps(body)


@pytest.mark.parametrize(
    "first", [status(500), status(429), status(429, "{}", "Retry-After: 1"), slam], ids=["500", "429", "wait", "slam"]
)
def test_what_fails_in_passing_is_tried_again(pipeline: Pipeline, serve: Serve, first: Step) -> None:
    wire = serve(first, stream(*events(SENTENCE)))
    answer = pipeline.ask(QUESTION, HostedEngine())
    assert not answer.refused and answer.answer.startswith(SENTENCE.strip()) and len(wire.requests) == 2


def test_a_server_that_ignores_the_limit_is_cut_off(pipeline: Pipeline, serve: Serve) -> None:
    serve(stream(*events(*[SENTENCE] * 400)))
    drafts = list(HostedEngine().draft(QUESTION, ()))
    assert 100 < len(drafts) < 140
    assert_no_threads_left()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_stream_is_cut_into_sentences_whatever_its_pieces(size: int) -> None:
    text = 'He said "yes." Then [2] left. [1, 3] A rate of 3.5 is fine [2].\n1. Use dropout. It helps.\n- Add data\n[4]'
    drafts = list(split_stream(text[i : i + size] for i in range(0, len(text), size)))
    told = ['He said "yes."', "Then left.", "A rate of 3.5 is fine.", "Use dropout.", "It helps.", "Add data"]
    assert [d.text for d in drafts] == told
    assert [d.item for d in drafts] == [False, False, False, True, False, True]


# --- failures --------------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[Step, int, list[str]]] = {  # what the server does, how often it is asked, what is said
    "wrong key": (status(401, '{"error": {"message": "Incorrect API key: sk-MARKED-4f9c1d7e"}}'), 1, ["401", "KEY"]),
    "forbidden": (status(403), 1, ["403", "OPENAI_API_KEY"]),
    "no credit": (status(402), 1, ["402", "credit"]),
    "rate limit": (status(429), 3, ["429", "wait", "3 times"]),
    "long wait": (status(429, "{}", "Retry-After: 900"), 1, ["429", "wait"]),
    "no quota": (status(429, '{"error": {"message": "x", "code": "insufficient_quota"}}'), 1, ["429", "credit"]),
    "broken": (status(500), 3, ["500", "3 times"]),
    "unknown model": (status(404), 1, ["404", "tiny", "OPENAI_BASE_URL"]),
    "redirect": (status(307, "", "Location: http://127.0.0.2:9/"), 1, ["307", "OPENAI_BASE_URL"]),
    "refused": (
        status(400, json.dumps({"error": {"message": f"bad\nheader Bearer {KEY}, {KEY}\x1b[31m"}})), 1, ["400", "bad"]
    ),
    "hang": (hang, 1, ["1.5 s", "PINCITE_LLM_TIMEOUT"]),
    "drip": (drip, 1, ["1.5 s", "PINCITE_LLM_TIMEOUT"]),
    "trickle": (trickle, 1, ["still writing", "PINCITE_LLM_TIMEOUT"]),
    "slam": (slam, 3, ["closed the connection"]),
    "cut, length known": (stream(*events(SENTENCE, finish=""), length="Content-Length: 99999\r\n"), 1, ["middle"]),
    "cut, length unknown": (stream(*events(SENTENCE, "Such a", finish="")), 1, ["middle"]),
    "page": (status(200, "<html>hello</html>"), 1, ["no chat completion", "/v1"]),
    "other JSON": (status(200, '{"ok": true}'), 1, ["no chat completion"]),
    "not JSON": (stream("data: hello\n\n"), 1, ["no chat completion"]),
    "other events": (stream('data: {"x": 1}\n\n', "data: [DONE]\n\n"), 1, ["no chat completion"]),
    "odd shape": (stream('data: {"choices": [3]}\n\n', 'data: [1]\n\n'), 1, ["no chat completion"]),
    "not HTTP": (banner, 1, ["no chat completion"]),
    "error in the stream": (stream(f'data: {{"error": {{"message": "GPU lost {KEY}"}}}}\n\n'), 1, ["GPU lost"]),
    "empty": (stream(*events("")), 1, ["empty reply"]),
    "all reasoning": (stream(*events("", finish="length")), 1, ["empty reply", "300"]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("case", FAILURES)
def test_every_failure_is_one_line_that_names_the_host_and_keeps_the_key(
    case: str,
    pipeline: Pipeline,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    step, asked, words = FAILURES[case]
    wire = serve(step)
    if step in (hang, drip, trickle):
        monkeypatch.setenv("PINCITE_LLM_TIMEOUT", str(SHORT))
    engine = HostedEngine()
    with caplog.at_level(logging.DEBUG):
        started = time.monotonic()
        answer = pipeline.ask(QUESTION, engine)
        taken = time.monotonic() - started
    assert answer.refusal_reason == "backend_failed" and answer.refused
    assert not answer.sentences and not answer.citations
    assert len(wire.requests) == asked
    assert taken < LIMIT  # on a busy machine; without a deadline three of the cases would never end
    for word in (wire.host, *words):
        assert word in answer.answer, answer.answer
    assert answer.answer.isprintable()  # one line, no control characters
    out, err = capfd.readouterr()
    for text in (answer.answer, json.dumps(answer.record()), caplog.text, out, err, repr(engine), repr(vars(engine))):
        assert KEY not in text and "MARKED" not in text
    assert "Traceback" not in err
    assert_no_threads_left()


def assert_no_threads_left() -> None:
    """A server that never ends holds nothing back once the answer is over."""
    for _ in range(60):
        if not any(t.name == "pincite-hosted" for t in threading.enumerate()):
            return
        time.sleep(0.05)
    raise AssertionError("a request is still running")


def test_dead_ports_and_hosts_are_named(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    point_at(monkeypatch, f"http://ada:secret@127.0.0.1:{port}/v1?token=hidden")
    answer = pipeline.ask(QUESTION, HostedEngine())
    assert answer.refusal_reason == "backend_failed"
    assert f"127.0.0.1:{port} cannot be reached" in answer.answer and "nothing listens" in answer.answer
    assert "secret" not in answer.answer and "hidden" not in answer.answer and "ada" not in answer.answer
    point_at(monkeypatch, "http://no-such-host.invalid/v1")
    assert "no-such-host.invalid cannot be reached" in pipeline.ask(QUESTION, HostedEngine()).answer


def test_a_reader_who_leaves_cuts_the_connection(serve: Serve) -> None:
    wire = serve(trickle)
    drafts = HostedEngine().draft(QUESTION, ())
    assert next(drafts).text == SENTENCE.strip()
    drafts.close()  # type: ignore[attr-defined]
    assert_no_threads_left()
    assert wire.released.wait(3)  # the server noticed


def test_the_command_says_it_in_one_line(run: Run, serve: Serve) -> None:
    wire = serve(status(401))
    one_clear_line(run("-m", "bot", "ask", QUESTION, "--llm", "hosted:tiny"), wire.host, "401", "OPENAI_API_KEY")


# --- configuration ---------------------------------------------------------------------------------------


def test_auto_is_hosted_only_when_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hosted_configured() and isinstance(make_engine("auto"), ExtractiveEngine)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert hosted_configured()
    with pytest.raises(BackendError, match="PINCITE_LLM_MODEL"):  # never a silent fallback
        make_engine("auto")
    monkeypatch.setenv("PINCITE_LLM_MODEL", "gpt-x")
    engine = make_engine("auto")
    assert isinstance(engine, HostedEngine) and engine.name == "hosted:gpt-x"
    assert engine.destination == "goes to api.openai.com"
    assert make_engine("hosted:llama3.2:1b").name == "hosted:llama3.2:1b"


def test_credentials_in_the_address_are_used_and_not_shown(
    pipeline: Pipeline, serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wire = serve(stream(*events(SENTENCE)))
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://ada:s%40fe-word@{wire.host}/v1?api-version=1")
    engine = HostedEngine()
    assert engine.destination == f"goes to {wire.host}"
    with caplog.at_level(logging.DEBUG):
        assert not pipeline.ask(QUESTION, engine).refused
    line, headers, _body = wire.requests[0]
    assert "?api-version=1 " in line and headers["authorization"] == "Basic YWRhOnNAZmUtd29yZA=="
    assert "fe-word" not in caplog.text + repr(vars(engine))


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("OPENAI_BASE_URL", "127.0.0.1:8000/v1", "OPENAI_BASE_URL"),
        ("OPENAI_BASE_URL", "ftp://host/v1", "OPENAI_BASE_URL"),
        ("OPENAI_BASE_URL", "http://host:x/v1", "OPENAI_BASE_URL"),
        ("OPENAI_BASE_URL", "http://[::1/v1", "OPENAI_BASE_URL"),
        ("OPENAI_API_KEY", f"{KEY}\nmore", "OPENAI_API_KEY"),
        ("OPENAI_API_KEY", f"“{KEY}”", "OPENAI_API_KEY"),
        ("PINCITE_LLM_TIMEOUT", "soon", "PINCITE_LLM_TIMEOUT"),
        ("PINCITE_LLM_TIMEOUT", "0", "PINCITE_LLM_TIMEOUT"),
        ("PINCITE_LLM_TIMEOUT", "nan", "PINCITE_LLM_TIMEOUT"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    name: str, value: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(monkeypatch, "http://127.0.0.1:9/v1")
    monkeypatch.setenv(name, value)
    with pytest.raises(BackendError, match=word) as caught:
        HostedEngine()
    assert "MARKED" not in str(caught.value) and str(caught.value).isprintable()


def test_nothing_configured_and_missing_providers_say_what_to_do(pipeline: Pipeline) -> None:
    with pytest.raises(BackendError, match="OPENAI_API_KEY, or OPENAI_BASE_URL"):
        make_engine("hosted:tiny")
    engine = HostedEngine("anthropic:some-model")
    assert engine.destination == "goes to anthropic"
    answer = pipeline.ask(QUESTION, engine)
    assert answer.refusal_reason == "backend_failed" and "pip install langchain-anthropic" in answer.answer
