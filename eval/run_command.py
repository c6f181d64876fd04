"""`python -m eval run`: judged questions in any format, a grid of systems, figures, tests, reports.

python -m eval run --questions QUESTIONS --out DIR
python -m eval run --config grid.yaml --out DIR
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.data import DEFAULT_QUESTIONS
from eval.grid import Plan, named, read_plan, with_settings
from index.config import MODES
from ingest.errors import PinciteError


def add_arguments(run: argparse.ArgumentParser) -> None:
    """What can be said on the command line; everything but the files can also stand in the YAML."""
    run.add_argument(
        "--questions",
        type=Path,
        metavar="PATH",
        help=f"judged questions: .jsonl, .csv, .tsv, BEIR, Chroma or TREC folder (default: {DEFAULT_QUESTIONS.name})",
    )
    run.add_argument("--qrels", type=Path, metavar="FILE", help="judgements of TREC topics")
    run.add_argument("--config", type=Path, metavar="GRID.yaml", help="settings of a grid; see eval/grid.py")
    run.add_argument("--split", default="", help="only questions of this split (dev, test); BEIR: the qrels to use")
    run.add_argument("--ids", metavar="ID,...", help="only these questions")
    run.add_argument("--type", metavar="TYPE,...", help="only these types of question")
    run.add_argument("--limit", type=int, metavar="N", help="only the first N of them")
    run.add_argument("--index", type=Path, metavar="DIR", help="search this index (default: the project's)")
    run.add_argument("--corpus", type=Path, nargs="+", metavar="PATH", help="build indexes of these files instead")
    run.add_argument("--modes", metavar="MODE,...", help=f"default: {','.join(MODES)}")
    run.add_argument("--encoder", metavar="ID,...", help="encoders to build indexes with")
    run.add_argument("--max-words", metavar="N,...", help="chunk sizes to build indexes with")
    run.add_argument("--max-tokens", metavar="N,...", help="tokens a passage, for the encoder")
    run.add_argument("--engines", metavar="ENGINE,...", help="also let these answer, and score the answers")
    run.add_argument("--reranker", default="", metavar="MODEL", help="cross-encoder, by name or local path")
    run.add_argument("--depth", type=int, metavar="K", help="hits a question (default 50; with qrels 100)")
    run.add_argument("--cache", type=Path, metavar="DIR", help="where results are kept (default: in PINCITE_CACHE)")
    run.add_argument("--gate", type=Path, metavar="GATE.json", help="exit 1 when figures fell against this baseline")
    run.add_argument("--write-gate", type=Path, metavar="GATE.json", help="write such a baseline")
    run.add_argument("--margin", type=float, default=0.02, help="fall that a written gate lets pass (default 0.02)")
    run.add_argument("--out", type=Path, metavar="DIR", help="write the report there")


def run_command(args: argparse.Namespace) -> int:
    """Read and check everything, do what is not done yet, score, report."""
    plan = _plan(args)
    if not 0 <= args.margin < 1:
        raise PinciteError(f"--margin is {args.margin}; it must lie between 0 and 1")
    from eval.cache import default_cache
    from eval.execute import fill, prepare
    from eval.gate import check, hold, read_gate, write_gate
    from eval.inputs import narrowed, read_dataset
    from eval.metrics import SourceTexts
    from eval.output import Material, write_report
    from eval.run import check_documents, check_quotes, score_cells, score_engines, summary
    from eval.terminal import show
    from index.store import open_index

    baseline = read_gate(args.gate) if args.gate else None
    dataset = narrowed(read_dataset(plan.questions, plan.qrels, plan.split), plan.ids, plan.type, plan.limit)
    cells = prepare(plan, dataset, args.cache or default_cache())
    if baseline:
        names = [c.system.name for c in cells if not c.system.engine]
        check(baseline, args.gate, names, {q.id for q in dataset.questions if q.answerable})
    articles = open_index(cells[0].root).articles
    texts = SourceTexts({a.article_id: a.text for a in articles.values()})
    judges = check_quotes(dataset, texts)
    absent = check_documents(dataset, articles)
    done = fill(cells, dataset.questions)
    wanted = sum(q.answerable or bool(c.system.engine) for c in cells for q in dataset.questions)
    print(f"{done} of {wanted} results made now, {wanted - done} were there already", file=sys.stderr)
    if absent:
        print(f"{absent} judged documents are not in the corpus and count as never found", file=sys.stderr)
    result = summary(score_cells(cells, dataset, texts, judges), dataset.questions) | _made_with(cells, plan)
    if plan.engines:
        result["answers"] = score_engines(cells, dataset, texts)
    if args.out:
        write_report(args.out, result, cells, dataset, Material(texts, judges, articles))
    show(result)
    if args.out:
        print(f"report: {args.out / 'report.html'}")
    if args.write_gate:
        write_gate(args.write_gate, result, args.margin)
        print(f"gate written: {args.write_gate}")
    return hold(baseline, result) if baseline else 0


def _plan(args: argparse.Namespace) -> Plan:
    settings = read_plan(args.config) if args.config else {}
    given = {name: getattr(args, name) for name in ("questions", "qrels", "index", "depth", "limit", "split")}
    given |= {name: named(getattr(args, name)) for name in ("ids", "type", "modes", "engines")}
    given["encoders"] = named(args.encoder)
    given["corpus"] = tuple(args.corpus or ())
    given["chunks"] = tuple({"max_words": n} for n in _numbers("--max-words", args.max_words))
    given["max_tokens"] = _numbers("--max-tokens", args.max_tokens)
    for name in ("limit", "depth"):
        if given[name] is not None and given[name] < 1:
            raise PinciteError(f"--{name} is {given[name]}; give a number from 1")
    if args.modes is not None and not given["modes"]:
        raise PinciteError(f"--modes is empty; choose from {', '.join(MODES)}")
    plan = with_settings(Plan(**settings), given)
    if args.reranker:
        plan = with_settings(plan, {"search": tuple({**s, "reranker": args.reranker} for s in plan.search)})
    return plan


def _numbers(option: str, text: str | None) -> tuple[int, ...]:
    if wrong := [part for part in named(text) if not re.fullmatch(r"\d+", part)]:
        raise PinciteError(f"{option}: {wrong[0]!r} is not a whole number")
    return tuple(int(part) for part in named(text))


def _made_with(cells: Sequence[Any], plan: Plan) -> dict[str, Any]:
    """The conditions: those of the first system at the top, as one index has them, and those of each."""
    first = cells[0]
    return {
        "command": shlex.join(["python", "-m", "eval", *sys.argv[1:]]),
        "question_file": "eval/questions.jsonl" if plan.questions == DEFAULT_QUESTIONS else str(plan.questions),
        "split": plan.split or "all",
        "encoder": first.manifest["encoder"]["name"],
        "index_config": first.manifest["config"],
        "search_config": first.facts["search"],
        "config_hash": f"{first.manifest['config_hash']}-{first.system.search.hash}",
        "corpus_hash": first.manifest["corpus_hash"],
        "systems": {
            cell.system.name: {
                "mode": cell.system.mode,
                "engine": cell.system.engine,
                "encoder": cell.manifest["encoder"]["name"],
                "index_config": cell.manifest["config"],
                "search_config": cell.facts["search"],
                "chunks": cell.manifest["counts"]["chunks"],
                "depth": cell.facts["depth"],
            }
            for cell in cells
        },
    }
