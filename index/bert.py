"""A sentence encoder of the BERT family without `transformers`: seconds less to import, half precision on CPUs.

The packaged encoder needs a forward pass and a tokenizer, nothing else, so torch, tokenizers and safetensors are
enough. Vectors are those of sentence-transformers (tested): cosine above .9999, in bfloat16 too.
Devlin et al., BERT, NAACL 2019; pooling as in Reimers & Gurevych, Sentence-BERT, EMNLP 2019.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F  # noqa: N812 (what everybody calls it)

from index.encode import Encoded, ModelSource, default_device, light_vocabulary, map_ahead, one_token
from ingest.errors import ModelError
from ingest.text import fold

_TOKENS_A_BATCH = {"cpu": 512, "cuda": 65_536}
_STEP = 16  # lengths are rounded up to multiples of it: torch keeps compiled kernels for every shape it has seen
_TEXTS_AT_ONCE = 512  # tokenized together; the tokenizer takes 20 kB for each meanwhile


_Batch = tuple[list[int], list[list[int]]]  # numbers of texts, and the ids of their tokens


class BertEncoder:
    """The `Encoder` protocol over the files of a BERT with mean pooling. `precision` is a torch dtype's name.

    With `alone`, as builds need it, every text goes alone on a CPU, each core working on another: little padding,
    little memory, and its vectors are the same to the last bit whatever else is encoded, so that an index built piece
    by piece is the one built at once. Without, a few short texts are quicker; any number of threads may use it.
    `changes` are added to the file's weights of those names.
    """

    def __init__(
        self,
        source: ModelSource,
        device: str | None = None,
        precision: str = "float32",
        *,
        alone: bool = True,
        changes: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        folder = Path(source.path)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.source, self.precision = source, precision
        self.device = device or default_device()
        kind = self.device.partition(":")[0]
        self._alone = alone and kind == "cpu"
        self._budget = 1 if self._alone else _TOKENS_A_BATCH.get(kind, _TOKENS_A_BATCH["cpu"])
        self._lock = threading.Lock()  # a tokenizer is set before it is used; forward passes share the cores
        self.dimension = int(config["hidden_size"])
        self._longest = int(config["max_position_embeddings"])
        self._default = int(_read(folder / "sentence_bert_config.json").get("max_seq_length") or self._longest)
        self._heads, self._layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        self._epsilon = float(config["layer_norm_eps"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        dtype = getattr(torch, precision)
        weights = {n.removeprefix("bert."): w for n, w in load_file(folder / "model.safetensors").items()}
        for name, change in (changes or {}).items():
            weights[name] = weights[name].float() + change
        self._weights = {name: w.to(self.device, dtype) for name, w in weights.items() if w.is_floating_point()}
        fast = self.device == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        if fast and dtype == torch.bfloat16:  # without AVX-512 oneDNN cannot arrange such matrices
            fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        self._packed = self._pack() if fast else {}

    def encode_query(self, text: str) -> Encoded:
        """See `Encoder`."""
        return next(self.encode_passages([text], self._default))[1]

    def encode_passages(
        self, texts: Sequence[str], max_tokens: int, progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[int, Encoded]]:
        """See `Encoder`. A batch holds texts of like length, and about the same number of tokens as any other."""
        limit = min(max_tokens, self._longest)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        done = 0
        for numbers, rows in self._forward_all(self._tokenized(texts, order, limit)):
            yield from zip(numbers, rows, strict=True)
            done += len(numbers)
            if progress:
                progress(done)

    def token_text(self, token_id: int) -> str:
        """See `Encoder`."""
        return str(self._tokenizer.id_to_token(int(token_id)))

    def knows(self, word: str) -> bool:
        """See `Encoder`."""
        with self._lock:
            return one_token(self._tokenizer.encode(word, add_special_tokens=False).tokens)

    def light_tokens(self) -> np.ndarray:
        """See `Encoder`."""
        special = {i for i, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}
        return light_vocabulary(self._tokenizer.get_vocab(), special)

    def _tokenized(self, texts: Sequence[str], order: Sequence[int], limit: int) -> Iterator[_Batch]:
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            part = order[start : start + _TEXTS_AT_ONCE]
            folded = [fold(texts[i]) for i in part]
            with self._lock:
                self._tokenizer.enable_truncation(limit)
                ids = [e.ids for e in self._tokenizer.encode_batch_fast(folded)]
            for batch in _batches([len(row) for row in ids], self._budget):
                yield [part[n] for n in batch], [ids[n] for n in batch]

    def _forward_all(self, batches: Iterator[_Batch]) -> Iterator[tuple[list[int], list[Encoded]]]:
        """The batches encoded, in order. `alone` every core takes a text: several on one would wait for each other."""
        cores = torch.get_num_threads()
        if not self._alone or cores == 1:
            for numbers, ids in batches:
                with self._lock:
                    rows = self._forward(ids)
                yield numbers, rows
            return
        try:
            with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                encoded = map_ahead(pool, lambda batch: self._forward(batch[1]), batches, cores)
                yield from ((numbers, rows) for (numbers, _), rows in encoded)
        finally:
            torch.set_num_threads(cores)  # what threads that come later begin with

    def _forward(self, ids: list[list[int]]) -> list[Encoded]:
        """All of them at once, or in halves where the GPU has no room for that: others may be using it."""
        try:
            return self._encoded(ids)
        except torch.OutOfMemoryError:
            if len(ids) == 1:
                raise ModelError(
                    f"no memory is left on {self.device}: free some, or set CUDA_VISIBLE_DEVICES= to use the CPU"
                ) from None
        torch.cuda.empty_cache()  # not in the handler, where the error still holds what did not fit
        middle = len(ids) // 2
        return self._forward(ids[:middle]) + self._forward(ids[middle:])

    def _encoded(self, ids: list[list[int]]) -> list[Encoded]:
        lengths = [len(row) for row in ids]
        width = min(-(-max(lengths) // _STEP) * _STEP, self._longest)
        padded = torch.zeros(len(ids), width, dtype=torch.long)
        for n, row in enumerate(ids):
            padded[n, : len(row)] = torch.tensor(row)
        mask = torch.arange(padded.shape[1])[None] < torch.tensor(lengths)[:, None]
        with torch.inference_mode():
            states = self._states(padded.to(self.device), mask.to(self.device)).float()
            means = (states * mask.to(states)[:, :, None]).sum(1) / torch.tensor(lengths).to(states)[:, None]
            vectors = F.normalize(means, dim=-1).cpu().numpy()
            tokens = F.normalize(states, dim=-1).cpu().numpy()
        kept = [tokens[n, :length].copy() for n, length in enumerate(lengths)]
        return [Encoded(v, t, np.array(row, np.int32)) for v, t, row in zip(vectors, kept, ids, strict=True)]

    def _states(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None = None) -> torch.Tensor:
        """(texts, tokens, d) last hidden states; `types` (texts, tokens): 1 for the tokens of a second text."""
        w = self._weights
        embedded = w["embeddings.word_embeddings.weight"][ids]
        embedded = embedded + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = w["embeddings.token_type_embeddings.weight"]
        x = self._norm(embedded + kinds[0 if types is None else types], "embeddings.LayerNorm")
        seen = None if bool(mask.all()) else mask[:, None, None, :]
        shape = (*ids.shape, self._heads, self.dimension // self._heads)
        for layer in range(self._layers):
            at = f"encoder.layer.{layer}."
            q, k, v = (
                self._linear(x, f"{at}attention.self.{name}").view(shape).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            met = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).reshape(x.shape)
            x = self._norm(x + self._linear(met, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm")
            wide = self._linear(x, f"{at}intermediate.dense", "gelu")
            x = self._norm(x + self._linear(wide, f"{at}output.dense"), f"{at}output.LayerNorm")
        return x

    def _linear(self, x: torch.Tensor, name: str, then: Literal["none", "gelu"] = "none") -> torch.Tensor:
        bias = self._weights[f"{name}.bias"]
        if name in self._packed:
            multiplied: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed[name], bias, then, [], "none")
            return multiplied
        y = F.linear(x, self._weights[f"{name}.weight"], bias)
        return F.gelu(y) if then == "gelu" else y

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(x, (self.dimension,), weight, bias, self._epsilon)

    def _pack(self) -> dict[str, torch.Tensor]:
        """Take the layers' matrices out of the weights, arranged for oneDNN, which else does so for every text."""
        matrices = [name for name, w in self._weights.items() if name.startswith("encoder.") and w.dim() == 2]
        pack = torch.ops.mkldnn._reorder_linear_weight
        return {n.removesuffix(".weight"): pack(self._weights.pop(n), self._longest) for n in matrices}


