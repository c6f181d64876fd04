"""Both stores through one protocol: FAISS in the folder, and Milvus as a real server on loopback; they agree."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusClient

from bot.engine import ExtractiveEngine
from bot.pipeline import Pipeline
from eval.data import Question
from index.build import build_index
from index.config import DEFAULT_CORPUS, MODES, IndexConfig, StoreConfig
from index.encode import SentenceEncoder
from index.explain import explain
from index.retrieve import Retriever
from index.store import open_index
from ingest.errors import StoreError
from tests.conftest import Run, one_clear_line
from tests.milvus import MilvusServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    server = MilvusServer(tmp_path_factory.mktemp("milvus"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def milvus_dir(
    index_dir: Path, server: MilvusServer, encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bundled corpus moved from FAISS to Milvus: no chunk is encoded again."""
    folder = tmp_path_factory.mktemp("moved") / "index"
    shutil.copytree(index_dir, folder)
    report = build_index([DEFAULT_CORPUS], folder, encoder=encoder, store=StoreConfig("milvus", server.uri))
    assert report.written and report.encoded == 0
    return folder


@pytest.fixture(scope="module")
def both(retriever: Retriever, milvus_dir: Path, encoder: SentenceEncoder) -> dict[str, Retriever]:
    return {"faiss": retriever, "milvus": Retriever(open_index(milvus_dir), encoder)}


@pytest.fixture(params=["faiss", "milvus"])
def either(request: pytest.FixtureRequest, both: dict[str, Retriever]) -> Retriever:
    return both[request.param]


def test_chunks_and_vectors_come_by_row(either: Retriever, retriever: Retriever) -> None:
    store, expected = either.index.store, retriever.index.chunks
    assert list(store.chunks) == list(expected)
    assert (store.chunks[3], store.chunks[-1], len(store.chunks)) == (expected[3], expected[-1], len(expected))
    assert list(store.chunks[4:7]) == list(expected[4:7])
    assert store.chunks_at([9, 2, 300]) == [expected[9], expected[2], expected[300]]
    assert np.allclose(store.vectors, retriever.index.vectors, atol=1e-6)
    two = [expected[0].article_id, expected[-1].article_id]
    assert list(store.chunks_of(two)) == [c for c in expected if c.article_id in two]


def test_dense_search_is_exact_cosine_search(either: Retriever) -> None:
    for question in ("What is dropout?", "salary of a data engineer"):
        vector = either.encoder.encode_query(question).vector
        cosine = either.index.vectors @ vector
        rows, scores = either.index.store.nearest(vector, 10)
        assert rows.tolist() == np.argsort(-cosine, kind="stable")[:10].tolist()
        assert np.allclose(scores, np.sort(cosine)[::-1][:10], atol=1e-5)


def test_each_stage_scores_any_rows_as_it_ranks_them(either: Retriever) -> None:
    query = "How does Uber set surge prices? Uber"
    vector = either.encoder.encode_query(query).vector
    for n, (rows, scores) in enumerate(
        (either.index.store.nearest(vector, 60), either.index.store.matching(query, 60))
    ):
        assert len(rows) == 60 and (np.diff(scores) <= 0).all()
        assert np.allclose(either.index.store.scores(vector, query, rows[::-1])[n], scores[::-1], rtol=1e-4)
    assert not len(either.index.store.matching("zyzzyva", 5)[0])
    assert not either.index.store.scores(vector, "zyzzyva", rows)[1].any()


@pytest.mark.parametrize("mode", MODES)
def test_stores_rank_alike(both: dict[str, Retriever], questions: list[Question], mode: str) -> None:
    for question in questions[::25]:
        one, two = (r.search(question.question, 20, mode, question.history).hits for r in both.values())
        assert [h.score for h in one] == pytest.approx([h.score for h in two], abs=2e-3)
        for a, b in zip(one, two, strict=True):
            tied = sum(abs(h.score - a.score) < 2e-3 for h in one) > 1
            assert a.chunk == b.chunk or tied, (question.question, mode, a.rank)


