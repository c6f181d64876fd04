"""A model behind an OpenAI-compatible address (OpenAI, Hugging Face, vLLM, Ollama, LM Studio, `transformers
serve`), or any other provider LangChain knows, as `hosted:PROVIDER:MODEL`.

Set up by the environment alone: OPENAI_BASE_URL and OPENAI_API_KEY, PINCITE_LLM_MODEL (for a bare `hosted`),
PINCITE_LLM_TIMEOUT (seconds for the whole answer, 60). It fails with one line that names the host and the way
out and never holds a secret; it never falls back to another engine.

    OPENAI_BASE_URL=http://127.0.0.1:11434/v1 python -m bot ask "What is dropout?" --llm hosted:llama3.2
"""

from __future__ import annotations

import math
import os
import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bot import prompts
from bot.choice import choose
from bot.engine import Draft, split_stream
from bot.evidence import Evidence
from ingest.errors import BackendError

OPENAI = "https://api.openai.com/v1"
_PROVIDER = re.compile(  # what may stand before a model's name; an Ollama name such as llama3.2:1b stays whole
    "(openai|anthropic|azure_ai|azure_openai|baseten|bedrock|bedrock_converse|cohere|deepseek|fireworks|google_genai"
    "|google_vertexai|groq|huggingface|ibm|litellm|mistralai|nvidia|ollama|openrouter|perplexity|together|upstage|xai)"
    ":(.+)"
)
_EVIDENCE_WORDS = 500
_MAX_TOKENS = 300
_MAX_CHARACTERS = 8000  # where a server that ignores max_tokens is cut off
_TRIES = 3
_FIRST_PAUSE = 0.5  # seconds, doubled with every try


def hosted_configured() -> bool:
    """Whether the environment names a key or an address."""
    return bool(_env("OPENAI_API_KEY") or _env("OPENAI_BASE_URL"))


