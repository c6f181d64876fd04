"""`python -m ingest [PATH ...] --out DIR`: files or folders to `articles.jsonl` and `chunks.jsonl`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from ingest.chunk import ChunkConfig, chunk_articles
from ingest.cli import fail_clearly, json_line, report_skipped
from ingest.load import load_corpus


def main(argv: list[str] | None = None) -> int:
    """Read a corpus, write its articles and chunks as JSONL, say what was found."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    parser.add_argument("paths", nargs="*", default=["corpus"], metavar="PATH", help="default: corpus/")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write (made if missing)")
    parser.add_argument("--max-words", type=int, default=ChunkConfig().max_words, help="words a chunk, at most")
    args = parser.parse_args(argv)
    try:
        config = ChunkConfig(args.max_words)
    except ValueError as error:
        parser.error(str(error))
    corpus = load_corpus(args.paths)
    chunks = list(chunk_articles(corpus.articles, config))
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "articles.jsonl", "w", encoding="utf-8") as file:
        for article in corpus.articles:
            record = {k: getattr(article, k) for k in ("article_id", "title", "source", "start", "end", "url")}
            file.write(json_line(record) + "\n")
    with open(out / "chunks.jsonl", "w", encoding="utf-8") as file:
        for chunk in chunks:
            record = asdict(chunk) | {"section": chunk.section} | chunk.where(chunk.start)
            del record["places"]
            file.write(json_line(record) + "\n")
    report_skipped(corpus.skipped)
    print(f"{len(corpus.articles)} articles, {len(chunks)} chunks -> {out}")
    return 0


if __name__ == "__main__":
    fail_clearly(main)
