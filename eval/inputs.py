"""Judged questions in the formats that people have. Told apart by what is there:

    FILE.jsonl               the project's judged questions (evidence quotes)
    FILE.csv, FILE.tsv       columns `question` and `quote`, optional `id`, `type`, `split`, `answer`, `article`
    FOLDER, BEIR             `queries.jsonl`, `corpus.jsonl`, `qrels/SPLIT.tsv`, each also as `.gz`
    FOLDER, Chroma           `questions_df.csv` and `corpora/*.md` (the chunking benchmark)
    FOLDER or FILE, TREC     `topics*` and `qrels*`, or a topics file with the qrels beside it named

Everything is read and checked before anything runs; all bad rows of all files come in one message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval.data import Question, question_rows
from eval.rows import BadRows, either, json_rows, read_text, table_rows
from eval.trec import Qrels, read_qrels, read_topics
from index.query import check_question
from ingest.errors import QuestionError


@dataclass(frozen=True)
class Dataset:
    """Questions with their judgements: quotes in each `Question`, or grades of documents in `qrels`.

    `corpus`: the files that came with them, if any; `whole`: their documents are meant to be found whole.
    """

    path: Path
    kind: str  # "jsonl" | "table" | "beir" | "chroma" | "trec"
    questions: tuple[Question, ...]
    qrels: Qrels = field(default_factory=dict)
    corpus: tuple[Path, ...] = ()
    whole: bool = False


def read_dataset(path: Path, qrels: Path | None = None, split: str = "") -> Dataset:
    """Read whatever stands at `path`; `split` names a part of the questions, or the qrels of a BEIR folder.

    Raises:
        QuestionError: nothing readable there, or bad rows, all of them listed.
    """
    bad = BadRows()
    suffix = _suffix(path)
    if path.is_dir():
        dataset = _folder(path, qrels, split, bad)
    elif qrels or suffix in (".xml", ".topics") or path.name.startswith("topics"):
        dataset = _trec(path, qrels or _beside(path), bad)
    elif suffix in (".csv", ".tsv"):
        dataset = Dataset(path, "table", _table(path, bad))
    else:
        dataset = Dataset(path, "jsonl", tuple(question_rows(path, bad, judged=True)))
    bad.check()
    kept = dataset.questions
    if dataset.kind in ("jsonl", "table") and split:
        kept = tuple(q for q in kept if q.split == split)
    if not any(q.answerable for q in kept):
        where = f" in split {split!r}" if split else ""
        raise QuestionError(f"{path}: {'no answerable questions' if kept else 'no questions'}{where}")
    return replace(dataset, questions=kept)


def narrowed(dataset: Dataset, ids: Sequence[str] = (), types: Sequence[str] = (), limit: int = 0) -> Dataset:
    """Only the questions with these ids and types, and of those the first `limit` (0: all).

    Raises:
        QuestionError: an id or type that no question has, or nothing left.
    """
    known_ids, known_types = ({getattr(q, name) for q in dataset.questions} for name in ("id", "type"))
    if unknown := [i for i in ids if i not in known_ids]:
        raise QuestionError(f"{dataset.path}: no question has the id {unknown[0]!r}")
    if unknown := [t for t in types if t not in known_types]:
        raise QuestionError(f"{dataset.path}: no type {unknown[0]!r}; there are: {', '.join(sorted(known_types))}")
    kept = [q for q in dataset.questions if (not ids or q.id in ids) and (not types or q.type in types)]
    kept = kept[:limit] if limit else kept
    if not kept:
        raise QuestionError(f"{dataset.path}: no question has both that id and that type")
    return replace(dataset, questions=tuple(kept))


def _suffix(path: Path) -> str:
    """The suffix that names the format, a packed file's inner one."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _folder(folder: Path, qrels: Path | None, split: str, bad: BadRows) -> Dataset:
    if either(folder, "queries.jsonl"):
        return _beir(folder, split, bad)
    if (folder / "questions_df.csv").is_file():
        return _chroma(folder, bad)
    topics = sorted(p for p in folder.glob("topics*") if p.is_file())
    if len(topics) == 1:
        return _trec(topics[0], qrels or _beside(topics[0]), bad)
    raise QuestionError(
        f"{folder}: no questions known here: a BEIR folder has queries.jsonl and qrels/, Chroma's format "
        f"questions_df.csv and corpora/, TREC one topics* and one qrels* file ({len(topics)} topics seen)"
    )


# --- one reader a format -----------------------------------------------------------------------------------


def _beir(folder: Path, split: str, bad: BadRows) -> Dataset:
    corpus, queries = either(folder, "corpus.jsonl"), either(folder, "queries.jsonl")
    judged = either(folder / "qrels", f"{split or 'test'}.tsv")
    if not corpus or not queries or not judged:
        lacking = [("corpus.jsonl", corpus), ("queries.jsonl", queries), (f"qrels/{split or 'test'}.tsv", judged)]
        names = ", ".join(name for name, there in lacking if not there)
        raise QuestionError(f"{folder}: is it a BEIR folder? Missing: {names} (or the same with .gz)")
    texts: dict[str, tuple[str, int]] = {}
    for line, record in json_rows(queries, bad, "queries"):
        key, text = str(record.get("_id", record.get("id", ""))), record.get("text")
        if not key or not isinstance(text, str):
            bad.add(queries, line, '"_id" and a string "text" needed')
        elif key in texts:
            bad.add(queries, line, f"_id {key!r} stands twice")
        else:
            texts[key] = (text, line)
    for line, record in json_rows(corpus, bad, "corpus"):
        if "_id" not in record and "id" not in record:
            bad.add(corpus, line, '"_id" needed')
        elif not isinstance(record.get("text") or "", str):
            bad.add(corpus, line, '"text" must be a string')
    qrels = read_qrels(judged, texts, bad)
    questions = _graded(queries, {i: t for i, t in texts.items() if i in qrels}, bad)
    return Dataset(folder, "beir", questions, qrels, (corpus,), whole=True)


