"""Fit the judge: a logistic regression on curves of its figures (a generalized additive model: Hastie and Tibshirani,
Statistical Science, 1986). Every figure is a reason for doubt, so no curve falls; each consists of straight pieces.

    python -m eval.fit_verify dev-v2.0.json RAGTruth/dataset [--out FILE.json]

Data: with half of the weight, sentences of the answers in RAGTruth's train split (`eval.ragtruth`), which people
labelled; with a quarter, sentences of chatbots' answers (`chat_answers.jsonl`); statements from SQuAD 2.0
(`eval.squad`), of paragraphs that the reader has not seen as claims; pairs from the corpus (`eval.pairs`); the claims
of those documents in `eval/reading` that the reader was not trained on. SQuAD's and the pairs are divided by article:
the first half (every second article) is fitted on, the other only reported. Fitted twice, for words alone and with the
reader (`bot/reader.py`). Writes `bot/verify_weights.json`; the one there comes from 723 answers of RAGTruth's train
split, a part of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.claims import ClaimVerifier
from bot.grounding import FEATURES
from bot.verify import READ_FEATURES, WEIGHTS, claim_spans, combined_score, examine, log_odds, misread
from eval.fit_reader import beginnings, document_claims, touches
from eval.pairs import Claim
from eval.ragtruth import read_answers
from eval.squad import answer_claims, read_paragraphs, sentence_claims
from eval.verify import auroc, load_pairs
from index.encode import Encoder, load_encoder
from index.remember import RememberingEncoder
from ingest.cli import fail_clearly
from ingest.text import squeeze

# How much each kind counts. Wording of people and of models is what the judge meets, so it counts most.
_SHARES = {
    "true": 3.0, "merged": 1.0, "quote": 1.0, "fragment": 0.8, "removed": 2.0, "tail": 1.4, "subtle": 0.8,
    "bare": 0.6, "outside": 0.6, "name": 0.6, "number": 0.6,
    "pair answer": 1.4, "pair reworded": 0.8, "pair verbatim": 0.4, "pair swap": 0.4, "pair negation": 0.2,
    "pair neighbour": 0.5, "pair number": 0.2, "pair company": 0.4, "pair answer elsewhere": 0.4,
    "document true": 0.06, "document twin": 0.06, "chat true": 8.0, "chat false": 8.0,
    "people true": 16.0, "people false": 16.0,
}  # fmt: skip
Curve = tuple[np.ndarray, np.ndarray]  # where its pieces meet, and its heights there
CHAT = Path(__file__).with_name("chat_answers.jsonl")
_RIDGE = 1e-3
_PIECES = 5  # of a curve, between like shares of the values that occur
# Log odds at which a sentence fails: of the true sentences that people labelled .15 do, of the false ones .66; of the
# pairs fitted on .92 are judged rightly.
_THRESHOLD = 0.0
_BAD_SHARE = 0.22  # of answers, to report F1 at a share that is common among people's judgements of models


def main() -> int:
    """Fit, report on the articles left out, write the weights."""
    parser = argparse.ArgumentParser(prog="python -m eval.fit_verify", description=__doc__)
    parser.add_argument("squad", type=Path, metavar="SQUAD.json", help="SQuAD 2.0, its own format")
    parser.add_argument("answers", type=Path, metavar="FOLDER", help="RAGTruth's two files; its train split is read")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="the report")
    args = parser.parse_args()
    unread = beginnings()
    paragraphs = [p for p in read_paragraphs(args.squad) if p.text.strip()[:80] in unread]
    encoder = RememberingEncoder(load_encoder(), 8 << 30)
    single, answers, pairs = list(sentence_claims(paragraphs)), list(answer_claims(paragraphs)), load_pairs()
    print(f"{len(single)} sentences, {len(answers)} answers, {len(pairs)} pairs", file=sys.stderr)
    documents = list(document_claims())
    labelled = [*chat_claims(), *people_claims(args.answers)]
    every = [*single, *answers, *pairs, *documents, *labelled]
    texts = [t for c in every for text in (c.claim, *c.context) for t in _texts(text)]
    list(encoder.encode_passages([squeeze(t) for t in texts], 256))
    figures = _figures(every, encoder)
    fit_groups = _first_half(single) | _first_half(pairs) | {c.group for c in (*documents, *labelled)}
    kinds = [c.kind for c in single] + ["answers"] * len(answers) + [f"pair {c.kind}" for c in pairs]
    kinds += [c.kind for c in (*documents, *labelled)]
    record = {}
    for name, columns in (("words", FEATURES), ("read", READ_FEATURES)):
        intercept, curves = _fit(every, kinds, [rows[:, : len(columns)] for rows in figures], fit_groups)
        record[name] = {
            "intercept": round(intercept - _THRESHOLD, 3),
            "curves": {
                column: {"at": np.round(at, 4).tolist(), "adds": np.round(adds, 3).tolist()}
                for column, (at, adds) in zip(columns, curves, strict=True)
            },
        }
    WEIGHTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    report = {"model": record, "held_out": _report(every, kinds, figures, fit_groups)}
    print(json.dumps(report, indent=1))
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def chat_claims(path: Path = CHAT) -> Iterator[Claim]:
    """The sentences of labelled answers, false where they have a part that is marked as wrong."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        wrong = [(row["claim"].index(part), len(part)) for part in row["wrong"]]
        for start, end in claim_spans(row["claim"]):
            true = not any(touches(start, end, at, at + length) for at, length in wrong)
            kind = "chat true" if true else "chat false"
            yield Claim(kind, row["id"], row["claim"][start:end], tuple(row["context"]), true)


