"""RAGTruth (Niu et al., ACL 2024): answers of six language models to questions, over passages, with the parts that
people found unsupported marked. Read from the folder `dataset` of its public repository, as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from eval.rows import BadRows, json_rows
from ingest.errors import QuestionError

ANSWERS, SOURCES = "response.jsonl", "source_info.jsonl"
_PASSAGE = re.compile(r"(?:^|\n)passage \d+:")


def read_answers(folder: Path, split: str = "test") -> list[dict[str, Any]]:
    """The answers of a split to questions as labelled claims (`eval.verify.evaluate_labelled`); `kind`: the model that
    wrote them; `wrong`: spans of the parts that are marked. Answers whose quality is not "good" (cut off, wrongly
    refused) are left out.

    Raises:
        QuestionError: a file is missing, rows are bad (every one is listed), or there is no such answer.
    """
    bad = BadRows()
    sources: dict[str, list[str]] = {}
    for number, row in json_rows(folder / SOURCES, bad, "sources"):
        if row.get("task_type") != "QA":
            continue
        info = row.get("source_info")
        if not isinstance(info, dict) or not isinstance(info.get("passages"), str):
            bad.add(folder / SOURCES, number, '"source_info" must hold "passages"')
            continue
        sources[str(row.get("source_id"))] = [p.strip() for p in _PASSAGE.split(info["passages"]) if p.strip()]
    answers = []
    for number, row in json_rows(folder / ANSWERS, bad, "answers"):
        if row.get("split") != split or row.get("quality") != "good" or str(row.get("source_id")) not in sources:
            continue
        answer, labels = row.get("response"), row.get("labels")
        if not isinstance(answer, str) or not isinstance(labels, list) or not all(map(_is_part, labels)):
            bad.add(folder / ANSWERS, number, '"response" must be a string, "labels" a list with "start" and "end"')
            continue
        if not answer.strip():
            continue
        answers.append(
            {
                "id": row.get("id"),
                "claim": answer,
                "context": sources[str(row["source_id"])],
                "supported": not labels,
                "kind": row.get("model"),
                "wrong": [(part["start"], part["end"]) for part in labels],
            }
        )
    bad.check()
    if not answers:
        raise QuestionError(f"{folder}: no answers to questions in the split {split!r}")
    return answers


def _is_part(label: object) -> bool:
    return isinstance(label, dict) and isinstance(label.get("start"), int) and isinstance(label.get("end"), int)
