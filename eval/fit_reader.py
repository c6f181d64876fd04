"""Train the reader (`bot/reader.py`): do sources bear out a claim, and does a passage answer a question?

    python -m eval.fit_reader SQUAD.json [--out bot/reader.safetensors] [--report FILE.json] [--keep FOLDER]

Data: the documents of `eval/reading`, each with claims that it bears out, a twin of each that it does not, and
questions that it answers or nearly answers; SQuAD 2.0's questions, and its answers as claims; rougher pairs made of
these (claims and questions beside other documents, numbers changed, negations flipped), without which nothing is
learned from the twins. Then, beside a part of all that, the sentences of answers of chatbots with their faulty parts
marked (`eval/reading/answers`). One in twenty documents and questions is left out and reported on. All layers but the
first are trained, in bfloat16. `RUNS` times that, in other orders; the mean of the runs' weights is kept (Wortsman et
al., Model soups, ICML 2022), what changed stored with rank `RANK`. A run's two parts took about half an hour each on
two cores. With `--keep` the weights after each part stay in a folder, and a call that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F  # noqa: N812 (what everybody calls it)

from bot.claims import ClaimVerifier
from bot.grounding import Grounds, compare
from bot.reader import ANSWERS, MAX_TOKENS, READER, SUPPORTS
from bot.verify import claim_spans, cut_long, encode_sentences, examine
from eval.pairs import Claim, change_number, flip_negation
from eval.squad import statement
from eval.verify import auroc
from index.config import DEFAULT_ENCODER
from index.encode import Encoder, find_model, load_encoder
from ingest.cli import fail_clearly
from ingest.text import fold, sentence_spans, squeeze

DATA = Path(__file__).with_name("reading")
CHATBOTS = DATA / "answers"
RANK, INNER, RUNS = 64, 128, 2
_EPOCHS, _RATE, _BATCH, _TOGETHER = 1.3, 1e-4, 32, 512
_AFTER_EPOCHS, _AFTER_RATE, _AGAIN = 1.4, 5e-5, 0.2  # of chatbots' answers; share of the rest
_ROUGH = 5000  # of the rougher pairs that are false
_LEFT_OUT = 20  # every so manyth document
_TOUCHED = 8  # characters of a wrong part that a sentence has at least
_TWIN = 0.5  # weight of the loss by which a claim must stand above its twin


@dataclass(frozen=True, slots=True)
class Example:
    """A claim or question beside the sentences of a document that are nearest to it. `output`: `SUPPORTS` or
    `ANSWERS`; `places`: which sentences of the document they are; `twin`: it stands before its false twin, or after
    what it is the twin of.
    """

    text: str
    passage: str
    title: str
    right: bool
    output: int
    group: str
    places: tuple[int, ...] = ()
    twin: bool = False


def read_documents(encoder: Encoder, folder: Path = DATA) -> list[Example]:
    """The examples of all documents, a document's one after another: claims, each before its twin, then questions."""
    found: list[Example] = []
    for group, row in _documents(folder):
        claims = [(text, at % 2 == 0) for at, text in enumerate(row["claims"])]
        questions = [(q, True) for q in row["answered"]] + [(q, False) for q in row["unanswered"]]
        found += _beside(encoder, group, row["title"], row["text"], claims, questions, twin=True)
    return found


