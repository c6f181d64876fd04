"""Train the reader's adapters (`bot/reader.py`): does a passage answer a question?

    python -m eval.fit_reader SQUAD.json [--index DIR] [--out bot/reader.safetensors] [--report FILE.json]
        [--start FIRST_STAGE.safetensors]

First on SQuAD 2.0, in which half of the questions cannot be answered from a paragraph that looks as if it could: a
sentence with the one before it, under the title, against the question. Every fourth article is left out and reported
on. Then on the corpus's own questions (`dev` of `questions.jsonl`, `near_domain.jsonl`, `questions_blind.jsonl`): the
evidence that the pipeline finds, true where it bears a quote that a person chose. About 25 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F  # noqa: N812 (what everybody calls it)

from bot.evidence import Evidence
from bot.pipeline import Pipeline
from bot.reader import READER, Pair, PairEncoder, passages_of
from eval.data import DEFAULT_QUESTIONS, Question, read_questions
from eval.stats import SEED
from eval.verify import auroc
from index.config import DEFAULT_ENCODER, default_index_dir
from index.encode import ModelSource, find_model
from ingest.cli import fail_clearly
from ingest.text import sentence_spans, squeeze

RANK, SCALE, DROPOUT, INNER = 16, 2.0, 0.05, 128
_BATCH, _LONGEST_WINDOW = 32, 500
_STAGES = ((4.0, 1e-3), (3.0, 5e-4))  # epochs, learning rate
_TRAINED_WHOLE = ("LayerNorm", "token_type_embeddings")


@dataclass(frozen=True, slots=True)
class Example:
    """A question beside a passage, and whether that answers it."""

    question: str
    passage: str
    answers: bool


class TrainableReader(PairEncoder):
    """The frozen encoder with adapters beside every linear layer, trainable norms, and a head."""

    def __init__(self, source: ModelSource) -> None:
        super().__init__(source, "cpu", "bfloat16")
        linear = [
            n.removesuffix(".weight") for n, w in self._weights.items() if n.startswith("encoder") and w.dim() == 2
        ]
        self.down = {n: _parameter(RANK, self._weights[f"{n}.weight"].shape[1]) for n in linear}
        self.up = {n: torch.zeros(self._weights[f"{n}.weight"].shape[0], RANK, requires_grad=True) for n in linear}
        self.whole = {
            n: w.float().clone().requires_grad_()
            for n, w in self._weights.items()
            if any(k in n for k in _TRAINED_WHOLE)
        }
        self.head = {
            "inner.weight": _parameter(INNER, 2 * self.dimension),
            "inner.bias": torch.zeros(INNER, requires_grad=True),
            "outer.weight": _parameter(1, INNER),
            "outer.bias": torch.zeros(1, requires_grad=True),
        }
        self.training = True

    def parameters(self) -> list[torch.Tensor]:
        """Everything that is trained."""
        return [p for part in (self.down, self.up, self.whole, self.head) for p in part.values()]

    def odds(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """(pairs,) log odds, with gradients."""
        self._weights.update({n: w.to(torch.bfloat16) for n, w in self.whole.items()})
        return self._odds(ids, mask, types)

    def save(self, path: Path) -> None:
        """Adapters, norms and head in half precision, with what they belong to."""
        tensors = {f"{n}.weight.down": w for n, w in self.down.items()}
        tensors |= {f"{n}.weight.up": w for n, w in self.up.items()} | self.whole
        tensors |= {f"head.{n}": w for n, w in self.head.items()}
        about = {"base": self.source.name, "base_sha256": self.source.weights_sha256, "rank": RANK, "scale": SCALE}
        plain = {n: w.detach().half().contiguous() for n, w in tensors.items()}
        save_file(plain, path, {"adapters": json.dumps(about)})

    def load(self, path: Path) -> None:
        """Go on from saved adapters."""
        saved = load_file(path)
        for part, form in (
            (self.down, "{}.weight.down"),
            (self.up, "{}.weight.up"),
            (self.whole, "{}"),
            (self.head, "head.{}"),
        ):
            for name, weight in part.items():
                weight.data = saved[form.format(name)].float()

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        down, up = self.down[name].to(x.dtype), self.up[name].to(x.dtype)
        return super()._linear(x, name) + SCALE * F.linear(F.linear(F.dropout(x, DROPOUT, self.training), down), up)


def _parameter(rows: int, columns: int) -> torch.Tensor:
    return (torch.randn(rows, columns) / math.sqrt(columns)).requires_grad_()


# --- examples --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exercise:
    """A question with passages that answer it and passages that do not, the hardest first."""

    group: str
    question: str
    answering: tuple[str, ...]
    others: tuple[str, ...]

    def examples(self, rng: random.Random, right: int, wrong: int) -> Iterator[Example]:
        """Some of them, drawn anew each epoch."""
        for passages, count, answers in ((self.answering, right, True), (self.others, wrong, False)):
            for passage in rng.sample(passages, min(count, len(passages))):
                yield Example(self.question, passage, answers)


def squad_questions(path: Path) -> list[Exercise]:
    """SQuAD 2.0: a sentence with the one before it is a passage. Of an unanswerable question only the sentence with
    the plausible answer counts, the others would teach nothing.
    """
    asked = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        title = article["title"].replace("_", " ")
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            spans = sentence_spans(text)
            starts = [
                spans[n - 1][0] if n and b - spans[n - 1][0] < _LONGEST_WINDOW else a for n, (a, b) in enumerate(spans)
            ]
            passages = [f"{title}: {text[start:b]}" for start, (_a, b) in zip(starts, spans, strict=True)]
            for q in paragraph["qas"]:
                answers = q["plausible_answers"] if q["is_impossible"] else q["answers"]
                held = [n for n, (a, b) in enumerate(spans) if any(a <= x["answer_start"] < b for x in answers)]
                free = [p for p in passages if not any(x["text"].lower() in p.lower() for x in answers)]
                hits = tuple(passages[n] for n in held)
                if q["is_impossible"]:
                    asked.append(Exercise(title, q["question"].strip(), (), hits))
                else:
                    asked.append(Exercise(title, q["question"].strip(), hits, tuple(free)))
    return asked


def own_questions(pipeline: Pipeline, questions: Sequence[Question]) -> list[Exercise]:
    """The pipeline's best evidence for each question, told apart by the quotes that people chose."""
    asked = []
    for q in questions:
        retrieval, evidence = pipeline.evidence(q.question, q.history)
        texts = passages_of(evidence)
        bears = {n: any(_bears(evidence[n], quote) for group in q.evidence for quote in group) for n in texts}
        right = tuple(t for n, t in texts.items() if bears[n])
        asked.append(Exercise(q.id, retrieval.query, right, tuple(t for n, t in texts.items() if not bears[n])))
    return asked


