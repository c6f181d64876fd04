"""A small reader: the encoder once more, with trained low-rank adapters, reading a question and a passage together.

Similarity tells how near a passage is to a question, not whether it answers it. The adapters (Hu et al., LoRA, ICLR
2022) and the head are 1.6 MB beside the frozen encoder; `python -m eval.fit_reader` trains them, and `reader.md` says
on what. They belong to one set of encoder weights: with another encoder there is no reader, and rules alone decide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch.nn import functional as F  # noqa: N812 (what everybody calls it)

from bot.evidence import Evidence
from index.bert import BertEncoder, best_precision
from index.encode import ModelSource, default_device
from ingest.text import fold

READER = Path(__file__).with_name("reader.safetensors")
MAX_TOKENS = 128  # of question and passage
PASSAGES = 10  # pieces of evidence that are read for a question
LEAST_ODDS = -4.5  # mean log odds of the best three pieces below which the evidence does not answer
_WIDTH = 16  # lengths are rounded up to multiples of it: few shapes to keep kernels for
_TOGETHER = 16  # pairs a forward pass
_LONGEST = 500  # characters of a sentence with the one before it


@dataclass(frozen=True, slots=True)
class Pair:
    """Token ids of two texts as one sequence, and which text each token belongs to."""

    ids: list[int]
    types: list[int]


def passages_of(evidence: Sequence[Evidence], count: int = PASSAGES) -> dict[int, str]:
    """The best `count` pieces of evidence by their number, each as it is read: article and nearest heading, the
    sentence before it where there is room, and itself.
    """
    best = sorted((n for n, e in enumerate(evidence) if not e.heading), key=lambda n: (-evidence[n].score, n))[:count]
    passages = {}
    for n in best:
        piece, before = evidence[n], evidence[n - 1] if n else None
        text = piece.clean
        if before and before.chunk is piece.chunk and not before.heading and len(before.clean) + len(text) < _LONGEST:
            text = f"{before.clean} {text}"
        headings = piece.chunk.headings[-1:]
        passages[n] = f"{' > '.join((piece.chunk.article, *headings))}: {text}"
    return passages


class PairEncoder(BertEncoder):
    """The encoder over pairs of texts; what its states say is up to `head` (a layer of GELU units, then one number)."""

    head: dict[str, torch.Tensor]

    def __init__(self, source: ModelSource, device: str | None = None, precision: str = "float32") -> None:
        super().__init__(source, device, precision)
        self._tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")

    def pair(self, question: str, passage: str) -> Pair:
        """Both texts, cut to `MAX_TOKENS`, the longer one first."""
        encoded = self._tokenizer.encode(fold(question), fold(passage))
        return Pair(encoded.ids, encoded.type_ids)

    def stacked(self, pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Ids, mask and types of the pairs, each (pairs, width)."""
        width = -(-max(len(p.ids) for p in pairs) // _WIDTH) * _WIDTH
        ids, types = (torch.zeros(len(pairs), width, dtype=torch.long) for _ in range(2))
        for row, pair in enumerate(pairs):
            ids[row, : len(pair.ids)] = torch.tensor(pair.ids)
            types[row, : len(pair.ids)] = torch.tensor(pair.types)
        mask = torch.arange(width)[None] < torch.tensor([len(p.ids) for p in pairs])[:, None]
        return ids.to(self.device), mask.to(self.device), types.to(self.device)

    def read(self, question: str, passages: Sequence[str]) -> np.ndarray:
        """(len(passages),) float32 log odds that each passage answers the question."""
        pairs = [self.pair(question, p) for p in passages]
        order = sorted(range(len(pairs)), key=lambda n: len(pairs[n].ids))
        odds = np.zeros(len(pairs), dtype=np.float32)
        for start in range(0, len(order), _TOGETHER):
            batch = order[start : start + _TOGETHER]
            with torch.inference_mode():
                odds[batch] = self._odds(*self.stacked([pairs[n] for n in batch])).cpu().numpy()
        return odds

    def _odds(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """(pairs,) float32 log odds, from the first token's state and the mean of all."""
        states = self._states(ids, mask, types).float()
        mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        seen = torch.cat([states[:, 0], mean], -1)
        inner = F.gelu(F.linear(seen, self.head["inner.weight"], self.head["inner.bias"]))
        return F.linear(inner, self.head["outer.weight"], self.head["outer.bias"]).squeeze(-1)


class Reader(PairEncoder):
    """Log odds that a passage answers a question; the adapters are merged into the encoder's weights."""

    def __init__(self, source: ModelSource, path: Path = READER, device: str | None = None) -> None:
        device = device or default_device()
        super().__init__(source, device, best_precision(device))
        with safe_open(path, "pt", device=device) as file:
            scale = float(json.loads(file.metadata()["adapters"])["scale"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a dict)
        self.head = {name.removeprefix("head."): w for name, w in tensors.items() if name.startswith("head.")}
        for name, weight in tensors.items():
            target = name.removesuffix(".down")
            if target != name:
                merged = self._weights[target].float() + scale * tensors[f"{target}.up"] @ weight
                self._weights[target] = merged.to(self._weights[target].dtype)
            elif name in self._weights:
                self._weights[name] = weight.to(self._weights[name].dtype)


def answers(reader: PairEncoder, question: str, evidence: Sequence[Evidence]) -> float:
    """Mean log odds of the three best pieces of evidence, of those that are read; 0 without evidence."""
    passages = passages_of(evidence)
    odds = np.sort(reader.read(question, list(passages.values())))[-3:] if passages else np.zeros(1)
    return float(odds.mean())


def load_reader(source: ModelSource, path: Path = READER, device: str | None = None) -> Reader | None:
    """The reader for an encoder, None when the adapters were trained beside other weights."""
    with safe_open(path, "pt") as file:
        base = json.loads(file.metadata()["adapters"])["base_sha256"]
    return Reader(source, path, device) if source.weights_sha256 == base else None
