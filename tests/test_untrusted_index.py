"""A hostile index folder or model: nothing in it runs, leads out of it or goes unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot import local
from bot.local import find_local_model
from index import encode
from index.build import build_index
from index.config import DEFAULT_ENCODER, ROOT
from index.encode import SentenceEncoder, find_model, load_encoder, load_query_encoder
from index.retrieve import Retriever
from index.store import open_index
from ingest.errors import BackendError, ModelError, StoreError
from tests.conftest import Run, one_clear_line


@pytest.fixture(scope="module")
def small_index(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Path:
    folder = tmp_path_factory.mktemp("small")
    (folder / "tea.txt").write_text("Tea\n\nGreen tea is steeped at 80 degrees.\n\nBlack tea takes four minutes.\n")
    build_index([folder / "tea.txt"], folder / "index", encoder=encoder)
    return folder / "index"


@pytest.fixture
def copy(small_index: Path, tmp_path: Path) -> Path:
    shutil.copytree(small_index, tmp_path / "copy")
    return tmp_path / "copy"


def version(root: Path) -> Path:
    return root / (root / "CURRENT").read_text().strip()


@contextmanager
def altered_manifest(root: Path) -> Iterator[dict[str, Any]]:
    """Change the manifest as an attacker would who knows how versions are named."""
    folder = version(root)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    yield manifest
    data = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(data)
    name = "v-" + hashlib.sha256(data).hexdigest()[:12]
    folder.rename(root / name)
    (root / "CURRENT").write_text(name + "\n")


def sealed(root: Path, name: str, data: bytes) -> None:
    """Replace a file of the index and make the manifest agree."""
    (version(root) / name).write_bytes(data)
    with altered_manifest(root) as manifest:
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


# --- code ------------------------------------------------------------------------------------------------


class Bomb:
    """Unpickling it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_no_source_unpickles_or_evaluates_anything() -> None:
    forbidden = re.compile(
        r"\bpickle\b|allow_pickle\s*=\s*True|torch\.load|joblib|\bmarshal\b|\bshelve\b|(?<![.\w])(?:eval|exec)\(|"
        r"trust_remote_code\s*=\s*True|weights_only\s*=\s*False|yaml\.load\b|__import__|shell\s*=\s*True|os\.system"
    )
    sources = [p for part in ("ingest", "index", "bot") for p in (ROOT / part).rglob("*.py")] + [ROOT / "app.py"]
    assert len(sources) > 30
    for path in sources:
        code = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text(encoding="utf-8"))
        assert not forbidden.search(code), path


def test_a_planted_pickle_is_refused_and_never_run(copy: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    bomb = np.array([Bomb(mark)], dtype=object)
    np.save(tmp_path / "bomb.npy", bomb, allow_pickle=True)
    array = (tmp_path / "bomb.npy").read_bytes()
    names = [n for n in open_index(copy).manifest["files"] if n.endswith((".npy", ".faiss"))]
    assert len(names) >= 9
    for name in names:
        for data in (array, pickle.dumps(Bomb(mark))):
            sealed(copy, name, data)
            with pytest.raises(StoreError, match="damaged index"):
                open_index(copy)
    assert not mark.exists()


def test_a_model_with_code_or_pickled_weights_is_refused(tmp_path: Path) -> None:
    good = Path(find_model(DEFAULT_ENCODER).path)
    mark = tmp_path / "ran"
    coded = tmp_path / "coded"
    shutil.copytree(good, coded)
    (coded / "evil.py").write_text(
        f"open({str(mark)!r}, 'w')\nfrom sentence_transformers.models import Pooling as Evil\n"
    )
    modules = json.loads((coded / "modules.json").read_text())
    modules[1]["type"] = "evil.Evil"
    (coded / "modules.json").write_text(json.dumps(modules))
    pickled = tmp_path / "pickled"
    shutil.copytree(good, pickled)
    (pickled / "model.safetensors").unlink()
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(mark)))
    for folder in (coded, pickled):
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_query_encoder(str(folder))
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_encoder(str(folder))
    (pickled / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_query_encoder(str(pickled))
    assert not mark.exists()


# --- what was altered ------------------------------------------------------------------------------------


def test_a_flipped_byte_in_any_file_is_found_and_the_file_named(small_index: Path, copy: Path) -> None:
    files = [p for p in copy.rglob("*") if p.is_file() and not p.name.startswith(".")]
    assert {"manifest.json", "CURRENT"} < {p.name for p in files} and len(files) > 15
    for path in files:
        whole = path.read_bytes()
        for place in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            data = bytearray(whole)
            data[place] ^= 0x01
            path.write_bytes(data)
            with pytest.raises(StoreError) as caught:
                open_index(copy)
            assert path.name in str(caught.value), (path.name, place)
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StoreError, match=re.escape(path.name)):
            open_index(copy)
        path.write_bytes(whole)
    open_index(copy)


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "..", "bm25/../../CURRENT", "", "a\x00b", "x" * 5000]
)
def test_a_file_name_that_leads_out_of_the_folder_is_refused(copy: Path, name: str) -> None:
    with altered_manifest(copy) as manifest:
        data = Path("/etc/passwd").read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with pytest.raises(StoreError, match="is missing"):
        open_index(copy)


@pytest.mark.parametrize("name", ["../v-000000000000", "/etc", "v-..", "v-0/../..", "v-00000000000g", "\x00", ""])
def test_a_pointer_that_leads_elsewhere_is_refused(copy: Path, name: str) -> None:
    (copy / "CURRENT").write_text(name)
    with pytest.raises(StoreError, match="CURRENT"):
        open_index(copy)


