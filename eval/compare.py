"""Other stacks' default pipelines on our questions: same encoder, same queries, same measures.

`python -m eval.compare [--split test] [--out FILE.json] [--keep-env DIR]`

LangChain, LlamaIndex and txtai are installed into a throw-away environment (about 1.6 GB, deleted afterwards),
where `eval/compare_stacks.py` runs them; what they return is scored here beside our own modes. All are given
the query text that our `search_text` makes of a question and its history, so the comparison is of chunks and
ranking alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from eval.data import DEFAULT_QUESTIONS, Question, read_questions
from eval.figures import HEADLINE
from eval.metrics import SourceTexts
from eval.report import RESULTS, compare_table
from eval.run import DEPTH, evaluate, score_run
from eval.stats import bootstrap_interval, paired_randomisation
from index.config import MODES, default_index_dir
from index.encode import find_model
from index.follow_up import search_text
from index.query import check_question
from index.retrieve import Retriever
from index.store import Index
from ingest.cli import fail_clearly
from ingest.errors import PinciteError

STACKS_SCRIPT = Path(__file__).with_name("compare_stacks.py")
# Current on 2026-11-23. torch and the encoder's libraries are those of constraints.txt.
PINS = (
    "torch==2.13.0",
    "sentence-transformers==6.2.0",
    "transformers==5.20.2; python_version < '3.11'",
    "transformers==5.23.0; python_version >= '3.11'",
    "faiss-cpu==1.15.1",
    "langchain-core==1.7.2",
    "langchain-text-splitters==1.1.3",
    "langchain-huggingface==1.2.3",
    "llama-index-core==0.14.25",
    "llama-index-embeddings-huggingface==0.8.0",
    "txtai==9.14.0",
)
Scores = Mapping[str, Mapping[str, float]]  # question id -> measure -> value


def compare(retriever: Retriever, questions: Sequence[Question], env: Path, scratch: Path) -> dict[str, Any]:
    """Figures of every stack and of our modes, and p of our `full` against each of the others.

    `env`: folder of the environment, made or completed; `scratch`: an existing folder for the job's files.

    Raises:
        PinciteError: the environment cannot be made, or a stack fails in it.
        QuestionError: no answerable question, or a quote that does not stand in the corpus.
    """
    texts, sources = _sources(retriever.index)
    encoder = retriever.index.manifest["encoder"]["name"]
    job = {
        "encoder": find_model(encoder).path,
        "depth": DEPTH,
        "sources": sources,
        "queries": {q.id: search_text(check_question(q.question), q.history) for q in questions},
    }
    _say("our own modes ...")
    ours = evaluate(retriever, questions, MODES)
    _say("environment of the other stacks (minutes the first time) ...")
    python = make_environment(env)
    _say("the other stacks ...")
    theirs = run_stacks(python, job, scratch)

    scores: dict[str, Scores] = {}
    about: dict[str, dict[str, Any]] = {}
    for name, run in theirs["runs"].items():
        hits = {i: [{**h, "article_id": h["source"]} for h in found] for i, found in run.items()}
        scores[name] = score_run(texts, questions, hits)
        about[name] = {"version": theirs["versions"][name], "chunks": theirs["chunks"][name]}
    for mode, per_question in ours["per_question"].items():
        name = f"Pincite {mode}"
        scores[name] = per_question
        about[name] = {"version": f"config {ours['config_hash']}", "chunks": len(retriever.index.chunks)}
    full = scores["Pincite full"]
    return {
        "made": date.today().isoformat(),
        "questions": ours["questions"],
        "encoder": encoder,
        "stacks": {name: {**about[name], **_figures(scores[name])} for name in scores},
        "p_full_against": {name: _p_values(full, scores[name]) for name in scores if name != "Pincite full"},
    }


def make_environment(folder: Path) -> Path:
    """A virtual environment with the pinned stacks; one that is already there is completed. Returns its Python.

    Raises:
        PinciteError: venv or pip failed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        _call([sys.executable, "-m", "venv", str(folder)], f"no environment can be made in {folder}")
    pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _call([*pip, *PINS], "pip cannot install the stacks to compare with")
    return python


def run_stacks(python: Path, job: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """`eval/compare_stacks.py` on a job, the model hub switched off; its result as described there.

    Raises:
        PinciteError: the script failed.
    """
    job_path, runs_path = scratch / "job.json", scratch / "runs.json"
    job_path.write_text(json.dumps(job), encoding="utf-8")
    _call([str(python), "-I", str(STACKS_SCRIPT), str(job_path), str(runs_path)], "a stack failed")
    result: dict[str, Any] = json.loads(runs_path.read_text(encoding="utf-8"))
    return result


def _sources(index: Index) -> tuple[SourceTexts, dict[str, str]]:
    """All source texts, and each once under the id of its first article: that id stands for the source."""
    sources: dict[str, str] = {}
    seen: set[int] = set()
    for article in index.articles.values():
        if id(article.text) not in seen:  # as SourceTexts tells texts apart
            seen.add(id(article.text))
            sources[article.article_id] = article.text
    return SourceTexts({a.article_id: a.text for a in index.articles.values()}), sources


def _figures(scores: Scores) -> dict[str, dict[str, float]]:
    figures = {}
    for name in HEADLINE:
        values = [row[name] for row in scores.values()]
        low, high = bootstrap_interval(values)
        figures[name] = {"mean": sum(values) / len(values), "low": low, "high": high}
    return figures


def _p_values(full: Scores, other: Scores) -> dict[str, float]:
    return {
        name: paired_randomisation([full[i][name] for i in full], [other[i][name] for i in full]) for name in HEADLINE
    }


def _call(command: Sequence[str], failure: str) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env={**os.environ, **offline})
    except OSError as error:
        raise PinciteError(f"{failure}: {error}") from None
    if done.returncode:
        lines = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")]
        raise PinciteError(f"{failure}: {(errors or lines or ['exit status ' + str(done.returncode)])[-1]}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, compare, write the figures and print them as a table."""
    parser = argparse.ArgumentParser(prog="python -m eval.compare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=Path, default=DEFAULT_QUESTIONS, metavar="Q.jsonl")
    parser.add_argument("--split", default="test", help="only questions of this split (default test)")
    parser.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    parser.add_argument("--out", type=Path, default=RESULTS / "compare.json", metavar="FILE.json")
    parser.add_argument("--keep-env", type=Path, metavar="DIR", help="make the environment there and keep it")
    args = parser.parse_args(argv)
    questions = read_questions(args.questions, judged=True, split=args.split)
    retriever = Retriever.open(args.index)
    with tempfile.TemporaryDirectory(prefix="pincite-compare-") as scratch:
        env = args.keep_env or Path(scratch) / "env"
        result = compare(retriever, questions, env, Path(scratch))
    result["split"] = args.split or "all"
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(compare_table(result))
    return 0


if __name__ == "__main__":
    fail_clearly(main)
