"""`python -m index build|info|search`: make an index, look at it, ask it for passages."""

from __future__ import annotations

import argparse
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from index.config import (
    DEFAULT_CORPUS,
    DEFAULT_ENCODER,
    MODES,
    STORES,
    IndexConfig,
    SearchConfig,
    StoreConfig,
    default_index_dir,
)
from ingest.chunk import ChunkConfig
from ingest.cli import fail_clearly, report_skipped
from ingest.errors import PinciteError, StoreError
from ingest.text import printable, squeeze

if TYPE_CHECKING:
    from index.encode import Encoded
    from index.retrieve import Hit, Retriever


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m index", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="ingest, encode and write an index")
    build.add_argument("--corpus", nargs="+", default=[str(DEFAULT_CORPUS)], metavar="PATH")
    build.add_argument("--out", type=Path, default=default_index_dir(), metavar="DIR")
    build.add_argument("--encoder", default=DEFAULT_ENCODER, metavar="ID", help="model name or local path")
    build.add_argument("--store", choices=STORES, help="default: that of the index in DIR, else faiss")
    build.add_argument("--milvus-uri", default="", metavar="URI", help="address, or a .db file for Milvus Lite")
    build.add_argument("--milvus-collection", default="", metavar="NAME", help="alias that the newest build gets")
    build.add_argument("--max-words", type=int, default=ChunkConfig().max_words, help="words a chunk, at most")
    build.add_argument("--max-tokens", type=int, default=IndexConfig().max_tokens, help="tokens a passage")
    build.add_argument("--no-token-vectors", action="store_true", help="small index, slow late interaction")
    build.add_argument("--force", action="store_true", help="encode everything again")
    build.set_defaults(run=_build)
    info = commands.add_parser("info", help="what an index holds")
    info.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    info.set_defaults(run=_info)
    search = commands.add_parser("search", help="ranked passages for a question")
    search.add_argument("question")
    search.add_argument("-k", type=int, default=5, help="how many passages (default 5)")
    search.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    search.add_argument("--mode", choices=MODES, default="full")
    search.add_argument("--article", action="append", metavar="TITLE", help="only this article (repeatable)")
    search.add_argument("--explain", action="store_true", help="say why each passage was found")
    search.add_argument("--reranker", default="", metavar="MODEL", help="cross-encoder, by name or local path")
    search.set_defaults(run=_search)
    args = parser.parse_args(argv)
    status: int = args.run(args)
    return status


