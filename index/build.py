"""Corpus to index: read, chunk, encode what is new, keep what is not, write."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from index.config import FORMAT_VERSION, IndexConfig, StoreConfig
from index.encode import Encoded, Encoder, find_model, load_passage_encoder, map_ahead, passage_text
from index.late import QuantisedTokens
from index.spool import TokenSpool
from index.store import Index, build_lock, open_index, read_manifest, write_index
from index.stores import chosen_store, store_writer
from ingest.chunk import chunk_articles
from ingest.errors import StoreError
from ingest.load import Corpus, load_corpus
from ingest.values import Chunk

Progress = Callable[[int, int], None]  # (chunks done, chunks to encode)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did: counts of articles and chunks, and the files it had to leave out."""

    articles: int
    articles_new: int
    articles_unchanged: int
    articles_removed: int
    chunks: int
    encoded: int
    reused: int
    written: bool
    skipped: tuple[str, ...]


def build_index(
    paths: Sequence[str | Path],
    out: Path,
    config: IndexConfig | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
    encoder: Encoder | None = None,
    store: StoreConfig | None = None,
) -> BuildReport:
    """Build or refresh the index in `out`; chunks whose text is unchanged are not encoded again. `store` None means
    that of the index that is there, else FAISS.

    Raises:
        PinciteError: unreadable corpus, missing model, or an index folder that cannot be written.
    """
    config = config or IndexConfig()
    corpus = load_corpus(paths)
    chunks = list(chunk_articles(corpus.articles, config.chunking))
    if not chunks:
        raise StoreError("the corpus has articles but no text to index; add text to them")
    with build_lock(out):
        source = encoder.source if encoder else find_model(config.encoder)
        if source.origin == "hub" and source.path == source.name:  # not downloaded yet, so its weights are unknown
            encoder = load_passage_encoder(config.encoder)
            source = encoder.source
        identity = f"{source.name}|{source.weights_sha256}|{config.max_tokens}|{config.token_vectors}"
        writer = store_writer(out, chosen_store(store, _present_store(out)), config)
        old = None if force else _previous(out)
        settings = {
            "config_hash": config.hash,
            "vectors": identity,
            "corpus_hash": _corpus_hash(corpus),
            "chunks_hash": _chunks_hash(chunks),
            "corpus": [str(p) for p in paths],
        }
        same_place = old and all(old.manifest["store"].get(key) == value for key, value in writer.place.items())
        if old and same_place and all(old.manifest.get(key) == value for key, value in settings.items()):
            return _report(corpus, chunks, old, encoded=0, written=False)
        known: dict[str, int] = {}
        compact = config.token_vectors and len(chunks) > config.compact_above
        if old and old.manifest["vectors"] == identity and (compact or not old.tokens.compact):
            known = {passage_text(c): i for i, c in enumerate(old.chunks)}
        spool = TokenSpool(out, len(chunks))
        vectors, vocabulary, encoded = _encode(chunks, old, known, config, compact, progress, encoder, spool)
        manifest = {
            "format_version": FORMAT_VERSION,
            "encoder": asdict(source) | {"dimension": int(vectors.shape[1])},
            "config": asdict(config),
            **settings,
            "article_hashes": {a.article_id: a.text_hash for a in corpus.articles},
            "counts": {
                "articles": len(corpus.articles),
                "chunks": len(chunks),
                "tokens": spool.tokens,
                "words": sum(c.words for c in chunks),
            },
        }
        texts = [passage_text(c) for c in chunks]
        save_tokens = partial(spool.save, vocabulary=vocabulary)
        write_index(out, manifest, corpus.articles, chunks, vectors, texts, save_tokens, writer)
    return _report(corpus, chunks, old, encoded=encoded, written=True)


def _present_store(out: Path) -> dict[str, Any] | None:
    try:
        place: dict[str, Any] = read_manifest(out)[1]["store"]
    except StoreError:
        return None
    return place


