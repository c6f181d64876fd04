"""What makes building quick changes no result: the light encoder, half precision, the choice of a device."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from eval.scale import grow, search
from index.bert import BertEncoder, best_precision, is_plain_bert
from index.config import DEFAULT_ENCODER
from index.encode import (
    SentenceEncoder,
    default_device,
    find_model,
    load_passage_encoder,
    load_query_encoder,
    passage_text,
)
from index.retrieve import Retriever
from index.store import open_index
from ingest.errors import ModelError
from ingest.text import fold


@pytest.fixture(scope="module")
def texts(retriever: Retriever) -> list[str]:
    return ["", "ROC", *(passage_text(c) for c in retriever.index.chunks[::40]), "word " * 600]


def test_the_light_encoder_gives_the_vectors_of_sentence_transformers(
    encoder: SentenceEncoder, texts: list[str]
) -> None:
    source = find_model(DEFAULT_ENCODER)
    rows, known = (dict(e.encode_passages(texts, 256)) for e in (BertEncoder(source, "cpu"), encoder))
    folded = [fold(text) for text in texts]
    plain = SentenceTransformer(source.path, device="cpu").encode(folded, normalize_embeddings=True)
    for i in range(len(texts)):
        assert np.allclose(rows[i].vector, plain[i], atol=1e-5)
        assert np.allclose(rows[i].tokens, known[i].tokens, atol=1e-5)
        assert rows[i].token_ids.tolist() == known[i].token_ids.tolist()


def test_questions_are_encoded_alike_by_many_threads_without_sentence_transformers(texts: list[str]) -> None:
    encoder = load_query_encoder()
    assert isinstance(encoder, BertEncoder)
    known = dict(BertEncoder(find_model(DEFAULT_ENCODER), "cpu").encode_passages(texts, 64))
    with ThreadPoolExecutor(4) as pool:
        asked = pool.map(encoder.encode_query, texts * 5)
        rounds = list(pool.map(lambda most: dict(encoder.encode_passages(texts, most)), (64, 256) * 3))
    for i, query in enumerate(asked):
        assert np.allclose(query.vector, encoder.encode_query(texts[i % len(texts)]).vector, atol=1e-5)
    for rows in rounds[::2]:
        assert all(np.allclose(rows[i].tokens, known[i].tokens, atol=1e-5) for i in known)
    code = "import sys, index.encode as e; e.load_query_encoder(); print('sentence_transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_half_precision_keeps_every_direction(encoder: SentenceEncoder, texts: list[str]) -> None:
    half = BertEncoder(find_model(DEFAULT_ENCODER), "cpu", "bfloat16")
    rows, known = dict(half.encode_passages(texts, 256)), dict(encoder.encode_passages(texts, 256))
    for i in range(len(texts)):
        assert float(rows[i].vector @ known[i].vector) >= 0.999
        assert (rows[i].tokens * known[i].tokens).sum(axis=1).min() >= 0.998


def test_a_batch_too_large_for_the_memory_is_encoded_in_parts(
    texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = BertEncoder(find_model(DEFAULT_ENCODER), "cpu", alone=False)
    known = dict(encoder.encode_passages(texts, 256))
    whole, rooms = BertEncoder._states, {"rows": 1}

    def states(self: BertEncoder, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if len(ids) > rooms["rows"]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, ids, mask)

    monkeypatch.setattr(BertEncoder, "_states", states)
    rows = dict(encoder.encode_passages(texts, 256))
    assert all(np.allclose(rows[i].tokens, known[i].tokens, atol=1e-5) for i in range(len(texts)))
    rooms["rows"] = 0
    with pytest.raises(ModelError, match="no memory is left on cpu"):
        encoder.encode_query("What is dropout?")


def test_a_text_has_the_same_vectors_whatever_is_encoded_with_it(texts: list[str]) -> None:
    encoder = load_passage_encoder()
    together, backwards = (dict(encoder.encode_passages(t, 256)) for t in (texts, texts[::-1]))
    for i, text in enumerate(texts):
        (alone,) = (row for _n, row in encoder.encode_passages([text], 256))
        for row in (alone, backwards[len(texts) - 1 - i]):
            assert np.array_equal(row.vector, together[i].vector) and np.array_equal(row.tokens, together[i].tokens)


def test_device_and_precision_are_chosen_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_passage_encoder(device="cpu").device == "cpu"
    assert best_precision("cpu") in ("bfloat16", "float32")
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    assert best_precision("cpu") == "float32"
    for there, device in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        assert default_device() == device
    for native, precision in ((True, "bfloat16"), (False, "float16")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda native=native: native)
        assert best_precision("cuda:0") == precision


def test_a_synthetic_index_is_a_whole_one_that_can_be_measured(
    index_dir: Path, tmp_path: Path, write_jsonl: Callable[..., Path]
) -> None:
    made = grow(index_dir, tmp_path / "grown", 60)
    index = open_index(tmp_path / "grown")
    assert (len(index.chunks), len(index.articles)) == (60, 6)
    for chunk in index.chunks:
        assert index.articles[chunk.article_id].text[chunk.start : chunk.end] == chunk.text
    assert sum(made["disk, bytes"].values()) == sum(f["bytes"] for f in index.manifest["files"].values())
    questions = write_jsonl(
        "q.jsonl", *({"id": q, "question": q} for q in ("What is dropout?", "data engineer salary"))
    )
    found = search(tmp_path / "grown", questions)
    assert found["recall@10 of dense search"] == 1 and found["queries"] == 2
    assert {"encode", "dense", "bm25", "late", "total"} <= set(found["ms"])


def test_another_kind_of_model_is_left_to_sentence_transformers(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(find_model(DEFAULT_ENCODER).path, folder)
    assert is_plain_bert(folder)
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps(json.loads(pooling.read_text()) | {"pooling_mode_cls_token": True}))
    assert not is_plain_bert(folder)
    assert isinstance(load_passage_encoder(str(folder), "cpu"), SentenceEncoder)
    assert isinstance(load_query_encoder(str(folder), "cpu"), SentenceEncoder)