def people_claims(folder: Path) -> Iterator[Claim]:
    """The sentences of models' answers, false where people marked a part of them."""
    for answer in read_answers(folder, "train"):
        text = answer["claim"]
        for start, end in claim_spans(text):
            true = not any(touches(start, end, *part) for part in answer["wrong"])
            kind = "people true" if true else "people false"
            yield Claim(kind, f"people {answer['id']}", text[start:end], tuple(answer["context"]), true)


def _texts(text: str) -> list[str]:
    return [text[a:b] for a, b in claim_spans(text)]


def _first_half(claims: Iterable[Claim]) -> set[str]:
    return set(sorted({c.group for c in claims})[::2])


def _figures(claims: Sequence[Claim], encoder: Encoder) -> list[np.ndarray]:
    """For each claim (sentences that hold anything, len(READ_FEATURES)), the reader's doubt last."""
    verifier = ClaimVerifier(encoder)
    rows = []
    for claim in claims:
        _spans, grounds = verifier.grounds(claim.context)
        sentences, compared = examine(_texts(claim.claim), grounds, encoder)
        doubt = misread(sentences, compared, grounds, encoder)
        assert doubt is not None
        known = [(*c.values, doubt[n]) for n, c in enumerate(compared) if c.content]
        rows.append(np.array(known).reshape(-1, len(READ_FEATURES)))
    return rows


def _fit(
    claims: Sequence[Claim], kinds: Sequence[str], figures: list[np.ndarray], groups: set[str]
) -> tuple[float, list[Curve]]:
    """Intercept and a rising curve for each figure, by accelerated projected gradient on the weighted, ridged log
    loss. What is fitted are the heights that the pieces rise by.
    """
    x, y, kind = [], [], []
    for c, k, rows in zip(claims, kinds, figures, strict=True):
        if c.group in groups and k in _SHARES and (c.supported or len(rows) == 1):
            x += list(rows)
            y += [float(not c.supported)] * len(rows)
            kind += [k] * len(rows)
    target = np.array(y)
    counts = {k: kind.count(k) for k in set(kind)}
    share = np.array([_SHARES[k] / counts[k] for k in kind])
    share /= share.sum()
    columns = np.array(x).T
    corners = [np.unique(np.quantile(np.unique(column), np.linspace(0, 1, _PIECES + 1))) for column in columns]
    risen = [_risen(column, at) for column, at in zip(columns, corners, strict=True)]
    data = np.concatenate(risen, axis=1)
    scale = data.std(axis=0) + 1e-9
    data = np.c_[np.ones(len(data)), data / scale]
    step = 1.0 / (0.25 * np.linalg.eigvalsh((data * share[:, None]).T @ data)[-1] + 2 * _RIDGE)
    ridge = 2 * _RIDGE * np.r_[0.0, np.ones(data.shape[1] - 1)]
    weights = ahead = np.zeros(data.shape[1])
    for n in range(5000):
        slope = data.T @ ((1 / (1 + np.exp(-data @ ahead)) - target) * share) + ridge * ahead
        new = ahead - step * slope
        new[1:] = new[1:].clip(0.0)
        ahead = new + n / (n + 3) * (new - weights)
        weights = new
    rises = np.split(weights[1:] / scale, np.cumsum([r.shape[1] for r in risen])[:-1])
    return float(weights[0]), [(at, np.r_[0.0, np.cumsum(rise)]) for at, rise in zip(corners, rises, strict=True)]


def _risen(column: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(len(column), len(corners) - 1): the part of each piece of the curve that a figure has behind it, in 0..1."""
    risen: np.ndarray = ((column[:, None] - corners[:-1]) / np.diff(corners)).clip(0.0, 1.0)
    return risen


def weighted_f1(flagged: Sequence[bool], bad: Sequence[bool], share: float = _BAD_SHARE) -> float:
    """F1 of the flagged class if `share` of the cases were bad."""
    f, b = np.array(flagged), np.array(bad)
    weight = np.where(b, share / b.mean(), (1 - share) / (1 - b.mean()))
    return float(2 * (weight * (f & b)).sum() / max(1e-9, (weight * f).sum() + (weight * b).sum()))


def _report(
    claims: Sequence[Claim], kinds: Sequence[str], figures: list[np.ndarray], groups: set[str]
) -> dict[str, Any]:
    """AUROC of every kind of false sentence against true ones, and of answers, on the articles left out."""
    scores: dict[str, list[float]] = {}
    bad: list[bool] = []
    for c, kind, rows in zip(claims, kinds, figures, strict=True):
        if c.group in groups:
            continue
        score = combined_score(log_odds(rows[:, :-1], rows[:, -1])) if len(rows) else 1.0
        scores.setdefault(kind, []).append(score)
        if kind == "answers":
            bad.append(not c.supported)
    true = scores["true"] + scores["merged"]
    false = ("removed", "tail", "bare", "outside", "subtle", "name", "number")
    answers = np.array(scores["answers"])
    flags = np.array(bad)
    return {
        "sentence_auroc": {k: round(auroc(true, scores[k]), 4) for k in false},
        "sentence_supported_share": {
            k: round(float(np.mean(np.array(scores[k]) >= 0.5)), 4)
            for k in ("true", "merged", "quote", "fragment", *false)
        },
        "answers": {
            "auroc": round(auroc(answers[~flags], answers[flags]), 4),
            "f1_at_22_percent": round(weighted_f1(list(answers < 0.5), bad), 4),
            "count": len(bad),
        },
    }


if __name__ == "__main__":
    fail_clearly(main)
