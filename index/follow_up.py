"""Messages of a conversation: which ones lean on what was said before, and how they are to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache

from index.query import without_request
from index.turns import LONG as _LONG
from index.turns import Wish, back_to, correction, listed, wish, with_item, without_opening
from ingest.text import FUNCTION_WORDS, fold, squeeze

MAX_TURNS = 3  # earlier user turns that a follow-up may lean on
_RESOLVED = 8  # earlier user turns that words for "it" are looked for in
_REPEAT = 3  # how often a follow-up's own words count against those of the turns before it
_SAME_WORD = 0.75  # likeness of two words from which one is the other, mistyped
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
    r"^(?:(?:what|who)(?:'?s| is| are| was| were| does| do)|how (?:does|do|"
    r"(?:would|do|can|should) (?:you|i|we|one) (?:design|build|implement))|"
    r"why (?:is|are|does|do)|explain|define|describe|design|tell me about|(?:can|could) you explain) "
    r"(?P<topic>(?!(?:it|this|that|they|he|she|i|you|we|there|the difference|more|how|why)\b)"
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
    stages tips mistakes pitfalls problems issues causes consequences effects risks strengths weaknesses dangers
    available next better best needed important
    """.split()  # noqa: SIM905
)
_NAME = re.compile(  # "Uber", "Hugging Face", "Spotify's Discover Weekly"
    r"(?<=\w )(?!(?:I|M[Ll]|A[Ii])\b)(?![A-Z]+s\b)[A-Z][\w-]+(?:(?:'s)? (?!(?:M[Ll]|A[Ii])\b)[A-Z][\w-]+)*"
)
_BARE = re.compile(  # "RNNs?"
    r"(?!(?:why|how|when|where|who|what|which|more|next|same|any|some|and|or|but|so|for|at|is|are|the)\b)"
    r"[\w-]{2,}(?: [\w-]{3,})?\?",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"^(?P<lead>(?:and |but |so )?(?:what|how) about |and |but |or )?(?:(?P<how>for|at|with|in|on) )?"
    r"(?P<other>(?!(?:if|when|how|what|why|which|who|where|for|at|with|in|on|the|those|these|that|this|then|it|your|my|"
    r"is|are|do|does|can|about)\b)[\w'’-]+(?: [\w'’-]+){0,2})(?:, (?P<rest>[^?.!]+))?[?.! ]*$",
    re.IGNORECASE,
)
_OF_IT = re.compile(  # "any downsides?", "what variants are there?", "can you summarize the pitfalls"
    r"^(?:(?:and|so|ok(?:ay)?),? )?(?:(?:are|is) there )?(?:any|some|what(?: are)?(?: the| some)?|which|"
    r"(?:(?:can|could) you )?(?:please )?(?:summari[sz]e|list|name|give me|show me|tell me) (?:the|some)) "
    r"(?P<thing>(?:[\w-]+ )?[\w-]+)(?: (?:are|is) there| exist)?[?.! ]*$",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:an?|the) ", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"^(?:and )?(?:(?:(?:can|could|would) you )?(?:please )?(?:give|show)(?: me)? (?:an|some)|any|an|for) "
    r"examples?[?.! ]*$",
    re.IGNORECASE,
)
# What a question has that another thing can take the place of; whom or what it is about, told by its verb.
_PREPOSED = r"^(?P<before>.*\b%s )[\w'’-]+(?: [\w'’-]+){0,3}(?P<after>[?.! ]*)$"
_PLURAL = re.compile(
    r"\b(?:do|are|were|did|can|should) (?P<thing>(?!(?:the|those|these|they|you|i|we|it|he|she|this|that|my|your)\b)"
    r"(?:[\w-]+ ){0,2}?[\w-]*[^\Ws]s)(?= )",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"^(?:does|do|is|are|can|could|will|would|did) (?:an? )?"
    r"(?P<topic>(?!(?:it|this|that|these|those|they|he|she|i|you|we|there|the|my|your|one)\b)"
    r"[\w'’-]+(?: [\w'’-]+){0,2}?) (?:help|work|matter|reduce|improve|prevent|affect|fix|solve|stop|cause|change|need|"
    r"support|replace)\b",
    re.IGNORECASE,
)
_RELATION = re.compile(  # "what are common mistakes in A/B tests"
    r"^(?:what|which)(?:'?s| are| is) (?:the |some )?(?:[\w-]+ ){0,2}?(?P<thing>\w+) "
    r"(?:of|in|for|to|with|about|at|when) "
    r"(?P<topic>[\w'’/-]+(?: [\w'’/-]+){0,5})[?.! ]*$",
    re.IGNORECASE,
)
_DOING = re.compile(
    r"^how (?:do|does) .*(?<!work)(?<!works)[?.! ]*$", re.IGNORECASE
)  # its topic may have the verb in it
_THING = r"[\w'’.+/-]+(?: [\w'’.+/-]+){0,3}"
_COMPARED = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\bdifferences? between (?P<one>{_THING}?) and (?P<two>{_THING})$",
        rf"^(?:compare )?(?P<one>{_THING}?) (?:vs\.?|versus) (?P<two>{_THING})$",
        rf"^how (?:do|does|is|are) (?P<one>{_THING}?) (?:differ|different) from (?P<two>{_THING})$",
    )
)
_OTHER_ONE = re.compile(r"^(?:and |what about |how about |and what about )?the other(?: one)?[?.! ]*$", re.IGNORECASE)
_WHICH = re.compile(
    r"^(?:(?:and|so|but) )?(?:when (?:to|should i|do i) use )?which(?: (?:one|of (?:them|these|those|the two)))?"
    r"(?= (?:is|are|was|has|does|do|should|would|can|will)\b|(?<=one) | \w+s (?:to|the|more|less|better|best|a|an)\b|"
    r"[?.! ]*$)",
    re.IGNORECASE,
)
_DIFFERENCE = re.compile(
    r"^(?:(?:and|so) )?(?:what(?:'?s| is| are) )?the differences?"
    r"(?: then| between (?:them|the two|those|these))?[?.! ]*$",
    re.IGNORECASE,
)
_THAT = re.compile(
    r"(?:(?<=\bwith )|(?<=\bto )|(?<=\bof )|(?<=\bfor )|(?<=\babout ))(?:that|this)(?=[?.! ]*$)|"
    r"(?:(?<=\bis )|(?<=\bdoes ))(?:that|this)(?= (?:different|better|worse|related|important|useful|used|needed|"
    r"necessary|hard|difficult|work|help|matter|compare)\b)",
    re.IGNORECASE,
)
_IT = re.compile(  # "any downsides?", "what variants are there?"
    r"^(?:(?:and|so|ok(?:ay)?),? )?(?:(?:are|is) there )?(?:any|some|what(?: are)?(?: the| some)?|which) "
    r"(?P<thing>(?:[\w-]+ )?[\w-]+)(?: (?:are|is) there| exist)?[?.! ]*$",
    re.IGNORECASE,
)
_IT = re.compile(r"(?<!\bof )\b(?:its?|their|they|them|(?<=become )one)\b", re.IGNORECASE)
_OTHER = re.compile(r"\b(?:other|another|opposite|instead)\b", re.IGNORECASE)
_TWO = re.compile(
    r"\b(?:the two|both|these two|those two)\b(?! [\w-]+s\b)(?: of them)?|\beach(?: of them)?(?=[?.! ]*$)",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"\bthey (?:look|want|expect|ask|require|pay|value|hire|offer|test|give)|\bare they (?:after|looking)",
    re.IGNORECASE,
)
_OPENING = frozenset(("and", "but", "so", "ok", "okay", "elaborate"))


