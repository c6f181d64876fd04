"""Messages of a conversation: which ones lean on what was said before, and how they are to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from index.query import without_request
from ingest.text import FUNCTION_WORDS, fold, squeeze

MAX_TURNS = 3  # earlier user turns that a follow-up may lean on
_LONG = 400  # characters of a message that is not read more closely: it stands alone, or is searched with the rest
_RESOLVED = 8  # earlier user turns that words for "it" are looked for in
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
_DEFINITE = re.compile(r"(?:the|your|my)\b", re.IGNORECASE)
# What a question is about, told by its form; another thing put in its place; words for it.
_ENDS = (
    r"and|or|but|so|which|is|are|was|works?|do|does|means?|used?|helps?|looks?|like|matters?|important|for|when|if|in|that|"
    r"different|better|good"
)
_TOPIC = re.compile(
    r"^(?:(?:what|who)(?:'s| is| are| was| were| does| do)|how (?:does|do|would (?:you|i|one) design)|"
    r"why (?:is|are|does|do)|explain|define|describe|design|tell me about|(?:can|could) you explain) "
    r"(?P<topic>(?!(?:it|this|that|they|i|you|we|there|the difference|more|how|why)\b)"
    rf"[\w'’-]+(?: (?!(?:{_ENDS})\b)[\w'’-]+){{0,4}})(?: (?:{_ENDS})\b[\w ]*)?[?.! ]*$",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"^(?:what|who)(?:'s| is| are) (?!(?:the|your|my|so)\b)(?:an? )?(?:[\w-]+ )?(?P<last>[\w-]+)[?.! ]*$"
)
_RELATIONAL = frozenset(  # things that are of something
    """
    drawbacks advantages disadvantages benefits pros cons examples example steps types kinds reasons differences limits
    limitations challenges downsides upsides variants alternatives uses applications requirements costs salaries rounds
    stages tips available next better best needed important
    """.split()  # noqa: SIM905
)
_NAME = re.compile(r"(?<=\w )(?!I\b|ML\b|AI\b)(?![A-Z]+s\b)[A-Z][\w-]+(?: [A-Z][\w-]+)*")
_ANOTHER = re.compile(
    r"^(?:ok(?:ay)?,? )?(?:(?:and )?(?:what|how) about|and(?: (?:for|at|with))?) "
    r"(?P<other>(?!(?:if|when|how|what|why|which|for|at|with|in|on|the|those|these|your|my)\b)"
    r"[\w'’-]+(?: [\w'’-]+){0,2})[?.! ]*$",
    re.IGNORECASE,
)
_OF_IT = re.compile(  # "any downsides?", "what variants are there?"
    r"^(?:(?:and|so|ok(?:ay)?),? )?(?:(?:are|is) there )?(?:any|some|what(?: are)?(?: the| some)?|which) "
    r"(?P<thing>(?:[\w-]+ )?[\w-]+)(?: (?:are|is) there| exist)?[?.! ]*$",
    re.IGNORECASE,
)
_IT = re.compile(r"(?<!\bof )\b(?:its?|their|they|them|(?<=become )one)\b", re.IGNORECASE)
_OTHER = re.compile(r"\b(?:other|another|opposite|instead)\b", re.IGNORECASE)
_TWO = re.compile(r"\b(?:the two|both|these two|those two)\b(?! [\w-]+s\b)(?: of them)?")
_WHO = re.compile(
    r"\bthey (?:look|want|expect|ask|require|pay|value|hire|offer|test|give)|\bare they (?:after|looking)",
    re.IGNORECASE,
)
_OPENING = frozenset(("and", "but", "so", "ok", "okay", "elaborate"))


def leans(question: str) -> bool:
    """Whether a message may need the turns before it: it points back ("it", "those", "and ...") or is short."""
    words = _WORD.findall(fold(question).lower())
    content = sum(w not in FUNCTION_WORDS for w in words)
    if points_back(question):
        return True
    rest = without_request(question)
    if rest != question and not _DEFINITE.match(rest):  # "tell me about dropout" names its own subject
        return all(w in FUNCTION_WORDS for w in _WORD.findall(fold(rest).lower()))
    if (defined := _DEFINES.match(fold(question).lower())) and defined["last"] not in _RELATIONAL:
        return False
    if _WHOLE.match(" ".join(words)):
        named = any(w[0].isupper() for w in _WORD_ANY_CASE.findall(fold(question))[1:] if w != "I")
        return content < _WHOLE_CONTENT - named
    return content <= _SHORT


def points_back(question: str) -> bool:
    """Whether a message has words for what was said before it ("it", "those", "and ...")."""
    words = _WORD.findall(fold(question).lower())
    return any(w in _OPENING for w in words[:1]) or any(
        w in _POINTING for w in _WORD.findall(_without_inner(fold(question)).lower())
    )


def resolved(question: str, turns: Sequence[str]) -> str:
    """The question with what it points back to in its place, where the turns before it (the user's, oldest first) tell
    by their form what that is: after "What is overfitting?", "how do I prevent it?" is "how do I prevent overfitting?"
    and "What about dropout?" is "What is dropout?"; as it is where they do not.
    """
    if len(question) > _LONG:
        return question
    before, topic = "", ""
    topics: list[str] = []
    for turn in (t for t in turns[-_RESOLVED:] if len(t) <= _LONG):
        leaning = bool(before) and leans(turn)
        told, about = _put_in(turn, before, topic) if leaning else (turn, "")
        if len(told) > _LONG:
            continue
        if told != turn or not leaning:
            before, topic = told, about or _topic(told)
            topics += [topic] if topic and topic not in topics else []
    if len(topics) > 1:
        question = _TWO.sub(f"{topics[-2]} and {topics[-1]}", question)
    told = _put_in(question, before, topic)[0]
    return told if len(told) <= _LONG else question


def _topic(question: str) -> str:
    match = _TOPIC.match(question)
    return match["topic"] if match else ""


def _put_in(question: str, before: str, topic: str) -> tuple[str, str]:
    """One message with what the one before it, and its topic, tell; and what it is then about, if that is told."""
    names = list(dict.fromkeys(m.group().removesuffix("'s") for m in _NAME.finditer(fold(before))))
    if another := _ANOTHER.match(question):
        new = another["other"]
        if new[0].isupper() and len(names) == 1:
            return before.replace(names[0], new), topic.replace(names[0], new)
        return (before.replace(topic, new), new) if topic and not names else (question, "")
    if topic and (asked := _OF_IT.match(question)) and not set(asked["thing"].lower().split()) & _POINTING:
        thing = asked["thing"]
        if thing.lower() in _RELATIONAL or (thing.endswith("s") and not thing.endswith("ss")):
            return f"What are the {thing} of {topic}?", topic
    if _WITHIN.search(question) or _OTHER.search(question):
        return question, ""
    if len(names) == 1:
        question = _WHO.sub(lambda m: re.sub("they", names[0], m.group(), flags=re.IGNORECASE), question)
    if topic:
        question = _IT.sub(lambda m: topic + ("'s" if m.group().lower() in ("its", "their") else ""), question)
    return question, topic


def _without_inner(question: str) -> str:
    """The question without the pointing words that have what they point to beside them."""
    if len(question) > _LONG:
        return question
    for _ in range(3):  # one name may be pointed to more than once
        question = _WITHIN.sub(lambda m: m["noun"] or m["named"] or "", question)
    return question


def search_text(question: str, history: Sequence[Mapping[str, str]] = ()) -> str:
    """The text to search for. A message that leans on earlier ones is searched as they tell to read it (`resolved`), or
    with the user's turns before it, its own words repeated so that they weigh more; one that stands alone as it is.
    """
    turns = [squeeze(str(m.get("content", ""))) for m in history if m.get("role") == "user"]
    if not turns or not leans(question):
        return squeeze(question)
    told = resolved(question, turns)
    if told != question and not leans(told):
        return squeeze(told)
    return squeeze(" ".join([*turns[-MAX_TURNS:], *[told] * _REPEAT]))
