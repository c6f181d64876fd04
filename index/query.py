"""What a person typed, checked and without what only asks for an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from index.lexical import stems
from ingest.errors import QuestionError
from ingest.limits import Limits

_REQUEST = re.compile(
    r"^\W*(?:(?:can|could|would|will) you )?(?:please )?"
    r"(?:(?:walk|talk|take) me through|tell me (?:more )?about|(?:explain|describe|outline)(?: to me)?|"
    r"(?:give|show|tell|name|find)(?: me)? (?:an|some|one|a few|another) examples? (?:of|for)(?: an?)?) ",
    re.IGNORECASE,
)
_SOURCES = re.compile(
    r",? (?:according to|do|does|did) (?:the|these|this|your|any of (?:the|these))"
    r" (?:articles?|texts?|guides?|documents?|sources?|passages?|posts?|pages?)"
    r"(?: (?:name|mention|list|say|give|describe|discuss|recommend|suggest|cover)(?: about)?)?(?=\W*$)",
    re.IGNORECASE,
)
_GREETING = r"(?:good (?:day|morning|afternoon|evening)|hello|hi|hey|greetings)(?: there| all| everyone)?[,.!]+\s+"
_POLITELY = (
    r"(?:(?:(?:can|could|would|will) you (?:please |kindly )?|please )(?:tell me|let me know)|"
    r"i(?:['’]d| would) (?:like|love) to (?:know|ask|learn|find out)|i want(?:ed)? to (?:know|ask|find out)|"
    r"i(?:['’]m| am| was)(?: just)? (?:wondering|curious)|do you (?:happen to )?know|may i ask)[,:]?\s+"
    r"(?P<whether>(?:whether|if)\s)?(?!about\b|more\b)"
)
_COURTESY = re.compile(rf"^(?:{_GREETING})?(?:{_POLITELY})?(?=\w)", re.IGNORECASE)
_SPAN = r"(?:an?|one|two|three|a few|a couple of|[1-5]) (?:short |simple |single )?(?:sentences?|words?|lines?)"
IN_SHORT = rf"in {_SPAN}|in short|in brief|in a nutshell|briefly|(?:as )?tl;?dr"
_SIMPLY = (
    r"(?:in|using|with) (?:(?:very|really|more) )?(?:simpler?|plain|easy|everyday|lay|layman(?:'?s)?|non-?technical) "
    r"(?:terms|words|language|english)|in your own words|simply put|(?:as if|like) i(?:'?m| am| was| were) (?:five|5|"
    r"a (?:child|kid|beginner))|(?:like |as )?(?:to|for) an? (?:five|5)[ -]year[ -]old|eli5|in (?:more |some )?detail"
)
_MANNER = rf"(?:please )?(?P<manner>{IN_SHORT}|{_SIMPLY})(?:,? please)?"
_MANNERS = (
    re.compile(rf"(?<=\w)(?:[,:;(-]+| [,:;(-]+|(?= ))\s*{_MANNER}\)?(?P<end>\W*)$", re.IGNORECASE),
    re.compile(rf"^{_MANNER}[,:;]? (?=\w)", re.IGNORECASE),
)
_ASKS = r"(?:(?:by|at|in|on|for|from|to|with) )?(?:what|which|how|when|where|who|why)\b"
AND_ASKS = re.compile(  # between one question and the next
    rf"[,;]?\s+(?:and|but|or)\s+(?={_ASKS})|(?<=\?)\s+(?:(?:and|but|or|also),? )?(?={_ASKS})", re.IGNORECASE
)
_CONTENT = 2  # content words that each of several questions has at least if it leans on those before it
_WHOLE = re.compile(  # "what is recall", but neither "how does it work" nor "which for Deloitte"
    r"^(?!.*\b(?:it|its|they|them|their|this|that|these|those|there|ones?)\b)"
    r".*\b(?:is|are|was|were|do|does|did|can|could|should|will|would|has|have|had|must|may)\b",
    re.IGNORECASE | re.DOTALL,
)
_SEVERAL = 3  # questions in one, at most
BRIEF = 2  # sentences of a short answer
_LAST = 80  # characters at the end of a question among which a manner is looked for


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
    """The question without an opening that only asks for an answer ("Walk me through ...", "Tell me about ..."), and
    without an end that only says where from ("... do the articles name?").
    """
    bare = _SOURCES.sub("", _REQUEST.sub("", question, count=1), count=1)
    return bare if any(c.isalnum() for c in bare) else question


@dataclass(frozen=True, slots=True)
class Manner:
    """How to answer, in the words of whoever asks, and in how many sentences at most if it is to be short, else 0."""

    words: str = ""
    sentences: int = 0


def without_manner(question: str) -> tuple[str, Manner]:
    """The question without how it is to be answered ("in simple words", "in one sentence, ..."), and that."""
    plain = question.replace("’", "'")
    for form, start in zip(_MANNERS, (max(0, len(plain) - _LAST), 0), strict=True):
        if not (match := form.search(plain, start)):
            continue
        end = match.groupdict().get("end") or ""
        bare = f"{question[: match.start()]}{end}{question[match.end() :]}".strip()
        if len(re.findall(r"\w+", bare)) < 2:  # it says nothing else
            break
        words = match["manner"]
        most = 1 if words.lower().endswith(("sentence", "word", "line")) else BRIEF
        return bare, Manner(words, most if re.fullmatch(IN_SHORT, words, re.IGNORECASE) else 0)
    return question, Manner()


def several(question: str) -> list[str]:
    """What a question asks one after the other ("Who may book it, and what does that cost?"), each a question with some
    words of its own; nothing where it asks one thing. What stands before the first stays with it.
    """
    parts = AND_ASKS.split(question)
    least = [1 if _WHOLE.match(part) else _CONTENT for part in parts]
    if not 1 < len(parts) <= _SEVERAL or any(len(set(stems(p))) < n for p, n in zip(parts, least, strict=True)):
        return []
    return [part if part.rstrip().endswith("?") else f"{part.rstrip(' ,;.')}?" for part in parts]


def without_courtesy(question: str) -> str:
    """The question without a greeting and "I would like to know", "could you tell me" and the like before it; what
    is left of "I was wondering if ..." begins with "whether".
    """
    return _COURTESY.sub(lambda m: "whether " if m["whether"] else "", question, count=1)
