"""The Milvus store: chunks, vectors and BM25 weights in a collection, searched by the server.

Every build fills a collection of its own, `ALIAS_<hex>`, and the index version's manifest names it, so that a reader
always sees the rows that belong to its token vectors. The alias moves to a collection once it is complete; the one
before it stays for readers that still have it open, older ones are dropped. Article texts, the BM25 vocabulary and the
token vectors of late interaction stay in the index folder. BM25 weights are ours (`index.lexical`), kept as sparse
vectors whose inner product with a query's term counts is the score, so both stores rank alike.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, overload
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from index.config import IndexConfig, StoreConfig
from index.dense import list_count, probed
from index.language import ENGLISH, stemmer_of
from index.lexical import Lexical, terms
from index.records import chunk_record, read_chunk
from index.stores import MILVUS_URI, Ranked
from ingest.errors import StoreError
from ingest.values import Article, Chunk

try:
    import grpc
    from pymilvus import DataType, MilvusClient, MilvusException
    from pymilvus.client.types import Status
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter
except ImportError:
    raise StoreError("the Milvus store needs pymilvus: pip install -r requirements-milvus.txt") from None

VOCABULARY = "vocabulary.json"
_BATCH = 500  # rows a message
_MOST = 16_384  # rows a search or query may return
_SECONDS = 60.0  # a call, repeats included
_CONNECT_SECONDS = 10.0
_PATIENCE = 10.0  # seconds that a search waits for a server that is away
_NOT_LOADED = 101
_LONGEST = 65_535  # bytes of a string field
_NOTHING = {2**32 - 2: 1e-6}  # sparse vectors must not be empty; no query has this term
_NO_ROWS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


class MilvusStore:
    """See `Store`. `articles` holds the source texts that chunks are cut from."""

    def __init__(
        self,
        client: MilvusClient,
        uri: str,
        place: Mapping[str, Any],
        articles: Mapping[str, Article],
        vocabulary: Mapping[str, int],
        count: int,
    ) -> None:
        self._client, self._uri, self._collection = client, uri, place["built"]
        self._articles, self._vocabulary, self._count = articles, vocabulary, count
        self._numbers = {article_id: n for n, article_id in enumerate(articles)}
        self._probed = int(place["probed"])
        self._language = place.get("language", ENGLISH)
        self.chunks: Sequence[Chunk] = _Chunks(self, count)

    @property
    def vectors(self) -> np.ndarray:
        """See `Store`."""
        return np.array([row["vector"] for row in self._pages("", ["vector"])], dtype=np.float32)

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """See `Store`."""
        return self._vocabulary

    def chunks_of(self, article_ids: Collection[str]) -> Iterator[Chunk]:
        """See `Store`."""
        yield from (self._chunk(row) for row in self._pages(self._within(article_ids), ["record"]))

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        """See `Store`."""
        return [self._chunk(row) for row in self._fetch(rows, ["record"])]

    def nearest(self, vector: np.ndarray, depth: int, article_ids: Collection[str] | None = None) -> Ranked:
        """See `Store`. A restricted search looks into every inverted list, since few rows may be left."""
        lists = self._probed if article_ids is None else list_count(self._count)
        return self._search("vector", vector.tolist(), depth, article_ids, {"nprobe": lists})

    def matching(self, query: str, depth: int, article_ids: Collection[str] | None = None) -> Ranked:
        """See `Store`."""
        counts = Counter(terms(query, self._vocabulary, self._language))
        if not counts:
            return _NO_ROWS
        return self._search("bm25", {term: float(n) for term, n in counts.items()}, depth, article_ids, {})

    def scores(self, vector: np.ndarray, query: str, rows: np.ndarray) -> Ranked:
        """See `Store`."""
        found = self._fetch(rows.tolist(), ["vector", "bm25"])
        counts = Counter(terms(query, self._vocabulary, self._language))
        lexical = [sum(n * row["bm25"].get(term, 0.0) for term, n in counts.items()) for row in found]
        return np.array([row["vector"] for row in found], dtype=np.float32) @ vector, np.array(lexical, np.float32)

    def _search(
        self, field: str, data: Any, depth: int, article_ids: Collection[str] | None, params: Mapping[str, int]
    ) -> Ranked:
        limit = min(depth, self._count, _MOST)
        if limit < 1 or (article_ids is not None and not article_ids):
            return _NO_ROWS
        (hits,) = self._ask(
            self._client.search,
            data=[data],
            anns_field=field,
            limit=limit,
            filter="" if article_ids is None else self._within(article_ids),
            search_params={"metric_type": "IP", "params": dict(params)},
        )
        rows = np.array([hit["row"] for hit in hits], dtype=np.int64)
        scores = np.array([hit["distance"] for hit in hits], dtype=np.float32)
        order = np.lexsort((rows, -scores))
        return rows[order], scores[order]

    def _within(self, article_ids: Collection[str]) -> str:
        """A filter; articles are named by number, so that no text ever becomes part of an expression."""
        return f"article in {sorted(self._numbers[a] for a in article_ids)}"

    def _fetch(self, rows: Sequence[int], fields: list[str]) -> list[dict[str, Any]]:
        """The rows in the order asked for, page by page."""
        found: dict[int, dict[str, Any]] = {}
        for start in range(0, len(rows), _BATCH):
            page = list(rows[start : start + _BATCH])
            result = self._ask(self._client.query, ids=page, output_fields=["row", *fields])
            found |= {row["row"]: row for row in result}
        if missing := [row for row in rows if row not in found]:
            raise StoreError(f"chunk {missing[0]} is missing in {self._collection} at {self._uri}: {_REBUILD}")
        return [found[row] for row in rows]

    def _pages(self, within: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """All rows that a filter lets through, in order, page by page."""
        for start in range(0, self._count, _MOST // 4):
            part = f"row >= {start} and row < {start + _MOST // 4}" + (f" and {within}" if within else "")
            page = self._ask(self._client.query, filter=part, output_fields=["row", *fields])
            yield from sorted(page, key=lambda row: int(row["row"]))

    def _ask(self, call: Callable[..., Any], **arguments: Any) -> Any:
        """The call's result, repeated with growing pauses while the server is away or has yet to load the rows."""
        with _clear_failures(self._uri):
            attempts = Retrying(
                retry=retry_if_exception(_passing),
                wait=wait_exponential_jitter(initial=0.1, max=2.0),
                stop=stop_after_delay(_PATIENCE),
                before_sleep=self._load,
                reraise=True,
            )
            return attempts(call, self._collection, timeout=_SECONDS, **arguments)

    def _load(self, _state: Any) -> None:
        with suppress(MilvusException):
            self._client.load_collection(self._collection, timeout=_SECONDS)

    def _chunk(self, row: Mapping[str, Any]) -> Chunk:
        return read_chunk(dict(row["record"]), self._articles)


