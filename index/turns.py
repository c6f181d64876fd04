"""What a message of a conversation asks for, told by its form alone: more of the same, something else in its place."""

from __future__ import annotations

import re
from typing import Literal

from index.query import IN_SHORT
from ingest.text import fold, squeeze

Wish = Literal["", "shorter", "again", "more"]

LONG = 400  # characters of a message that is not read more closely: it stands alone, or is searched with the rest
_LIKELY = 120  # characters of a message that only asks for the last answer in another way
_ITEM_WORDS = 8
_BEFORE = (
    r"(?:(?:ok(?:ay)?|so|and|well|sorry|hm+|yes|no|um+|but)\W+)?"
    r"(?:(?:can|could|would|will) you )?(?:please )?(?:just )?"
)
_AFTER = r"(?:\W+(?:please|pls|plz|thanks|thank you|now|then))?\W*"
_THAT = r"(?:it|that|this|the answer|the last answer|the previous answer)"
_PLAINLY = r"(?:in|with|using) (?:\w+ )?(?:simple|simpler|plain|easy|easier|other|layman'?s|different) \w+"
_WISHES: tuple[tuple[Wish, re.Pattern[str]], ...] = tuple(
    (wish, re.compile(rf"{_BEFORE}(?:{words}){_AFTER}"))  # type: ignore[misc]
    for wish, words in (
        (
            "shorter",
            rf"(?:(?:make|keep) {_THAT} |be |a (?:bit|little) |much |(?:say|put|give|explain|answer) (?:me )?"
            rf"(?:{_THAT} )?)?"
            rf"(?:short|shorter|brief|briefer|(?:more )?concise(?:ly)?|{IN_SHORT})|too long|"
            r"(?:give me )?(?:a|the) (?:short|shorter|brief) (?:version|answer|summary)|tl;? ?dr|"
            rf"(?:summari[sz]e|shorten|sum up)(?: {_THAT})?|sum {_THAT} up",
        ),
        (
            "again",
            rf"(?:(?:say|put|explain|tell me|repeat) (?:{_THAT} )?)?(?:{_PLAINLY}|simpler|more simply)|"
            rf"what does (?:that|this) mean(?: {_PLAINLY})?|(?:make|keep) {_THAT} simpler|"
            rf"(?:say|explain|repeat) {_THAT}(?: again)?|(?:say|explain) again|repeat|come again|once more|eli5|"
            r"i (?:still )?(?:do not|don'?t|did not|didn'?t|can'?t) (?:really )?(?:understand|get|follow)"
            rf"(?: (?:{_THAT}|you))?|i'?m (?:confused|lost)|what do you mean(?: by (?:that|this))?|huh",
        ),
        (
            "more",
            rf"(?:tell|give|show) me (?:some )?more(?: (?:details?|information|about {_THAT}))?|"
            rf"(?:some )?more(?: details?)?|(?:go|carry|keep) (?:on|going)|continue|next|"
            rf"(?:what|anything|something) (?:else|more)|"
            rf"is there (?:anything|something|any) (?:else|more)|say more|"
            rf"(?:elaborate|expand|explain more)(?: (?:on|about) {_THAT})?",
        ),
    )
)


def wish(message: str) -> Wish:
    """What a message wants of the last answer when it is nothing but that ("tl;dr", "tell me more"); else ""."""
    if len(message) > _LIKELY:
        return ""
    plain = squeeze(fold(message)).lower()
    return next((kind for kind, form in _WISHES if form.fullmatch(plain)), "")


_ASKS = (
    r"(?:what|who|when|where|which|why|how|whom|whose|whats|is|are|was|were|do|does|did|has|have|can|could|should|would|"
    r"will|tell|explain|describe|define|compare|give|show|list|name|walk|in|for|any)(?:'s)?\b"
)
_OPENING = re.compile(
    rf"^(?:(?:ok(?:ay)?|now|so|well|right|alright|all right|sorry|great|thanks|thank you|cool|oh|ah|hm+|um+|yes|yeah|"
    rf"got it|i see|actually|then|anyway|next)[,.!:;]* )+(?=(?:\w+ )?(?:back\b|{_ASKS}))",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"^(?:let'?s |let us |can we |could we |i want to )?(?:(?:go|get|come|going) )?back to (?:the )?"
    r"(?P<topic>[\w'’-]+(?: [\w'’-]+){0,4}?)(?: now| again| please)?\s*(?:[,.:;!?-]+ *(?P<rest>\S.*)?)?$",
    re.IGNORECASE,
)


_ANYTHING = re.compile(
    r"^(?:is|are) there (?:one|anything|something|an? \w+|any \w+)(?: in here| here)? (?:about|on) |"
    r"^(?:do you have|have you(?: got)?|got) (?:anything|something|an? \w+|any \w+|\w+s) (?:about|on) ",
    re.IGNORECASE,
)