def _documents(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.jsonl")):
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            yield f"{path.stem}-{n}", json.loads(line)


def read_squad(encoder: Encoder, path: Path, known: set[str]) -> list[Example]:
    """SQuAD 2.0: its questions, and question and answer as a claim, false where the answer is only plausible. No claims
    of the paragraphs whose beginnings are `known`, the sources of labelled answers.
    """
    found: list[Example] = []
    for n, article in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            text, claims, questions = paragraph["context"], [], []
            for q in paragraph["qas"]:
                right, asked = not q["is_impossible"], q["question"].strip()
                answers = q["answers"] if right else q.get("plausible_answers") or []
                questions.append((asked, right))
                if answers and text.strip()[:80] not in known and (said := statement(asked, answers[0]["text"])):
                    claims.append((said, right))
            group = f"sq{n:02d}-{len(found)}"
            found += _beside(encoder, group, article["title"].replace("_", " "), text, claims, questions)
    return found


def rough(examples: Sequence[Example], rng: random.Random) -> list[Example]:
    """What can be told apart without reading closely: claims and questions beside another document of the same hand,
    numbers changed, negations flipped; sentences of the document itself.
    """
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    hands: dict[str, list[str]] = {}
    for group in groups:
        hands.setdefault(group.partition("-")[0], []).append(group)
    found: list[Example] = []

    def add(text: str, beside: Example, right: bool, output: int, group: str) -> None:
        found.append(Example(text, beside.passage, beside.title, right, output, group))

    for group, own in groups.items():
        others = [g for g in hands[group.partition("-")[0]] if g != group]
        true = [e for e in own if e.output == SUPPORTS and e.right]
        answered = [e for e in own if e.output == ANSWERS and e.right]
        for example in rng.sample(true, 2):
            add(example.text, rng.choice(groups[rng.choice(others)]), False, SUPPORTS, group)
        for example in rng.sample(true, 3):
            for change in (change_number, flip_negation):
                changed = change(example.text, rng)
                if changed and changed != example.text:
                    add(changed, example, False, SUPPORTS, group)
        said = [t for e in true for t in e.passage.split(". ") if 6 <= len(t.split()) <= 30]
        if said:
            sentence = rng.choice(said).rstrip(".") + "."
            source = next(e for e in true if sentence.rstrip(".") in e.passage)
            add(sentence, source, True, SUPPORTS, group)
            changed = change_number(sentence, rng) or flip_negation(sentence, rng)
            if changed and changed != sentence:
                add(changed, source, False, SUPPORTS, group)
        for example in rng.sample(answered, 2):
            add(example.text, rng.choice(groups[rng.choice(others)]), False, ANSWERS, group)
        if len(answered) > 1:
            one, other = rng.sample(answered, 2)
            if one.passage != other.passage and not set(one.places) & set(other.places):
                add(one.text, other, False, ANSWERS, group)
    return found


def read_chatbots(encoder: Encoder, folder: Path = CHATBOTS) -> list[Example]:
    """The sentences of chatbots' answers beside what of the passages covers their words best, wrong where a part that
    is marked lies in them.
    """
    verifier = ClaimVerifier(encoder)
    found: list[Example] = []
    for group, row in _documents(folder):
        _spans, grounds = verifier.grounds(tuple(row["passages"]))
        for answer in row["answers"]:
            text = answer["text"]
            spans = claim_spans(text)
            wrong = [(text.index(w["part"]), text.index(w["part"]) + len(w["part"])) for w in answer["wrong"]]
            sentences, compared = examine([text[a:b] for a, b in spans], grounds, encoder)
            for (a, b), said, how in zip(spans, sentences, compared, strict=True):
                if how.content and how.evidence:
                    passage = " ".join(squeeze(grounds.sentences[n].text) for n in sorted(how.evidence))
                    right = not any(touches(a, b, *part) for part in wrong)
                    found.append(Example(squeeze(said.text), passage, "", right, SUPPORTS, f"chat {group}", (0,)))
    return found


def touches(start: int, end: int, first: int, last: int) -> bool:
    """Whether enough of a marked part of an answer, from `first` to `last`, lies in a sentence to make it wrong."""
    return min(end, last) - max(start, first) >= min(_TOUCHED, last - first)


def _beside(
    encoder: Encoder,
    group: str,
    title: str,
    text: str,
    claims: Sequence[tuple[str, bool]],
    questions: Sequence[tuple[str, bool]],
    twin: bool = False,
) -> Iterator[Example]:
    """Each claim and question beside the sentences of `text` that cover its words best, in their order."""
    spans = [piece for a, b in sentence_spans(text) for piece in cut_long(text, a, b)]
    sentences = [squeeze(text[a:b]) for a, b in spans]
    if not sentences:
        return
    grounds = Grounds(encode_sentences(encoder, sentences))
    asked = [(*claim, SUPPORTS) for claim in claims] + [(*question, ANSWERS) for question in questions]
    for (own, right, output), words in zip(asked, encode_sentences(encoder, [a for a, _, _ in asked]), strict=True):
        places = sorted(compare(words, grounds).evidence) or [0]
        passage = " ".join(sentences[n] for n in places)
        yield Example(own, passage, title, right, output, group, tuple(places), twin and output == SUPPORTS)


# --- training --------------------------------------------------------------------------------------------


class TrainableReader(torch.nn.Module):
    """The encoder with a head; all layers but the first are trained, norms and kinds of tokens everywhere."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer
        from transformers import BertModel

        super().__init__()
        self.source = find_model(DEFAULT_ENCODER)
        self.bert = BertModel.from_pretrained(self.source.path, add_pooling_layer=False)
        for name, parameter in self.bert.named_parameters():
            parameter.requires_grad = name.startswith("encoder.layer.") and not name.startswith("encoder.layer.0.")
        self.before = {n: p.detach().clone() for n, p in self.bert.named_parameters() if p.requires_grad}
        self.inner = torch.nn.Linear(2 * self.bert.config.hidden_size, INNER)
        self.outer = torch.nn.Linear(INNER, 2)
        self.tokenizer = Tokenizer.from_file(str(Path(self.source.path) / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")

    def tokens(self, example: Example, titled: bool) -> tuple[list[int], list[int]]:
        """Ids and kinds of the tokens of both texts, the second under its title or without."""
        passage = f"{example.title}: {example.passage}" if titled and example.title else example.passage
        encoded = self.tokenizer.encode(fold(example.text), fold(passage))
        return encoded.ids, encoded.type_ids

    def forward(self, rows: Sequence[tuple[list[int], list[int]]], outputs: Sequence[int]) -> torch.Tensor:
        """(rows,) log odds, of the head's output that each row names."""
        width = -(-max(len(ids) for ids, _ in rows) // 16) * 16
        ids, kinds, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(3))
        for n, (own, types) in enumerate(rows):
            ids[n, : len(own)], kinds[n, : len(own)], mask[n, : len(own)] = torch.tensor(own), torch.tensor(types), 1
        with torch.autocast("cpu", torch.bfloat16):
            states = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=kinds).last_hidden_state.float()
            mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
            odds = self.outer(F.gelu(self.inner(torch.cat([states[:, 0], mean], -1))))
        chosen: torch.Tensor = odds.float().gather(1, torch.tensor(outputs)[:, None]).squeeze(1)
        return chosen

    def read(self, examples: Sequence[Example]) -> np.ndarray:
        """(examples,) log odds, without gradients."""
        self.eval()
        tokens = [self.tokens(e, titled=True) for e in examples]
        order = sorted(range(len(examples)), key=lambda n: len(tokens[n][0]))
        odds = np.zeros(len(examples), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                rows = order[start : start + _BATCH]
                odds[rows] = self([tokens[n] for n in rows], [examples[n].output for n in rows]).numpy()
        return odds

    def save(self, path: Path) -> float:
        """What changed, matrices with rank `RANK`, in half precision; returns the share of the change that is kept."""
        tensors, kept, whole = {}, 0.0, 0.0
        for name, before in self.before.items():
            change = self.bert.get_parameter(name).detach() - before
            if change.dim() < 2:
                tensors[name] = change
                continue
            u, s, v = torch.linalg.svd(change, full_matrices=False)
            kept, whole = kept + float(s[:RANK].square().sum()), whole + float(s.square().sum())
            root = s[:RANK].sqrt()
            tensors[f"{name}.up"], tensors[f"{name}.down"] = u[:, :RANK] * root, root[:, None] * v[:RANK]
        head = {"inner": self.inner, "outer": self.outer}
        tensors |= {f"head.{n}.{k}": w.detach() for n, m in head.items() for k, w in m.named_parameters()}
        about = {"base": self.source.name, "base_sha256": self.source.weights_sha256}
        save_file({n: w.half().contiguous() for n, w in tensors.items()}, path, {"reader": json.dumps(about)})
        return kept / whole


def train(model: TrainableReader, examples: Sequence[Example], seed: int, epochs: float, rate: float) -> None:
    """Minimise the log loss, and for twins that of which is the true one."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    paired = {n - 1: n for n in _twins(examples)}
    false = set(paired.values())
    units: list[tuple[int, ...]] = list(paired.items())
    units += [(n,) for n in range(len(examples)) if n not in paired and n not in false]
    tokens = [(model.tokens(e, titled=False), model.tokens(e, titled=True)) for e in examples]

    def batches() -> list[list[int]]:
        """Numbers of examples of like length, twins together, in random order."""
        rng.shuffle(units)
        drawn: list[list[int]] = []
        for start in range(0, len(units), _TOGETHER):
            batch: list[int] = []
            for unit in sorted(units[start : start + _TOGETHER], key=lambda u: len(tokens[u[0]][1][0])):
                batch += unit
                if len(batch) >= _BATCH:
                    drawn.append(batch)
                    batch = []
            if batch:
                drawn.append(batch)
        rng.shuffle(drawn)
        return drawn

    pending = batches()
    steps = int(epochs * len(pending))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.1)
    losses: list[float] = []
    for step in range(steps):
        model.train()
        pending = pending or batches()
        batch = pending.pop()
        titled = rng.random() < 0.5
        rows = [tokens[n][titled or examples[n].output == ANSWERS] for n in batch]
        odds = model(rows, [examples[n].output for n in batch])
        loss = F.binary_cross_entropy_with_logits(odds, torch.tensor([float(examples[n].right) for n in batch]))
        place = {n: at for at, n in enumerate(batch)}
        twins = [(place[n], place[paired[n]]) for n in batch if n in paired]
        if twins:
            first, second = torch.tensor(twins).T
            loss = loss + _TWIN * F.softplus(odds[second] - odds[first]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-100:]):.3f}", file=sys.stderr, flush=True)


def _twins(examples: Sequence[Example]) -> list[int]:
    """The places of false twins, each after the claim that it is the twin of."""
    return [n for n in range(1, len(examples)) if examples[n].twin and examples[n - 1].right > examples[n].right]


def document_claims(folder: Path = DATA) -> Iterator[Claim]:
    """The claims of the documents that are left out of training, with the whole document as their source."""
    for group, row in _documents(folder):
        for n, text in enumerate(row["claims"] if left_out(group) else ()):
            true = n % 2 == 0
            yield Claim("document true" if true else "document twin", group, text, (row["text"],), true)


def left_out(group: str) -> bool:
    """Whether a document is kept for the report."""
    return int(hashlib.md5(group.encode()).hexdigest(), 16) % _LEFT_OUT == 0


def figures(model: TrainableReader, examples: Sequence[Example]) -> dict[str, Any]:
    """AUROC of both outputs by kind of data, and the share of twins that are told apart, on documents left out."""
    odds = model.read(examples)
    found: dict[str, Any] = {}
    for kind, output in (("claims", SUPPORTS), ("questions", ANSWERS)):
        for source in ("documents", "SQuAD", "chatbots"):
            at = [n for n, e in enumerate(examples) if e.output == output and _source(e) == source and e.places]
            right = np.array([examples[n].right for n in at], dtype=bool)
            if right.all() or not right.any():
                continue
            found[f"AUROC, {kind}, {source}"] = round(auroc(odds[at][right], odds[at][~right]), 4)
    told = [odds[n - 1] > odds[n] for n in _twins(examples)]
    return found | {"twins told apart": round(float(np.mean(told)), 4)}


def _source(example: Example) -> str:
    return {"sq": "SQuAD", "ch": "chatbots"}.get(example.group[:2], "documents")


def main() -> int:
    """Collect the examples, train, report, write what changed."""
    parser = argparse.ArgumentParser(prog="python -m eval.fit_reader", description=__doc__)
    parser.add_argument("squad", type=Path, metavar="SQUAD.json", help="SQuAD 2.0, its own format")
    parser.add_argument("--out", type=Path, default=READER, metavar="FILE.safetensors")
    parser.add_argument("--report", type=Path, metavar="FILE.json")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="weights after each part; those there are used")
    args = parser.parse_args()
    for path in filter(None, (args.keep, args.out.parent, args.report and args.report.parent)):
        if not path.is_dir():
            parser.error(f"{path} is no folder: make it, or name another")
    started = time.perf_counter()
    encoder = load_encoder()
    squad = read_squad(encoder, args.squad, beginnings())
    documents = read_documents(encoder)
    rougher = rough(documents, random.Random(1))
    false = [e for e in rougher if not e.right]
    rougher = [e for e in rougher if e.right] + random.Random(2).sample(false, _ROUGH)
    examples = [*squad, *documents, *rougher]
    kept = [e for e in examples if not left_out(e.group)]
    chatbots = read_chatbots(encoder)
    groups = sorted({e.group for e in kept})
    again = set(random.Random(3).sample(groups, int(_AGAIN * len(groups))))
    then = [e for e in chatbots if not left_out(e.group)] + [e for e in kept if e.group in again]
    print(f"{len(kept)} examples, then {len(then)}", file=sys.stderr, flush=True)
    model = _mean([_run(run, kept, then, args.keep) for run in range(RUNS)])
    examples += chatbots
    report = {
        "made": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "examples": len(kept),
        "then": len(then),
        "share of the change kept": round(model.save(args.out), 4),
        "left out": figures(model, [e for e in examples if left_out(e.group)]),
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    print(json.dumps(report, indent=1))
    if args.report:
        args.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _run(run: int, first: Sequence[Example], then: Sequence[Example], keep: Path | None) -> TrainableReader:
    """A reader trained on both parts."""
    torch.manual_seed(run)
    model = TrainableReader()
    for part, (examples, epochs, rate) in enumerate(((first, _EPOCHS, _RATE), (then, _AFTER_EPOCHS, _AFTER_RATE))):
        path = keep and keep / f"run{run}-part{part}.pt"
        if path and path.exists():
            model.load_state_dict(torch.load(path))
        else:
            train(model, examples, run + 4 * part, epochs, rate)
            if path:
                torch.save(model.state_dict(), path)
    return model


def _mean(models: Sequence[TrainableReader]) -> TrainableReader:
    """The first of the models, with the mean of all models' weights."""
    states = [model.state_dict() for model in models]
    mean = {name: torch.stack([s[name].float() for s in states]).mean(0) for name in states[0]}
    models[0].load_state_dict(mean)
    return models[0]


def beginnings() -> set[str]:
    """How the sources of the labelled answers begin."""
    found: set[str] = set()
    for name in ("judged_answers", "judged_balanced"):
        for line in DATA.with_name(f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            sources = json.loads(line)["context"]
            found |= {text[:80] for text in ([sources] if isinstance(sources, str) else sources)}
    return found


if __name__ == "__main__":
    fail_clearly(main)