@lru_cache(maxsize=256)
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


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said, and what was answered. One that was `refused` only lends its form: it is no subject."""

    question: str
    reply: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as the turns before it tell to read it; `others` are less likely readings, for when it has no answer.
    With a `wish` it is their last question, answered by `said`.
    """

    question: str
    others: tuple[str, ...] = ()
    wish: Wish = ""
    said: str = ""


def read(question: str, turns: Sequence[Turn]) -> Reading:
    """How a message is to be read after the turns before it, oldest first."""
    question = without_opening(question)
    kind = wish(question)
    last = next((n for n in range(len(turns) - 1, -1, -1) if not wish(turns[n].question)), -1) if kind else -1
    if last < 0:
        memory = _heard(turns)
        return Reading(memory.read(question), memory.others(question))
    said = "\n".join(turn.reply for turn in turns[last:] if not turn.refused)
    return replace(read(turns[last].question, turns[:last]), wish=kind, said=said)


def resolved(question: str, turns: Sequence[str]) -> str:
    """The question with what it points back to in its place, where the turns before it (the user's, oldest first) tell
    by their form what that is: after "What is overfitting?", "how do I prevent it?" is "how do I prevent overfitting?"
    and "What about dropout?" is "What is dropout?"; as it is where they do not.
    """
    return _heard([Turn(turn) for turn in turns]).read(question)


