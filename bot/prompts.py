"""Every word that is not the corpus's: instructions for models, refusals, notes. Nothing else holds prose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from string import Template

from bot.values import Citation
from ingest.text import fold, printable, squeeze

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
PART_UNANSWERED = "The articles don't say this part: “$part”"
ARTICLES_DIFFER = "The articles differ on this: compare [$first] ($one) with [$second] ($two)."
ARTICLES_APART = "Each article tells of its own subject: [$first] is from “$one”, [$second] from “$two”."

GREETING = (
    "Hello! Ask me anything that the articles discuss; every sentence of an answer links to the words it rests on."
)
WELCOME = "You're welcome. Ask on whenever you like."
ACKNOWLEDGED = "All right. Ask on whenever you like."
FAREWELL = "Goodbye!"
WHERE_IT_STANDS = (
    "The articles are all I go by: each sentence of an answer ends with a marker such as [1], "
    "which leads to the words that it rests on."
)
NOTHING_MORE = "That is all I find on this in the articles."
ABOUT = Template(
    "I answer questions from $count, in the articles' words, and every sentence links to the words it rests on."
)
CATALOGUE = Template("I answer questions from $count:")
AND_MORE = Template("and $count more")
_TOLD = 120  # characters of a message that may be small talk, and of a title that is told
_SOME, _MOST = 3, 10  # titles that are told
_OPENER = r"(?:ok(?:ay)?|great|perfect|cool|nice|wow|awesome|alright|oh|ah|well|and|so|very|many|no|yes|yeah|hm+)"
_FILLER = (
    r"(?:there|all|everyone|bot|pincite|friend|again|so much|very much|a lot|then|now|thanks|thank you|please|"
    r"for (?:that|this|your help|the help))"
)
_SELF = r"(?:this (?:bot|app|tool|site|page|website|assistant|chat ?bot|chat)|the (?:bot|assistant|chat ?bot))"
_WORKS = r"(?:articles?|documents?|docs|texts?|files?|guides?)"
_HOLD = r"(?:do you (?:have|cover|know|hold|use|read|answer from)|have you (?:got|read))"


def _forms(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_OPENER}\W+)*(?:{words})(?:\W+{_FILLER})*\W*", re.IGNORECASE)


_SMALL_TALK = tuple(
    (reply, _forms(words))
    for reply, words in (
        (GREETING, r"h(?:i|ello|ey|iya|owdy)|good (?:morning|afternoon|evening|day)|greetings|how are you(?: doing)?"),
        (
            WELCOME,
            r"thanks?(?: you)?|thank you|thx|ty|cheers|much appreciated|great|perfect|awesome|nice|cool|"
            r"(?:that|this|it) (?:helps|helped|was helpful|is helpful)|that'?s (?:very )?helpful|"
            r"good (?:answer|job|bot)",
        ),
        (
            ACKNOWLEDGED,
            r"ok(?:ay)?|k|right|alright|all right|i (?:see|get it|understand|got it)|(?:that )?makes sense|understood|"
            r"sure|fine|(?:that'?s |very |how )?interesting|got it|gotcha|noted|good(?: to know)?|fair enough|yes|yep|"
            r"yeah|no|nope|hm+|a?ha|oh|wow|no (?:problem|worries|thanks?(?: you)?)|never ?mind|forget it|exactly|"
            r"agreed|true",
        ),
        (FAREWELL, r"(?:good)?bye(?: bye)?|see you(?: later)?|good night|farewell"),
        (
            WHERE_IT_STANDS,
            r"are you (?:really |quite |absolutely |very )?(?:sure|certain)(?: (?:about|of) (?:that|this|it))?|really|"
            rf"where does (?:it|the {_WORKS}) say (?:that|this|so)|"
            rf"(?:which|what) {_WORKS} (?:says|said) (?:that|this|so)|"
            r"(?:where|in which article) (?:is|was) (?:that|this) (?:said|written|from)|says who|"
            r"where (?:did|do) you (?:get|find|read|have) (?:that|this|it)(?: from)?|"
            r"where does (?:that|this) come from|how do you know(?: (?:that|this|it))?|"
            r"(?:what(?:'s| is| are) )?(?:the |your )?(?:sources?|citations?)"
            r"(?: (?:please|for (?:that|this|it)))?|(?:is|are) (?:that|this|you) (?:true|right|correct)",
        ),
    )
)
_ABOUT = _forms(
    rf"what (?:else )?(?:can|could|do) (?:you|{_SELF}) (?:do|answer|help(?: me)? with)(?: (?:here|exactly|for me))?|"
    r"what (?:can|could|should|may) i ask (?:you|here)(?: about)?|how can you help(?: me)?|who are you|what are you|"
    r"who (?:is this|am i talking to)|who (?:made|built|wrote|created) you|how do i use (?:you|this bot)|"
    rf"what(?:'?s| is) (?:this|{_SELF})(?: (?:about|for|all about))?|how do you work|how does {_SELF} work|"
    r"help(?: me)?(?: please)?|what(?:'?s| is) your (?:name|purpose|job)|introduce yourself|"
    r"are you (?:an? )?(?:bot|robot|ai|human|person|machine|real|chat ?gpt|llm|language model)"
)
_CATALOGUE = _forms(
    rf"(?:which|what|how many) (?:{_WORKS}|topics?|subjects?|sources) {_HOLD}|"
    r"what are your (?:articles|sources|topics)|"
    r"(?:which|what|how many) articles(?: are (?:there|available|covered|indexed|in here))?|"
    r"what (?:do|can) you (?:know|cover)(?: about)?|what (?:topics|subjects) can i ask(?: you)? about|"
    r"(?:(?:can|could) you )?(?:please )?(?:list|show|name|give)(?: me)? (?:all )?(?:of )?"
    rf"(?:(?:the )?articles|your {_WORKS}|(?:the |your )titles)"
)


def small_talk(message: str) -> str:
    """The reply to a message that is nothing but a greeting, thanks, a goodbye, "I see" or "are you sure?"; else an
    empty string.
    """
    if len(message) > _TOLD:
        return ""
    plain = squeeze(fold(message))
    return next((reply for reply, form in _SMALL_TALK if form.fullmatch(plain)), "")


def about_itself(message: str, titles_of: Callable[[], Sequence[str]]) -> str:
    """The reply to a message that asks what answers here, or from which articles; else an empty string."""
    plain = squeeze(fold(message)) if len(message) <= _TOLD else ""
    catalogue = bool(_CATALOGUE.fullmatch(plain))
    if not catalogue and not _ABOUT.fullmatch(plain):
        return ""
    titles = titles_of()
    count = f"{len(titles):,} article{'s' * (len(titles) != 1)}"
    text, most = (CATALOGUE, _MOST) if catalogue else (ABOUT, _SOME)
    return "\n\n".join((text.substitute(count=count), _list(titles, most)))


def _list(titles: Sequence[str], most: int) -> str:
    lines = [f"- {squeeze(printable(title))[:_TOLD]}" for title in titles[:most]]
    if len(titles) > most:
        lines.append(f"- {AND_MORE.substitute(count=f'{len(titles) - most:,}')}")
    return "\n".join(lines)


def user_prompt(question: str, excerpts: list[str]) -> str:
    """The user turn for a language model; excerpts are numbered from 1. Nothing in an excerpt or a question can end
    the turn, open another, number itself as an excerpt or hide from a reader.
    """
    numbered = "\n".join(f"[{n}] {_MARKER.sub(' ', unspoken(text))}" for n, text in enumerate(excerpts, 1))
    return USER.substitute(excerpts=numbered, question=unspoken(question))


def unspoken(text: str) -> str:
    """Text on one line without what chat templates put between turns, and without characters nobody sees."""
    return squeeze(_TURN.sub(" ", printable(text)))


def part_unanswered(part: str) -> str:
    """Which of several questions in one has no answer."""
    return Template(PART_UNANSWERED).substitute(part=part)


def articles_differ(first: Citation, second: Citation) -> str:
    """The note when two citations give different figures."""
    return _compared(ARTICLES_DIFFER, first, second)


def articles_apart(first: Citation, second: Citation) -> str:
    """The note when two citations give figures of different subjects."""
    return _compared(ARTICLES_APART, first, second)


def _compared(template: str, first: Citation, second: Citation) -> str:
    return Template(template).substitute(
        first=first.marker, one=first.article, second=second.marker, two=second.article
    )


def backend_failed(reason: str) -> str:
    """The refusal text when a back end failed; `reason` is one line."""
    return Template(BACKEND_FAILED).substitute(reason=reason.rstrip("."))
