"""Answers over small corpora of other kinds, each with questions of its own: what holds beyond the bundled articles.

A folder holds one folder a corpus: `docs/` and `questions.jsonl`. `eval/everyday` has seven on everyday subjects,
by writers who saw no code; of those of split `test` only sums and two answers were looked at while rules were made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bot.engine import ExtractiveEngine
from bot.pipeline import Pipeline
from eval.answers import evaluate_answers
from eval.data import Question, read_questions
from eval.run import evaluate
from eval.stats import bootstrap_interval
from index.build import build_index
from ingest.errors import QuestionError

EVERYDAY = Path(__file__).with_name("everyday")
_ANSWERED = ("key facts", "words", "citation recall", "wrongly refused")
_MODES = ("dense", "full")


def evaluate_corpora(
    folder: Path, scratch: Path, split: str = "", progress: Callable[[str], None] = lambda name: None
) -> dict[str, Any]:
    """Index each corpus of `folder` below `scratch` and answer its questions, those of `split` only if one is given;
    means of every corpus, and over the questions of each split with 95 % intervals.

    Raises:
        QuestionError: no corpus, or none with questions of that split.
    """
    values: dict[str, dict[str, list[float]]] = {}
    corpora: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*/questions.jsonl")):
        questions = [q for q in read_questions(path, judged=True) if not split or q.split == split]
        if not questions:
            continue
        name = path.parent.name
        progress(name)
        build_index([path.parent / "docs"], scratch / name)
        found = _measured(Pipeline.open(scratch / name), questions)
        corpora[name] = {"split": questions[0].split, "questions": len(questions)} | _means(found)
        pooled = values.setdefault(questions[0].split or "all", {})
        for measure, numbers in found.items():
            pooled.setdefault(measure, []).extend(numbers)
    if not corpora:
        raise QuestionError(
            f"{folder}: no NAME/questions.jsonl" + (f" with questions of split {split!r}" if split else "")
        )
    return {
        "made": date.today().isoformat(),
        "corpora": corpora,
        "splits": {
            name: {
                measure: dict(zip(("low", "high"), bootstrap_interval(numbers), strict=True))
                | {"mean": sum(numbers) / len(numbers), "n": len(numbers)}
                for measure, numbers in pooled.items()
            }
            for name, pooled in values.items()
        },
    }


def _measured(pipeline: Pipeline, questions: list[Question]) -> dict[str, list[float]]:
    """Every measure of single questions, answerable ones and the others by their type."""
    found = evaluate(pipeline.retriever, questions, _MODES)["per_question"]
    result = evaluate_answers(pipeline, questions, [ExtractiveEngine()], {})["engines"]["extractive"]
    values = {f"recall@5 {mode}": [row["recall@5"] for row in found[mode].values()] for mode in _MODES}
    rows = result["per_question"].values()
    values |= {name: [row[name] for row in rows if row[name] == row[name]] for name in _ANSWERED}  # nan: no words
    for name, figure in result["figures"].items():
        if name.startswith("refused: "):
            refused = round(figure["mean"] * figure["n"])
            values[name] = [1.0] * refused + [0.0] * (figure["n"] - refused)
    return values


def _means(values: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: round(sum(numbers) / len(numbers), 4) for name, numbers in values.items()}
