"""Every word that is not the corpus's: instructions for models, refusals, notes. Nothing else holds prose."""

from __future__ import annotations

from string import Template

SYSTEM = (
    "You answer questions from numbered excerpts. Use only what the excerpts say, in one to three short "
    "sentences. Do not add facts, names or numbers of your own. If they do not answer, say: Not stated."
)
USER = Template("Excerpts:\n$excerpts\n\nQuestion: $question\nAnswer:")

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
SOME_REMOVED = "Some of what the model wrote was left out: nothing in the articles supports it."


def user_prompt(question: str, excerpts: list[str]) -> str:
    """The user turn for a language model; excerpts are numbered from 1."""
    numbered = "\n".join(f"[{n}] {text}" for n, text in enumerate(excerpts, 1))
    return USER.substitute(excerpts=numbered, question=question)


def backend_failed(reason: str) -> str:
    """The refusal text when a back end failed; `reason` is one line."""
    return Template(BACKEND_FAILED).substitute(reason=reason.rstrip("."))
