"""A small reader: the encoder once more, trained to read a claim and its sources together.

Word vectors tell how near a source is to a claim, not whether it bears the claim out. The reader is the frozen encoder
with low-rank changes to its layers (as in Hu et al., LoRA, ICLR 2022) and a head: a few MB beside the encoder.
`python -m eval.fit_reader` trains them; `reader.md` says on what. They belong to one set of encoder weights: with
another encoder there is no reader, and words alone decide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch.nn import functional as F  # noqa: N812 (what everybody calls it)

from index.bert import BertEncoder
from index.encode import ModelSource
from ingest.errors import ModelError
from ingest.text import fold

READER = Path(__file__).with_name("reader.safetensors")
MAX_TOKENS = 192  # of both texts
SUPPORTS, ANSWERS = 0, 1  # the head's outputs; the second, whether a passage answers a question, is not used yet
_WIDTH = 16  # lengths are rounded up to multiples of it: few shapes to keep kernels for
_TOGETHER = 16  # pairs a forward pass


class Reader(BertEncoder):
    """Log odds that sources bear out a claim. Safe to share between threads."""

    def __init__(self, source: ModelSource) -> None:
        with safe_open(READER, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a dict)
        changes = {n: w for n, w in tensors.items() if not n.startswith("head.") and not n.endswith((".up", ".down"))}
        for name in (n.removesuffix(".up") for n in tensors if n.endswith(".up")):
            changes[name] = tensors[f"{name}.up"] @ tensors[f"{name}.down"]
        super().__init__(source, alone=False, changes=changes)
        self._head = {n.removeprefix("head."): w.to(self.device) for n, w in tensors.items() if n.startswith("head.")}
        self._tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")

    def supports(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(len(pairs),) float32 log odds that the second text of each pair bears out the first, a claim."""
        with self._lock:
            encoded = [self._tokenizer.encode(fold(a), fold(b)) for a, b in pairs]
        order = sorted(range(len(pairs)), key=lambda n: len(encoded[n].ids))
        odds = np.zeros(len(pairs), dtype=np.float32)
        for start in range(0, len(order), _TOGETHER):
            rows = order[start : start + _TOGETHER]
            width = -(-max(len(encoded[n].ids) for n in rows) // _WIDTH) * _WIDTH
            ids, types = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(2))
            mask = torch.zeros(len(rows), width, dtype=torch.bool)
            for at, n in enumerate(rows):
                length = len(encoded[n].ids)
                ids[at, :length], types[at, :length] = torch.tensor(encoded[n].ids), torch.tensor(encoded[n].type_ids)
                mask[at, :length] = True
            with self._lock, torch.inference_mode():
                found = self._odds(ids.to(self.device), mask.to(self.device), types.to(self.device))
            odds[rows] = found[:, SUPPORTS].cpu().numpy()
        return odds

    def _odds(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """(pairs, 2) float32 log odds, from the first token's state and the mean of all."""
        states = self._states(ids, mask, types).float()
        mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        seen = torch.cat([states[:, 0], mean], -1)
        inner = F.gelu(F.linear(seen, self._head["inner.weight"], self._head["inner.bias"]))
        return F.linear(inner, self._head["outer.weight"], self._head["outer.bias"])


@lru_cache(maxsize=2)
def load_reader(source: ModelSource) -> Reader | None:
    """The reader for an encoder, None when it was trained beside other weights.

    Raises:
        ModelError: its file is missing or broken.
    """
    try:
        with safe_open(READER, "pt") as file:
            base = json.loads(file.metadata()["reader"])["base_sha256"]
        return Reader(source) if source.weights_sha256 == base else None
    except Exception as error:  # the libraries raise many kinds; every one means "no file"
        raise ModelError(
            f"the reader in {READER} cannot be read ({error}): fetch that file of the project anew"
        ) from None
