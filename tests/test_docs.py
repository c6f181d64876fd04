"""The README stays true: its figures come from committed results, its file tree from the files."""

from __future__ import annotations

import json
import re

import yaml

from eval.report import PLOT, README, RESULTS, render_plot, render_readme
from index.config import ROOT

TEXT = README.read_text(encoding="utf-8")


def test_generated_tables_are_current() -> None:
    assert render_readme(TEXT) == TEXT, "run: make readme"
    assert PLOT.read_text(encoding="utf-8") == render_plot(), "run: make readme"


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


def test_everything_pinned_but_torch_has_a_hash() -> None:
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {p for p in pinned if not p.startswith(("#", "torch==", "triton==", "nvidia-", "cuda-"))}
    hashed = (ROOT / "hashes.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^(\S.*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", hashed, re.MULTILINE)
    assert {name for name, _hashes in entries} == pins, "run: make hashes"


def test_results_say_how_they_were_made() -> None:
    result = json.loads((RESULTS / "retrieval.json").read_text(encoding="utf-8"))
    assert result["split"] == "test" and result["encoder"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert set(result["modes"]) == {"bm25", "dense", "hybrid", "full"} and result["config_hash"]


def test_the_compose_file_for_milvus_is_whole_and_pinned() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "milvus.yaml").read_text(encoding="utf-8"))
    services, volumes = compose["services"], set(compose["volumes"])
    assert {"etcd", "minio", "milvus"} == set(services) and volumes == {"etcd", "minio", "milvus"}
    for service in services.values():
        assert re.fullmatch(r"[\w./-]+:(?:v\d+\.\d+\.\d+|RELEASE\.[\dTZ-]+)", service["image"])
        assert set(service) <= {
            *("image", "command", "environment", "volumes", "ports", "healthcheck", "depends_on", "security_opt"),
            "restart",
        }
        assert service["healthcheck"]["test"][0] == "CMD"
        assert set(service.get("depends_on", {})) <= set(services)
        assert {mount.split(":")[0] for mount in service["volumes"]} <= volumes
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    milvus, minio = services["milvus"]["environment"], services["minio"]["environment"]
    assert milvus["ETCD_ENDPOINTS"] == "etcd:2379" and milvus["MINIO_ADDRESS"] == "minio:9000"
    assert milvus["MINIO_ACCESS_KEY_ID"] == minio["MINIO_ROOT_USER"]
    assert "MINIO_PASSWORD" in milvus["MINIO_SECRET_ACCESS_KEY"] and "MINIO_PASSWORD" in minio["MINIO_ROOT_PASSWORD"]
    assert services["milvus"]["ports"] == ["127.0.0.1:19530:19530"]