@pytest.mark.parametrize("mode", MODES)
def test_a_search_within_articles(either: Retriever, both: dict[str, Retriever], mode: str) -> None:
    title = "Ace Your Tesla ML Interview: Top 25 Questions and Expert Answers"
    found = [
        r.search("How do you handle missing data?", 8, mode, articles=[title]).hits for r in (either, both["faiss"])
    ]
    assert [h.chunk for h in found[0]] == [h.chunk for h in found[1]]
    assert {h.chunk.article for h in found[0]} == {title}


def test_an_answer_is_the_same_from_either_store(both: dict[str, Retriever]) -> None:
    for question in ("What is overfitting?", "List the key metrics for an A/B test.", "Who won the 1998 World Cup?"):
        one, two = (Pipeline(r).ask(question, ExtractiveEngine()) for r in both.values())
        assert (one.answer, one.citations, one.refused) == (two.answer, two.citations, two.refused)


def test_every_hit_is_an_exact_span_that_stands_once(either: Retriever, questions: list[Question]) -> None:
    for question in questions[::40]:
        hits = either.search(question.question, 20, history=question.history).hits
        assert [h.rank for h in hits] == list(range(1, 21)) and len({h.chunk for h in hits}) == 20
        for chunk in (h.chunk for h in hits):
            assert either.index.articles[chunk.article_id].text[chunk.start : chunk.end] == chunk.text


def test_typing_errors_are_corrected_against_either_store(either: Retriever) -> None:
    right, wrong = (either.search(q, 3).hits for q in ("sim-to-real gap in robotics", "sim-to-real gap in robottics"))
    assert [h.chunk for h in right] == [h.chunk for h in wrong]


def test_an_explanation_finds_the_hit_in_either_store(either: Retriever) -> None:
    found = either.search("sim-to-real gap in robotics", 2)
    assert found.encoded is not None
    words = {m.query_word for m in explain(either, found.encoded, found.hits[1])}
    assert {"robotics", "gap"} <= words


# --- life of a Milvus index ------------------------------------------------------------------------------


def test_a_rebuild_moves_the_alias_and_keeps_what_readers_have_open(
    small_corpus: Path, tmp_path: Path, server: MilvusServer, encoder: SentenceEncoder
) -> None:
    out, store = tmp_path / "out", StoreConfig("milvus", server.uri, "kitchen")
    client = MilvusClient(server.uri)

    def build(force: bool = False) -> tuple[int, str]:
        report = build_index([small_corpus], out, encoder=encoder, store=store, force=force)
        return report.encoded, client.describe_alias("kitchen")["collection_name"]

    _, first = build()
    reader = Retriever(open_index(out), encoder)
    (small_corpus / "wine.txt").write_text("Wine\n\nRed wine is served at sixteen degrees.\n")
    encoded, second = build()
    assert encoded == 1 and second != first
    assert reader.search("how hot is green tea", 1).hits[0].chunk.article == "Tea"
    assert Retriever(open_index(out), encoder).search("red wine", 1).hits[0].chunk.article == "Wine"
    (small_corpus / "wine.txt").unlink()
    _, third = build()
    assert {n for n in client.list_collections() if n.startswith("kitchen_")} == {second, third}
    assert build() == (0, third)
    build_index([small_corpus], out, encoder=encoder)  # nothing said about the store: the index stays in Milvus
    assert open_index(out).manifest["store"]["name"] == "milvus"
    build_index([small_corpus], out, encoder=encoder, store=StoreConfig("faiss"))
    assert open_index(out).manifest["store"]["name"] == "faiss"


def test_other_clients_can_filter_what_is_kept(milvus_dir: Path, server: MilvusServer) -> None:
    place = open_index(milvus_dir).manifest["store"]
    rows = MilvusClient(server.uri).query(
        place["collection"], filter='title like "Ace Your Tesla%"', output_fields=["title", "text", "source"], limit=5
    )
    assert len(rows) == 5
    assert all(
        r["title"].startswith("Ace Your Tesla") and r["source"] == "interviewnode.txt" and r["text"] for r in rows
    )