def _heard(turns: Sequence[Turn]) -> _Memory:
    memory = _Memory()
    for turn in turns[-_RESOLVED:]:
        if len(turn.question) <= _LONG and not wish(turn.question):
            memory.hear(turn)
    return memory


@dataclass(slots=True)
class _Memory:
    """What a conversation is about so far."""

    before: str = ""  # the last question, as it was to be read: what "and X?" is put into
    alone: str = ""  # the last that stood alone
    context: str = ""  # the last that stood alone or could be read in full
    topic: str = ""
    topics: list[str] = field(default_factory=list)
    pair: tuple[str, ...] = ()  # what was compared
    items: list[str] = field(default_factory=list)  # of the last list that was not itself about an item
    listed: str = ""  # of what they are
    picked: bool = False  # the topic is one of them
    reply: str = ""

    def hear(self, turn: Turn) -> None:
        """Take in the next turn."""
        question = without_opening(turn.question)
        leaning = bool(self.before) and leans(question) and not _BARE.fullmatch(question)
        told, about, item = self._told(question)
        if not leaning and told == question:
            about, self.picked = "", False
        elif match := _SUBJECT.match(question):
            about = match["topic"]
        own = told != question or (not leaning and _topic(told))
        self.before = told if own else _attached(told, self.context, self.topic)
        self.alone = self.alone if leaning else self.before
        self.reply = turn.reply
        if turn.refused:
            return
        self.picked = self.picked or bool(item)
        items = [] if self.picked else listed(turn.reply)
        if told != question or not leaning:
            self._turn_to(self.context if item else told, leaning, about or _topic(told))
        if items:
            self.items, self.listed = items, _attached("", self.context, self.topic).strip()

    def _turn_to(self, told: str, leaning: bool, topic: str) -> None:
        self.pair = _pair(told) or (self.pair if leaning and all(t.lower() in told.lower() for t in self.pair) else ())
        self.context, self.topic = told, topic
        if self.topic and self.topic not in self.topics:
            self.topics.append(self.topic)

    def read(self, question: str) -> str:
        """The next message with what it points to in place."""
        return self._told(without_opening(question))[0]

    def others(self, question: str) -> tuple[str, ...]:
        """Other readings of the next message: put into a question before the last, or as it stands."""
        told = self.read(question)
        if told == question or len(question) > _LONG or correction(question)[0]:
            return ()
        another = _another(question)
        if not another and _OF_IT.match(question):
            return (question,)
        if not another or not another[0][0].isupper():
            return ()
        into = (_in_place(text, *another, self.topic)[0] for text in (self.context, self.alone) if _named(text))
        return tuple(dict.fromkeys(text for text in into if text and text != told and len(text) <= _LONG))

    def _told(self, question: str) -> tuple[str, str, str]:
        """A message with what is known put in, what it is then about, and the item of a list that it points to."""
        if len(question) > _LONG or not self.before:
            return question, "", ""
        told, about, item = question, "", ""
        back, rest = back_to(question)
        new, old = correction(question)
        if back:
            about = _topic(rest) or back
            told = _put_in(rest, back, back)[0] if leans(rest) and about == back else rest
            told = _attached(rest, "", back) if told == rest and about == back else told
        elif new:
            told, about = _swapped(self.before, new, old, self.topic), new
        elif leans(question):
            told, item = with_item(question, self.items)
            if item:
                about = item if item.lower() in self.listed.lower() else f"{item} {self.listed}".strip()
                told = told.replace(item, about, 1)
                if told.startswith(f"{about}, "):
                    told = _put_in(told.removeprefix(f"{about}, "), about, about)[0]
            else:
                told, about = self._put_in(question)
        return (told, about, item) if len(told) <= _LONG else (question, "", "")

    def _put_in(self, question: str) -> tuple[str, str]:
        if another := _another(question):
            told = _in_place(self.before, *another, self.topic)
            return told if told[0] else (question, "")
        if len(self.pair) == 2:
            if _OTHER_ONE.search(question):
                other = self._other()
                return f"tell me about {other}", other
            if match := _WHICH.match(question):
                kind = re.sub(r"which.*", "which of", match.group(), flags=re.IGNORECASE)
                return f"{kind} {self.pair[0]} and {self.pair[1]}{question[match.end() :]}", ""
        two = self.pair or self.topics[-2:]
        if len(two) == 2:
            if _DIFFERENCE.match(question):
                return f"What is the difference between {two[0]} and {two[1]}?", ""
            question = _TWO.sub(f"{two[0]} and {two[1]}", question)
        return _put_in(question, self.context, self.topic)

    def _other(self) -> str:
        """Of two things compared, the one that the last turn is not about: that which is named alone, else first."""
        for text in (self.before, self.reply):
            at = [text.lower().find(thing.lower()) for thing in self.pair]
            if max(at) >= 0 and (min(at) < 0 or text is self.reply):
                named = min((place, n) for n, place in enumerate(at) if place >= 0)[1]
                return self.pair[1 - named]
        return self.pair[1]


