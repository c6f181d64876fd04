"""Builds in processes of their own: what tests start, watch and kill. Imports nothing of the tests' fixtures."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from index.build import build_index
from index.config import DEFAULT_ENCODER, IndexConfig
from index.encode import find_model
from index.store import build_lock


def context() -> ForkServerContext:
    """Processes that start at once, the libraries already loaded; one thread each."""
    os.environ["OMP_NUM_THREADS"] = "1"
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.builder", "sentence_transformers"])
    return found


def tiny_encoder(folder: Path) -> Path:
    """A real sentence-transformers model: the packaged encoder's tokenizer, one layer, random weights."""
    import torch
    from sentence_transformers import SentenceTransformer, models
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(**sizes)).save_pretrained(folder / "bert")
    AutoTokenizer.from_pretrained(find_model(DEFAULT_ENCODER).path).save_pretrained(folder / "bert")
    bert = models.Transformer(str(folder / "bert"))
    SentenceTransformer(modules=[bert, models.Pooling(32)], device="cpu").save(str(folder / "encoder"))
    return folder / "encoder"


def multilingual_encoder(folder: Path, texts: list[str]) -> Path:
    """A real model of the kind that knows many languages (XLM-RoBERTa, Unigram pieces), tiny, with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer, models
    from tokenizers import Tokenizer, pre_tokenizers, processors, trainers
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    pieces = Tokenizer(Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False)
    )
    pieces.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=pieces, model_max_length=512, **names).save_pretrained(folder / "xlmr")
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = XLMRobertaConfig(vocab_size=pieces.get_vocab_size(), max_position_embeddings=514, **sizes)
    XLMRobertaModel(config).save_pretrained(folder / "xlmr")
    xlmr = models.Transformer(str(folder / "xlmr"))
    SentenceTransformer(modules=[xlmr, models.Pooling(32)], device="cpu").save(str(folder / "multilingual"))
    return folder / "multilingual"


def build(corpus: Path, out: Path, encoder: Path) -> None:
    """One build with a model from a path."""
    build_index([corpus], out, IndexConfig(encoder=str(encoder)))


def rebuild(corpus: Path, out: Path, encoder: Path, texts: list[str]) -> None:
    """A build for every text that the corpus's only file has in turn."""
    for text in texts:
        (corpus / "a.txt").write_text(text, encoding="utf-8")
        build(corpus, out, encoder)


def hold_lock(out: Path, held: Event) -> None:
    """Build for ever, as far as others can see."""
    with build_lock(out):
        held.set()
        Event.wait(multiprocessing.get_context("forkserver").Event(), 600)


def start(target: object, *args: object) -> BaseProcess:
    """Start a process that runs one of the functions above."""
    process = context().Process(target=target, args=args, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process
