"""A Hugging Face Space: what goes there, what it installs, how it is pushed (to a small hub here), and ZeroGPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from bot.space import MAX_BYTES, shipped_files, stage
from index.config import ROOT
from ingest.errors import PinciteError
from tests.conftest import Run, one_clear_line

FRONT = yaml.safe_load((ROOT / "README.md").read_text(encoding="utf-8").split("---", 2)[1])
REQUIRED = {
    r.name: r
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
    for r in [Requirement(line)]
}


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "bot").mkdir(parents=True)
    (folder / "tests").mkdir()
    for name in ("app.py", "bot/engine.py", "tests/test_app.py"):
        (folder / name).write_text("pass\n")
    (folder / "requirements.txt").write_text("gradio==6.31.0\ntorch>=2.8\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    (folder / "bot" / "key.env").write_text("HF_TOKEN=hf_secret\n")
    return folder


def test_the_dry_run_lists_exactly_what_goes_without_network_or_token(run: Run) -> None:
    done = run("-m", "bot.space", "--dry-run", HF_HUB_OFFLINE="1", HF_TOKEN="")
    assert done.returncode == 0, done.stderr
    *lines, total = done.stdout.splitlines()
    listed = {line.split(maxsplit=1)[1]: int(line.split()[0].replace(",", "")) for line in lines}
    assert listed == {path: (ROOT / path).stat().st_size for path in listed}
    assert {"app.py", "README.md", "requirements.txt", "corpus/interviewnode.txt", "corpus/NOTICE"} <= set(listed)
    assert set(git(ROOT, "ls-files", "ingest", "index", "bot").splitlines()) <= set(listed)
    assert not any(p.startswith(("tests/", ".")) or p.endswith((".log", ".env")) for p in listed)
    assert int(total.split()[0].replace(",", "")) == sum(listed.values()) < MAX_BYTES


def test_what_git_does_not_track_stays_here(checkout: Path) -> None:
    assert [f.path for f in shipped_files(checkout)] == ["app.py", "bot/engine.py", "requirements.txt"]


def test_too_much_a_lost_file_and_no_checkout_are_told(checkout: Path, tmp_path: Path) -> None:
    with open(checkout / "bot" / "weights.bin", "wb") as file:
        file.truncate(MAX_BYTES)
    git(checkout, "add", "bot/weights.bin")
    with pytest.raises(PinciteError, match=r"bot/weights\.bin"):
        shipped_files(checkout)
    (checkout / "bot" / "weights.bin").unlink()
    with pytest.raises(PinciteError, match="git checkout"):
        shipped_files(checkout)
    with pytest.raises(PinciteError, match="no git checkout"):
        shipped_files(tmp_path / "elsewhere")


def test_torch_suits_this_machine_and_zerogpu(checkout: Path, tmp_path: Path) -> None:
    everywhere = REQUIRED["torch"].specifier
    assert all(everywhere.contains(v) for v in ("2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.13.0"))
    files = shipped_files(checkout)
    stage(files, tmp_path / "cpu", zerogpu=False, root=checkout)
    stage(files, tmp_path / "zero", zerogpu=True, root=checkout)
    plain, capped = ((tmp_path / n / "requirements.txt").read_text() for n in ("cpu", "zero"))
    assert plain == (checkout / "requirements.txt").read_text()
    (torch,) = [Requirement(line) for line in capped.splitlines() if line.startswith("torch")]
    assert torch.specifier.contains("2.11.0") and not torch.specifier.contains("2.12.0")
    assert [line for line in capped.splitlines() if "torch" not in line] == ["gradio==6.31.0"]


def test_the_front_matter_is_what_a_space_reads() -> None:
    assert FRONT["sdk"] == "gradio" and str(REQUIRED["gradio"].specifier) == f"=={FRONT['sdk_version']}"
    assert (ROOT / FRONT["app_file"]).is_file()
    assert 0 < len(FRONT["short_description"]) <= 60 and FRONT["title"] and FRONT["emoji"]
    assert {FRONT["colorFrom"], FRONT["colorTo"]} <= {
        "red",
        "yellow",
        "green",
        "blue",
        "indigo",
        "purple",
        "pink",
        "gray",
    }
    assert FRONT["python_version"] in ("3.10", "3.12"), "what ZeroGPU runs"
    assert FRONT["suggested_hardware"] == "cpu-basic" and re.fullmatch(r"\d+[mh]", FRONT["startup_duration_timeout"])
    for entry in FRONT["preload_from_hub"]:
        assert entry.split()[0] in FRONT["models"]


def test_workflows_call_what_is_there() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = []
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            commands += [step["run"] for step in job["steps"] if "run" in step]
    assert any(c.startswith("python -m bot.space") for c in commands)
    made = [c.split()[1] for c in commands if c.startswith("make ")]
    assert made and set(made) <= set(targets)


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a push needs: one Space that holds `old.py`, and a record of what is committed."""

    committed: list[dict[str, Any]]

    def do_GET(self) -> None:
        if self._known():
            old = {"type": "file", "path": "old.py", "oid": "0" * 40, "size": 1}
            self._answer([old] if "/tree/" in self.path else {"id": "user/name"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self._known():
            return
        if self.path.endswith("/preupload/main"):
            files = [{"path": f["path"], "uploadMode": "regular"} for f in json.loads(body)["files"]]
            self._answer({"files": [f | {"shouldIgnore": False, "oid": None} for f in files]})
        elif self.path.endswith("/commit/main"):
            self.committed += [json.loads(line) for line in body.splitlines()]
            self._answer(
                {"commitUrl": "https://huggingface.co/spaces/user/name", "commitOid": "1" * 40, "success": True}
            )
        else:
            self._answer({"url": "https://huggingface.co/spaces/user/name", "name": "user/name"})

    def _known(self) -> bool:
        known = self.headers.get("Authorization") == "Bearer hf_right"
        if not known:
            self._answer({"error": "Invalid username or password."}, 401)
        return known

    def _answer(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    committed: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Recording", (Hub,), {"committed": committed}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", committed
    server.shutdown()


def test_a_push_brings_the_space_to_these_files(run: Run, hub: tuple[str, list[dict[str, Any]]]) -> None:
    address, committed = hub
    done = run("-m", "bot.space", "user/name", HF_ENDPOINT=address, HF_TOKEN="hf_right", HF_HUB_OFFLINE="0")
    assert done.returncode == 0, done.stderr
    sent = {c["value"]["path"] for c in committed if c["key"] == "file"}
    assert sent == {f.path for f in shipped_files()}
    assert [c["value"]["path"] for c in committed if c["key"] == "deletedFile"] == ["old.py"]
    assert "hf_right" not in done.stdout + done.stderr


def test_a_push_that_cannot_be_is_one_clear_line(run: Run, hub: tuple[str, list[dict[str, Any]]]) -> None:
    one_clear_line(run("-m", "bot.space", "nobody"), "'nobody'", "USER/NAME")
    address, committed = hub
    wrong = run("-m", "bot.space", "user/name", HF_ENDPOINT=address, HF_TOKEN="hf_wrong", HF_HUB_OFFLINE="0")
    one_clear_line(wrong, "user/name", "HF_TOKEN")
    assert not committed and "hf_wrong" not in wrong.stderr
    one_clear_line(run("-m", "bot.space", "user/name", HF_HUB_OFFLINE="1"), "user/name", "network")


LENDER = '''
"""Stands in for ZeroGPU's package: arguments and results cross a process boundary."""
import pickle

def GPU(duration):
    def lend(task):
        def there(*args):
            print("lent for", duration)
            for value in task(*pickle.loads(pickle.dumps(args))):
                yield pickle.loads(pickle.dumps(value))
        return there
    return lend
'''


def test_on_zerogpu_the_language_model_is_lent_a_gpu_and_questions_are_encoded_without(
    tmp_path: Path, index_dir: Path, local_model: Path
) -> None:
    (tmp_path / "spaces.py").write_text(LENDER)
    code = (
        "import sys; from pathlib import Path; from bot.engine import make_engine; from bot.pipeline import Pipeline\n"
        "pipeline = Pipeline.open(Path(sys.argv[1]))\n"
        "answer = pipeline.ask('What is dropout?', make_engine('local:' + sys.argv[2]))\n"
        "print(pipeline.retriever.encoder.device, answer.refused, len(answer.citations))"
    )
    env = {**os.environ, "SPACES_ZERO_GPU": "true", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code, str(index_dir), str(local_model)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lent, outcome = done.stdout.splitlines()
    assert lent == "lent for 60"
    assert re.fullmatch(r"cpu False [1-9]\d*", outcome)


def test_a_lender_that_refuses_is_a_failed_back_end(tmp_path: Path, index_dir: Path) -> None:
    refusing = LENDER.replace('print("lent for", duration)', 'raise RuntimeError("GPU quota exceeded")')
    (tmp_path / "spaces.py").write_text(refusing)
    env = {**os.environ, "SPACES_ZERO_GPU": "true", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "bot", "ask", "What is dropout?", "--llm", "local", "--index", str(index_dir)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    one_clear_line(done, "GPU quota exceeded")


def test_a_measurement_that_is_ended_takes_its_server_along(index_dir: Path) -> None:
    command = [sys.executable, "-m", "eval.startup", "--rounds", "1", "--index", str(index_dir)]
    measuring = subprocess.Popen(command, cwd=ROOT)
    children = Path(f"/proc/{measuring.pid}/task/{measuring.pid}/children")
    while (
        not (server := children.read_text().split()) or "app.py" not in Path(f"/proc/{server[0]}/cmdline").read_text()
    ):
        assert measuring.poll() is None
        time.sleep(0.05)
    time.sleep(1)  # it has just been started: let it be known to who started it
    measuring.terminate()
    assert measuring.wait(60) == 143
    assert not Path(f"/proc/{server[0]}").exists()


def test_all_that_is_written_goes_into_the_data_folder(tmp_path: Path) -> None:
    code = "import bot.local, index.config; print(bot.local.cache_dir(), index.config.default_index_dir())"
    env = {k: v for k, v in os.environ.items() if k not in ("PINCITE_INDEX", "PINCITE_CACHE")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**env, "PINCITE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(tmp_path / "cache"), str(tmp_path / ".index")]