def _topic(question: str) -> str:
    if (of := _RELATION.match(question)) and of["thing"].lower() in _RELATIONAL:
        return of["topic"]
    if _BARE.fullmatch(question):
        return question.rstrip("?")
    match = _TOPIC.match(question) or _SUBJECT.match(question)
    return match["topic"] if match else ""


def _another(question: str) -> tuple[str, str, str] | None:
    """What a message asks the last question of as well, the preposition before it, and what it asks of it instead."""
    match = _ANOTHER.match(question)
    if not match or not (match["lead"] or match["how"]):
        return None
    return match["other"], match["how"] or "", match["rest"] or ""


def _pair(question: str) -> tuple[str, ...]:
    asked = question.rstrip("?.! ")
    match = next((m for form in _COMPARED if (m := form.search(asked))), None)
    return (match["one"], match["two"]) if match else ()


def _named(text: str) -> list[str]:
    return list(dict.fromkeys(m.group() for m in _NAME.finditer(fold(text))))


def _attached(question: str, context: str, topic: str) -> str:
    """A question that does not say what it is about with the name, or topic, of what was said before behind it."""
    names = _named(context)
    about = names[0] if len(names) == 1 else topic
    if not about or about.lower() in question.lower() or _named(question):
        return question
    end = len(question.rstrip("?.! "))
    return f"{question[:end]} {'at' if names else 'for'} {about}{question[end:]}"


