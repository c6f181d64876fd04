"""An index that lives: updated in part it equals one built afresh, and nobody ever sees it half done."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.engine import ExtractiveEngine
from bot.page.service import Service
from bot.resolve import resolve
from index.build import build_index
from index.config import IndexConfig
from index.encode import Encoder, SentenceEncoder, load_encoder, load_passage_encoder
from index.retrieve import Retriever
from index.store import build_lock, current_version, open_index
from tests import builder
from tests.conftest import Run, one_clear_line

SENTENCES = (
    "Green tea is steeped at 80 degrees.",
    "Rye bread needs a sour starter, which is fed twice a day and kept warm.",
    "A kiln must cool slowly through 573 degrees.",
    "Otters eat eels.",
)
NAMES = ("a.txt", "b.md", "c.html", "sub/d.txt")
TEXTS = st.lists(st.tuples(st.sampled_from(SENTENCES), st.integers(1, 25)), min_size=1, max_size=3).map(
    lambda parts: "\n\n".join(" ".join([sentence] * times) for sentence, times in parts)
)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(NAMES), TEXTS),
        st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
        st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builder.tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module", params=["packaged", "another"])
def build_encoder(request: pytest.FixtureRequest) -> Encoder:
    """What `index build` encodes with, for the packaged encoder and for one that is no plain BERT."""
    if request.param == "packaged":
        return load_passage_encoder()
    encoder = load_encoder()
    encoder.alone = True
    return encoder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("Tea\n\n" + SENTENCES[0])
    (folder / "b.md").write_text("# Bread\n\n" + SENTENCES[1])
    return folder


def files(root: Path) -> dict[str, bytes]:
    """Every file of the current version."""
    folder = root / current_version(root)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def apply(corpus: Path, edit: tuple[str, str, str]) -> None:
    what, name, value = edit
    path = corpus / name
    if what == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(value, encoding="utf-8")
    elif what == "delete":
        path.unlink(missing_ok=True)
    elif path.exists():
        (corpus / value).parent.mkdir(exist_ok=True)
        path.rename(corpus / value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS, config=st.sampled_from([IndexConfig(), IndexConfig(exact_up_to=2, compact_above=2)]))
def test_after_any_edits_the_index_is_that_of_a_fresh_build(
    build_encoder: Encoder, edits: list[tuple[str, str, str]], config: IndexConfig
) -> None:
    with tempfile.TemporaryDirectory() as name:
        corpus, out, fresh = (Path(name) / part for part in ("corpus", "out", "fresh"))
        corpus.mkdir()
        (corpus / "kept.txt").write_text("Kept\n\nThis file stays.")
        build_index([corpus], out, config, encoder=build_encoder)
        for edit in edits:
            apply(corpus, edit)
            build_index([corpus], out, config, encoder=build_encoder)
        build_index([corpus], fresh, config, encoder=build_encoder)
        assert files(out) == files(fresh)
        assert current_version(out) == current_version(fresh)


def test_only_what_changed_is_encoded_and_the_report_says_so(run: Run, corpus: Path, tmp_path: Path) -> None:
    def build() -> str:
        done = run("-m", "index", "build", "--corpus", str(corpus), "--out", str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        return done.stdout

    build()
    (corpus / "a.txt").rename(corpus / "tea.txt")
    (corpus / "c.txt").write_text("Otters\n\nOtters eat eels.")
    assert "2 new or changed, 1 unchanged, 1 removed" in (out := build())
    assert "1 encoded, 2 reused" in out


# --- readers ---------------------------------------------------------------------------------------------


def test_readers_see_whole_versions_while_builds_replace_them(corpus: Path, tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "out"
    texts = [f"Tea\n\nBatch {n} is steeped at {n} degrees." for n in range(12)]
    builder.rebuild(corpus, out, tiny, texts[:1])
    first = Retriever(open_index(out), load_encoder(str(tiny)))
    process = builder.start(builder.rebuild, corpus, out, tiny, texts)
    seen: set[str] = set()
    while process.is_alive():
        (text,) = (a.text for a in open_index(out).articles.values() if a.source == "a.txt")
        assert text in texts
        seen.add(text)
    process.join()
    assert process.exitcode == 0
    assert len(seen) > 1
    assert open_index(out).folder != first.index.folder and not first.index.folder.exists()
    assert "Batch 0" in first.search("Which batch is steeped at 0 degrees?", 1).hits[0].chunk.text


def test_a_running_service_answers_from_the_new_index(corpus: Path, tmp_path: Path, encoder: SentenceEncoder) -> None:
    out = tmp_path / "out"
    build_index([corpus], out, encoder=encoder)
    service = Service(out, corpus)
    service.start()
    while service.pipeline is None and not service.failed:
        time.sleep(0.05)
    assert service.pipeline is not None, service.state
    question = "When do otters hunt?"
    assert service.pipeline.ask(question, ExtractiveEngine()).refused
    (corpus / "otters.txt").write_text("Otters\n\nOtters hunt at night, in the last hours before dawn.")
    build_index([corpus], out, encoder=encoder)
    answer = service.pipeline.ask(question, ExtractiveEngine())
    assert answer.citations[0].source == "otters.txt"
    assert "3 articles" in service.state
    (corpus / "otters.txt").unlink()
    build_index([corpus], out, encoder=encoder)
    (out / current_version(out) / "chunks.npy").write_text("damaged")
    assert not service.pipeline.ask(question, ExtractiveEngine()).refused
    assert "the one before" in service.state


# --- builders --------------------------------------------------------------------------------------------


@pytest.fixture
def lock_holder(tmp_path: Path) -> Iterator[object]:
    held = builder.context().Event()
    process = builder.start(builder.hold_lock, tmp_path / "out", held)
    assert held.wait(60)
    yield process
    process.kill()
    process.join()


def test_a_second_builder_is_refused_until_the_first_is_gone(
    run: Run, corpus: Path, tmp_path: Path, lock_holder: object
) -> None:
    command = ("-m", "index", "build", "--corpus", str(corpus), "--out", str(tmp_path / "out"))
    one_clear_line(run(*command), "another build", "wait")
    assert not current_version(tmp_path / "out")
    lock_holder.kill()  # type: ignore[attr-defined]
    lock_holder.join()  # type: ignore[attr-defined]
    with build_lock(tmp_path / "out"):
        pass


def test_builds_killed_at_any_moment_leave_the_old_index(corpus: Path, tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "out"
    builder.start(builder.build, corpus, out, tiny).join()
    text = "Tea\n\nThe first change."
    (corpus / "a.txt").write_text(text)
    began = time.monotonic()
    builder.start(builder.build, corpus, out, tiny).join()
    whole = time.monotonic() - began
    dice = random.Random(5)
    killed, tries = 0, 0
    while killed < 12 and tries < 200:
        tries += 1
        before, text = text, f"Tea\n\nChange number {tries}: " + "more tea. " * tries
        (corpus / "a.txt").write_text(text)
        process = builder.start(builder.build, corpus, out, tiny)
        process.join(dice.uniform(0.1, 1.0) * whole)
        process.kill()
        process.join()
        killed += process.exitcode != 0
        (served,) = (a.text for a in open_index(out).articles.values() if a.source == "a.txt")
        assert served in (before, text)
        text = served
    assert killed == 12
    (corpus / "a.txt").write_text("Tea\n\nThe last change.")
    builder.build(corpus, out, tiny)
    builder.build(corpus, tmp_path / "fresh", tiny)
    assert files(out) == files(tmp_path / "fresh")
    assert {p.name for p in out.iterdir()} == {"CURRENT", ".lock", current_version(out)}


def test_a_damaged_version_is_replaced_by_the_same_one(corpus: Path, tmp_path: Path, encoder: SentenceEncoder) -> None:
    out = tmp_path / "out"
    build_index([corpus], out, encoder=encoder)
    before = files(out)
    (out / current_version(out) / "chunks.npy").write_text("damaged")
    build_index([corpus], out, encoder=encoder, force=True)
    assert files(out) == before
    opened = open_index(out)
    build_index([corpus], out, encoder=encoder, force=True)
    assert opened.folder.exists() and files(out) == before


# --- citations -------------------------------------------------------------------------------------------


def test_a_citation_is_found_again_or_said_to_be_changed(
    corpus: Path, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    def articles() -> dict[str, object]:
        build_index([corpus], tmp_path / "out", encoder=encoder)
        return open_index(tmp_path / "out").articles  # type: ignore[return-value]

    quote = SENTENCES[0]
    at = (corpus / "a.txt").read_text().index(quote)
    cited = ("a.txt", at, at + len(quote), quote)
    same = resolve(articles(), *cited)  # type: ignore[arg-type]
    assert same and (same.start, same.moved) == (at, False)
    (corpus / "a.txt").write_text("Tea\n\nA new line above.\n\n" + quote.replace(" is ", "\nis "))
    moved = resolve(articles(), *cited)  # type: ignore[arg-type]
    assert moved and moved.moved and " ".join(moved.article.text[moved.start : moved.end].split()) == quote
    (corpus / "a.txt").rename(corpus / "tea.txt")
    renamed = resolve(articles(), *cited)  # type: ignore[arg-type]
    assert renamed and renamed.article.source == "tea.txt"
    (corpus / "tea.txt").write_text(f"Tea\n\n{quote} Twice said: {quote}")
    assert resolve(articles(), *cited) is None  # type: ignore[arg-type]
    (corpus / "tea.txt").write_text("Tea\n\nGreen tea is steeped at 75 degrees.")
    assert resolve(articles(), *cited) is None  # type: ignore[arg-type]
