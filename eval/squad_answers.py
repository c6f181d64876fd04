"""Answers and refusals over the articles of a file in SQuAD 2.0's format: a corpus of another kind, where a question
that is marked impossible is about its article's subject all the same.

    python -m eval squad dev-v2.0.json --half test
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.data import read_questions
from eval.output import save_json
from eval.stats import SEED, bootstrap_interval
from ingest.errors import PinciteError
from ingest.text import fold, squeeze

if TYPE_CHECKING:
    from bot.engine import Engine
    from bot.pipeline import Pipeline

FAR = Path(__file__).resolve().parent / "far.jsonl"
HALVES = ("dev", "test")


@dataclass(frozen=True, slots=True)
class SquadQuestion:
    """A question and its `gold` answers; it has none when its article does not answer it."""

    text: str
    gold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SquadArticle:
    """A title, the paragraphs as they stand in the file, and all their questions."""

    title: str
    paragraphs: tuple[str, ...]
    questions: tuple[SquadQuestion, ...]


def read_articles(path: Path) -> list[SquadArticle]:
    """All articles of the file, by title.

    Raises:
        PinciteError: no such file, or one of another form.
    """
    articles = []
    try:
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            paragraphs = article["paragraphs"]
            questions = tuple(
                SquadQuestion(q["question"].strip(), tuple(a["text"] for a in q["answers"]))
                for p in paragraphs
                for q in p["qas"]
            )
            texts = tuple(str(p["context"]) for p in paragraphs)
            articles.append(SquadArticle(str(article["title"]).replace("_", " "), texts, questions))
    except OSError as error:
        raise PinciteError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PinciteError(f"{path}: not a file in SQuAD 2.0's format") from None
    return sorted(articles, key=lambda a: a.title)


def write_corpus(articles: Sequence[SquadArticle], folder: Path) -> None:
    """One text file an article: its title, then its paragraphs."""
    folder.mkdir(parents=True)
    for n, article in enumerate(articles):
        text = "\n\n".join((article.title, *article.paragraphs))
        (folder / f"{n:04}.txt").write_text(text + "\n", encoding="utf-8")


def sample(articles: Sequence[SquadArticle], half: str, each: int) -> list[SquadQuestion]:
    """At most `each` answerable and `each` unanswerable questions, evenly from the articles of one half (every other
    article is `dev`, the rest `test`); the same ones every time.
    """
    rng = random.Random(SEED)
    chosen = articles[HALVES.index(half) :: 2]
    drawn: list[SquadQuestion] = []
    for answerable in (True, False):
        left = each
        for n, article in enumerate(chosen):
            pool = [q for q in article.questions if bool(q.gold) == answerable]
            share = min(len(pool), round(left / (len(chosen) - n)))
            drawn += rng.sample(pool, share)
            left -= share
    return drawn


def evaluate(
    pipeline: Pipeline,
    engine: Engine,
    questions: Sequence[SquadQuestion],
    far: Sequence[str],
    progress: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Shares with intervals: answerable questions refused, their answers that hold a gold answer word for word (a
    refusal holds none), unanswerable ones refused, and `far` ones about nothing in the corpus refused.
    """
    rows: dict[str, list[float]] = {}
    for text, gold, near in [(q.text, q.gold, True) for q in questions] + [(t, (), False) for t in far]:
        answer = pipeline.ask(text, engine)
        if gold:
            said = _plain(" ".join(s.text for s in answer.sentences))
            rows.setdefault("wrongly refused", []).append(answer.refused)
            rows.setdefault("gold answer in the answer", []).append(any(_plain(g) in said for g in gold))
        else:
            rows.setdefault("refused: unanswerable" if near else "refused: out_of_domain", []).append(answer.refused)
        progress()
    return {"made": date.today().isoformat(), "figures": {name: _figure(values) for name, values in rows.items()}}


def squad_table(result: Mapping[str, Any]) -> str:
    """Markdown: a figure a line with its 95 % interval and the number of questions."""
    lines = ["| figure | share | questions |", "|---|---|---|"]
    for name, f in result["figures"].items():
        lines.append(f"| {name} | {f['mean']:.3f} [{f['low']:.3f}, {f['high']:.3f}] | {f['n']} |")
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `eval squad`."""
    parser.add_argument("file", type=Path, metavar="SQUAD.json")
    parser.add_argument("--half", choices=HALVES, default="test", help="every other article (default test)")
    parser.add_argument("--each", type=int, default=150, help="answerable and unanswerable questions (default 150)")
    parser.add_argument("--far", type=Path, default=FAR, metavar="Q.jsonl", help="about nothing in it (eval/far.jsonl)")
    parser.add_argument("--llm", default="extractive", metavar="ENGINE")
    parser.add_argument("--index", type=Path, metavar="DIR", help="where to keep the index (default: temporary)")
    parser.add_argument("--out", type=Path, metavar="FILE.json")


def squad_command(args: argparse.Namespace) -> int:
    """Build an index of the file's articles, ask, print the figures."""
    from tqdm import tqdm

    from bot.engine import make_engine
    from bot.pipeline import Pipeline
    from index.build import build_index

    articles = read_articles(args.file)
    questions = sample(articles, args.half, args.each)
    far = [q.question for q in read_questions(args.far)]
    engine = make_engine(args.llm)
    with tempfile.TemporaryDirectory() as scratch:
        index = args.index or Path(scratch) / "index"
        write_corpus(articles, Path(scratch) / "corpus")
        build_index([Path(scratch) / "corpus"], index)
        with tqdm(total=len(questions) + len(far), unit="question", disable=not sys.stderr.isatty()) as bar:
            result = evaluate(Pipeline.open(index), engine, questions, far, bar.update)
    result |= {"half": args.half, "articles": len(articles), "engine": engine.name}
    print(squad_table(result))
    if args.out:
        save_json(result, args.out)
    return 0


def _plain(text: str) -> str:
    return fold(squeeze(text)).casefold()


def _figure(values: Sequence[float]) -> dict[str, float]:
    low, high = bootstrap_interval(values)
    return {"mean": sum(values) / len(values), "low": low, "high": high, "n": len(values)}
