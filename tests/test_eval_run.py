"""`eval run`: questions in every format, bad rows all listed, a grid, results that survive any kill."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.cache import Results
from eval.data import Question
from eval.grid import Plan, read_plan, systems
from eval.inputs import narrowed, read_dataset
from index.config import ROOT
from ingest.errors import PinciteError, QuestionError
from tests.conftest import Run, one_clear_line

CORPUS = (
    {"_id": "cats", "title": "Cats", "text": "Cats purr when they are content. They sleep most of the day."},
    {"_id": "dogs", "title": "Dogs", "text": "Dogs bark at strangers. They guard the house at night."},
    {"_id": "owls", "title": "Owls", "text": "Owls hunt mice in the dark and turn their heads far around."},
    {"_id": "none", "title": "", "text": ""},
)
QUERIES = ({"_id": "q1", "text": "why do cats purr"}, {"_id": "q2", "text": "what barks at strangers"})
QRELS = "query-id\tcorpus-id\tscore\nq1\tcats\t1\nq2\tdogs\t2\nq2\tcats\t0\n"


def lines(*records: object) -> str:
    return "".join(json.dumps(r) + "\n" for r in records)


def beir(folder: Path, packed: bool = False) -> Path:
    files = {"corpus.jsonl": lines(*CORPUS), "queries.jsonl": lines(*QUERIES), "qrels/test.tsv": QRELS}
    (folder / "qrels").mkdir(parents=True)
    for name, text in files.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def report(out: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return read


def figures(out: Path) -> dict[str, object]:
    """A report without the command that made it."""
    return {name: value for name, value in report(out).items() if name != "command"}


# --- formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_beir_folder_is_read_plain_or_packed(tmp_path: Path, packed: bool) -> None:
    dataset = read_dataset(beir(tmp_path / "set", packed))
    assert [(q.id, q.question) for q in dataset.questions] == [(q["_id"], q["text"]) for q in QUERIES]
    assert dataset.qrels == {"q1": {"cats": 1}, "q2": {"dogs": 2, "cats": 0}}


@pytest.mark.parametrize(
    "topics",
    [
        "<top>\n<num> Number: 1\n<title> why do cats purr &amp; sleep\n<desc> Long.\n</top>\n"
        "<top>\n<num> 2\n<title>barking\n</top>\n",
        '<topics><topic number="1"><query>why do cats purr &amp; sleep</query></topic>'
        '<topic number="2"><query>barking</query></topic></topics>',
        "1\twhy do cats purr & sleep\n2\tbarking\n",
    ],
)
def test_trec_topics_in_three_dresses(tmp_path: Path, topics: str) -> None:
    (tmp_path / "topics.txt").write_text(topics)
    (tmp_path / "qrels.txt").write_text("1 0 cats 1\n2 0 dogs 1\n2 0 owls 0\n")
    for path, qrels in ((tmp_path, None), (tmp_path / "topics.txt", tmp_path / "qrels.txt")):
        dataset = read_dataset(path, qrels)
        assert [(q.id, q.question) for q in dataset.questions] == [("1", "why do cats purr & sleep"), ("2", "barking")]
        assert dataset.qrels["2"] == {"dogs": 1, "owls": 0}


def test_tables_join_the_quotes_of_one_question(tmp_path: Path) -> None:
    table = tmp_path / "q.csv"
    table.write_text(
        'id,question,quote,type\na,"Why, purr?","Cats purr\nwhen",x\na,"Why, purr?",They sleep,x\nb,Who?,Owls,y\n'
    )
    first, second = read_dataset(table).questions
    assert first.evidence == (("Cats purr\nwhen",), ("They sleep",)) and first.type == "x"
    assert (second.id, second.line) == ("b", 5)
    bare = tmp_path / "q.tsv.gz"
    bare.write_bytes(gzip.compress(b"Why purr?\tCats purr\nWho?\tOwls hunt\n"))
    assert [q.evidence for q in read_dataset(bare).questions] == [(("Cats purr",),), (("Owls hunt",),)]


def test_chromas_format_brings_its_corpus(tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "pets.md").write_text("Cats purr. Dogs bark.")
    good = '"[{""content"": ""Dogs bark."", ""start_index"": 11, ""end_index"": 21}]"'
    table = tmp_path / "questions_df.csv"
    table.write_text(f"question,references,corpus_id\nWho barks?,{good},pets\n")
    (question,) = read_dataset(tmp_path).questions
    assert question.evidence == (("Dogs bark.",),) and question.type == "pets"
    table.write_text(
        f"question,references,corpus_id\nWho?,{good.replace('11', '12')},pets\nA?,{good},owls\nB?,[],pets\n"
    )
    with pytest.raises(QuestionError, match=r"3 bad rows: line 2: .*not where it says.*line 3: .*owls.*line 4: "):
        read_dataset(tmp_path)


def test_every_bad_row_of_every_file_is_named_at_once(tmp_path: Path, run: Run) -> None:
    folder = beir(tmp_path / "set")
    (folder / "corpus.jsonl").write_text(lines(*CORPUS) + "{nonsense\n")
    (folder / "queries.jsonl").write_text(lines(*QUERIES, {"_id": "q1", "text": "again"}, ["no object"], {"text": "x"}))
    (folder / "qrels" / "test.tsv").write_text(QRELS + "q9\tcats\t1\nq1\tcats\tyes\nq1 cats\n")
    failed = run("-m", "eval", "run", "--questions", str(folder))
    one_clear_line(failed, "corpus.jsonl: 1 bad rows: line 5", "queries.jsonl: 3 bad rows: line 3", "line 4", "line 5")
    one_clear_line(failed, "test.tsv: 3 bad rows: line 5", "'q9'", "line 6", "line 7")

    many = tmp_path / "many.jsonl"
    many.write_text("\n".join(["{}"] * 500))
    failed = run("-m", "eval", "run", "--questions", str(many))
    one_clear_line(failed, "500 bad rows, all listed in ")
    listing = Path(failed.stderr.split("listed in ")[1].split(";")[0])
    assert len(listing.read_text().splitlines()) == 500 and "line 500: " in listing.read_text()
    listing.unlink()


def test_quotes_that_do_not_stand_in_the_corpus_are_bad_rows(tmp_path: Path, run: Run) -> None:
    table = tmp_path / "q.csv"
    table.write_text("question,quote\nA?,nowhere at all\nB?,neither this one\n")
    one_clear_line(
        run("-m", "eval", "run", "--questions", str(table)), "2 bad rows: line 2", "'nowhere at all'", "line 3"
    )


def test_qrels_about_other_documents_are_told_from_a_bad_search(tmp_path: Path, run: Run) -> None:
    (tmp_path / "topics.tsv").write_text("1\twhy do cats purr\n")
    (tmp_path / "qrels.txt").write_text("1 0 WSJ-1 1\n")
    one_clear_line(run("-m", "eval", "run", "--questions", str(tmp_path)), "no judged document", "'WSJ-1'", "--corpus")


def test_zooming_in_names_what_is_not_there(questions: list[Question]) -> None:
    dataset = read_dataset(ROOT / "eval" / "questions.jsonl")
    some = [q.id for q in questions[:3]]
    assert [q.id for q in narrowed(dataset, some).questions] == some
    assert {q.type for q in narrowed(dataset, (), ["typo"]).questions} == {"typo"}
    assert len(narrowed(dataset, (), ["typo"], 4).questions) == 4
    with pytest.raises(QuestionError, match="'zzz'"):
        narrowed(dataset, ["zzz"])
    with pytest.raises(QuestionError, match=r"'odd'.*typo"):
        narrowed(dataset, (), ["odd"])


# --- the grid ----------------------------------------------------------------------------------------------


def test_a_yaml_spans_the_grid_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    config = tmp_path / "grid.yaml"
    config.write_text("modes: [bm25, full]\nchunks: [{max_words: 90}, {max_words: 180}]\nlimit: 3\n")
    plan = Plan(**read_plan(config))
    assert [s.name for s in systems(plan, build=True, whole=False)] == [
        "bm25 max_words=90", "full max_words=90", "bm25 max_words=180", "full max_words=180"]  # fmt: skip
    assert [s.name for s in systems(Plan(), build=False, whole=False)] == ["bm25", "dense", "hybrid", "full"]
    for text, word in (
        ("mode: [bm25]", "'mode'"),
        ("modes: [magic]", "'magic'"),
        ("limit: many", "limit"),
        ("chunks: [{words: 3}]", "'words'"),
        ("chunks: [{max_words: 3}]", "max_words is 3"),
        ("engines: [gpt]", "'gpt'"),
        ("[", "YAML"),
    ):
        config.write_text(text + "\n")
        with pytest.raises(PinciteError, match=word):
            systems(Plan(**read_plan(config)), build=True, whole=False)


def test_a_beir_folder_gives_the_fields_measures_and_a_second_run_searches_nothing(tmp_path: Path, run: Run) -> None:
    folder, out = beir(tmp_path / "set", packed=True), tmp_path / "out"
    command = ("-m", "eval", "run", "--questions", str(folder), "--modes", "bm25,full", "--out", str(out))
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 results made now" in done.stderr
    first = report(out)
    assert first["modes"]["full"]["nDCG@10"]["mean"] == first["modes"]["full"]["R@100"]["mean"] == 1.0  # type: ignore[index]
    again = run(*command)
    assert "0 of 4 results made now, 4 were there already" in again.stderr
    assert report(out) == first


def test_chunk_sizes_and_engines_are_compared_on_one_corpus(
    tmp_path: Path, small_corpus: Path, write_jsonl: Callable[..., Path], run: Run
) -> None:
    asked = write_jsonl(
        "q.jsonl",
        {
            "id": "1",
            "question": "How hot is green tea?",
            "type": "fact",
            "evidence": [["80 degrees"]],
            "key_facts": ["80"],
        },
        {"id": "2", "question": "What does rye need?", "evidence": [["Rye needs a sour starter."]]},
        {"id": "3", "question": "Who won the 1998 world cup?", "type": "far", "answerable": False},
    )
    config = tmp_path / "grid.yaml"
    config.write_text(
        f"questions: {asked.name}\ncorpus: [{small_corpus.name}]\nmodes: [bm25, full]\n"
        "chunks: [{max_words: 10}, {max_words: 180}]\nengines: [extractive]\n"
    )
    done = run("-m", "eval", "run", "--config", str(config), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    made = report(tmp_path / "out")
    assert list(made["modes"]) == [  # type: ignore[call-overload]
        "bm25 max_words=10", "full max_words=10", "bm25 max_words=180", "full max_words=180"]  # fmt: skip
    assert made["modes"]["full max_words=180"]["recall@5"]["mean"] == 1.0  # type: ignore[index]
    answers = made["answers"]["extractive max_words=180"]  # type: ignore[index]
    assert answers["figures"]["refused: far"]["mean"] == 1.0 and answers["figures"]["key facts"]["mean"] == 1.0


# --- kept results ------------------------------------------------------------------------------------------


def test_results_survive_a_torn_line_and_count_once(tmp_path: Path) -> None:
    asked = [Question(str(n), f"question {n}") for n in range(4)]
    kept = Results(tmp_path, {"mode": "full"})
    for n, q in enumerate(asked[:3]):
        kept.add(q, {"hits": [[str(n), 0, 1, 0.5]]})
    kept.close()
    whole = kept.path.read_bytes()
    for cut in range(len(whole)):
        kept.path.write_bytes(whole[:cut])
        again = Results(tmp_path, {"mode": "full"})
        missing = [q for q in asked if q not in again]
        for q in missing:
            again.add(q, {"hits": [[q.id, 0, 1, 0.5]]})
        again.close()
        last = Results(tmp_path, {"mode": "full"})
        last.close()
        assert [last[q]["hits"][0][0] for q in asked] == ["0", "1", "2", "3"]
        assert sum(b'"record"' in line for line in kept.path.read_bytes().split(b"\n")) - len(asked) <= 1
    other = Results(tmp_path, {"mode": "bm25"})
    other.close()
    assert not any(q in other for q in asked)


def test_a_run_killed_ten_times_gives_the_figures_of_one_run_through(
    tmp_path: Path, index_dir: Path, run: Run, write_jsonl: Callable[..., Path], questions: list[Question]
) -> None:
    asked = write_jsonl("q.jsonl", *[q.record for q in questions[::5]])
    command = ["run", "--questions", str(asked), "--modes", "bm25,dense,full", "--index", str(index_dir)]
    whole = run("-m", "eval", *command, "--cache", str(tmp_path / "whole"), "--out", str(tmp_path / "once"))
    assert whole.returncode == 0, whole.stderr
    total = report(tmp_path / "once")["questions"] * 3  # type: ignore[operator]
    broken = tmp_path / "broken"
    spawn = multiprocessing.get_context("forkserver")  # each run a process of its own, torch imported only once
    spawn.set_forkserver_preload(["eval.run_command", "index.retrieve", "sentence_transformers"])
    for stop in sorted(random.Random(20261124).sample(range(total), 10)):
        process = spawn.Process(target=main, args=([*command, "--cache", str(broken)],))
        process.start()
        while process.is_alive() and made(broken) < stop:
            time.sleep(0.002)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it was over before the kill"
    before = made(broken)
    resumed = run("-m", "eval", *command, "--cache", str(broken), "--out", str(tmp_path / "twice"))
    assert resumed.returncode == 0, resumed.stderr
    assert f"{total - before} of {total} results made now" in resumed.stderr and 0 < before < total
    assert figures(tmp_path / "twice") == figures(tmp_path / "once")


def made(cache: Path) -> int:
    """Whole results in a cache: what a kill tore in two has no end of line."""
    lines = [line for p in cache.glob("runs/*.jsonl") for line in p.read_bytes().splitlines(keepends=True)]
    return sum(b'"record"' in line and line.endswith(b"\n") for line in lines)
