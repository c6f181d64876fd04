"""The trained reader: what it tells apart, what it belongs to, and that shipped weights are the trained ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bot.engine import ExtractiveEngine
from bot.pipeline import Pipeline
from bot.reader import MAX_TOKENS, Reader, load_reader
from eval.fit_reader import TrainableReader
from index.encode import SentenceEncoder
from index.retrieve import Retriever

_QUESTIONS = {  # none of the subjects is in the bundled corpus
    "Who built the lighthouse at Port Arden?": (
        "Lighthouses: The tower at Port Arden was built by the engineer Maria Holm.",
        "Lighthouses: The tower at Port Arden is 41 metres high and painted white.",
    ),
    "When did the bakery move to Mill Street?": (
        "Town history: The bakery moved to Mill Street in 1931, after the fire.",
        "Town history: The bakery on Mill Street sells rye bread and plum cake.",
    ),
    "How many strings does a nyckelharpa have?": (
        "Instruments: A modern nyckelharpa has sixteen strings, of which four are bowed.",
        "Instruments: A nyckelharpa is held like a guitar and played with a short bow.",
    ),
    "Why do bees dance?": (
        "Bees: They dance to tell the others where they have found flowers.",
        "Bees: A colony in summer may have fifty thousand bees.",
    ),
}


def test_a_passage_that_answers_reads_better_than_one_about_the_same_thing(encoder: SentenceEncoder) -> None:
    reader = load_reader(encoder.source)
    assert reader is not None
    for question, (answers, near) in _QUESTIONS.items():
        first, second = reader.read(question, [answers, near])
        assert first > second, question


def test_a_pair_is_read_alike_alone_and_among_others(encoder: SentenceEncoder) -> None:
    reader = load_reader(encoder.source)
    assert reader is not None
    question = next(iter(_QUESTIONS))
    passages = [p for pair in _QUESTIONS.values() for p in pair] + ["x " * 4000]
    together = reader.read(question, passages)
    alone = np.concatenate([reader.read(question, [p]) for p in passages])
    assert np.allclose(together, alone, atol=0.1)
    assert len(reader.pair("why " * 4000, passages[-1]).ids) <= MAX_TOKENS


def test_an_encoder_with_other_weights_has_no_reader(encoder: SentenceEncoder, retriever: Retriever) -> None:
    other = replace(encoder.source, weights_sha256="0" * 64)
    assert load_reader(other) is None
    pipeline = Pipeline(retriever)
    pipeline.__dict__["_reader"] = load_reader(other)  # as with another encoder
    assert not pipeline.ask("What is the bias-variance trade-off?", ExtractiveEngine()).refused


def test_saved_adapters_read_as_they_were_trained(encoder: SentenceEncoder, tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained = TrainableReader(encoder.source)
    for weight in trained.up.values():
        weight.data = 0.02 * torch.randn_like(weight)
    trained.training = False
    trained.save(tmp_path / "adapters.safetensors")
    merged = Reader(encoder.source, tmp_path / "adapters.safetensors", "cpu")
    question, passages = next(iter(_QUESTIONS.items()))
    ids = trained.stacked([trained.pair(question, p) for p in passages])
    assert np.allclose(merged.read(question, passages), trained.odds(*ids).detach().numpy(), atol=0.05)