def _bears(evidence: Evidence, quote: str) -> bool:
    ours, theirs = squeeze(evidence.clean).lower(), squeeze(quote).lower()
    shared = set(ours.split()) & set(theirs.split())
    return ours in theirs or theirs in ours or (len(ours) > 25 and len(shared) > 0.7 * len(set(ours.split())))


# --- training --------------------------------------------------------------------------------------------


def train(
    model: TrainableReader,
    draw: Callable[[random.Random], Iterable[Example]],
    epochs: float,
    rate: float,
    rng: random.Random,
) -> None:
    """Minimise the log loss over `draw(rng)`, the examples of one epoch."""
    first = _batches(model, list(draw(rng)), rng)
    steps = int(epochs * len(first))
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.1)
    losses: list[float] = []
    pending = first
    for step in range(steps):
        ids, mask, types, target = pending.pop()
        loss = F.binary_cross_entropy_with_logits(model.odds(ids, mask, types), target)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        pending = pending or _batches(model, list(draw(rng)), rng)
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-50:]):.3f}", file=sys.stderr, flush=True)


def _batches(model: TrainableReader, examples: list[Example], rng: random.Random) -> list[tuple[torch.Tensor, ...]]:
    """Batches of like length in random order."""
    rng.shuffle(examples)
    pairs: list[tuple[Pair, bool]] = [(model.pair(e.question, e.passage), e.answers) for e in examples]
    batches: list[tuple[torch.Tensor, ...]] = []
    for start in range(0, len(pairs), 20 * _BATCH):
        part = sorted(pairs[start : start + 20 * _BATCH], key=lambda pair: len(pair[0].ids))
        for n in range(0, len(part), _BATCH):
            rows = part[n : n + _BATCH]
            batches.append((*model.stacked([p for p, _ in rows]), torch.tensor([float(y) for _, y in rows])))
    rng.shuffle(batches)
    return batches


def held_out_auroc(model: TrainableReader, asked: Sequence[Exercise]) -> float:
    """Answerable against unanswerable questions by their best passage."""
    model.training = False
    best: dict[bool, list[float]] = {True: [], False: []}
    with torch.inference_mode():
        for q in asked:
            passages = [*q.answering, *q.others]
            if passages:
                best[bool(q.answering)].append(float(model.read(q.question, passages).max()))
    model.training = True
    return auroc(best[True], best[False])


def main() -> int:
    """Train both stages, report, write the adapters."""
    parser = argparse.ArgumentParser(prog="python -m eval.fit_reader", description=__doc__)
    parser.add_argument("squad", type=Path, metavar="SQUAD.json")
    parser.add_argument("--index", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=READER)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--start", type=Path, help="adapters after the first stage, which is then left out")
    args = parser.parse_args()
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    started = time.perf_counter()
    folder = DEFAULT_QUESTIONS.parent
    questions = read_questions(DEFAULT_QUESTIONS, split="dev") + [
        q for name in ("near_domain", "questions_blind") for q in read_questions(folder / f"{name}.jsonl")
    ]
    near = [q for q in questions if q.type != "out_of_domain"]
    own = own_questions(Pipeline.open(args.index or default_index_dir()), near)
    squad = squad_questions(args.squad)
    titles = sorted({q.group for q in squad})
    held = [q for q in squad if q.group in titles[3::4]]
    kept = [q for q in squad if q.group not in titles[3::4]]
    model = TrainableReader(find_model(DEFAULT_ENCODER))
    if args.start:
        model.load(args.start)
    else:
        train(model, lambda r: (e for q in kept for e in q.examples(r, 1, 1)), *_STAGES[0], rng)
        model.save(args.out)
    figures: dict[str, float] = {
        "SQuAD questions": len(kept),
        "AUROC, SQuAD articles left out": round(held_out_auroc(model, held), 4),
    }

    def mixed(r: random.Random) -> Iterator[Example]:
        drawn = [e for q in own for e in q.examples(r, 3, 3 if q.answering else 4)]
        yield from drawn
        for q in r.sample(kept, len(drawn) // 4):
            yield from q.examples(r, 1, 1)

    train(model, mixed, *_STAGES[1], rng)
    figures |= {
        "own questions": len(own),
        "AUROC, the same after the second stage": round(held_out_auroc(model, held), 4),
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    model.save(args.out)
    report = {
        "made": date.today().isoformat(),
        "command": "python -m eval.fit_reader SQUAD.json",
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "figures": figures,
    }
    print(json.dumps(report, indent=1))
    if args.report:
        args.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    fail_clearly(main)
