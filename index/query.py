"""From what a person typed, and said before, to the text that is searched for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ingest.errors import QuestionError
from ingest.limits import Limits
from ingest.text import FUNCTION_WORDS, fold, squeeze

MAX_TURNS = 3  # earlier user turns that a follow-up may lean on
_REPEAT = 3  # how often a follow-up's own words count against those of the turns before it
_SHORT = 4  # a message with at most this many content words may lean on what was said before
_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*")
_POINTING = frozenset(
    """
    it its they them their that this those these there then one ones he she his her same former latter other others
    another instead also else more again
    """.split()  # noqa: SIM905
)
# Pointing words that point within their own question, or nowhere: "Is there ...?", "models that overfit", "How does
# Uber pay its drivers?", "Why does a model forget when it is tuned?". "The company ... its" still points back.
_NAMED = r"(?:(?<=\S )(?!I\b)[A-Z][\w'’-]*|\b[Aa]n? \w+)"
_WITHIN = re.compile(
    rf"^(?i:is|was) there(?= an? )|\b(?P<noun>(?:an?|some|any) (?:[\w-]+ )?[\w-]+) that(?= \w)|"
    rf"(?P<named>{_NAMED}\b.*?) (?:its|their|his|her|(?:and|when|if|while|because|after|before|once|what) "
    r"(?:it|they|he|she))\b"
)
_WORD_ANY_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9'-]*")
# A question with its own verb stands alone with this many content words, one fewer if it names somebody.
_VERBS = "is|are|was|were|do|does|did|has|have|can|could|should|would|will"
_WHOLE = re.compile(
    rf"(?:who|what|when|where|which|why|how)\b.*\b(?:{_VERBS})\b|(?!(?:can|could|would|will) you\b)(?:{_VERBS})\b"
)
_WHOLE_CONTENT = 3
_REQUEST = re.compile(
    r"^\W*(?:(?:can|could|would|will) you )?(?:please )?"
    r"(?:(?:walk|talk|take) me through|tell me (?:more )?about|(?:explain|describe|outline)(?: to me)?|"
    r"(?:give|show|tell|name|find)(?: me)? (?:an|some|one|a few|another) examples? (?:of|for)(?: an?)?) ",
    re.IGNORECASE,
)
_DEFINITE = re.compile(r"(?:the|your|my)\b", re.IGNORECASE)
_GREETING = r"(?:good (?:day|morning|afternoon|evening)|hello|hi|hey|greetings)(?: there| all| everyone)?[,.!]+\s+"
_POLITELY = (
    r"(?:(?:(?:can|could|would|will) you (?:please |kindly )?|please )(?:tell me|let me know)|"
    r"i(?:['’]d| would) (?:like|love) to (?:know|ask|learn|find out)|i want(?:ed)? to (?:know|ask|find out)|"
    r"i(?:['’]m| am| was)(?: just)? (?:wondering|curious)|do you (?:happen to )?know|may i ask)[,:]?\s+"
    r"(?P<whether>(?:whether|if)\s)?(?!about\b|more\b)"
)
_COURTESY = re.compile(rf"^(?:{_GREETING})?(?:{_POLITELY})?(?=\w)", re.IGNORECASE)
_OPENING = frozenset(("and", "but", "so", "ok", "okay", "elaborate"))


def check_question(question: object) -> str:
    """The question, trimmed.

    Raises:
        QuestionError: not a string, empty, or longer than `Limits.question` characters.
    """
    if not isinstance(question, str):
        raise QuestionError(f"a question must be text, {type(question).__name__} seen")
    text = question.encode("utf-8", "replace").decode("utf-8").strip()
    if not any(c.isalnum() for c in text):
        raise QuestionError("the question is empty: type a question with at least one word")
    most = Limits.from_environment().question
    if len(text) > most:
        raise QuestionError(f"the question has {len(text):,} characters, at most {most:,} are read: shorten it")
    return text


def check_history(history: object) -> list[dict[str, str]]:
    """Earlier messages, oldest first; None is none.

    Raises:
        QuestionError: not a list of messages with "role" and "content", or more or longer ones than `Limits` allows.
    """
    limits = Limits.from_environment()
    turns = [] if history is None else history
    if not isinstance(turns, (list, tuple)) or len(turns) > limits.turns:
        raise QuestionError(f"history must be a list of at most {limits.turns} messages: send the latest ones")
    for turn in turns:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, Mapping) else (None, None)
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise QuestionError('a message of history is {"role": "user" or "assistant", "content": text}')
        if len(content) > limits.turn:
            raise QuestionError(
                f"a message of history has {len(content):,} characters, at most {limits.turn:,} are read"
            )
    return [{"role": t["role"], "content": t["content"].encode("utf-8", "replace").decode()} for t in turns]


def without_request(question: str) -> str:
    """The question without an opening that only asks for an answer ("Walk me through ...", "Tell me about ...")."""
    return _REQUEST.sub("", question, count=1) or question


def without_courtesy(question: str) -> str:
    """The question without a greeting and "I would like to know", "could you tell me" and the like before it; what
    is left of "I was wondering if ..." begins with "whether".
    """
    return _COURTESY.sub(lambda m: "whether " if m["whether"] else "", question, count=1)


def leans(question: str) -> bool:
    """Whether a message may need the turns before it: it points back ("it", "those", "and ...") or is short."""
    words = _WORD.findall(fold(question).lower())
    content = sum(w not in FUNCTION_WORDS for w in words)
    if words[0] in _OPENING or any(w in _POINTING for w in _WORD.findall(_without_inner(fold(question)).lower())):
        return True
    rest = without_request(question)
    if rest != question and not _DEFINITE.match(rest):  # "tell me about dropout" names its own subject
        return all(w in FUNCTION_WORDS for w in _WORD.findall(fold(rest).lower()))
    if _WHOLE.match(" ".join(words)):
        named = any(w[0].isupper() for w in _WORD_ANY_CASE.findall(fold(question))[1:] if w != "I")
        return content < _WHOLE_CONTENT - named
    return content <= _SHORT


def _without_inner(question: str) -> str:
    """The question without the pointing words that have what they point to beside them."""
    for _ in range(3):  # one name may be pointed to more than once
        question = _WITHIN.sub(lambda m: m["noun"] or m["named"] or "", question)
    return question


def search_text(question: str, history: Sequence[Mapping[str, str]] = ()) -> str:
    """The text to search for. A message that leans on earlier ones is searched with the user's turns before it,
    its own words repeated so that they weigh more; a message that stands alone is searched as it is.
    """
    turns = [squeeze(str(m.get("content", ""))) for m in history if m.get("role") == "user"]
    if not turns or not leans(question):
        return squeeze(question)
    return squeeze(" ".join([*turns[-MAX_TURNS:], *[question] * _REPEAT]))