def _build(args: argparse.Namespace) -> int:
    try:
        config = IndexConfig(
            args.encoder,
            args.max_tokens,
            token_vectors=not args.no_token_vectors,
            chunking=ChunkConfig(args.max_words),
        )
    except ValueError as error:
        raise PinciteError(str(error)) from None
    if not 16 <= args.max_tokens <= 8192:
        raise PinciteError(f"--max-tokens is {args.max_tokens}; it must lie between 16 and 8192")
    from tqdm import tqdm

    from index.build import build_index

    with tqdm(desc="encoding", unit="chunk", disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = build_index(args.corpus, args.out, config, force=args.force, progress=progress, store=_store(args))
    report_skipped(report.skipped)
    print(
        f"articles: {report.articles} ({report.articles_new} new or changed, "
        f"{report.articles_unchanged} unchanged, {report.articles_removed} removed)"
    )
    print(f"chunks: {report.chunks} ({report.encoded} encoded, {report.reused} reused)")
    print(f"index: {args.out}" + ("" if report.written else " (up to date)"))
    return 0


def _store(args: argparse.Namespace) -> StoreConfig | None:
    """The store asked for; None when nothing is said, so that an index stays where it is."""
    named = args.store or ("milvus" if args.milvus_uri or args.milvus_collection else "")
    return StoreConfig(named, args.milvus_uri, args.milvus_collection) if named else None


def _info(args: argparse.Namespace) -> int:
    from index.language import ENGLISH
    from index.store import MANIFEST, open_index

    index = open_index(args.index)
    manifest = index.manifest
    encoder, counts = manifest["encoder"], manifest["counts"]
    size = sum(f["bytes"] for f in manifest["files"].values())
    place = manifest["store"]
    print(f"index      {index.folder}")
    print(f"store      {' '.join(str(place[key]) for key in ('name', 'uri', 'built') if key in place)}")
    print(f"language   {place.get('language', ENGLISH) or 'no stemmer'} (words of BM25)")
    written = datetime.fromtimestamp((index.folder / MANIFEST).stat().st_mtime).astimezone()
    print(f"written    {written:%Y-%m-%d %H:%M}, format {manifest['format_version']}, config {manifest['config_hash']}")
    print(f"encoder    {encoder['name']} ({encoder['origin']}), {encoder['dimension']} dimensions")
    print(f"weights    sha256 {encoder['weights_sha256'] or 'unknown'}")
    print(f"corpus     {printable(', '.join(manifest['corpus']))}, sha256 {manifest['corpus_hash'][:16]}")
    print(
        f"holds      {counts['articles']} articles, {counts['chunks']} chunks, {counts['words']} words, {size:,} bytes"
    )
    print(f"per chunk  {size / counts['chunks'] / 1024:.1f} KiB, {counts['tokens'] / counts['chunks']:.0f} tokens")
    for article in list(index.articles.values())[:50]:
        print(printable(f"  {article.title}  [{article.source}]"))
    if len(index.articles) > 50:
        print(f"  ... and {len(index.articles) - 50} more")
    return 0


def _search(args: argparse.Namespace) -> int:
    from index.query import check_question
    from index.retrieve import Retriever

    check_question(args.question)
    if args.k < 1:
        raise StoreError(f"-k is {args.k}; ask for at least one passage")
    retriever = Retriever.open(args.index, SearchConfig(reranker=args.reranker))
    found = retriever.search(args.question, args.k, args.mode, articles=args.article)
    if not found.hits:
        print("nothing found: no passage shares a word with the question")
    for hit in found.hits:
        print(printable(_passage(hit)))
        if args.explain:
            print(printable(_explanation(retriever, args.question, found.encoded, hit)))
    print("  ".join(f"{name} {ms:.1f} ms" for name, ms in found.timings_ms.items()))
    return 0


def _explanation(retriever: Retriever, question: str, encoded: Encoded | None, hit: Hit) -> str:
    """The stages' ranks and scores, and the best counterpart of every query word, closest first."""
    from index.explain import explain

    lines = []
    for stage in ("dense", "bm25", "late", *(("reranker",) if retriever.reranker else ())):
        rank, score = hit.stages.get(stage, (0, 0.0))
        seen = f"rank {rank}, score {score:.4f}" if rank else "not among the candidates of this stage"
        lines.append(f"   {stage:5} {seen}")
    matches = explain(retriever, encoded or retriever.encoder.encode_query(question), hit)
    for m in sorted(matches, key=lambda m: -m.cosine * m.weight):
        lines.append(f"   {m.query_word:>20} ~ {m.passage_word:<20} cosine {m.cosine:.2f}  weight {m.weight:.2f}")
    return "\n".join(lines) + "\n"


def _passage(hit: Hit) -> str:
    c = hit.chunk
    stages = ", ".join(f"{name} #{rank}" for name, (rank, _score) in hit.stages.items())
    text = textwrap.fill(squeeze(c.text), 100, initial_indent="   ", subsequent_indent="   ")
    where = c.where(c.start)
    place = f"{c.source}:{c.start}-{c.end}" + (f", page {where['page']}" if where["page"] else "")
    return f"{hit.rank}. {c.article}\n   {c.section}\n   [{place}] score {hit.score:.4f} ({stages})\n{text}\n"


if __name__ == "__main__":
    fail_clearly(main)
