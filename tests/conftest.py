"""One real index of the bundled corpus for all tests; every other piece of state goes to a temporary folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page

os.environ["HF_HUB_OFFLINE"] = "1"  # before any model library is imported: the hub is never asked
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
if os.environ.get("PYTEST_XDIST_WORKER"):  # workers share the cores; threads of theirs would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from bot.local import find_local_model
from bot.pipeline import Pipeline
from eval.data import DEFAULT_QUESTIONS, Question, read_questions
from index.build import build_index
from index.config import DEFAULT_CORPUS, ROOT
from index.encode import SentenceEncoder, load_encoder
from index.retrieve import Retriever
from ingest.load import Corpus, load_corpus
from tests.browser import chromium, ready
from tests.serving import Server

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def state_goes_to_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINCITE_INDEX", str(tmp_path / "index"))
    monkeypatch.setenv("PINCITE_CACHE", str(tmp_path / "cache"))
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "PINCITE_LLM_MODEL", "PINCITE_LLM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return load_corpus([DEFAULT_CORPUS])


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    return load_encoder()


@pytest.fixture(scope="session")
def index_dir(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Path:
    folder = tmp_path_factory.mktemp("bundled") / "index"
    report = build_index([DEFAULT_CORPUS], folder, encoder=encoder)
    assert report.written
    assert report.encoded == report.chunks > 300
    return folder


@pytest.fixture(scope="session")
def retriever(index_dir: Path) -> Retriever:
    return Retriever.open(index_dir)


@pytest.fixture(scope="session")
def pipeline(retriever: Retriever) -> Pipeline:
    return Pipeline(retriever)


@pytest.fixture(scope="session")
def server(index_dir: Path, models: Path) -> Iterator[Server]:
    """`python app.py` over the bundled corpus, able to answer, writing its feedback beside the index."""
    feedback = str(index_dir.parent / "feedback.jsonl")
    running = Server(index_dir, PINCITE_FEEDBACK=feedback, PINCITE_CACHE=str(models))
    try:
        yield running.ready()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page on a desk, in a profile of its own; it must ask nobody but its server for anything."""
    opened = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    outside: list[str] = []
    opened.on("request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else outside.append(r.url))
    opened.goto(server.url)
    ready(opened)
    yield opened
    opened.context.close()
    assert not outside, f"the page asked the network for {outside}"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `local_model` is kept, for servers and for the other worker, too."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / "models"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def local_model(models: Path) -> Path:
    """The packaged language model, converted once for all tests."""
    with FileLock(f"{models}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PINCITE_CACHE", str(models))
        return Path(find_local_model(""))


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return read_questions(DEFAULT_QUESTIONS, judged=True)


@pytest.fixture(scope="session")
def run(index_dir: Path) -> Run:
    """Run a command as a person would, on the bundled index unless told otherwise."""

    def call(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "PINCITE_INDEX": str(index_dir), **env}
        return subprocess.run(
            [sys.executable, *args], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300
        )

    return call


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, *records: object) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
        return path

    return write


def one_clear_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit status 2 and a single line on standard error that holds all the words."""
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def small_corpus(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "tea.txt").write_text("Tea\n\nGreen tea is steeped at 80 degrees.\n\nBlack tea takes four minutes.\n")
    (folder / "bread.md").write_text("# Bread\n\nIntro words here.\n\n## Rye\n\nRye needs a sour starter.\n")
    yield folder
