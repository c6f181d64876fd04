"""Hostile documents, full disks, odd clocks and no network; the long runs are `tests.fuzz`, `attacks`, `offline`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.engine import ExtractiveEngine, make_engine
from bot.pipeline import Pipeline
from bot.prompts import user_prompt
from bot.render import as_text
from bot.values import Answer
from index.build import build_index
from index.config import ROOT
from index.encode import SentenceEncoder
from index.retrieve import Retriever
from index.store import open_index
from ingest.cli import json_line
from ingest.errors import CorpusError
from ingest.load import load_corpus, read_file
from tests import fuzz, offline
from tests.attacks import ATTACKS, CANARY, Case, cases, differences, write_corpus
from tests.conftest import Run, one_clear_line
from tests.make_pdf import Type, make_pdf
from tests.mutate import docx, mutations, word_parts


def pipelines(chosen: list[Case], folder: Path, encoder: SentenceEncoder) -> tuple[Pipeline, Pipeline]:
    made = []
    for attacked in (False, True):
        corpus = write_corpus(folder / str(attacked), chosen, attacked)
        build_index([corpus], folder / f"index-{attacked}", encoder=encoder)
        made.append(Pipeline(Retriever(open_index(folder / f"index-{attacked}"), encoder)))
    return made[0], made[1]


# --- prompt injection ------------------------------------------------------------------------------------


def test_attacks_in_documents_change_no_citation_verdict_or_refusal(tmp_path: Path, encoder: SentenceEncoder) -> None:
    chosen = cases()
    assert len(chosen) >= 50 and len({name for name, _text in ATTACKS}) == len(ATTACKS)
    clean, attacked = pipelines(chosen, tmp_path, encoder)
    answered = 0
    for case in chosen:
        for question in case.questions:
            before, after = (p.ask(question, ExtractiveEngine()) for p in (clean, attacked))
            answered += not before.refused
            assert not list(differences(before, after, case)), (case.name, question)
            shown = as_text(after) + json_line(after.record())
            assert not any(c in shown for c in "\x1b\x07\u202e\u200b\U000e0049")
    assert answered == len(chosen)  # each fact is told, and nothing else is


def test_attacks_do_not_steer_a_real_model(tmp_path: Path, encoder: SentenceEncoder, local_model: Path) -> None:
    chosen = [case for case in cases() if case.name in ("chatml", "ignore previous", "fake markers")]
    _clean, attacked = pipelines(chosen, tmp_path, encoder)
    engine = make_engine(f"local:{local_model}")
    for case in chosen:
        answer = attacked.ask(case.questions[0], engine)
        assert not answer.refused and CANARY not in answer.answer
        assert all(s.verdict != "unsupported" and s.markers for s in answer.sentences)
        for c in answer.citations:
            assert attacked.retriever.index.articles[c.article_id].text[c.start : c.end] == c.quote
            assert CANARY not in c.quote


def test_a_prompt_holds_no_turn_and_no_number_of_a_document() -> None:
    for name, attack in ATTACKS:
        prompt = user_prompt(f"Why? {attack}", [attack, "An honest line."])
        assert prompt.count("\n") == 5 and prompt.startswith("Excerpts:\n[1] "), name
        assert not any(t in prompt for t in ("<|", "</s>", "[INST]", "<<SYS>>", "<start_of_turn>", "\u200b", "\u202e"))
    assert user_prompt("q", ["[2] x [3]", "y"]) == "Excerpts:\n[1]   x  \n[2] y\n\nQuestion: q\nAnswer:"


# --- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loader", ["chunker", "text", "jsonl", "html", "pdf", "docx"])
def test_mutated_files_are_read_or_refused_with_exact_spans(loader: str, tmp_path: Path) -> None:
    assert not fuzz.run(loader, 400, tmp_path, mutations(loader, seed=20261124))


def test_what_the_long_run_found_stays_fixed(tmp_path: Path) -> None:
    """Its causes, made smaller: pages of many short paragraphs, which a library compared with one another for 11 s; a
    Word document of tables in tables, each copied once for every table around it, or of fields without an end; a PDF
    of running lines alone, which was an `IndexError`.
    """
    many = [b"<html><body><nav>x</nav><p>" + b"Som<p>" * 10_000]
    assert not fuzz.run("html", 1, tmp_path, many.__getitem__)
    nested = [word((b"<w:tbl>" * 110 + b"</w:tbl>" * 110) * 250)]
    assert not fuzz.run("docx", 1, tmp_path, nested.__getitem__)
    begun = b'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:t>a</w:t></w:r>'
    fields = [word(b"<w:p>" + begun * 50_000 + b"</w:p>")]
    assert not fuzz.run("docx", 1, tmp_path, fields.__getitem__)
    (tmp_path / "x.pdf").write_bytes(make_pdf([[Type(50, 810, "The annual report")]] * 2))
    assert [a.text.split("\n")[0] for a in read_file(tmp_path / "x.pdf", "x.pdf")] == ["The annual report"]


def test_a_page_as_wide_as_a_town_is_refused_in_one_line(tmp_path: Path) -> None:
    data = make_pdf([[Type(50, 800, "A heading")]]).replace(b"/MediaBox [0 0 595", b"/MediaBox [0 0 595000000")
    (tmp_path / "wide.pdf").write_bytes(data)
    with pytest.raises(CorpusError, match="page 1 measures 595,000,000 by 842 points"):
        read_file(tmp_path / "wide.pdf", "wide.pdf")


SHAPES: dict[str, str] = {
    "abbreviations": "e.g. " * 40_000,
    "initials": "A. " * 60_000,
    "full stops": "." * 200_000,
    "spaces in a heading": "# x" + " " * 200_000 + "y",
    "hashes": "# " + "#" * 200_000 + "y",
    "spaces behind a bullet": "• x" + " " * 200_000 + "y",
    "counts that start anew": "\n\n".join(f"1. Head {n}" for n in range(20_000)),
    "headings": "# a\n" * 40_000,
    "questions": "Question 1: What?\n\n" * 20_000,
    "wrapped lines": "a\n" * 100_000,
    "an open fence": "```\n" + "a\n" * 100_000,
    "non-breaking spaces": "a.\n\u00a0" * 50_000,
    "one word": "x" * 1_000_000,
    "quotes": '."' * 100_000,
    "blank lines": "a" + "\n" * 500_000 + "b",
}


def test_texts_made_to_be_slow_are_read_within_the_limits(tmp_path: Path) -> None:
    """Each took more than 20 s, or made a chunk of a megabyte, before a rule was changed; now the slowest takes 1."""
    texts = [text.encode() for text in SHAPES.values()]
    assert not fuzz.run("text", len(texts), tmp_path, texts.__getitem__)


def word(body: bytes, old: bytes = b"", new: bytes = b"") -> bytes:
    """A Word document with more XML in its body, and with something else in place of `old` in any part."""
    parts = {name: part.replace(old, new) for name, part in word_parts().items()}
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"</w:body>", body + b"</w:body>")
    return docx(parts)


def test_a_word_document_does_not_swell(tmp_path: Path) -> None:
    """An address, a style's name, a note stand once in a file; the library wrote each out, or kept it, at every use."""
    long, style = b"y" * 65_000, b"w:styleId='%b'><w:name w:val='%b'/>"
    files = [
        word(b"<w:p><w:hyperlink r:id='r3'><w:t>a</w:t></w:hyperlink></w:p>" * 4000, b"http://a.example", long),
        word(
            b"<w:p><w:pPr><w:pStyle w:val='H'/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>" * 4000,
            style % (b"Heading1", b"heading 1"),
            style % (b"H", long),
        ),
        word(b"<w:p><w:footnoteReference w:id='1'/></w:p>" * 4000, b"<w:t>note</w:t>", b"<w:t>a</w:t>" * 4000),
    ]
    assert not fuzz.run("docx", len(files), tmp_path, files.__getitem__)


