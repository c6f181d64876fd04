"""BEIR-format collections: `corpus.jsonl[.gz]`, `queries.jsonl`, `qrels/SPLIT.tsv` (Thakur et al., 2021).

A document is indexed whole. Measures are those of `ir_measures`: nDCG@10 and Recall@100;
a query missing from the run scores zero.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from index.build import build_index
from index.config import IndexConfig
from index.retrieve import Retriever
from ingest.chunk import ChunkConfig
from ingest.cli import read_jsonl
from ingest.errors import PinciteError

_DOCUMENTS = 100
# As the published figures: a document is one text, "title text", cut after 256 tokens.
WHOLE_DOCUMENTS = IndexConfig(chunking=ChunkConfig(max_words=5000))


def run_beir(folder: Path, split: str, mode: str, index_dir: Path | None) -> dict[str, Any]:
    """Index the corpus (kept in `DATASET_DIR/.pincite` or `index_dir`), search all judged queries, score.

    Raises:
        PinciteError: a file of the collection is missing or malformed.
    """
    import ir_measures
    from ir_measures import R, nDCG
    from tqdm import tqdm

    qrels = _qrels(folder / "qrels" / f"{split}.tsv")
    queries = {str(r.get("_id", r.get("id"))): str(r.get("text", "")) for _n, r in read_jsonl(folder / "queries.jsonl")}
    wanted = [q for q in queries if q in qrels]
    if not wanted:
        raise PinciteError(f"no query of {folder / 'queries.jsonl'} is judged in qrels/{split}.tsv")
    retriever = _index(folder, index_dir)
    run: dict[str, dict[str, float]] = {}
    for query_id in tqdm(wanted, unit="query", disable=not sys.stderr.isatty()):
        documents: dict[str, float] = {}
        for hit in retriever.search(queries[query_id], _DOCUMENTS, mode).hits:
            documents.setdefault(hit.chunk.article_id, hit.score)
        run[query_id] = documents
    figures = ir_measures.calc_aggregate([nDCG @ 10, R @ 100], qrels, run)
    counts = retriever.index.manifest["counts"]
    return {
        "nDCG@10": float(figures[nDCG @ 10]),
        "Recall@100": float(figures[R @ 100]),
        "queries": len(wanted),
        "documents": counts["articles"],
        "chunks": counts["chunks"],
        "mode": mode,
    }


def _index(folder: Path, index_dir: Path | None) -> Retriever:
    corpus = folder / "corpus.jsonl"
    packed = folder / "corpus.jsonl.gz"
    out = index_dir or folder / ".pincite"
    if not corpus.exists() and not packed.exists():
        raise PinciteError(f"no corpus.jsonl or corpus.jsonl.gz in {folder}: is it a BEIR folder?")
    with tempfile.TemporaryDirectory() as scratch:
        if not corpus.exists():
            corpus = Path(scratch) / "corpus.jsonl"
            try:
                corpus.write_bytes(gzip.decompress(packed.read_bytes()))
            except (OSError, EOFError) as error:
                raise PinciteError(f"{packed}: not a gzip file ({error})") from None
        build_index([_with_text(corpus, Path(scratch))], out, WHOLE_DOCUMENTS)
    return Retriever.open(out)


def _with_text(corpus: Path, scratch: Path) -> Path:
    """The corpus without documents that have no text at all (some collections hold a few)."""
    kept = scratch / "kept.jsonl"
    with open(kept, "w", encoding="utf-8") as file:
        for _number, record in read_jsonl(corpus, "corpus"):
            if not str(record.get("text") or "").strip():
                record["text"] = str(record.get("title") or "")
            if record["text"].strip():
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return kept


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.reader(file, delimiter="\t"), 1):
                if number == 1 and row[-1:] and not row[-1].lstrip("-").isdigit():
                    continue
                if len(row) != 3 or not row[2].lstrip("-").isdigit():
                    raise PinciteError(f"{path}, line {number}: 'query-id TAB corpus-id TAB score' needed")
                qrels.setdefault(row[0], {})[row[1]] = int(row[2])
    except OSError as error:
        raise PinciteError(f"{path}: cannot be read ({error.strerror})") from None
    return qrels
