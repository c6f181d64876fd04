"""The README stays true: its figures come from committed results, its file tree from the files."""

from __future__ import annotations

import json
import re

from eval.report import README, RESULTS, render_readme
from index.config import ROOT

TEXT = README.read_text(encoding="utf-8")


def test_generated_tables_are_current() -> None:
    assert render_readme(TEXT) == TEXT, "run: make readme"


def test_the_file_tree_names_every_module_and_nothing_else() -> None:
    tree = TEXT.split("```text\n", 1)[1].split("```", 1)[0]
    named = set(re.findall(r"[\w.-]+\.(?:py|js|css|sh)\b", tree))
    parts = ("ingest", "index", "bot", "eval")
    files = {p.name for part in parts for p in (ROOT / part).rglob("*") if p.suffix in (".py", ".js", ".css")}
    files = {f for f in files if f not in ("__init__.py", "__main__.py")} | {"app.py"}
    assert files <= named, files - named
    tests = {p.name for p in (ROOT / "tests").iterdir()}
    assert named - files <= tests, named - files - tests


def test_the_space_front_matter_pins_the_gradio_that_is_installed() -> None:
    front = TEXT.split("---", 2)[1]
    pinned = re.search(r"sdk_version: ([\d.]+)", front)
    required = re.search(r"^gradio==([\d.]+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned and required and pinned.group(1) == required.group(1)


def test_results_say_how_they_were_made() -> None:
    result = json.loads((RESULTS / "retrieval.json").read_text(encoding="utf-8"))
    assert result["split"] == "test" and result["encoder"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert set(result["modes"]) == {"bm25", "dense", "hybrid", "full"} and result["config_hash"]