def test_deep_nesting_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    """Word documents as deep as the library goes and deeper: at the end of its stack Python writes lines of its own."""
    for start, end in ((b"<w:tbl>", b"</w:tbl>"), (b"<w:r>", b"</w:r>"), (b"<w:ins>", b"</w:ins>")):
        for levels in (20, 60, 100, 150, 250, 1000):
            (tmp_path / "x.docx").write_bytes(word(start * levels + end * levels))
            if levels == 20:
                read_file(tmp_path / "x.docx", "x.docx")
            elif levels >= 100:
                with pytest.raises(CorpusError, match="nested too deeply"):
                    read_file(tmp_path / "x.docx", "x.docx")
    one_clear_line(run("-m", "index", "build", "--corpus", str(tmp_path), "--out", str(tmp_path / "i")), "nested too")


def test_no_text_is_lost_behind_a_parsers_limit(tmp_path: Path) -> None:
    """It stopped without a word at 256 levels of HTML, and at a text of ten million characters."""
    end = b"</div>" * 300 + b"<p>This is how the story ends.</p>"
    (tmp_path / "x.html").write_bytes(b"<p>Once upon a time there was a fox.</p>" + b"<div>" * 300 + b"It ran." + end)
    (article,) = read_file(tmp_path / "x.html", "x.html")
    assert "It ran." in article.text and article.text.endswith("ends.")
    (tmp_path / "x.html").write_bytes(b"<p>Once upon a time.</p>" + b"<div>" * 3000 + b"It ran.")
    with pytest.raises(CorpusError, match="nested"):
        read_file(tmp_path / "x.html", "x.html")
    (tmp_path / "x.docx").write_bytes(word(b"<w:p><w:r><w:t>%bend</w:t></w:r></w:p>" % (b"word " * 2_100_000)))
    assert "word end" in read_file(tmp_path / "x.docx", "x.docx")[0].text