class _Chunks(Sequence[Chunk]):
    """All chunks of a collection by row; iteration fetches them page by page."""

    def __init__(self, store: MilvusStore, count: int) -> None:
        self._store, self._count = store, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Chunk: ...
    @overload
    def __getitem__(self, at: slice) -> list[Chunk]: ...
    def __getitem__(self, at: int | slice) -> Chunk | list[Chunk]:
        rows = range(self._count)[at]
        return self._store.chunks_at([rows])[0] if isinstance(rows, int) else self._store.chunks_at(rows)

    def __iter__(self) -> Iterator[Chunk]:
        for start in range(0, self._count, _BATCH):
            yield from self[start : start + _BATCH]


class MilvusWriter:
    """See `StoreWriter`."""

    def __init__(self, root: Path, store: StoreConfig, config: IndexConfig) -> None:
        self._uri, self._config = store.uri, config
        if not self._uri:
            raise StoreError(f"--store milvus needs an address: give --milvus-uri or set {MILVUS_URI}")
        if "://" not in self._uri:  # a file: Milvus Lite
            self._uri = str(Path(self._uri).expanduser().resolve())
        self._client = _connect(self._uri)
        alias = store.collection or _own_alias(root)
        self.place: dict[str, Any] = {
            "name": store.name,
            "uri": _without_password(self._uri),
            "collection": alias,
        }
        self._built = f"{alias}_{time.time_ns():x}"

    def write(
        self,
        folder: Path,
        articles: Sequence[Article],
        chunks: Sequence[Chunk],
        vectors: np.ndarray,
        texts: Sequence[str],
    ) -> dict[str, Any]:
        """See `StoreWriter`. A collection that cannot be completed is dropped again."""
        lexical = Lexical.build(texts, stemmer_of(texts))
        (folder / VOCABULARY).write_text(json.dumps(lexical.vocabulary), encoding="utf-8")
        exact = len(chunks) <= self._config.exact_up_to
        with _clear_failures(self._uri):
            self._create(vectors.shape[1], 0 if exact else list_count(len(chunks)))
            try:
                self._fill(articles, chunks, vectors, lexical)
            except BaseException:
                self._client.drop_collection(self._built, timeout=_SECONDS)
                raise
        lists = 1 if exact else probed(list_count(len(chunks)))
        return {"built": self._built, "probed": lists, "language": lexical.language}

    def publish(self) -> None:
        """Move the alias to the new collection and drop all of its older ones but the one before."""
        alias = self.place["collection"]
        with _clear_failures(self._uri):
            mine = [name for name in self._client.list_collections(timeout=_SECONDS) if _is_build_of(name, alias)]
            before = ""
            for name in mine:
                if alias in self._client.list_aliases(name, timeout=_SECONDS)["aliases"]:
                    before = name
            move = self._client.alter_alias if before else self._client.create_alias
            move(self._built, alias, timeout=_SECONDS)
            for name in mine:
                if name not in (self._built, before):
                    self._client.drop_collection(name, timeout=_SECONDS)

    def _create(self, dimension: int, lists: int) -> None:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("row", DataType.INT64, is_primary=True)
        schema.add_field("article", DataType.INT64)
        for name in ("article_id", "title", "source", "section", "text"):
            schema.add_field(name, DataType.VARCHAR, max_length=_LONGEST)
        schema.add_field("record", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field("bm25", DataType.SPARSE_FLOAT_VECTOR)
        indexes = self._client.prepare_index_params()
        kind = {"index_type": "IVF_FLAT", "params": {"nlist": lists}} if lists else {"index_type": "FLAT"}
        indexes.add_index("vector", metric_type="IP", **kind)
        indexes.add_index("bm25", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        indexes.add_index("article", index_type="INVERTED")
        self._client.create_collection(
            self._built, schema=schema, index_params=indexes, consistency_level="Strong", timeout=_SECONDS
        )

    def _fill(
        self, articles: Sequence[Article], chunks: Sequence[Chunk], vectors: np.ndarray, lexical: Lexical
    ) -> None:
        """Upsert, so that a batch that is sent twice after a lost reply is stored once; then make it searchable."""
        numbers = {a.article_id: n for n, a in enumerate(articles)}
        rows: list[dict[str, Any]] = []
        for n, (chunk, weights) in enumerate(zip(chunks, lexical.weights(), strict=True)):
            rows.append(
                {
                    "row": n,
                    "article": numbers[chunk.article_id],
                    "article_id": _fitting(chunk.article_id),
                    "title": _fitting(chunk.article),
                    "source": _fitting(chunk.source),
                    "section": _fitting(chunk.section),
                    "text": _fitting(chunk.text),
                    "record": chunk_record(chunk),
                    "vector": vectors[n].tolist(),
                    "bm25": weights or _NOTHING,
                }
            )
            if len(rows) == _BATCH or n + 1 == len(chunks):
                self._client.upsert(self._built, rows, timeout=_SECONDS)
                rows = []
        self._client.flush(self._built, timeout=10 * _SECONDS)
        self._client.load_collection(self._built, timeout=10 * _SECONDS)


writer = MilvusWriter


def open_store(folder: Path, manifest: Mapping[str, Any], articles: Mapping[str, Article]) -> MilvusStore:
    """Connect to the collection of an index version; `PINCITE_MILVUS_URI` overrides the address in the manifest.

    Raises:
        StoreError: no server there, no such collection, or not all of its rows.
    """
    place, count = manifest["store"], int(manifest["counts"]["chunks"])
    vocabulary = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
    uri = os.environ.get(MILVUS_URI) or place["uri"]
    client = _connect(uri)
    with _clear_failures(uri):
        if not client.has_collection(place["built"], timeout=_SECONDS):
            raise StoreError(f"no collection {place['built']} at {_without_password(uri)}: {_REBUILD}")
        client.load_collection(place["built"], timeout=_SECONDS)
        held = client.query(place["built"], output_fields=["count(*)"], timeout=_SECONDS)[0]["count(*)"]
    if held != count:
        raise StoreError(f"{place['built']} holds {held} of {count} chunks: {_REBUILD}")
    return MilvusStore(client, uri, place, articles, vocabulary, count)


_REBUILD = "rebuild it: python -m index build --store milvus --force"


def _connect(uri: str) -> MilvusClient:
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it logs, it also raises
    with _clear_failures(uri):
        return MilvusClient(
            uri,
            token=os.environ.get("PINCITE_MILVUS_TOKEN", ""),
            timeout=_CONNECT_SECONDS,
            grpc_options={"grpc.keepalive_time_ms": 300_000},  # servers refuse the default of ten seconds
        )


def _passing(error: BaseException) -> bool:
    """Whether a call may succeed later: no connection, or a collection that a restarted server has yet to load."""
    return isinstance(error, MilvusException) and (
        error.retriable or error.code in (Status.CONNECT_FAILED, _NOT_LOADED, grpc.StatusCode.UNAVAILABLE)
    )


@contextmanager
def _clear_failures(uri: str) -> Iterator[None]:
    """Whatever the client raises becomes one line that names the address."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # MilvusException, gRPC's own, ConnectionError, ValueError for a malformed address
        reason = str(getattr(error, "message", "") or error).strip().splitlines()
        raise StoreError(
            f"Milvus at {_without_password(uri)}: {reason[0] if reason else type(error).__name__} "
            f"(is the server running? --milvus-uri or {MILVUS_URI} gives its address)"
        ) from None


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def _own_alias(root: Path) -> str:
    """A name for the index in a folder of this machine."""
    return f"pincite_{hashlib.sha256(f'{platform.node()}:{root.resolve()}'.encode()).hexdigest()[:8]}"


def _is_build_of(name: str, alias: str) -> bool:
    head, _, tail = name.rpartition("_")
    return head == alias and bool(tail) and set(tail) <= set("0123456789abcdef")


def _fitting(text: str) -> str:
    """A field's text, cut to what a string field holds; the index folder has it whole."""
    return text if len(text) < _LONGEST // 4 else text.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore")
