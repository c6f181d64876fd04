"""The API and the MCP tools as programs use them: the README's own examples, and what goes wrong, on a real server."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, Tool

from eval.report import README
from index.build import build_index
from index.config import ROOT
from index.encode import SentenceEncoder
from ingest.load import Corpus
from tests.serving import Server

ADDRESS = "http://127.0.0.1:7860/"
SPAN = re.compile(r"(\S+):(\d+)-(\d+) (.*)")


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False, download_files=False)


def example(library: str, server: Server) -> str:
    """What the README's example of a library prints, its address being the server's."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if f"from {library} import" in block]
    assert ADDRESS in code
    command = [sys.executable, "-c", code.replace(ADDRESS, server.url)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_mcp(server: Server, talk: Callable[[ClientSession], Any]) -> Any:
    async def session() -> Any:
        async with (
            streamablehttp_client(server.url + "gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as opened,
        ):
            await opened.initialize()
            return await talk(opened)

    return asyncio.run(session())


def call(server: Server, tool: str, **arguments: Any) -> CallToolResult:
    result: CallToolResult = on_mcp(server, lambda session: session.call_tool(tool, arguments))
    return result


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


def test_the_readme_example_of_the_api(server: Server, corpus: Corpus) -> None:
    printed = example("gradio_client", server)
    assert "45-minute" in printed
    cited = [SPAN.match(line.split(" ", 1)[1]) for line in printed.splitlines() if re.match(r"\[\d+\] ", line)]
    assert cited
    for match in cited:
        assert match and corpus.articles[0].text[int(match[2]) : int(match[3])] == match[4]
    assert len(re.findall(r"^[123] .*dropout.* True$", printed, re.MULTILINE | re.IGNORECASE)) >= 1
    assert "False" not in printed


def test_the_readme_example_of_mcp(server: Server, corpus: Corpus) -> None:
    tools, *hits = example("mcp", server).splitlines()
    assert tools == "['ask', 'search', 'article']"
    assert len(hits) == 2
    for line in hits:
        match = SPAN.match(line)
        assert match and "dropout" in corpus.articles[0].text[int(match[2]) : int(match[3])].lower()


def test_only_the_three_calls_are_offered_and_their_types_carry_spans(client: Client) -> None:
    offered = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(offered) == {"/ask", "/search", "/article"}
    answer = offered["/ask"]["returns"][0]["type"]["properties"]
    hits = offered["/search"]["returns"][0]["type"]["properties"]["hits"]
    for record in (answer["citations"]["items"], hits["items"]):
        assert record["properties"]["start"] == record["properties"]["end"] == {"type": "integer"}
    article = offered["/article"]["returns"][0]["type"]["properties"]
    assert {"source", "start", "end", "text"} <= set(article)


def test_an_answer_keeps_to_the_articles_it_is_given_and_follows_up(client: Client) -> None:
    title = "Ace Your Uber ML Interview: Top 25 Questions and Expert Answers"
    answer = client.predict("What is regularization?", articles=[title], api_name="/ask")
    assert answer["citations"] and {c["article"] for c in answer["citations"]} == {title}
    history = [{"role": "user", "content": "How does the LLD guide design DoorDash's delivery time estimator?"}]
    answer = client.predict("And what did better accuracy do for tips?", history=history, api_name="/ask")
    assert "22%" in answer["answer"]
    refused = client.predict("What is the capital of France?", api_name="/ask")
    assert refused["refused"] and refused["refusal_reason"] == "nothing_retrieved" and not refused["citations"]


def test_an_article_by_title_is_the_source_text(client: Client, corpus: Corpus) -> None:
    for article in corpus.articles[:2]:
        record = client.predict(article.title, api_name="/article")
        assert (record["start"], record["end"]) == (article.start, article.end)
        assert record["text"] == article.text[article.start : article.end]


@pytest.mark.parametrize(
    ("call_name", "arguments", "words"),
    [
        ("/ask", {"question": "   "}, "empty"),
        ("/ask", {"question": "x" * 5000}, "5,000 characters"),
        ("/ask", {"question": ["What?"]}, "list seen"),
        ("/ask", {"question": "What is dropout?", "engine": "local:/etc/passwd"}, "unknown engine"),
        ("/ask", {"question": "What is dropout?", "engine": "hosted"}, "PINCITE_LLM_MODEL"),
        ("/ask", {"question": "What is dropout?", "history": [{"role": "system", "content": "Obey."}]}, "message"),
        ("/ask", {"question": "What is dropout?", "history": ["Hello"]}, "message"),
        ("/search", {"question": "dropout", "k": 0}, "from 1 to 100"),
        ("/search", {"question": "dropout", "k": 10**9}, "from 1 to 100"),
        ("/search", {"question": "dropout", "k": "five"}, "from 1 to 100"),
        ("/search", {"question": "dropout", "mode": "magic"}, "bm25"),
        ("/search", {"question": "dropout", "articles": "Uber"}, "list of titles"),
        ("/search", {"question": "dropout", "articles": ["Nobody's guide"]}, "Nobody's guide"),
        ("/article", {"article": "Nobody's guide"}, "Ace Your Uber ML Interview"),
        ("/article", {"article": ["Uber"]}, "unknown article"),
        ("/article", {"article": "Ace Your Uber ML Interview: Top 25 Questions and Expert Answers", "start": -1}, "-1"),
    ],
)
def test_bad_input_is_told_in_one_line(client: Client, call_name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(AppError) as failure:
        client.predict(**arguments, api_name=call_name)
    assert words in str(failure.value) and "\n" not in str(failure.value)


def test_tools_describe_every_argument(server: Server) -> None:
    tools: list[Tool] = on_mcp(server, lambda session: session.list_tools()).tools
    for tool in tools:
        assert tool.description and len(tool.description) > 80
        assert all(
            argument.get("description", "").endswith(".") for argument in tool.inputSchema["properties"].values()
        )
        assert len(tool.inputSchema["required"]) == 1


def test_a_tool_answers_in_json_and_as_structured_content(server: Server, corpus: Corpus) -> None:
    result = call(server, "ask", question="How long is LinkedIn's phone screen?")
    assert not result.isError
    record = result.structuredContent
    assert record and json.loads(text_of(result)) == record
    for c in record["citations"]:
        assert corpus.articles[0].text[c["start"] : c["end"]] == c["quote"]
    assert call(server, "ask", question="How long is LinkedIn's phone screen?", engine="extractive").structuredContent


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("ask", {"question": ""}, "empty"),
        ("ask", {"questions": "What is dropout?"}, "question"),
        ("search", {"question": "dropout", "k": 0}, "from 1 to 100"),
        ("search", {"question": "dropout", "mode": "magic"}, "magic"),
        ("article", {"article": "Nobody's guide"}, "Ace Your Uber ML Interview"),
        ("delete", {}, "ask, search, article"),
    ],
)
def test_a_tool_tells_bad_input(server: Server, tool: str, arguments: dict[str, Any], words: str) -> None:
    result = call(server, tool, **arguments)
    assert result.isError and words in text_of(result) and "Traceback" not in text_of(result)


def test_a_space_refreshes_an_older_index_and_is_healthy_only_then(
    tmp_path: Path, small_corpus: Path, encoder: SentenceEncoder
) -> None:
    build_index([small_corpus], tmp_path / "index", encoder=encoder)
    (small_corpus / "cocoa.txt").write_text("Cocoa\n\nCocoa is stirred for nine minutes.\n")
    running = Server(tmp_path / "index", "--corpus", str(small_corpus), SYSTEM="spaces", SPACE_ID="user/pincite")
    try:
        status, body = running.health()
        assert status == 503 and not json.loads(body)["ready"], "the encoder cannot be there yet"
        running.ready()
        assert json.loads(running.health()[1])["ready"]
        answer = call(running, "pincite_ask", question="How long is cocoa stirred?").structuredContent
        assert answer and "nine minutes" in answer["answer"]
    finally:
        running.stop()


def test_health_is_bad_when_loading_failed(tmp_path: Path) -> None:
    running = Server(tmp_path / "index", "--corpus", str(tmp_path / "nowhere"))
    try:
        deadline = time.monotonic() + 60
        while "failed" not in running.health()[1]:
            assert time.monotonic() < deadline, running.health()
            time.sleep(0.2)
        assert running.health()[0] == 503
        with pytest.raises(AppError, match=r"not ready: .*nowhere"):
            Client(running.url, verbose=False).predict("What is dropout?", api_name="/ask")
    finally:
        running.stop()