def _previous(out: Path) -> Index | None:
    try:
        return open_index(out)
    except StoreError:
        return None


def _encode(
    chunks: list[Chunk],
    old: Index | None,
    known: dict[str, int],
    config: IndexConfig,
    compact: bool,
    progress: Progress | None,
    encoder: Encoder | None,
    spool: TokenSpool,
) -> tuple[np.ndarray, int, int]:
    """Vectors in chunk order, the size of the vocabulary, and how many texts were encoded; what `old` has of the same
    text is taken from there. The tokens go to `spool`.
    """
    passages = [passage_text(chunk) for chunk in chunks]
    fresh: dict[str, list[int]] = {}  # a text that several chunks share is encoded once
    for i, passage in enumerate(passages):
        if passage not in known:
            fresh.setdefault(passage, []).append(i)
    if fresh:
        encoder = encoder or load_passage_encoder(config.encoder)
    reused = old if known else None
    dimension = encoder.dimension if fresh and encoder else reused.vectors.shape[1] if reused else 0
    vectors = np.empty((len(chunks), dimension), dtype=np.float32)
    vocabulary = 0
    if reused:
        old_vectors, vocabulary = reused.vectors, len(reused.tokens.idf)
        for i, passage in enumerate(passages):
            if (j := known.get(passage)) is not None:
                kept = reused.tokens.chunk(j)
                vectors[i] = old_vectors[j]
                spool.add([i], kept.compacted() if compact else kept)
    if fresh and encoder:
        light = encoder.light_tokens()
        vocabulary = len(light)
        texts = list(fresh)
        report = (lambda done: progress(done, len(fresh))) if progress else None
        encoded = encoder.encode_passages(texts, config.max_tokens, report)

        def stored(one: tuple[int, Encoded]) -> QuantisedTokens:
            if not config.token_vectors:
                return QuantisedTokens.without_vectors(one[1])
            tokens = QuantisedTokens.of(one[1], light)
            return tokens.compacted() if compact else tokens

        cores = os.cpu_count() or 1
        with ThreadPoolExecutor(cores) as pool:  # a GPU encodes quicker than one core quantises
            for (n, row), tokens in map_ahead(pool, stored, encoded, cores):
                vectors[fresh[texts[n]]] = row.vector
                spool.add(fresh[texts[n]], tokens)
    return vectors, vocabulary, len(fresh)


def _corpus_hash(corpus: Corpus) -> str:
    """Over ids, titles, texts, pages, anchors and headings of all articles, in order."""
    digest = hashlib.sha256()
    for a in corpus.articles:
        digest.update("\x1f".join((a.article_id, a.title, a.source, a.url, str(a.start), a.text_hash)).encode())
        digest.update("".join(f"\x1e{p.start}\x1f{p.page}\x1f{p.anchor}" for p in a.places).encode())
        digest.update(
            "".join(f"\x1d{s.start}\x1f" + "\x1f".join(s.path) for s in a.sections).encode("utf-8", "surrogatepass")
        )
    return digest.hexdigest()


def _chunks_hash(chunks: Sequence[Chunk]) -> str:
    """Over every span and the text encoded for it: changes when the chunker does, not only its settings."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(f"{chunk.chunk_id}\x1f{passage_text(chunk)}\x1e".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _report(corpus: Corpus, chunks: list[Chunk], old: Index | None, *, encoded: int, written: bool) -> BuildReport:
    before: dict[str, str] = old.manifest["article_hashes"] if old else {}
    now: dict[str, str] = {a.article_id: a.text_hash for a in corpus.articles}
    same = sum(before.get(key) == value for key, value in now.items())
    return BuildReport(
        articles=len(now),
        articles_new=len(now) - same,
        articles_unchanged=same,
        articles_removed=sum(key not in now for key in before),
        chunks=len(chunks),
        encoded=encoded,
        reused=len(chunks) - encoded,
        written=written,
        skipped=tuple(corpus.skipped),
    )