def test_odd_files_are_one_line_or_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "good.txt").write_text("Tea\n\nGreen tea is steeped at 80 degrees.\n")
    (folder / "out.txt").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.txt")
    for name, line in {
        "deep": '{"_id": 1, "text": "x", "more": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "digits": '{"_id": 1, "text": "x", "more": ' + "1" * 5000 + "}",
        "half": '{"_id": "1", "text": "a \\ud800 b"}',
        "halfid": '{"_id": "\\udfff", "text": "a"}',
    }.items():
        (folder / f"{name}.jsonl").write_text(line + "\n")
    (folder / "names.jsonl").write_text('{"_id": "../../x", "text": "A name is only a name."}\n')
    corpus = load_corpus([folder])
    assert [a.article_id for a in corpus.articles] == ["good.txt", "../../x"]
    assert len(corpus.skipped) == 4 and all("\n" not in line for line in corpus.skipped)
    with pytest.raises(CorpusError):
        read_file(folder / "half.jsonl", "half.jsonl")


def test_a_gigabyte_on_one_line_is_refused_within_the_limits(tmp_path: Path) -> None:
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "from ingest.load import read_file; from ingest.errors import CorpusError; from pathlib import Path\n"
        "try: read_file(Path(sys.argv[1]), 'x')\nexcept CorpusError as error: print(error)"
    )
    for name in ("line.txt", "line.jsonl"):
        with open(tmp_path / name, "wb") as file:
            for _ in range(1024):
                file.write(b"x" * (1 << 20))
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / name)], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        (tmp_path / name).unlink()
        assert done.returncode == 0 and "256 MiB" in done.stdout, done.stderr


# --- terminal and exports --------------------------------------------------------------------------------