def test_links_and_unlisted_files_are_refused(copy: Path, tmp_path: Path) -> None:
    folder = version(copy)
    target = folder / "texts.jsonl"
    target.rename(tmp_path / "elsewhere.jsonl")
    target.symlink_to(tmp_path / "elsewhere.jsonl")
    with pytest.raises(StoreError, match=r"texts\.jsonl is a link"):
        open_index(copy)
    target.unlink()
    (tmp_path / "elsewhere.jsonl").rename(target)
    (folder / "bm25" / "more.npy").write_bytes(b"")
    with pytest.raises(StoreError, match=r"more\.npy is not listed"):
        open_index(copy)


ODD_MANIFESTS: list[Callable[[dict[str, Any]], object]] = [
    lambda m: m.pop("encoder"),
    lambda m: m.update(encoder="x"),
    lambda m: m["encoder"].update(name=["x"]),
    lambda m: m["encoder"].pop("weights_sha256"),
    lambda m: m.update(counts=None),
    lambda m: m.update(files=[]),
    lambda m: m.update(files={}),
    lambda m: m["files"].update({"texts.jsonl": 3}),
    lambda m: m["files"]["texts.jsonl"].pop("sha256"),
    lambda m: m.update(format_version=10**400),
    lambda m: m.update(format_version=None),
]


@pytest.mark.parametrize("change", ODD_MANIFESTS)
def test_a_manifest_of_another_shape_is_one_clear_line(copy: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with altered_manifest(copy) as manifest:
        change(manifest)
    with pytest.raises(StoreError, match="rebuild it"):
        open_index(copy)


def test_spans_and_offsets_that_point_nowhere_are_refused(copy: Path) -> None:
    folder = version(copy)
    whole, scratch = (folder / "chunks.npy").read_bytes(), copy.parent / "array.npy"
    for column in range(5):  # article, start, end, body, headings
        for value in (-1, 10**9):
            rows = np.load(version(copy) / "chunks.npy")
            rows[0, column] = value
            np.save(scratch, rows)
            sealed(copy, "chunks.npy", scratch.read_bytes())
            with pytest.raises(StoreError, match="damaged index"):
                open_index(copy)
            sealed(copy, "chunks.npy", whole)
    for array in (rows.astype(float), rows[:, :4], rows[0], rows[:-1]):
        np.save(scratch, array)
        sealed(copy, "chunks.npy", scratch.read_bytes())
        with pytest.raises(StoreError, match="damaged index"):
            open_index(copy)
    sealed(copy, "chunks.npy", whole)
    lines = (version(copy) / "headings.jsonl").read_bytes()
    for odd in (b'["a", 3]\n', b"7\n", b""):
        sealed(copy, "headings.jsonl", odd)
        with pytest.raises(StoreError, match="damaged index"):
            open_index(copy)
    sealed(copy, "headings.jsonl", lines)
    good = open_index(copy).tokens
    for name, array in (
        ("offsets", good.offsets * 7),
        ("offsets", good.offsets[::-1]),
        ("id_offsets", good.id_offsets - 1),
        ("ids", good.ids * 0 - 5),
        ("ids", good.ids * 0 + 10**6),
        ("scales", good.scales[:-1]),
        ("codes", np.asarray(good.codes)[:, :7]),
        ("codes", np.asarray(good.codes)[:-1]),
    ):
        whole = (version(copy) / f"tokens_{name}.npy").read_bytes()
        np.save(scratch, np.ascontiguousarray(array))
        sealed(copy, f"tokens_{name}.npy", scratch.read_bytes())
        with pytest.raises(StoreError, match="damaged index"):
            open_index(copy)
        sealed(copy, f"tokens_{name}.npy", whole)
    open_index(copy)


def test_a_deeply_nested_line_is_a_damaged_index(copy: Path) -> None:
    sealed(copy, "headings.jsonl", b"[" * 200_000)
    with pytest.raises(StoreError, match="damaged index"):
        open_index(copy)


# --- models ----------------------------------------------------------------------------------------------


def test_weights_that_are_not_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, package, expected = encode.PACKAGED[DEFAULT_ENCODER]
    assert expected == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    forged = tmp_path / module
    (forged / "model").mkdir(parents=True)
    (forged / "__init__.py").touch()
    good = Path(find_model(DEFAULT_ENCODER).path, "model.safetensors")
    data = bytearray(good.read_bytes())
    data[-1] ^= 0x01
    (forged / "model" / "model.safetensors").write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=rf"{expected[:16]}.*{package}"):
        load_encoder()


def test_a_language_model_that_is_not_the_known_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forged = tmp_path / local._PACKAGE
    forged.mkdir()
    (forged / "__init__.py").touch()
    (forged / local._PACKAGE_GGUF).write_bytes(b"GGUF" + bytes(1000))
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BackendError, match=local._PACKAGE_SHA256[:16]):
        find_local_model("")


def test_opening_an_index_downloads_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def lookup(*args: object, **_options: object) -> object:
        asked.append(args[0])
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with altered_manifest(copy) as manifest:
        manifest["encoder"].update(name="someone/evil-model", weights_sha256="")
    with pytest.raises(ModelError, match="someone/evil-model"):
        Retriever.open(copy)
    assert not asked


def test_the_command_says_it_in_one_line(run: Run, copy: Path) -> None:
    path = version(copy) / "dense.faiss"
    data = bytearray(path.read_bytes())
    data[100] ^= 0x80
    path.write_bytes(data)
    one_clear_line(run("-m", "index", "search", "tea", "--index", str(copy)), "dense.faiss", "altered", "rebuild")