def _in_place(before: str, new: str, how: str, rest: str, topic: str) -> tuple[str, str]:
    """The last question of something else, and that; `how` is a preposition before it, `rest` what is asked of it
    instead. Two "" where it fits nowhere.
    """
    if rest:
        told = _put_in(rest, new, new)[0]
        return (told if told != rest else f"{rest.rstrip('?.! ')} for {new}"), new
    names = _named(before)
    if new[0].isupper() and len(names) == 1:
        return before.replace(names[0], new), topic.replace(names[0], new) if names[0] in topic else new
    if topic and not names and not how and topic in before and not _DOING.match(before):
        return before.replace(topic, new), new
    if told := _like(before, new) or _fitting(before, new, how):
        return told, topic if how or (topic and topic in told) else new
    return (f"{before.rstrip('?.! ')} {how} {new}?", topic) if how else ("", "")


def _like(before: str, new: str) -> str:
    """The question with `new` for words like it: with the same noun ("data engineers", "ML engineers") or the same word
    before it ("week 2", "week 3"); else "".
    """
    words, own = list(_WORD_ANY_CASE.finditer(before)), new.lower().split()
    size = len(own)
    for n in range(len(words) - size + 1) if size > 1 else ():
        old = [w.group().lower() for w in words[n : n + size]]
        light = FUNCTION_WORDS.intersection(old)
        if not light and old != own and (old[0] == own[0] or old[-1].rstrip("s") == own[-1].rstrip("s")):
            return before[: words[n].start()] + new + before[words[n + size - 1].end() :]
    return ""


def _fitting(before: str, new: str, how: str) -> str:
    """The question with `new` where such a thing stands: behind the same preposition, "a", or "do"; else ""."""
    if how:
        match = re.match(_PREPOSED % how, before, re.IGNORECASE)
        return f"{match['before']}{new}{match['after']}" if match else ""
    if match := _PLURAL.search(before):
        return before[: match.start("thing")] + new + before[match.end("thing") :]
    words = len(_ARTICLE.sub("", new).split())
    match = re.search(rf"\ban?(?: [\w-]+){{{words}}}(?= [\w-]+)", before)
    return before[: match.start()] + new + before[match.end() :] if match else ""


def _swapped(before: str, new: str, old: str, topic: str) -> str:
    """The last question with `new` in the place of `old`, or of what is spelled nearly so, or of its subject."""
    if old and (told := re.sub(rf"\b{re.escape(old)}\b", lambda _m: new, before, flags=re.IGNORECASE)) != before:
        return told
    words = [w.group() for w in _WORD_ANY_CASE.finditer(before)]
    if near := get_close_matches(new.lower(), [w.lower() for w in words], 1, _SAME_WORD):
        return re.sub(rf"\b{re.escape(near[0])}\b", lambda _m: new, before, flags=re.IGNORECASE)
    if told := _in_place(before, new, "", "", topic)[0]:
        return told
    names = _named(before)
    return before.replace(names[-1], new) if names else f"{before.rstrip('?.! ')} for {new}?"


def _put_in(question: str, before: str, topic: str) -> tuple[str, str]:
    """One message with what the one before it, and its topic, tell; and what it is then about, if that is told."""
    names = _named(before)
    if topic and (asked := _OF_IT.match(question)) and not set(asked["thing"].lower().split()) & _POINTING:
        thing = asked["thing"]
        if thing.lower() in _RELATIONAL or (thing.endswith("s") and not thing.endswith("ss")):
            return f"What are the {thing} of {topic}?", topic
    if topic and _EXAMPLE.match(question):
        return f"What is an example of {topic}?", topic
    if _WITHIN.search(question) or _OTHER.search(question):
        return question, ""
    if len(names) == 1:
        question = _WHO.sub(lambda m: re.sub("they", names[0], m.group(), flags=re.IGNORECASE), question)
    if topic:
        question = _THAT.sub(topic, question)
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
