"""Files to articles to chunks: what is found in the export, and that every span is exact, always."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import ChunkConfig, chunk_article, chunk_articles
from ingest.errors import CorpusError
from ingest.load import Corpus, load_corpus, read_file
from ingest.outline import outline
from ingest.text import sentence_spans
from ingest.values import Article, Level

FAANG = "Questions in ML Interviews at FAANG Companies"
ACE = "Ace Your {} ML Interview: Top 25 Questions and Expert Answers"
ROLES = "ML Engineer vs. AI Engineer vs. Data Scientist: Ultimate Guide to Roles, Salaries & How to Transition"
PHONE = "The Complete Guide to ML Phone Screens: Top 25 Questions & How to Answer Them"
BYD = "Ace Your BYD ML Interview: Top 25 (11-25) Questions and Expert Answers"

# Counted by hand in the file: (first and last question number, entries under an FAQ heading that stand alone).
COUNTS = {
    f"Top 25 Low-Level Design (LLD) {FAANG}": (1, 25, 0),
    f"Top 25 High-Level Design (HLD) {FAANG}": (1, 25, 0),
    ROLES: (0, 0, 0),
    PHONE: (1, 25, 0),
    BYD: (11, 25, 0),
    ACE.format("LinkedIn"): (1, 25, 13),
    ACE.format("Deloitte"): (1, 25, 4),
    ACE.format("Uber"): (1, 25, 0),
    ACE.format("Hugging Face"): (1, 25, 3),
    ACE.format("Tesla"): (1, 25, 0),
}


def test_the_ten_articles_come_out_with_their_titles_in_order(corpus: Corpus) -> None:
    assert [a.title for a in corpus.articles] == list(COUNTS)
    assert len({a.article_id for a in corpus.articles}) == 10


@pytest.mark.parametrize("title", COUNTS)
def test_every_numbered_question_is_a_question_block(corpus: Corpus, title: str) -> None:
    first, last, faq = COUNTS[title]
    article = next(a for a in corpus.articles if a.title == title)
    main, extra, in_faq = [], 0, False
    for block in article.blocks:
        if block.kind != "heading":
            continue
        if block.level < Level.QUESTION:
            in_faq = "FAQ" in block.label
        elif block.level == Level.QUESTION:
            number = re.match(r"(?:Question |Q)?(\d+)", block.label)
            if in_faq:
                extra += 1
            elif number:
                main.append(int(number.group(1)))
    assert main == (list(range(first, last + 1)) if last else [])
    assert extra == faq


def test_list_steps_and_generic_labels_are_not_questions(corpus: Corpus) -> None:
    labels = [b.label for a in corpus.articles for b in a.blocks if b.kind == "heading" and b.level == Level.QUESTION]
    for step in ("1. Know the dish", "1. Candidate generation", "Key considerations", "1. Clarify Requirements"):
        assert not any(label.startswith(step) for label in labels)


def test_a_generic_heading_carries_the_question_above_it(corpus: Corpus) -> None:
    chunk = next(
        c for c in chunk_articles(corpus.articles) if "Forecasting energy consumption or battery degradation" in c.text
    )
    assert any(h.startswith("Q11: What’s a neural network") for h in chunk.headings)


def test_flattened_tables_stay_in_one_piece_with_their_heading(corpus: Corpus) -> None:
    chunks = list(chunk_articles(corpus.articles))
    salaries = [c for c in chunks if "160K−220K" in c.text]
    assert len(salaries) == 1
    assert "Side-by-Side Comparison Table" in salaries[0].section
    assert all(word in salaries[0].text for word in ("180K−300K+", "Avg Salary (US)", "Backend devs who like big data"))
    clear = [c for c in chunks if "List Requirements" in c.text]
    assert len(clear) == 1 and "CLEAR Method" in clear[0].section and "Optimize bottlenecks." in clear[0].text


def test_every_chunk_is_an_exact_span_within_the_limit_and_all_text_is_covered(corpus: Corpus) -> None:
    for article in corpus.articles:
        chunks = list(chunk_article(article, ChunkConfig()))
        assert all(article.text[c.start : c.end] == c.text and c.words <= 180 for c in chunks)
        assert all(a.end <= b.start for a, b in pairwise(chunks))
        body = article.text[article.blocks[0].start : article.end]
        assert "".join("".join(c.text for c in chunks).split()) == "".join(body.split())


def test_chunks_do_not_cut_sentences(corpus: Corpus) -> None:
    for article in corpus.articles:
        ends = {end for b in article.blocks for _start, end in sentence_spans(article.text, b.start, b.end)}
        assert all(c.end in ends for c in chunk_article(article, ChunkConfig()))


def test_chunking_is_deterministic_and_ids_are_unique(corpus: Corpus) -> None:
    one, two = (list(chunk_articles(corpus.articles)) for _ in range(2))
    assert one == two
    assert len({c.chunk_id for c in one}) == len(one)


# --- any text --------------------------------------------------------------------------------------------

LINES = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=60),
        st.sampled_from(
            ["1. First step", "2. Second step", "• item", "## Heading", "Question 3: Why?", "Label:", "", "   ", "```"]
        ),
        st.integers(1, 400).map(lambda n: "word " * n),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(lines=LINES, joint=st.sampled_from(["\n", "\n\n", "\r\n", "\r"]), by_line=st.booleans())
def test_any_text_is_covered_exactly_once_by_blocks_and_chunks(lines: list[str], joint: str, by_line: bool) -> None:
    text = joint.join(lines)
    blocks = outline(text, 0, len(text), by_line=by_line)
    assert "".join("".join(text[b.start : b.end] for b in blocks).split()) == "".join(text.split())
    chunks = list(chunk_article(Article("a", "A", "a.txt", text, 0, len(text), blocks), ChunkConfig(max_words=40)))
    assert all(text[c.start : c.end] == c.text and 0 < c.words <= 40 for c in chunks)
    assert all(c.start <= c.body <= c.end for c in chunks)
    assert "".join("".join(c.text for c in chunks).split()) == "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("aB.!? \n\u00a0“”)1•-e.g"), max_size=120))
def test_sentences_cover_every_character_once(text: str) -> None:
    spans = sentence_spans(text)
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in spans)
    joined = "".join("".join(text[a:b].split()) for a, b in spans)
    assert joined == "".join(text.split())


def test_sentences_end_where_a_reader_would_end_them() -> None:
    text = "Use k-means (e.g. for users). It costs 3.5 seconds. “Really?” Yes."
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "Use k-means (e.g. for users).", "It costs 3.5 seconds.", "“Really?”", "Yes.",
    ]  # fmt: skip


# --- formats ---------------------------------------------------------------------------------------------


def test_text_markdown_and_jsonl_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Plain title\r\n\r\nFirst line.\r\nSecond line.\r\n")
    (tmp_path / "b.md").write_text("# The title\n\nIntro.\n\n## Part\n\nText.\n", encoding="utf-8")
    records = [{"_id": "x", "title": "X", "text": "Body é.", "url": "http://x"}, {"id": "y", "text": "No title."}]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    (tmp_path / "NOTICE").write_text("not an article")
    articles = load_corpus([tmp_path]).articles
    assert [(a.article_id, a.title, a.source) for a in articles] == [
        ("a.txt", "Plain title", "a.txt"),
        ("b.md", "The title", "b.md"),
        ("x", "X", "c.jsonl"),
        ("y", "y", "c.jsonl"),
    ]
    assert articles[0].text == (tmp_path / "a.txt").read_bytes().decode()
    parts = [c for c in chunk_articles(articles) if c.source == "b.md"]
    assert parts[-1].headings == ("Part",)


def test_a_title_above_markdown_headings_is_no_body_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Green tea\n\nSteep it well.\n\n### Heat\n\nUse 80 degrees.\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("It rained.\n\n### Heat\n\nUse 80 degrees.\n", encoding="utf-8")
    titled, untitled = load_corpus([tmp_path]).articles
    assert titled.title == "Green tea"
    assert [b.kind for b in titled.blocks] == ["paragraph", "heading", "paragraph"]
    assert [b.kind for b in untitled.blocks] == ["paragraph", "heading", "paragraph"]


def test_broken_files_in_a_folder_are_skipped_and_listed(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Good\n\nText.")
    (tmp_path / "binary.txt").write_bytes(b"ab\x00cd")
    (tmp_path / "latin.md").write_bytes("Caf\xe9".encode("latin-1"))
    (tmp_path / "bad.jsonl").write_text('{"_id": 1, "text": "x"}\n{broken\n')
    corpus = load_corpus([tmp_path])
    assert [a.source for a in corpus.articles] == ["good.txt"]
    assert len(corpus.skipped) == 3
    assert any("NUL" in s for s in corpus.skipped) and any("line 2" in s for s in corpus.skipped)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"  \n", "empty"),
        ("binary.txt", b"\x00\x01", "NUL"),
        ("picture.png", b"\x89PNG", "unknown format"),
        ("list.jsonl", b"[1, 2]\n", "one JSON object"),
        ("no-id.jsonl", b'{"text": "x"}\n', "_id"),
    ],
)
def test_a_named_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=words):
        read_file(tmp_path / name, name)


def test_links_out_of_the_corpus_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("Secret\n\nText.")
    (folder / "open.txt").write_text("Open\n\nText.")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert [a.source for a in load_corpus([folder]).articles] == ["open.txt"]


def test_equal_ids_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"_id": "1", "text": "x"}\n{"_id": "1", "text": "y"}\n')
    with pytest.raises(CorpusError, match="unique"):
        load_corpus([tmp_path])


def test_a_question_introduced_by_its_section_keeps_its_own_heading(corpus: Corpus) -> None:
    chunk = next(c for c in chunk_articles(corpus.articles) if "Missing data’s like holes in a net" in c.text)
    assert chunk.headings[-1] == "11. How do you handle missing data in a dataset?"
    assert chunk.text.startswith("Section 3")