def without_opening(message: str) -> str:
    """The message without "ok", "now", "so", "sorry," and the like before a question; "do you have anything about" asks
    to be told.
    """
    if len(message) > LONG:
        return message
    return _ANYTHING.sub("tell me about ", _OPENING.sub("", message, count=1) or message, count=1)


def back_to(message: str) -> tuple[str, str]:
    """What a message goes back to ("back to Gmail. Which model do they use?"), and what it then asks; or two "".

    One that says no more is asked about what it goes back to.
    """
    match = None if len(message) > LONG else _BACK.match(message)
    if not match:
        return "", ""
    return match["topic"], match["rest"] or f"tell me about {match['topic']}"


_NP = r"[\w'’.+/#-]+(?: [\w'’.+/#-]+){0,3}?"
_NO_NP = (
    r"(?!(?:it|its|this|that|these|those|they|them|he|she|i|you|we|not|no|thanks?|problem|worries|need|idea|one|"
    r"never|because|if|but|and|about|my|so|really|much|more|again|bad|there|here|ok|okay|yes|"
    rf"{_ASKS})\b)"
)
_CORRECTIONS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?:(?:no|nope|sorry|oops|wait|oh|ah|actually|hm+)[,.!]* )*(?:i (?:actually )?(?:meant|mean)|"
        rf"i was asking about|i wanted|make that|rather)(?: to (?:say|write|ask about))?:? "
        rf"{_NO_NP}(?P<new>{_NP})(?:,? not (?P<old>{_NP}))?",
        rf"(?:(?:no|sorry|oops|oh|wait),? )?not {_NO_NP}(?P<old>{_NP})(?:,|;|\.|,? but) (?:but |rather )?(?:i meant )?"
        rf"{_NO_NP}(?P<new>{_NP})",
        rf"(?:(?:(?:no|wait|actually|oh)[,.!:]+|nope[,.!:]*|sorry[,.!:]*|oops[,.!:]*) )+"
        rf"{_NO_NP}(?P<new>{_NP})(?:,? not (?P<old>{_NP}))?",
    )
)


def correction(message: str) -> tuple[str, str]:
    """What a message puts in the place of what was asked ("no, I meant Uber", "not Google, Uber"): it and, where that
    is said, what it replaces; or two "".
    """
    if len(message) > _LIKELY:
        return "", ""
    plain = squeeze(message).rstrip("?.! ")
    match = next((m for form in _CORRECTIONS if (m := form.fullmatch(plain))), None)
    return (match["new"], match["old"] or "") if match else ("", "")


_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8}
_ORDINALS |= {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "one": 1, "two": 2, "three": 3, "four": 4}
_ORDINALS |= {"last": -1, "final": -1}
_NTH = r"first|second|third|fourth|fifth|sixth|seventh|eighth|1st|2nd|3rd|4th|5th|6th|last|final"
_ORDINAL = re.compile(
    rf"\b(?:(?:the |that |your )?(?P<nth>{_NTH}) (?:one|point|item|option|bullet|thing)\b|(?:the|that) (?P<end>{_NTH})"
    r"(?=[?.!]*$)|(?:the )?(?:number|point|item|option) (?P<number>one|two|three|four|\d)\b)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^- (.*)$", re.MULTILINE)
_MARKERS = re.compile(r"\s*\[\d+\]")


def listed(reply: str) -> list[str]:
    """What the items of an answer's list are about, in order: each one's label, or its first words."""
    return [_about(item) for item in _ITEM.findall(reply)]


def _about(item: str) -> str:
    plain = squeeze(_MARKERS.sub("", item))
    words = re.split(r":| [(–—]", plain, maxsplit=1)[0].split()
    return " ".join(words[:_ITEM_WORDS]).strip(" .,;:!?\"'“”*")


def with_item(message: str, items: list[str]) -> tuple[str, str]:
    """The message with the item it points to by number ("tell me more about the second one") in place, and that item;
    the message and "" when it points to none.
    """
    if not items or not (match := _ORDINAL.search(message)):
        return message, ""
    number = match["number"] or match["nth"] or match["end"]
    n = int(number) if number.isdigit() else _ORDINALS[number.lower()]
    if not 0 < n <= len(items) and n != -1:
        return message, ""
    item = items[n - 1 if n > 0 else n]
    rest = squeeze(f"{message[: match.start()]} {message[match.end() :]}").strip(" ,.?!").lower()
    if rest in ("", "and", "what about", "how about", "and what about", "explain", "more about"):
        return f"tell me about {item}", item
    return f"{message[: match.start()]}{item}{message[match.end() :]}", item
