"""BEIR-format collections: `corpus.jsonl[.gz]`, `queries.jsonl`, `qrels/SPLIT.tsv` (Thakur et al., 2021).

A document is indexed whole. Measures are those of `ir_measures`: nDCG@10 and Recall@100;
a query missing from the run scores zero.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eval.inputs import read_dataset
from eval.rows import BadRows, either, json_rows
from index.build import build_index
from index.config import IndexConfig
from index.retrieve import Retriever
from ingest.chunk import ChunkConfig
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

    dataset = read_dataset(folder, split=split)
    retriever = _index(folder, index_dir)
    run: dict[str, dict[str, float]] = {}
    for query in tqdm(dataset.questions, unit="query", disable=not sys.stderr.isatty()):
        documents: dict[str, float] = {}
        for hit in retriever.search(query.question, _DOCUMENTS, mode).hits:
            documents.setdefault(hit.chunk.article_id, hit.score)
        run[query.id] = documents
    figures = ir_measures.calc_aggregate([nDCG @ 10, R @ 100], dataset.qrels, run)
    counts = retriever.index.manifest["counts"]
    return {
        "nDCG@10": float(figures[nDCG @ 10]),
        "Recall@100": float(figures[R @ 100]),
        "queries": len(dataset.questions),
        "documents": counts["articles"],
        "chunks": counts["chunks"],
        "mode": mode,
    }


def _index(folder: Path, index_dir: Path | None) -> Retriever:
    corpus = either(folder, "corpus.jsonl")
    if not corpus:
        raise PinciteError(f"no corpus.jsonl or corpus.jsonl.gz in {folder}: is it a BEIR folder?")
    out = index_dir or folder / ".pincite"
    with with_text([corpus]) as readable:
        build_index(readable, out, WHOLE_DOCUMENTS)
    return Retriever.open(out)


@contextmanager
def with_text(corpus: Sequence[Path]) -> Iterator[list[Path]]:
    """The corpus with each JSONL file unpacked and without documents that have no text at all (some collections
    hold a few); a temporary copy, for as long as the context lasts.
    """
    with tempfile.TemporaryDirectory() as scratch:
        yield [_readable(path, Path(scratch) / f"{n}") for n, path in enumerate(corpus)]


def _readable(path: Path, folder: Path) -> Path:
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        return path
    folder.mkdir()
    kept = folder / "kept.jsonl"
    bad = BadRows()
    with open(kept, "w", encoding="utf-8") as file:
        for _number, record in json_rows(path, bad, "corpus"):
            if not str(record.get("text") or "").strip():
                record["text"] = str(record.get("title") or "")
            if record["text"].strip():
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    bad.check()
    return kept
