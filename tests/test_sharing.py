"""Many people at one server: nobody waits forever, nobody sees another's conversation, nothing is written unasked."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.feedback import Feedback
from bot.page.chat import STOPPED, stopped
from bot.page.conversation import Conversation, Turn, read_conversation
from bot.pipeline import Pipeline
from ingest.errors import PinciteError
from tests.conftest import Run, one_clear_line
from tests.serving import Server

USERS = 20


class User:
    """One person's session, speaking to the page's own events as the browser does."""

    def __init__(self, server: Server, number: int) -> None:
        self.http = httpx.Client(base_url=server.url, timeout=180)
        self.session = uuid.uuid4().hex
        self.events = {d["api_name"]: d["id"] for d in self.http.get("config").json()["dependencies"]}
        self.number = number

    def do(self, event: str, *data: Any) -> list[dict[str, Any]]:
        """Every message of the event's stream; raises when it did not succeed."""
        body = {"data": data, "fn_index": self.events[event], "session_hash": self.session}
        self.http.post("gradio_api/queue/join", json=body).raise_for_status()
        messages = []
        with self.http.stream("GET", "gradio_api/queue/data", params={"session_hash": self.session}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    messages.append(json.loads(line[5:]))
                    if messages[-1]["msg"] == "process_completed":
                        break
        assert messages[-1]["success"], messages[-1]
        return messages

    def talk(self) -> tuple[str, str]:
        """Ask two questions; returns everything received, and what there is to edit: the last question."""
        received = ""
        for question in self.questions:
            received += json.dumps(self.do("submit", question, -1, None, "extractive", []))
        return received, self.do("edit", None)[-1]["output"]["data"][0]

    @property
    def questions(self) -> tuple[str, str]:
        return f"What is dropout, asks person-{self.number:02}?", f"And overfitting, asks person-{self.number:02}?"


def test_twenty_users_at_once_get_answers_and_never_each_others(server: Server) -> None:
    users = [User(server, n) for n in range(USERS)]
    with ThreadPoolExecutor(USERS) as pool:
        results = list(pool.map(User.talk, users))
    for user, (received, last) in zip(users, results, strict=True):
        assert last == user.questions[1]
        assert 'class=\\"cite\\"' in received and 'class=\\"problem' not in received
        assert all(q in received for q in user.questions)
        assert not any(f"person-{n:02}" in received for n in range(USERS) if n != user.number)


def test_what_the_browser_kept_is_checked_before_it_is_shown(pipeline: Pipeline) -> None:
    from bot.engine import ExtractiveEngine

    answer = pipeline.ask("What is dropout?", ExtractiveEngine())
    kept = Conversation("a1").with_turn(0, Turn("What is dropout?", answer, follow_ups=("And then?",), done=True))
    record = json.loads(json.dumps(kept.record()))
    assert read_conversation(record) == kept
    for broken in (None, [], {}, {**record, "turns": 5}, {**record, "turns": [{"question": 1}]}):
        with pytest.raises(PinciteError, match="cannot be read"):
            read_conversation(broken)
    record["turns"][0]["answer"]["citations"][0]["start"] = "<img>"
    with pytest.raises(PinciteError, match="cannot be read"):
        read_conversation(record)


def test_a_stopped_answer_keeps_what_was_said(pipeline: Pipeline) -> None:
    from bot.engine import ExtractiveEngine

    answer = pipeline.ask("What is dropout?", ExtractiveEngine())
    ended = stopped(Conversation("a1").with_turn(0, Turn("What is dropout?", answer))).turns[0]
    assert ended.done and ended.answer and ended.answer.sentences == answer.sentences and ended.answer.note == STOPPED
    unsaid = stopped(Conversation("a1").with_turn(0, Turn("What is dropout?"))).turns[0]
    assert unsaid.done and unsaid.problem == STOPPED


def test_feedback_of_many_writers_stays_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    writers = [Feedback(path) for _ in range(4)]

    def write(n: int) -> None:
        writers[n % 4].add("case", f"question {n} " + "x" * 20_000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(int(line["question"].split()[1]) for line in lines) == list(range(80))
    Feedback(None).add("case", "unset")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["feedback.jsonl", "feedback.jsonl.lock"]


def test_a_feedback_file_that_cannot_be_written_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    one_clear_line(run("app.py", PINCITE_FEEDBACK=str(tmp_path)), "PINCITE_FEEDBACK", str(tmp_path))
