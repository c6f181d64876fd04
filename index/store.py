"""The index folder: arrays and JSON, no pickle, replaced as a whole.

    DIR/CURRENT          name of the version that readers open (one line)
    DIR/v-<id>/          one version: manifest.json and the files it lists with size and SHA-256
    DIR/.lock            held while a build runs

A version is written under a temporary name, synced, renamed, and only then named in CURRENT by an atomic
replace; a reader sees the old version or the new one. On load every file is checked against the manifest, and
the manifest against the version's name, so one changed byte anywhere is found. Nothing in the folder is trusted:
no name leads out of it, no link is followed, and what the arrays say is compared with what they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from index.config import FORMAT_VERSION, file_hash
from index.language import ENGLISH
from index.late import TokenStore
from index.records import read_articles, write_articles
from index.stores import Store, StoreWriter, open_store
from ingest.errors import StoreError
from ingest.values import Article, Chunk

MANIFEST = "manifest.json"
_VERSION = re.compile(r"v-[0-9a-f]{12}")
_MANIFEST_FIELDS: dict[str, dict[str, type]] = {
    "encoder": {"name": str, "origin": str, "weights_sha256": str, "dimension": int},
    "counts": {"articles": int, "chunks": int, "tokens": int, "words": int},
    "article_hashes": {},
    "files": {},
}
_REBUILD = "rebuild it: python -m index build --force"


@dataclass(frozen=True)
class Index:
    """An opened index. Row i of `vectors` and `tokens` belongs to `chunks[i]`."""

    folder: Path
    manifest: dict[str, Any]
    articles: dict[str, Article]  # by article_id, without blocks
    store: Store
    tokens: TokenStore

    @property
    def language(self) -> str:
        """The language whose stems the vocabulary holds; see `index.lexical.stems`."""
        return str(self.manifest["store"].get("language", ENGLISH))

    @property
    def chunks(self) -> Sequence[Chunk]:
        """All chunks, in the order of the corpus."""
        return self.store.chunks

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) float32 unit vectors of the chunks."""
        return self.store.vectors


def write_index(
    root: Path,
    manifest: dict[str, Any],
    articles: Sequence[Article],
    chunks: Sequence[Chunk],
    vectors: np.ndarray,
    texts: Sequence[str],
    save_tokens: Callable[[Path], None],
    writer: StoreWriter,
) -> dict[str, Any]:
    """Write a version and make it current; `vectors` (n, d) and `texts`, what BM25 reads, go by chunk; `save_tokens`
    writes what `TokenStore.load` reads. Returns the manifest.
    """
    root.mkdir(parents=True, exist_ok=True)
    scratch = root / f".tmp-{os.getpid()}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        write_articles(scratch, articles)
        store = writer.place | writer.write(scratch, articles, chunks, vectors, texts)
        save_tokens(scratch)
        manifest = manifest | {"store": store, "files": _file_table(scratch)}
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        name = _version_name((scratch / MANIFEST).read_bytes())
        _sync(scratch)
        _install(scratch, root / name)
        pointer = root / f".CURRENT-{os.getpid()}"
        pointer.write_text(name + "\n", encoding="utf-8")
        _sync(pointer)
        os.replace(pointer, root / "CURRENT")
        writer.publish()
    except (OSError, RuntimeError) as error:  # faiss raises the latter when the disk is full
        raise StoreError(f"cannot write the index in {root} ({error}); what was there before is untouched") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _clean(root, name)
    return manifest


def _install(scratch: Path, folder: Path) -> None:
    """Put a finished version in its place. One that is there already is the same, byte for byte, unless it is
    damaged, and readers may be using it.
    """
    if folder.exists():
        try:
            _check_files(folder, json.loads((folder / MANIFEST).read_bytes()))
            return
        except (StoreError, OSError, ValueError):
            os.replace(folder, scratch.with_name(f"{scratch.name}-damaged"))
    os.replace(scratch, folder)


def _clean(root: Path, current: str) -> None:
    """Remove other versions and what builds that were killed left behind. Readers keep the files they have open."""
    for stale in root.iterdir():
        if stale.name.startswith(("v-", ".tmp-")) and stale.name != current:
            shutil.rmtree(stale, ignore_errors=True)
        elif stale.name.startswith(".CURRENT-"):
            stale.unlink(missing_ok=True)


