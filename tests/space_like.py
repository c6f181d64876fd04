"""A Hugging Face Space's conditions on this machine, from clone to first answer: `sudo python -m tests.space_like`.

A fresh clone, what `bot.space` ships of it, the Space's order of installation (Gradio first), an unprivileged user
(uid 1000), a checkout that he cannot write, one data folder, port 7860, two cores, and no network once all is
installed. Needs Linux and root (for `setpriv` and `unshare`), and a free port only in its own network namespace.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
USER = "1000"
CORES = "0,1"
URL = "http://127.0.0.1:7860/"
QUESTION = "What is the bias-variance tradeoff?"
PATIENCE = 300.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.space_like", description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="3.10 to 3.13; the Space has 3.12 (default: this one)")
    parser.add_argument("--out", type=Path, default=ROOT / "eval" / "results" / "space.json")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps([start_and_ask(), start_and_ask()]))
        return 0
    if os.name != "posix" or os.geteuid() != 0:
        sys.exit("error: root is needed to become uid 1000 and to cut the network: sudo python -m tests.space_like")
    with tempfile.TemporaryDirectory(prefix="pincite-space-") as scratch:
        result = measure(Path(scratch), args.python)
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, value in result["figures"].items():
        print(f"{name}: {value}")
    return 0


def measure(work: Path, python: str) -> dict[str, Any]:
    """Install and start twice, the first time without an index; seconds of each step."""
    load = os.getloadavg()[0]
    work.chmod(0o755)
    app, env = work / "app", work / "env"
    folders = {"HOME": work / "home", "TMPDIR": work / "tmp", "PINCITE_DATA": work / "data"}
    for folder in (*folders.values(), env):
        folder.mkdir()
        shutil.chown(folder, int(USER), int(USER))
    started = time.monotonic()
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(work / "clone")], check=True)
    ship(work / "clone", app)
    cloned = time.monotonic() - started
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PINCITE_", "OPENAI_", "VIRTUAL_ENV"))}
    variables |= {k: str(v) for k, v in folders.items()} | {
        "USER": "user",
        "SYSTEM": "spaces",
        "SPACE_ID": "user/pincite",
    }
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "taskset", "-c", CORES]

    python, variables["LD_LIBRARY_PATH"] = readable(python, work)

    def run(*command: str) -> float:
        before = time.monotonic()
        subprocess.run([*as_user, *command], check=True, cwd=app, env=variables)
        return time.monotonic() - before

    front = (app / "README.md").read_text(encoding="utf-8").split("---", 2)[1]
    (version,) = re.findall(r"^sdk_version: (\S+)$", front, re.MULTILINE)
    constraint = work / "torch.txt"  # the CPU build at hand instead of gigabytes of CUDA; a Space has no such line
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    constraint.write_text("".join(re.findall(r"^torch==\S+\n", pins, re.MULTILINE)))
    pip = (str(env / "bin" / "python"), "-m", "pip", "install", "-q", "--no-cache-dir", "--disable-pip-version-check")
    run(python, "-m", "venv", str(env))
    gradio_first = run(*pip, f"gradio[oauth,mcp]=={version}")
    the_rest = run(*pip, "-r", "requirements.txt", "-c", str(constraint))
    beside = files_in(work / "home", work / "tmp")
    offline = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *as_user]
    client = shutil.copy(__file__, work)
    inside = [*offline, str(env / "bin" / "python"), client, "--inside"]
    done = subprocess.run(inside, check=True, cwd=app, env=variables, stdout=subprocess.PIPE, text=True)
    cold, warm = json.loads(done.stdout.splitlines()[-1])
    beside = files_in(work / "home", work / "tmp") - beside
    for path in sorted(beside):
        print(f"written beside the data folder: {path}", file=sys.stderr)
    return {
        "made": date.today().isoformat(),
        "command": "sudo python -m tests.space_like",
        "conditions": f"uid {USER}, read-only checkout, 2 cores ({platform.machine()}), no network once installed, "
        f"{Path(python).name}, packages from a registry nearby, torch built for the CPU",
        "figures": {
            "clone, s": round(cloned, 1),
            "install gradio[oauth,mcp], s": round(gradio_first, 1),
            "install requirements.txt, s": round(the_rest, 1),
            "first start to page served, s": round(cold["page"], 1),
            "first start to index built, s": round(cold["ready"], 1),
            "first start to first answer, s": round(cold["answer"], 1),
            "clone to first answer, s": round(cloned + gradio_first + the_rest + cold["answer"], 1),
            "warm start to page served, s": round(warm["page"], 1),
            "warm start to index loaded, s": round(warm["ready"], 1),
            "warm start to first answer, s": round(warm["answer"], 1),
            "files written beside the data folder": len(beside),
            "load average before": round(load, 1),
        },
    }


def readable(python: str, work: Path) -> tuple[str, str]:
    """An interpreter of this kind that everybody may run, and the folder of its library: root's may be closed."""
    where = [python, "-c", "import sys; print(sys.base_prefix)"]
    prefix = Path(subprocess.run(where, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    shutil.copytree(prefix, work / "python", symlinks=True, ignore=shutil.ignore_patterns("test", "site-packages"))
    return str(work / "python" / "bin" / Path(python).name), str(work / "python" / "lib")


def files_in(*folders: Path) -> set[Path]:
    return {p for folder in folders for p in folder.rglob("*") if p.is_file()}


def ship(clone: Path, app: Path) -> None:
    """What goes to a Space, for everybody to read and nobody but root to write."""
    sys.path.insert(0, str(clone))
    from bot.space import shipped_files, stage

    stage(shipped_files(clone), app, zerogpu=False, root=clone)
    for path in (app, *app.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def start_and_ask() -> dict[str, float]:
    """Seconds from process start until the page is served, a question can be answered, and one was."""
    from gradio_client import Client

    try:
        Path("app.py").touch()
    except PermissionError:
        pass
    else:
        raise AssertionError("the checkout can be written")
    started = time.monotonic()
    log = Path(os.environ["PINCITE_DATA"]) / "app.log"
    with open(log, "a") as out:
        process = subprocess.Popen([sys.executable, "app.py"], stdout=out, stderr=out)
    try:
        page = until_good(URL, started, log)
        ready = until_good(URL + "healthz", started, log)
        answer = Client(URL, verbose=False).predict(QUESTION, api_name="/ask")
        assert answer["citations"], answer
        return {"page": page, "ready": ready, "answer": time.monotonic() - started}
    finally:
        process.terminate()
        process.wait()


def until_good(url: str, started: float, log: Path) -> float:
    while (seconds := time.monotonic() - started) < PATIENCE:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE):
                return seconds
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"{url} was never good: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
