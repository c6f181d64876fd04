"""`python -m bot ask|batch|verify`: one answer, many answers, or the check of claims."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.engine import Engine, make_engine
from bot.log import start_logging
from index.config import default_index_dir
from ingest.cli import fail_clearly, json_line, read_jsonl, write_jsonl
from ingest.errors import BackendError, PinciteError, QuestionError

_MARK = "show sentences that nothing supports, marked, instead of leaving them out"


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    engine_help = "extractive, local[:MODEL_OR_PATH], hosted[:MODEL] or auto (default)"

    ask = commands.add_parser("ask", help="one cited answer")
    ask.add_argument("question")
    ask.add_argument("--llm", default="auto", metavar="ENGINE", help=engine_help)
    ask.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    ask.add_argument("--mark-unsupported", action="store_true", help=_MARK)
    ask.add_argument("--json", action="store_true", help="print the answer's record instead")
    ask.set_defaults(run=_ask)

    batch = commands.add_parser("batch", help="answers for a file of questions; resumes where it stopped")
    batch.add_argument("--questions", required=True, type=Path, metavar="Q.jsonl")
    batch.add_argument("--out", required=True, type=Path, metavar="A.jsonl")
    batch.add_argument("--llm", default="auto", metavar="ENGINE", help=engine_help)
    batch.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    batch.add_argument("--mark-unsupported", action="store_true", help=_MARK)
    batch.set_defaults(run=_batch)

    verify = commands.add_parser("verify", help="is each claim supported by its context?")
    verify.add_argument("--claims", required=True, type=Path, metavar="C.jsonl")
    verify.add_argument("--out", required=True, type=Path, metavar="V.jsonl")
    verify.set_defaults(run=_verify)
    args = parser.parse_args(argv)
    start_logging()
    status: int = args.run(args)
    return status


def _ask(args: argparse.Namespace) -> int:
    from bot.pipeline import BotConfig, Pipeline
    from bot.render import as_text
    from index.query import check_question

    check_question(args.question)
    engine = make_engine(args.llm)
    answer = Pipeline.open(args.index, BotConfig(mark_unsupported=args.mark_unsupported)).ask(args.question, engine)
    if answer.refusal_reason == "backend_failed":
        raise BackendError(answer.answer)
    print(json_line(answer.record()) if args.json else as_text(answer))
    return 0


def _batch(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from bot.pipeline import BotConfig, Pipeline

    questions = _read_batch(args.questions)
    engine = make_engine(args.llm)
    done = _finished(args.out)
    todo = [q for q in questions if q["id"] not in done]
    pipeline = Pipeline.open(args.index, BotConfig(mark_unsupported=args.mark_unsupported))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with open(args.out, "a", encoding="utf-8") as out:
        for q in tqdm(todo, unit="question", disable=not sys.stderr.isatty()):
            out.write(json_line(_answer(pipeline, engine, q)) + "\n")
            out.flush()
            os.fsync(out.fileno())
    print(f"{len(todo)} answered, {len(questions) - len(todo)} were there already -> {args.out}")
    return 0


def _answer(pipeline: Any, engine: Engine, question: Mapping[str, Any]) -> dict[str, Any]:
    answer = pipeline.ask(question["question"], engine, question.get("history") or (), question_id=question["id"])
    record: dict[str, Any] = answer.record()
    return {**{k: v for k, v in question.items() if k not in record}, **record}


def _read_batch(path: Path) -> list[dict[str, Any]]:
    from index.query import check_history, check_question

    questions, problems, seen = [], [], set()
    for number, record in read_jsonl(path, "questions"):
        try:
            if not isinstance(record.get("id"), str) or record["id"] in seen:
                raise QuestionError('"id" must be a string that stands only once')
            check_question(record.get("question"))
            check_history(record.get("history"))
        except QuestionError as error:
            problems.append(f"line {number}: {error}")
        seen.add(record.get("id"))
        questions.append(record)
    if problems:
        raise QuestionError(f"{path}: {len(problems)} bad rows: " + "; ".join(problems[:20]))
    if not questions:
        raise QuestionError(f"{path}: no questions")
    return questions


def _finished(path: Path) -> set[str]:
    """Ids already answered; a line cut short by a kill is dropped so that its question is asked again."""
    if not path.exists():
        return set()
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) != len(data):
        scratch = path.with_name(path.name + ".part")
        scratch.write_bytes(whole)
        os.replace(scratch, path)
    return {str(record.get("id")) for _number, record in read_jsonl(path, "answers")}


def _verify(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from bot.claims import ClaimVerifier, read_claims, verified
    from index.encode import load_query_encoder

    rows = read_claims(args.claims)
    bar = tqdm(rows, unit="claim", disable=not sys.stderr.isatty())
    try:
        count = write_jsonl(args.out, verified(bar, ClaimVerifier(load_query_encoder())))
    except OSError as error:
        raise PinciteError(f"{args.out}: cannot be written ({error.strerror})") from None
    print(f"{count} claims -> {args.out}")
    return 0


if __name__ == "__main__":
    fail_clearly(main)