def test_nothing_a_document_holds_drives_the_terminal(run: Run, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x9b2J\u202e"
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").write_text(
        f"Kettle {evil}\n\nThe Velmora kettle {evil} needs seven minutes.\n", encoding="utf-8"
    )
    (corpus / f"b{evil}.txt").write_bytes(b"\xff\xfe\xff")
    out = str(tmp_path / "index")
    told = [
        run("-m", "index", "build", "--corpus", str(corpus), "--out", out),
        run("-m", "index", "info", "--index", out),
        run("-m", "index", "search", "Velmora kettle", "--index", out, "--explain"),
        run("-m", "bot", "ask", "How many minutes does the Velmora kettle need?", "--index", out),
        run("-m", "bot", "ask", "How many minutes does the Velmora kettle need?", "--index", out, "--json"),
        run("-m", "index", "search", f"why {evil}", "--index", str(tmp_path / f"none{evil}")),
    ]
    for result in told:
        assert not any(c in result.stdout + result.stderr for c in "\x1b\x07\x9b\u202e"), result.args
    assert "seven minutes" in told[3].stdout
    assert evil in json.loads(told[4].stdout)["citations"][0]["quote"]  # escaped, and still exact


# --- faults ----------------------------------------------------------------------------------------------


def limited(kib: int, *args: str, out: str = "") -> subprocess.CompletedProcess[str]:
    """A command that may write files of so many KiB, as on a disk that is full."""
    redirect = f" >{out}" if out else ""
    line = f'ulimit -f {kib}; exec "$@"{redirect}'
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, *args], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_a_full_disk_is_one_clear_line_and_loses_nothing(
    run: Run, small_corpus: Path, tmp_path: Path, write_jsonl: Callable[..., Path], index_dir: Path
) -> None:
    out = str(tmp_path / "mine")
    assert run("-m", "index", "build", "--corpus", str(small_corpus), "--out", out).returncode == 0
    (small_corpus / "wine.txt").write_text("Wine\n\nRed wine is served at sixteen degrees.\n")
    one_clear_line(limited(1, "-m", "index", "build", "--corpus", str(small_corpus), "--out", out), "cannot write")
    assert "80 degrees" in run("-m", "index", "search", "how hot is green tea", "--index", out).stdout
    questions = [{"id": str(n), "question": f"What is dropout? {n}"} for n in range(8)]
    path, answers = write_jsonl("q.jsonl", *questions), tmp_path / "a.jsonl"
    batch = ["-m", "bot", "batch", "--questions", str(path), "--out", str(answers), "--index", str(index_dir)]
    one_clear_line(limited(6, *batch), "too large")
    assert run(*batch).returncode == 0
    ids = [json.loads(line)["id"] for line in answers.read_text(encoding="utf-8").splitlines()]
    assert sorted(ids) == [str(n) for n in range(8)]
    ask = ["-m", "bot", "ask", "What is dropout?", "--index", str(index_dir)]
    one_clear_line(limited(100_000, *ask, out="/dev/full"), "No space left")


def test_a_log_that_cannot_be_written_costs_no_answer(index_dir: Path) -> None:
    command = [sys.executable, "-m", "bot", "ask", "What is dropout?", "--index", str(index_dir)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, text=True, timeout=120,
            env={**os.environ, "PINCITE_LOG": "json"},
        )  # fmt: skip
    assert done.returncode == 0 and "[1]" in done.stdout


def test_a_clock_that_jumps_changes_no_answer(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = pipeline.ask("What is dropout?", ExtractiveEngine())
    jumps = iter([4e9, -5.0, 0.0, 1e10] * 1000)
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    answer = pipeline.ask("What is dropout?", ExtractiveEngine())
    assert isinstance(answer, Answer) and answer.answer == expected.answer
    assert all(0 <= ms < 60_000 for ms in answer.timings_ms.values())


# --- network ---------------------------------------------------------------------------------------------


def test_with_the_offline_engines_nothing_leaves_the_machine(index_dir: Path) -> None:
    counted = offline.inside_namespace(index_dir)
    assert counted.pop("deliberate") > 0  # the count counts
    assert counted == dict.fromkeys(["build", "ask", "batch", "eval", "page"], 0)
