"""Every word that is not the corpus's: instructions for models, refusals, notes. Nothing else holds prose."""

from __future__ import annotations

import re
from string import Template

from bot.values import Citation
from ingest.text import printable, squeeze

SYSTEM = (
    "You answer questions from numbered excerpts. Use only what the excerpts say, in one to three short "
    "sentences. Do not add facts, names or numbers of your own. If they do not answer, say: Not stated."
)
USER = Template("Excerpts:\n$excerpts\n\nQuestion: $question\nAnswer:")

_TURN = re.compile(  # ChatML, Llama 2 to 4, Mistral, Gemma, Phi and their kin
    r"<[|｜][^<>]{0,40}?[|｜]>|</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_(?:CALLS|RESULTS))\]|"
    r"</?(?:start_of_turn|end_of_turn|bos|eos|pad|unk|think|tool_call|tool_response)>"
)
_MARKER = re.compile(r"\[\d+\]")

NOTHING_RETRIEVED = (
    "The articles don't cover this: no passage is close to the question. "
    "Try other words, or ask about something the articles discuss."
)
NOT_SUPPORTED = (
    "The articles don't say. They come close to the subject, and the passages below are what they do say, "
    "but none of them answers this question."
)
BACKEND_FAILED = "The language model could not answer: $reason. This says nothing about the articles; try again."
QUOTES_INSTEAD = "What the model wrote was not supported by the articles, so these are the articles' own words."
UNSUPPORTED_MARK = "(not in the articles:)"
SOME_MARKED = "Nothing in the articles supports the marked sentences: they are the model's own."
SOME_REMOVED = "Some of what the model wrote was left out: nothing in the articles supports it."
ARTICLES_DIFFER = "The articles differ on this: compare [$first] ($one) with [$second] ($two)."

GREETING = (
    "Hello! Ask me anything that the articles discuss; every sentence of an answer links to the words it rests on."
)
WELCOME = "You're welcome. Ask on whenever you like."
FAREWELL = "Goodbye!"
_OPENER = r"(?:ok(?:ay)?|great|perfect|cool|nice|wow|awesome|alright|oh|ah|well|and|so|very|many)"
_FILLER = (
    r"(?:there|all|everyone|bot|pincite|friend|again|so much|very much|a lot|for (?:that|this|your help|the help))"
)
_SMALL_TALK = tuple(
    (reply, re.compile(rf"(?:{_OPENER}\W+)*(?:{words})(?:\W+{_FILLER})*\W*", re.IGNORECASE))
    for reply, words in (
        (GREETING, r"h(?:i|ello|ey|iya|owdy)|good (?:morning|afternoon|evening|day)|greetings|how are you(?: doing)?"),
        (WELCOME, r"thanks?(?: you)?|thank you|thx|ty|cheers|much appreciated|got it|great|perfect|awesome|nice|cool"),
        (FAREWELL, r"(?:good)?bye(?: bye)?|see you(?: later)?|good night|farewell"),
    )
)


def small_talk(message: str) -> str:
    """The reply to a message that is nothing but a greeting, thanks or a goodbye; else an empty string."""
    return next((reply for reply, form in _SMALL_TALK if form.fullmatch(message.strip())), "")


def user_prompt(question: str, excerpts: list[str]) -> str:
    """The user turn for a language model; excerpts are numbered from 1. Nothing in an excerpt or a question can end
    the turn, open another, number itself as an excerpt or hide from a reader.
    """
    numbered = "\n".join(f"[{n}] {_MARKER.sub(' ', unspoken(text))}" for n, text in enumerate(excerpts, 1))
    return USER.substitute(excerpts=numbered, question=unspoken(question))


def unspoken(text: str) -> str:
    """Text on one line without what chat templates put between turns, and without characters nobody sees."""
    return squeeze(_TURN.sub(" ", printable(text)))


def articles_differ(first: Citation, second: Citation) -> str:
    """The note when two citations give different figures."""
    return Template(ARTICLES_DIFFER).substitute(
        first=first.marker, one=first.article, second=second.marker, two=second.article
    )


def backend_failed(reason: str) -> str:
    """The refusal text when a back end failed; `reason` is one line."""
    return Template(BACKEND_FAILED).substitute(reason=reason.rstrip("."))
