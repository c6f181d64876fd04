"""Chroma's chunking benchmark: 472 questions with character spans over five corpora, top 5, one shared index.

The folder is `general_evaluation_data` of github.com/brandonstarxel/chunking_evaluation (MIT; the corpora are
third-party texts, so they are not shipped here): `corpora/NAME.md` and `questions_df.csv` with `question`,
`references` (JSON `[{content, start_index, end_index}]`) and `corpus_id`. Measures follow its report
("Evaluating Chunking Strategies for Retrieval", Smith & Troynikov, 2024): per question, with characters as
units, recall = retrieved and relevant / relevant, precision = ... / retrieved, IoU = ... / union; a chunk of
another corpus counts as retrieved and finds nothing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from eval.stats import bootstrap_interval
from index.build import build_index
from index.config import IndexConfig
from index.encode import load_encoder
from index.retrieve import Retriever
from ingest.errors import PinciteError

TOP = 5
# Published rows for the same encoder, plain dense retrieval: (tokens, overlap) -> (recall, precision, IoU) in %.
PUBLISHED = {(200, 0): (75.7, 6.5, 6.5), (250, 0): (78.5, 5.4, 5.4), (250, 125): (78.7, 4.9, 4.9)}


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the corpus that answers it, and the relevant spans in it."""

    question: str
    corpus: str
    spans: tuple[tuple[int, int], ...]


Retrieved = tuple[str, int, int]  # corpus, start, end


def read_cases(folder: Path) -> list[Case]:
    """The questions; every reference is checked against its corpus.

    Raises:
        PinciteError: a missing file, a malformed row, or a reference that is not where it says.
    """
    csv.field_size_limit(1 << 24)
    cases = []
    try:
        texts = {p.stem: p.read_bytes().decode("utf-8") for p in sorted((folder / "corpora").glob("*.md"))}
        with open(folder / "questions_df.csv", encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                references = json.loads(row["references"])
                spans = tuple((int(r["start_index"]), int(r["end_index"])) for r in references)
                text = texts[row["corpus_id"]]
                if any(text[a:b] != r["content"] for (a, b), r in zip(spans, references, strict=True)):
                    raise PinciteError(f"questions_df.csv, row {number}: a reference is not where it says")
                cases.append(Case(row["question"], row["corpus_id"], spans))
    except (OSError, KeyError, ValueError) as error:
        raise PinciteError(f"{folder}: not a folder of the chunking benchmark ({error})") from None
    return cases


def score(cases: Sequence[Case], retrieved: Sequence[Sequence[Retrieved]]) -> dict[str, dict[str, float]]:
    """Recall, precision and IoU in percent: mean and 95 % bootstrap interval over questions."""
    rows = [_score_one(case, hits) for case, hits in zip(cases, retrieved, strict=True)]
    figures = {}
    for n, name in enumerate(("recall", "precision", "IoU")):
        values = [100 * row[n] for row in rows]
        low, high = bootstrap_interval(values)
        figures[name] = {"mean": sum(values) / len(values), "low": low, "high": high}
    return figures


def run_chroma(folder: Path, index_dir: Path, modes: Sequence[str], progress: Callable[[str], None]) -> dict[str, Any]:
    """The published dense rows reproduced, then our modes at the default settings."""
    cases = read_cases(folder)
    rows: dict[str, Any] = {}
    for (tokens, overlap), published in PUBLISHED.items():
        name = f"dense, recursive {tokens}/{overlap}"
        progress(name)
        rows[name] = score(cases, _recursive_dense(folder, cases, tokens, overlap))
        rows[name]["published"] = dict(zip(("recall", "precision", "IoU"), published, strict=True))
    progress("index")
    build_index([folder / "corpora"], index_dir, IndexConfig())
    retriever = Retriever.open(index_dir)
    for mode in modes:
        progress(mode)
        hits = [retriever.search(c.question, TOP, mode).hits for c in cases]
        rows[mode] = score(cases, [[(h.chunk.source[:-3], h.chunk.start, h.chunk.end) for h in hs] for hs in hits])
    return {
        "made": date.today().isoformat(),
        "questions": len(cases),
        "encoder": retriever.index.manifest["encoder"]["name"],
        "chunks": len(retriever.index.chunks),
        "config_hash": f"{retriever.index.manifest['config_hash']}-{retriever.config.hash}",
        "rows": rows,
    }


def _recursive_dense(folder: Path, cases: Sequence[Case], tokens: int, overlap: int) -> list[list[Retrieved]]:
    """LangChain's recursive splitter and cosine search. Lengths are in the encoder's own tokens: the report
    used cl100k, whose vocabulary cannot be had without a download."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    model = load_encoder().model
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=tokens,
        chunk_overlap=overlap,
        length_function=lambda text: len(model.tokenizer.tokenize(text)),
        separators=["\n\n", "\n", ".", "?", "!", " ", ""],
        keep_separator=True,
    )
    pieces: list[Retrieved] = []
    texts: list[str] = []
    for path in sorted((folder / "corpora").glob("*.md")):
        text = path.read_bytes().decode("utf-8")
        at = -1
        for piece in splitter.split_text(text):
            at = text.find(piece, at + 1)
            if at < 0:
                raise PinciteError(f"{path}: a split piece is not in the text")
            pieces.append((path.stem, at, at + len(piece)))
            texts.append(piece)
    passages = model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    queries = model.encode([c.question for c in cases], normalize_embeddings=True, show_progress_bar=False)
    best = np.argsort(-(queries @ passages.T), axis=1, kind="stable")[:, :TOP]
    return [[pieces[i] for i in row] for row in best.tolist()]


def _score_one(case: Case, hits: Sequence[Retrieved]) -> tuple[float, float, float]:
    relevant = _length(case.spans)
    inside = _length(
        (max(a, start), min(b, end))
        for corpus, start, end in hits
        if corpus == case.corpus
        for a, b in case.spans
        if max(a, start) < min(b, end)
    )
    retrieved = sum(end - start for _corpus, start, end in hits)
    union = retrieved + relevant - inside
    return inside / relevant, inside / retrieved if retrieved else 0.0, inside / union


def _length(spans: Iterable[tuple[int, int]]) -> int:
    """Characters in the union of the spans."""
    total, reach = 0, -1
    for start, end in sorted(spans):
        total += max(0, end - max(start, reach))
        reach = max(reach, end)
    return total
