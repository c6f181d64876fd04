"""`python -m eval COMMAND`: runs, scores, reports; `--help` lists the commands."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from eval import squad_answers
from eval.data import DEFAULT_QUESTIONS, read_questions
from eval.output import save_json
from eval.run_command import add_arguments, run_command
from index.config import MODES, SearchConfig, default_index_dir
from ingest.cli import fail_clearly, write_jsonl
from ingest.errors import PinciteError


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    retrieve = commands.add_parser("retrieve", help="hits for every question, as JSONL")
    retrieve.add_argument("--questions", required=True, type=Path, metavar="Q.jsonl")
    retrieve.add_argument("--out", required=True, type=Path, metavar="RUN.jsonl")
    retrieve.add_argument("-k", type=int, default=20, help="hits a question (default 20)")
    retrieve.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    retrieve.add_argument("--mode", choices=MODES, default="full")
    retrieve.add_argument("--reranker", default="", metavar="MODEL", help="cross-encoder, by name or local path")
    retrieve.set_defaults(run=_retrieve)

    run = commands.add_parser("run", help="metrics with intervals, mode against mode")
    add_arguments(run)
    run.set_defaults(run=run_command)

    answers = commands.add_parser("answers", help="key facts, citations, verdicts and refusals of answers")
    answers.add_argument("--questions", type=Path, default=DEFAULT_QUESTIONS, metavar="Q.jsonl")
    answers.add_argument("--split", default="", help="only questions of this split (dev, test)")
    answers.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    answers.add_argument("--llm", default="extractive", metavar="ENGINE[,ENGINE ...]")
    answers.add_argument("--answers", type=Path, metavar="A.jsonl", help="score these (from bot batch) instead")
    answers.add_argument("--out", type=Path, metavar="FILE.json")
    answers.set_defaults(run=_answers)

    squad = commands.add_parser("squad", help="answers and refusals over the articles of a SQuAD 2.0 file")
    squad_answers.add_arguments(squad)
    squad.set_defaults(run=squad_answers.squad_command)

    beir = commands.add_parser("beir", help="nDCG@10 and Recall@100 on a BEIR folder")
    beir.add_argument("dataset", type=Path, metavar="DATASET_DIR")
    beir.add_argument("--split", default="test")
    beir.add_argument("--mode", choices=MODES, default="full")
    beir.add_argument("--index", type=Path, metavar="DIR", help="where to keep the index (default: beside it)")
    beir.set_defaults(run=_beir)

    chroma = commands.add_parser("chroma", help="Chroma's chunking benchmark: recall, precision, IoU at 5")
    chroma.add_argument("folder", type=Path, metavar="DIR", help="corpora/*.md and questions_df.csv")
    chroma.add_argument("--modes", default=",".join(MODES), help="comma-separated (default: all)")
    chroma.add_argument("--index", type=Path, metavar="DIR", help="where to keep the index (default: temporary)")
    chroma.add_argument("--out", type=Path, metavar="FILE.json")
    chroma.set_defaults(run=_chroma)

    corpora = commands.add_parser("corpora", help="answers over small corpora of other kinds")
    corpora.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="NAME/docs and NAME/questions.jsonl")
    corpora.add_argument("--split", default="", help="only questions of this split (dev, test)")
    corpora.add_argument("--out", type=Path, metavar="FILE.json")
    corpora.set_defaults(run=_corpora)

    bench = commands.add_parser("bench", help="cost of a search over the bare encoding of its query")
    bench.add_argument("--questions", type=Path, default=DEFAULT_QUESTIONS, metavar="Q.jsonl")
    bench.add_argument("--index", type=Path, default=default_index_dir(), metavar="DIR")
    bench.add_argument("--chunks", default="", metavar="N,N,...", help="instead: synthetic indexes of so many chunks")
    bench.add_argument("--build", action="store_true", help="instead: building against LangChain's default pipeline")
    bench.add_argument("--megabytes", type=float, default=0, help="of mixed text for --build (default: the corpus)")
    bench.add_argument("--rounds", type=int, default=3, help="of --build (default 3)")
    bench.add_argument("--out", type=Path, metavar="FILE.json")
    bench.add_argument("--scoring", action="store_true", help="time the scoring of runs instead")
    bench.set_defaults(run=_bench)

    verify = commands.add_parser("verify", help="the judge on true and almost true claims made from the corpus")
    verify.add_argument(
        "--claims",
        type=Path,
        metavar="C.jsonl",
        help='claims with "supported": true or false instead, or the folder of RAGTruth (its QA answers, test split)',
    )
    verify.add_argument("--out", type=Path, metavar="FILE.json")
    verify.set_defaults(run=_verify)

    collect = commands.add_parser("collect", help="questions asked on the page become judged ones, one by one")
    collect.add_argument("--feedback", type=Path, metavar="F.jsonl", help="what the page wrote (PINCITE_FEEDBACK)")
    collect.add_argument("--out", type=Path, default=Path("collected.jsonl"), metavar="Q.jsonl")
    collect.set_defaults(run=_collect)

    readme = commands.add_parser("readme", help="rewrite the README's generated tables from eval/results")
    readme.add_argument("--check", action="store_true", help="only say whether they are current")
    readme.set_defaults(run=_readme)
    args = parser.parse_args(argv)
    status: int = args.run(args)
    return status


def _retrieve(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from eval.run import retrieve
    from index.retrieve import Retriever

    questions = read_questions(args.questions)
    if args.k < 1:
        raise PinciteError(f"-k is {args.k}; ask for at least one hit")
    retriever = Retriever.open(args.index, SearchConfig(reranker=args.reranker))
    bar = tqdm(questions, unit="question", disable=not sys.stderr.isatty())
    records = (r for q in bar for r in retrieve(retriever, [q], args.mode, args.k))
    count = write_jsonl(args.out, records)
    print(f"{count} questions -> {args.out}")
    return 0


def _answers(args: argparse.Namespace) -> int:
    from bot.engine import make_engine
    from bot.pipeline import Pipeline
    from eval.answers import evaluate_answers, read_answers
    from eval.report import answers_table

    questions = read_questions(args.questions, judged=True, split=args.split)
    made = {str(args.answers): read_answers(args.answers)} if args.answers else {}
    engines = [] if args.answers else [make_engine(name.strip()) for name in args.llm.split(",")]
    pipeline = Pipeline.open(args.index)
    result = evaluate_answers(pipeline, questions, engines, made)
    result["split"] = args.split or "all"
    print(answers_table(result))
    _save(result, args.out)
    return 0


def _beir(args: argparse.Namespace) -> int:
    from eval.beir import run_beir

    for name, value in run_beir(args.dataset, args.split, args.mode, args.index).items():
        print(f"{name}\t{value:.4f}" if isinstance(value, float) else f"{name}\t{value}")
    return 0


def _chroma(args: argparse.Namespace) -> int:
    from eval.chroma import run_chroma
    from eval.report import chroma_table

    with tempfile.TemporaryDirectory() as scratch:
        result = run_chroma(
            args.folder,
            args.index or Path(scratch) / "index",
            _modes(args.modes),
            lambda step: print(f"{step} ...", file=sys.stderr),
        )
    print(chroma_table(result))
    _save(result, args.out)
    return 0


def _corpora(args: argparse.Namespace) -> int:
    from eval.corpora import EVERYDAY, evaluate_corpora
    from eval.report import corpora_table

    with tempfile.TemporaryDirectory() as scratch:
        result = evaluate_corpora(
            args.folder or EVERYDAY, Path(scratch), args.split, lambda name: print(f"{name} ...", file=sys.stderr)
        )
    print(corpora_table(result))
    _save(result, args.out)
    return 0


def _modes(text: str) -> list[str]:
    modes = [m.strip() for m in text.split(",") if m.strip()]
    if unknown := [m for m in modes if m not in MODES]:
        raise PinciteError(f"unknown mode {unknown[0]!r}; choose from {', '.join(MODES)}")
    return modes


def _save(result: dict[str, Any], out: Path | None) -> None:
    if out:
        save_json(result, out)


def _build_speed(args: argparse.Namespace) -> int:
    from eval.build_bench import build_speed

    with tempfile.TemporaryDirectory() as scratch:
        return _figures(build_speed(Path(scratch), args.megabytes, args.rounds), args.out)


def _bench(args: argparse.Namespace) -> int:
    from eval.bench import search_overhead
    from index.retrieve import Retriever

    if args.build:
        return _build_speed(args)
    if args.chunks:
        return _scale(args)
    questions = read_questions(args.questions)
    retriever = Retriever.open(args.index)
    if args.scoring:
        from eval.bench_scoring import scoring_speed

        return _figures(scoring_speed(retriever, questions), args.out)
    return _figures(search_overhead(retriever, [q.question for q in questions]), args.out)


def _scale(args: argparse.Namespace) -> int:
    from eval.scale import scale
    from eval.sizing import scale_table

    try:
        counts = [int(count) for count in args.chunks.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 10:
        raise PinciteError(f"--chunks is {args.chunks!r}; give numbers from 10 on, separated by commas")
    result = scale(args.index, args.questions, counts, lambda step: print(step, file=sys.stderr))
    print(scale_table(result))
    _save(result, args.out)
    return 0


def _figures(result: dict[str, Any], out: Path | None) -> int:
    for name, value in result["figures"].items():
        print(f"{name}: {value}")
    _save(result, out)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from bot.claims import ClaimVerifier, read_claims
    from eval.ragtruth import read_answers
    from eval.report import labelled_table
    from eval.verify import evaluate_judge, evaluate_labelled, judge_table, load_pairs
    from index.encode import load_query_encoder

    rows: list[dict[str, Any]] = []
    if args.claims:
        rows = read_answers(args.claims) if args.claims.is_dir() else read_claims(args.claims)
    pairs = [] if rows else load_pairs()
    verifier = ClaimVerifier(load_query_encoder())
    with tqdm(total=len(rows or pairs), unit="claim", disable=not sys.stderr.isatty()) as bar:
        if rows:
            result = evaluate_labelled(verifier, rows, lambda done: bar.update(done - bar.n))
        else:
            result = evaluate_judge(verifier, pairs, lambda done: bar.update(done - bar.n))
    print(labelled_table(result) if rows else judge_table(result))
    _save(result, args.out)
    return 0


def _collect(args: argparse.Namespace) -> int:
    from eval.collect import collect, read_candidates

    feedback = args.feedback or Path(os.environ.get("PINCITE_FEEDBACK", ""))
    if not feedback.name:
        raise PinciteError(
            "no feedback file: name it with --feedback or PINCITE_FEEDBACK, as the page was started with"
        )
    added = collect(read_candidates(feedback), args.out, input, print)
    print(f"\n{added} judged questions added -> {args.out}")
    return 0


def _readme(args: argparse.Namespace) -> int:
    from eval.report import PLOT, README, render_plot, render_readme

    made = {README: render_readme(README.read_text(encoding="utf-8")), PLOT: render_plot()}
    if args.check:
        old = any(not path.exists() or path.read_text(encoding="utf-8") != text for path, text in made.items())
        print("README tables are out of date: make readme" if old else "README tables are current")
        return int(old)
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    fail_clearly(main)