def test_commands_work_on_milvus_by_configuration_alone(
    run: Run, small_corpus: Path, tmp_path: Path, server: MilvusServer, write_jsonl: Callable[..., Path]
) -> None:
    out = str(tmp_path / "mine")
    built = run(
        *("-m", "index", "build", "--corpus", str(small_corpus), "--out", out),
        *("--store", "milvus", "--milvus-uri", "http://someone:secret@" + server.uri.removeprefix("http://")),
    )
    assert (built.returncode, built.stderr) == (0, "")
    assert "secret" not in "".join(p.read_text() for p in Path(out).rglob("manifest.json"))
    assert "80 degrees" in run("-m", "index", "search", "how hot is green tea", "-k", "1", "--index", out).stdout
    asked = run("-m", "bot", "ask", "How hot should green tea be?", "--llm", "extractive", "--index", out)
    assert "80 degrees" in asked.stdout
    questions, runs = write_jsonl("q.jsonl", {"id": "1", "question": "rye starter"}), tmp_path / "run.jsonl"
    assert (
        run("-m", "eval", "retrieve", "--questions", str(questions), "--out", str(runs), "--index", out).returncode == 0
    )
    assert json.loads(runs.read_text())["hits"][0]["article"] == "Bread"
    dead = {"PINCITE_MILVUS_URI": "http://127.0.0.1:1"}
    one_clear_line(run("-m", "index", "search", "tea", "--index", out, **dead), "http://127.0.0.1:1", "running")


def test_bad_settings_are_one_clear_line(run: Run, small_corpus: Path, tmp_path: Path) -> None:
    build = ("-m", "index", "build", "--corpus", str(small_corpus), "--out", str(tmp_path / "o"), "--store", "milvus")
    one_clear_line(run(*build), "--milvus-uri")
    one_clear_line(run(*build, "--milvus-uri", "nonsense://x"), "nonsense://x")
    broken = tmp_path / "without" / "pymilvus"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError")
    gone = run(*build, "--milvus-uri", "http://127.0.0.1:1", PYTHONPATH=str(broken.parent))
    one_clear_line(gone, "pip install -r requirements-milvus.txt")


def test_a_server_that_goes_away_is_said_and_one_that_comes_back_is_used(
    small_corpus: Path, tmp_path: Path, encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = MilvusServer(tmp_path / "server")
    try:
        out = tmp_path / "out"
        build_index([small_corpus], out, encoder=encoder, store=StoreConfig("milvus", own.uri))
        reader = Retriever(open_index(out), encoder)
        own.stop()
        monkeypatch.setattr("index.milvus._PATIENCE", 1.0)
        with pytest.raises(StoreError, match=own.uri):
            reader.search("green tea")
        monkeypatch.undo()
        own.start()
        assert reader.search("green tea", 1).hits[0].chunk.article == "Tea"
        MilvusClient(own.uri).drop_collection(open_index(out).manifest["store"]["built"])
        with pytest.raises(StoreError, match="rebuild"):
            open_index(out)
    finally:
        own.stop()


def test_without_token_vectors_late_interaction_encodes_the_best_candidates(
    tmp_path: Path, encoder: SentenceEncoder, small_corpus: Path
) -> None:
    slim, whole = tmp_path / "slim", tmp_path / "whole"
    build_index([small_corpus], slim, IndexConfig(token_vectors=False), encoder=encoder)
    build_index([small_corpus], whole, encoder=encoder)
    one, two = (Retriever(open_index(folder), encoder) for folder in (slim, whole))
    assert not one.index.tokens.has_vectors
    for question in ("how hot is green tea", "sour starter", "four minutes"):
        a, b = (r.search(question, 3).hits for r in (one, two))
        assert [h.chunk for h in a] == [h.chunk for h in b]
        assert [h.stages["late"][1] for h in a] == pytest.approx([h.stages["late"][1] for h in b], abs=0.01)