def _trec(topics: Path, judged: Path, bad: BadRows) -> Dataset:
    texts = read_topics(topics, bad)
    qrels = read_qrels(judged, texts, bad)
    return Dataset(topics, "trec", _graded(topics, {i: t for i, t in texts.items() if i in qrels}, bad), qrels)


def _beside(topics: Path) -> Path:
    found = sorted(p for p in topics.parent.glob("qrels*") if p.is_file())
    if len(found) != 1:
        raise QuestionError(f"{topics}: {len(found)} qrels* files beside the topics; name one with --qrels FILE")
    return found[0]


def _graded(path: Path, texts: Mapping[str, tuple[str, int]], bad: BadRows) -> tuple[Question, ...]:
    for text, line in texts.values():
        _check(path, line, text, bad)
    return tuple(Question(id=key, question=text, line=line) for key, (text, line) in texts.items())


def _chroma(folder: Path, bad: BadRows) -> Dataset:
    path = folder / "questions_df.csv"
    texts = {p.stem: read_text(p) for p in sorted((folder / "corpora").glob("*.md"))}
    questions = []
    for line, row in _named_rows(path, ",", ("question", "references", "corpus_id"), bad):
        text, spans = texts.get(row["corpus_id"]), _references(row["references"])
        if text is None:
            bad.add(path, line, f"there is no corpora/{row['corpus_id']}.md")
        elif not spans:
            bad.add(path, line, '"references" must be a JSON list of {"content", "start_index", "end_index"}')
        elif misplaced := [c for c, start, end in spans if text[start:end] != c]:
            bad.add(path, line, f"a reference is not where it says: {misplaced[0][:60]!r}")
        elif _check(path, line, row["question"], bad):
            key, kind = f"line-{line}", row["corpus_id"]
            evidence = tuple((content,) for content, _start, _end in spans)
            questions.append(Question(key, row["question"], type=kind, articles=(kind,), evidence=evidence, line=line))
    return Dataset(folder, "chroma", tuple(questions), corpus=(folder / "corpora",))


def _references(text: str) -> list[tuple[str, int, int]]:
    try:
        return [(r["content"], int(r["start_index"]), int(r["end_index"])) for r in json.loads(text)]
    except (ValueError, KeyError, TypeError):
        return []


def _table(path: Path, bad: BadRows) -> tuple[Question, ...]:
    """One question a row; rows with the same id (or, without ids, the same question) add quotes that are all needed."""
    delimiter = "\t" if _suffix(path) == ".tsv" else ","
    questions: dict[str, Question] = {}
    for line, row in _named_rows(path, delimiter, ("question", "quote"), bad):
        key = row.get("id") or row["question"]
        if not row["quote"]:
            bad.add(path, line, "the quote is empty")
        elif not _check(path, line, row["question"], bad):
            continue
        elif key in questions and questions[key].question != row["question"]:
            bad.add(path, line, f"id {key!r} stands twice, with another question")
        elif key in questions:
            first = questions[key]
            questions[key] = replace(first, evidence=(*first.evidence, (row["quote"],)))
        else:
            questions[key] = _from_row(row.get("id") or f"line-{line}", row, line)
    return tuple(questions.values())


def _from_row(key: str, row: Mapping[str, str], line: int) -> Question:
    return Question(
        id=key,
        question=row["question"],
        type=row.get("type", ""),
        split=row.get("split", ""),
        answer=row.get("answer", ""),
        evidence=((row["quote"],),),
        articles=(row["article"],) if row.get("article") else (),
        line=line,
    )


def _named_rows(
    path: Path, delimiter: str, needed: Sequence[str], bad: BadRows
) -> Iterable[tuple[int, dict[str, str]]]:
    """Rows as dictionaries; two columns without a header are taken to be the two that are needed."""
    rows = iter(table_rows(path, delimiter))
    line, first = next(rows, (1, []))
    header = [cell.strip().lower() for cell in first]
    if missing := [name for name in needed if name not in header]:
        if len(header) != len(needed) or len(missing) != len(needed) or len(needed) != 2:
            raise QuestionError(
                f"{path}, line {line}: the header lacks {', '.join(missing)}: {', '.join(header)!r} seen"
            )
        header = list(needed)
        yield line, dict(zip(header, (c.strip() for c in first), strict=True))
    for line, cells in rows:
        if len(cells) != len(header):
            bad.add(path, line, f"{len(cells)} cells, {len(header)} columns")
            continue
        yield line, dict(zip(header, (c.strip() for c in cells), strict=True))


def _check(path: Path, line: int, question: Any, bad: BadRows) -> bool:
    try:
        check_question(question)
    except QuestionError as error:
        bad.add(path, line, str(error))
        return False
    return True