def is_plain_bert(folder: Path) -> bool:
    """Whether `BertEncoder` reproduces the model in `folder`: BERT, mean pooling, no prompts, no further layers."""
    config, pooling = _read(folder / "config.json"), _read(folder / "1_Pooling" / "config.json")
    modules = _read(folder / "modules.json") or []
    kinds = [str(m.get("type", "")).rpartition(".")[2] for m in modules]
    modes = {name for name, on in pooling.items() if name.startswith("pooling_mode_") and on}
    return (
        (config.get("model_type"), config.get("hidden_act")) == ("bert", "gelu")
        and config.get("position_embedding_type", "absolute") == "absolute"
        and kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        and modes == {"pooling_mode_mean_tokens"}
        and not any(_read(folder / "config_sentence_transformers.json").get("prompts", {}).values())
        and (folder / "model.safetensors").is_file()
        and (folder / "tokenizer.json").is_file()
    )


def best_precision(device: str) -> str:
    """The fastest dtype that costs no accuracy here: half precision where the hardware multiplies it natively."""
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if device == "cpu" and native else "float32"


def _batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Runs of texts of falling length, each of at most `budget` tokens with its padding, or of one text."""
    order = sorted(range(len(lengths)), key=lambda n: -lengths[n])
    batch: list[int] = []
    for n in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(n)
    if batch:
        yield batch


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