class HostedEngine:
    """Drafts with a model on a server. Safe to share between threads: every answer has its own connection."""

    def __init__(self, model: str = "") -> None:
        """Read the configuration; nothing is sent.

        Raises:
            BackendError: no model, no address and no key, or values that cannot be used.
        """
        model = model.strip() or _env("PINCITE_LLM_MODEL")
        if not model:
            raise BackendError("no hosted model is named: set PINCITE_LLM_MODEL or write hosted:MODEL")
        self.name = f"hosted:{model}"
        match = _PROVIDER.fullmatch(model)
        self._provider, self._model = match.groups() if match else ("openai", model)
        self._timeout = _timeout()
        self._endpoint = _Endpoint.from_environment() if self._provider == "openai" else None
        self._host = self._endpoint.host if self._endpoint else self._provider

    @property
    def destination(self) -> str:
        """Where questions and excerpts go, for display: "goes to HOST"."""
        return f"goes to {self._host}"

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        """Sentences as the server streams them.

        Raises:
            BackendError: the server cannot be reached, refuses, is too slow, or answers nonsense.
        """
        excerpts = [e.clean for e in choose(evidence, _EVIDENCE_WORDS)]
        messages = [("system", prompts.SYSTEM), ("human", prompts.user_prompt(question, excerpts))]
        ends: list[str] = []
        yield from split_stream(self._pieces(messages, ends), lambda: "length" in ends)

    def _pieces(self, messages: list[tuple[str, str]], ends: list[str]) -> Iterator[str]:
        """The answer's text; what fails in passing is tried again until something was said. How the model ended
        is put into `ends`.
        """
        model, connections = self._open()
        deadline = time.monotonic() + self._timeout
        said = 0
        with connections:
            for attempt in range(1, _TRIES + 1):
                call = _Call(model, messages, must_finish=self._endpoint is not None)
                for text in call.pieces(deadline):
                    said += len(text)
                    yield text
                    if said > _MAX_CHARACTERS:
                        ends.append("length")
                        return
                if call.error is None and said:
                    ends.append(call.finish)
                    return
                failure = self._failure(call, said)
                pause = max(_FIRST_PAUSE * 2 ** (attempt - 1), failure.pause)
                if said or not failure.passing or attempt == _TRIES or time.monotonic() + pause >= deadline:
                    tries = f" (tried {attempt} times)" if attempt > 1 else ""
                    raise BackendError(failure.message + tries)
                time.sleep(pause)

    def _failure(self, call: _Call, said: int) -> _Failure:
        if isinstance(call.error, _LateError):
            did = "was still writing" if said else "had not answered"
            return _Failure(f"{self._host} {did} after {self._timeout:g} s: try again or raise PINCITE_LLM_TIMEOUT")
        if call.error is None:
            why = f", all {_MAX_TOKENS} tokens went elsewhere" if call.finish == "length" else ""
            return _Failure(f"{self._host} sent an empty reply{why}: use another model than {self._model}")
        return _explain(call.error, self._host, self._model)

    def _open(self) -> tuple[Any, ExitStack]:
        """The chat model, and its connections to be cut when the answer is done."""
        settings: dict[str, Any] = {"temperature": 0, "timeout": self._timeout, "max_retries": 0}
        connections = ExitStack()
        try:
            from langchain.chat_models import init_chat_model

            if self._endpoint is None:
                settings["max_tokens"] = _MAX_TOKENS
            else:
                settings |= self._endpoint.settings()
                settings["http_client"] = connections.enter_context(self._endpoint.client())
            return init_chat_model(self._model, model_provider=self._provider, **settings), connections
        except Exception as error:  # a package or key that is missing, settings a provider does not take
            connections.close()
            reason = _scrub(str(error)) or type(error).__name__
        raise BackendError(f"{self.name} cannot be used: {reason}")


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An OpenAI-compatible address; everything secret is kept apart from what is shown (`host`)."""

    host: str
    url: str
    key: str = field(repr=False)
    login: tuple[str, str] | None = field(repr=False)
    query: dict[str, str] = field(repr=False)

    @classmethod
    def from_environment(cls) -> _Endpoint:
        """Read OPENAI_BASE_URL and OPENAI_API_KEY; raises `BackendError`."""
        if not hosted_configured():
            raise BackendError("hosted needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own")
        key = _env("OPENAI_API_KEY")
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise BackendError("OPENAI_API_KEY holds characters that no key has: copy it again")
        try:
            parts = urlsplit(_env("OPENAI_BASE_URL") or OPENAI)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        if parts.scheme not in ("http", "https") or not host or not host.isprintable() or " " in host:
            raise BackendError("OPENAI_BASE_URL is not an address such as http://127.0.0.1:8000/v1")
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        login = (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username else None
        url = f"{parts.scheme}://{place}{parts.path}"
        return cls(place, url, key, login, dict(parse_qsl(parts.query)))

    def client(self) -> Any:
        """An HTTP client for one answer: closing it cuts a server off. It follows no redirect to another host."""
        import openai

        proxy = _env("OPENAI_PROXY") or None
        return openai.DefaultHttpxClient(auth=self.login, follow_redirects=False, proxy=proxy)

    def settings(self) -> dict[str, Any]:
        """What `ChatOpenAI` needs. Only OpenAI knows `max_completion_tokens`, its name for `max_tokens`."""
        from langchain_openai import ChatOpenAI

        settings: dict[str, Any] = {
            "base_url": self.url,
            "api_key": self.key or "none",  # the client insists on one; a server of one's own ignores it
            "default_query": self.query or None,
            "openai_proxy": None,  # `client` knows it
            "stream_usage": False,
            "use_responses_api": False,
        }
        if self.host.endswith(("openai.com", "openai.azure.com")):
            settings["max_tokens"] = _MAX_TOKENS
        else:
            settings["extra_body"] = {"max_tokens": _MAX_TOKENS}
        if "http_socket_options" in ChatOpenAI.model_fields:  # else it warns, wrongly, that proxies are ignored
            settings["http_socket_options"] = ()
        return settings


class _LateError(Exception):
    """The deadline passed."""


class _Call:
    """One streamed request in a thread of its own, so that the deadline holds whatever the socket does."""

    def __init__(self, model: Any, messages: list[tuple[str, str]], must_finish: bool) -> None:
        self.error: Exception | None = None
        self.finish = ""
        self._queue: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
        self._model, self._messages, self._must_finish = model, messages, must_finish
        threading.Thread(target=self._work, name="pincite-hosted", daemon=True).start()

    def pieces(self, deadline: float) -> Iterator[str]:
        """Text as it comes; afterwards `error` says whether all went well."""
        while True:
            try:
                item = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                item = _LateError()
            if isinstance(item, str):
                yield item
                continue
            self.error = item
            return

    def _work(self) -> None:
        try:
            said = False
            for chunk in self._model.stream(self._messages):
                self.finish = str(chunk.response_metadata.get("finish_reason") or self.finish)
                if text := str(chunk.text):
                    said = True
                    self._queue.put(text)
            if self._must_finish and not self.finish:
                raise EOFError if said else ValueError("no chat completion")
            self._queue.put(None)
        except Exception as error:  # handed to the reader
            self._queue.put(error)


@dataclass(frozen=True, slots=True)
class _Failure:
    """What went wrong and what to do, whether it may pass, and the seconds the server asks to wait."""

    message: str
    passing: bool = False
    pause: float = 0.0


def _explain(error: Exception, host: str, model: str) -> _Failure:
    """An exception of any client library, told by its status or by the names of its kind and of its causes."""
    causes = _causes(error)
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    text = _scrub(str(error)) or type(error).__name__
    if isinstance(status, int):
        return _explain_status(status, error, host, model, text)
    if names & {"TimeoutException", "APITimeoutError", "TimeoutError"}:
        return _Failure(f"{host} had not answered in time: try again or raise PINCITE_LLM_TIMEOUT")
    if names & {"ConnectError", "ConnectionRefusedError", "gaierror"}:
        why = "nothing listens there" if "ConnectionRefusedError" in names else "no connection"
        why = "there is no such host" if "gaierror" in names else "TLS failed" if "SSLError" in names else why
        return _Failure(f"{host} cannot be reached, {why}: start the server or check OPENAI_BASE_URL", passing=True)
    garbled = "RemoteProtocolError" in names and not any(" without " in str(cause) for cause in causes)
    if not garbled and names & {"RemoteProtocolError", "NetworkError", "APIConnectionError", "OSError", "EOFError"}:
        return _Failure(f"{host} closed the connection in the middle of its answer: try again", passing=True)
    if garbled or names & {"ValueError", "TypeError", "LookupError", "AttributeError"}:
        return _Failure(
            f"{host} answered with something that is no chat completion: check OPENAI_BASE_URL, "
            "most addresses end in /v1"
        )
    return _Failure(f"{host} reported an error, try again or use another model: {text}")


def _explain_status(status: int, error: Exception, host: str, model: str, text: str) -> _Failure:
    if status in (401, 403):
        return _Failure(f"{host} refused the key ({status}): check OPENAI_API_KEY, or the provider's own key variable")
    if status == 402 or getattr(error, "code", None) == "insufficient_quota":
        return _Failure(f"{host} says the credit is used up ({status}): top it up or use another model")
    if status == 404:
        return _Failure(
            f"{host} knows no model {model} at this address (404): check the model's name and OPENAI_BASE_URL, "
            "most addresses end in /v1"
        )
    if status == 429:
        asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
        pause = float(asked) if re.fullmatch(r"\d{1,6}(\.\d+)?", asked) else 0.0
        return _Failure(f"{host} limits the rate of requests (429): wait a minute, then try again", True, pause)
    if status in (408, 409) or status >= 500:
        return _Failure(f"{host} failed on its side ({status}): try again later or look at the server's log", True)
    if status < 400:
        return _Failure(
            f"{host} sends elsewhere ({status}), which is not followed: give OPENAI_BASE_URL its new address"
        )
    return _Failure(f"{host} refused the request ({status}): {text}")


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and len(causes) < 12:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes


def _scrub(text: str) -> str:
    """Foreign text on one short line, without anything that is, or looks like, a secret."""
    for name, value in os.environ.items():
        if name.endswith(("_KEY", "_TOKEN", "_SECRET")) and len(value.strip()) >= 8:
            text = text.replace(value.strip(), "[key]")
    text = re.sub(r"\b(?:sk|hf|gsk|xai|key)[-_][\w*.-]{4,}|(?i:bearer|basic)\s+\S+|//[^/\s@]*@", "[key]", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 240 else text[:240] + " ..."


def _timeout() -> float:
    text = _env("PINCITE_LLM_TIMEOUT") or "60"
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 3600:
        raise BackendError(f"PINCITE_LLM_TIMEOUT must be seconds between 0 and 3600, not {text!r}")
    return seconds


def _env(name: str) -> str:
    return os.environ.get(name, "").strip()