def build_lock(root: Path) -> FileLock:
    """Take the build lock of an index folder without waiting.

    Raises:
        StoreError: another build holds it, or the folder cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(root / ".lock"))
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(f"another build is writing {root}; wait for it to finish") from None
    except OSError as error:
        raise StoreError(f"cannot write the index folder {root}: {error.strerror}") from None
    return lock


def read_manifest(root: Path) -> tuple[Path, dict[str, Any]]:
    """The current version's folder and manifest.

    Raises:
        StoreError: no index, an unreadable manifest, or another format version.
    """
    try:
        name = (root / "CURRENT").read_text(encoding="utf-8").removesuffix("\n")
    except OSError:
        raise StoreError(f"no index in {root}: build one with `python -m index build`") from None
    except UnicodeDecodeError:
        raise StoreError(f"damaged index: {root / 'CURRENT'} is not text; {_REBUILD}") from None
    if not _VERSION.fullmatch(name):
        raise StoreError(f"damaged index: {root / 'CURRENT'} names {name[:40]!r}; {_REBUILD}")
    folder = root / name
    if folder.is_symlink() or not folder.is_dir():
        raise StoreError(f"damaged index: {root / 'CURRENT'} names {name}, which is not there; {_REBUILD}")
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = json.loads(data)
        version = manifest["format_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(f"damaged index: {folder / MANIFEST} cannot be read; {_REBUILD}") from None
    if version != FORMAT_VERSION:
        raise StoreError(f"the index in {root} has format {version}, {FORMAT_VERSION} is needed; {_REBUILD}")
    if _version_name(data) != name:
        raise StoreError(f"damaged index: {folder / MANIFEST} was altered (SHA-256 differs); {_REBUILD}")
    for key, fields in _MANIFEST_FIELDS.items():
        part = manifest.get(key)
        if not isinstance(part, dict) or any(not isinstance(part.get(name), kind) for name, kind in fields.items()):
            raise StoreError(f"damaged index: {key!r} in {folder / MANIFEST} is not what it should be; {_REBUILD}")
    manifest.setdefault("store", {"name": "faiss"})  # what older versions mean
    return folder, manifest


def current_version(root: Path) -> str:
    """The name of the version that readers open, "" if there is none; cheap enough to ask before every question."""
    try:
        return (root / "CURRENT").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def open_index(root: Path) -> Index:
    """Open the current version, checking every file's size and hash. A build may replace it and remove its files
    meanwhile; then the new one is opened.

    Raises:
        StoreError: no index, or a file that is missing, truncated or altered.
    """
    while True:
        version = current_version(root)
        try:
            return _open_current(root)
        except (StoreError, FileNotFoundError):
            if current_version(root) == version:
                raise


def _open_current(root: Path) -> Index:
    folder, manifest = read_manifest(root)
    _check_files(folder, manifest)
    try:
        articles = read_articles(folder)
        store = open_store(folder, manifest, articles)
        tokens = TokenStore.load(folder)
        tokens.check(manifest["encoder"]["dimension"])
    except StoreError:
        raise
    except Exception as error:  # whatever a reader raises, the file is not what it should be
        raise StoreError(f"damaged index in {folder} ({type(error).__name__}: {error}); {_REBUILD}") from None
    if len(store.chunks) != len(tokens.offsets) - 1:
        raise StoreError(
            f"damaged index: {len(store.chunks)} chunks, {len(tokens.offsets) - 1} token blocks in {folder}; {_REBUILD}"
        )
    return Index(folder, manifest, articles, store, tokens)


# --- files -----------------------------------------------------------------------------------------------


def _file_table(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): {"bytes": p.stat().st_size, "sha256": file_hash(p)} for p in files}


def _check_files(folder: Path, manifest: dict[str, Any]) -> None:
    files = manifest.get("files")
    if not isinstance(files, dict) or not files:
        raise StoreError(f"damaged index: {folder / MANIFEST} lists no files; {_REBUILD}")
    present = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*")}
    for name, path in present.items():
        if path.is_symlink():
            raise StoreError(f"damaged index: {path} is a link, which is not followed; {_REBUILD}")
        if path.is_file() and name not in files and name != MANIFEST:
            raise StoreError(f"damaged index: {path} is not listed in {MANIFEST}; {_REBUILD}")
    for name, expected in files.items():
        path = folder / name
        if name not in present or not path.is_file():  # also any name that leads out of the folder
            raise StoreError(f"damaged index: {path} is missing; {_REBUILD}")
        if not isinstance(expected, dict) or not {"bytes", "sha256"} <= expected.keys():
            raise StoreError(f"damaged index: {MANIFEST} has no size and hash of {path}; {_REBUILD}")
        size = path.stat().st_size
        if size != expected["bytes"]:
            raise StoreError(f"damaged index: {path} has {size} bytes, {expected['bytes']} expected; {_REBUILD}")
        if file_hash(path) != expected["sha256"]:
            raise StoreError(f"damaged index: {path} was altered (SHA-256 differs); {_REBUILD}")


def _version_name(manifest: bytes) -> str:
    return "v-" + hashlib.sha256(manifest).hexdigest()[:12]


def _sync(path: Path) -> None:
    for target in [*path.rglob("*"), path] if path.is_dir() else [path]:
        if target.is_file():
            with open(target, "rb") as file:
                os.fsync(file.fileno())
