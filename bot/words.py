"""A text as its words: where they stand, what kind each is, and one vector a word from the encoder's tokens.

The judge compares words, not tokens: a number, a name and a word of content fail in different ways, and a
place that a reader is shown must be whole words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from bot.amounts import ORDINALS, Amount, find_amounts, shares
from bot.meta import same_length_fold
from index.encode import Encoded
from index.lexical import stems
from ingest.text import FUNCTION_WORDS, fold


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CONJUNCTIONS = _words(
    """
    and but while whereas although though because since which
    """
)
COMMON_WORDS = Path(__file__).with_name("common_words.txt")
Kind = Literal["light", "plain", "name", "number", "count"]  # a count is a small number in letters: "two ways"

_WORD = re.compile(r"\d+/\d+|\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|[^\W_]+(?:['’.][^\W_]+)*")
NEGATORS = _words(
    """
    no not never none nor neither without cannot cant dont doesnt didnt isnt arent wasnt werent wont wouldnt
    shouldnt couldnt hasnt havent hadnt hardly barely nobody nothing nowhere unable lack lacks lacking
    """
)
_AVERSE = _words(
    """
    avoid avoids avoiding prevent prevents preventing stop stops stopping quit quits quitting refuse fail fails forget
    unless
    """
)
# Words that say little on their own: grammar, and the glue with which answers are put together.
_LIGHT = (
    FUNCTION_WORDS
    | NEGATORS
    | _words(
        """
        about above after again all also although always among another any anyone anything around because been
        before being below between both can could did doing done down during each either else especially etc even
        every few first further generally given had has have having he her here him his however include included
        includes including indeed instead just last less let like likely made make makes making many may mean means
        might more moreover most much must namely need needs next now often once one ones only other others
        otherwise our out over own particular per perhaps please put rather really s same second she should since so
        some someone something sometimes still such sure than them therefore thing things though through thus
        together too toward towards typically under until up upon us use used uses using usually various very via
        want way ways we well were whatever whether while whole whose within would yes yet additionally answer based
        briefly conclusion context document documents example following follows hope important information mentioned
        note overall passage passages provided question response said say says source sources state stated states
        step steps summary text
        """
    )
)
# "50psi" and "250F" are two words, "3D" is one
_WITH_UNIT = re.compile(r"(\d[\d,.]*)(?:(?!(?:st|nd|rd|th|am|pm)$)[^\W\d_]{2,}|(?<=\d\d)[FC])", re.I)
_NUMBERS = {"twice": "2"} | {word: str(n) for word, n in ORDINALS.items() if n > 2}
_FRACTIONS = {"1/2": "half", "1/3": "third", "2/3": "third", "1/4": "quarter", "3/4": "quarter"}

# What chatbots say of anything: that it varies, matters or is to be done properly.
_GLUE = _words(
    """
    additional additionally advisable aim aspect certain consider considered consult crucial depend depending depends
    detail detailed details easily effective effectively ensure ensures ensuring essential factor factors guidance
    help helpful helps important individual individuals involve involves involving issue issues necessary overall
    professional proper properly recommended relevant situation specific specifically successfully varies vary
    """
)
_OPPOSITES = """
increase decrease|increase reduce|high low|higher lower|large small|larger smaller|more less|most least|more fewer
before after|always never|all none|first last|positive negative|internal external|maximum minimum|maximize minimize
supervised unsupervised|linear nonlinear|parametric nonparametric|sparse dense|strong weak|fast slow|faster slower
good bad|better worse|best worst|true false|easy hard|simple complex|early late|rich poor|inside outside|above below
over under|overfit underfit|overfitting underfitting|online offline|discrete continuous|static dynamic|global local
convex concave|upper lower|add remove|gain loss|rise fall|win lose|accept reject|include exclude|allow prevent
encourage discourage|improve worsen|expensive cheap|hot cold|old new|older newer|north south|east west|northern southern
eastern western|hard soft|batch stream|forward backward|encoder decoder|generative discriminative|precision recall
bias variance|training test|input output|start end|begin end|left right|open closed|safe dangerous|similar different
short long|shorter longer|rare common|often rarely|many few|raise lower|raise reduce|grow shrink|enable disable
correct incorrect|equal unequal|known unknown|stable unstable|balanced imbalanced|able unable|legal illegal
wet dry|full empty|warm cool|warm cold|heat cool|clean dirty|day night|morning evening|summer winter|light dark
light heavy|push pull|near far|top bottom|male female|men women|man woman|boy girl|mother father|son daughter
brother sister|husband wife|king queen|buy sell|buyer seller|import export|borrow lend|arrive leave|thick thin
deep shallow|wide narrow|wider narrower|odd even|public private|permanent temporary|majority minority
optional mandatory|optional required|voluntary compulsory|presence absence|success failure|succeed fail
strength weakness|advantage disadvantage|cause prevent|approve reject|asleep awake|alive dead|natural artificial
attack defend|ancient modern|guilty innocent|visible invisible|horizontal vertical|inner outer|major minor
parent child|past future|war peace|profit loss|sender receiver|single multiple|smooth rough|solid liquid
sweet sour|tight loose|tighten loosen|victory defeat|right wrong|young old|younger older|employer employee
teacher student|landlord tenant|predator prey|entrance exit|deposit withdraw|expand contract|expand shrink
freeze melt|float sink|lock unlock|load unload|install uninstall|connect disconnect|sunrise sunset|urban rural
domestic foreign|senior junior|wired wireless|active passive|acid alkaline|likely unlikely|safe unsafe
healthy unhealthy|possible impossible|free paid|cooked raw|fresh frozen|indoor outdoor|indoors outdoors
""".replace("\n", "|")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: `text[start:end]`, its stem (a number's plain form) and what kind it is.

    `function`: mere grammar, or masked; `capital`: written with one, wherever it stands; `known`, `sought`: what a
    number is found by (`bot.amounts`); `pause`: a comma or a stop follows;
    `averse`: it denies only what comes next, and not in so many words ("avoid").
    """

    start: int
    end: int
    stem: str
    kind: Kind
    negator: bool = False
    function: bool = False
    capital: bool = False
    known: frozenset[str] = frozenset()
    sought: frozenset[str] = frozenset()
    pause: bool = False
    averse: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of a `text` with unit `vectors` (len(words), d).

    `clauses`: `[a, b)` in `words`, one after another, each with enough content to be compared on its own.
    """

    text: str
    words: tuple[Word, ...]
    vectors: np.ndarray
    clauses: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1)
def _ranks() -> dict[str, int]:
    ranks: dict[str, int] = {}
    for rank, word in enumerate(COMMON_WORDS.read_text(encoding="utf-8").split(), 1):
        ranks.setdefault((stems(word) or [word])[0], rank)
    return ranks


def rarity(stem: str) -> float:
    """How much a word says by its mere presence: from 0.3 for the commonest to 1 for what no list knows."""
    rank = _ranks().get(stem)
    return 1.0 if rank is None else float(np.clip(0.3 + 0.7 * np.log(rank / 200) / np.log(6000 / 200), 0.3, 1.0))


def claimed(stem: str) -> float:
    """How much a word claims when an answer holds it: its rarity, but 0.2 for what chatbots say of anything."""
    return 0.2 if stem in _glue() else rarity(stem)


@lru_cache(maxsize=1)
def _glue() -> frozenset[str]:
    return frozenset((stems(word) or [word])[0] for word in _GLUE)


@lru_cache(maxsize=1)
def opposites() -> dict[str, frozenset[str]]:
    """For a stem, the stems that turn its sentence round."""
    table: dict[str, set[str]] = {}
    for pair in _OPPOSITES.strip("|").split("|"):
        a, b = ((stems(word) or [word])[0] for word in pair.split())
        table.setdefault(a, set()).add(b)
        table.setdefault(b, set()).add(a)
    return {word: frozenset(others) for word, others in table.items()}


def split_words(text: str, mask: list[tuple[int, int]] | None = None) -> tuple[Word, ...]:
    """The words of a text in order; those that touch a span of `mask` are light."""
    found = list(_pieces(text))
    raws = [text[a:b] for a, b, _amount in found]
    titled = [raw[0].isupper() for raw in raws if raw.lower() not in _LIGHT and raw[0].isalpha()]
    title_case = len(titled) > 2 and sum(titled) > 0.6 * len(titled)
    words: list[Word] = []
    opening = True  # at the start of a sentence or a list item, where a capital means nothing
    for start, end, amount in found:
        raw = fold(text[start:end])
        low = raw.lower()
        masked = any(a < end and start < b for a, b in mask or ())
        number = amount.plain if amount else _number(low)
        after = text[end : end + 2]
        negator = (low.replace("'", "") in NEGATORS or low.endswith("n't")) and not (
            low == "no" and after[:1] in ",:.!"
        )
        kind: Kind = "plain"
        if masked or low in _LIGHT or negator or (len(low) == 1 and not low.isdigit() and not raw.isupper()):
            kind = "light"
        elif number:
            kind = "number" if low[0].isdigit() or (amount and amount.value > 10) else "count"
        elif _inner_capital(raw) or (raw[0].isupper() and not opening and not title_case):
            kind = "name"
        stem = number or (stems(low) or [low])[0]
        function = masked or low in FUNCTION_WORDS
        capital = raw[0].isupper() and not masked
        denies = (negator or low in _AVERSE) and not masked
        known, sought = (amount.known, amount.sought) if amount else shares(low)
        pause = after.lstrip("\"'”’)*")[:1] in tuple(",;:.!?")
        averse = low in _AVERSE
        words.append(Word(start, end, stem, kind, denies, function, capital, known, sought, pause, averse))
        opening = masked or bool(re.match(r"[\"'”’)*]*[.!?:;\n]", text[end : end + 4]))
    return tuple(words)


def _pieces(text: str) -> Iterator[tuple[int, int, Amount | None]]:
    """Where the words stand; a number of several words is one."""
    amounts = find_amounts(same_length_fold(text))
    done = at = 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        while at < len(amounts) and amounts[at].end <= start:
            at += 1
        amount = amounts[at] if at < len(amounts) and amounts[at].start <= start else None
        if "/" in match.group():
            yield start, end, None
        elif start >= done and (measured := _WITH_UNIT.fullmatch(match.group())):
            yield start, start + measured.end(1), amount
            yield start + measured.end(1), end, None
        elif start >= done:
            yield start, max(end, amount.end) if amount else end, amount
        done = max(done, end, amount.end if amount else 0)


def _number(low: str) -> str:
    """The plain form of a number that is no amount ("1/2", "4x4", "third"), else ""."""
    if low in _NUMBERS:
        return _NUMBERS[low]
    if "/" in low:
        return _FRACTIONS.get(low, low)
    return low if low[0].isdigit() else ""


def _inner_capital(raw: str) -> bool:
    return any(c.isupper() for c in raw[1:]) or (any(c.isdigit() for c in raw) and any(c.isupper() for c in raw))


def build_sentence(
    text: str, encoded: Encoded, token_text: Callable[[int], str], mask: list[tuple[int, int]] | None = None
) -> Sentence:
    """Join the encoder's tokens to words; a word that the encoder never saw (cut off, unknown) has a zero vector.

    `encoded` comes from this text with its white space squeezed; `token_text` names a token by its id.
    """
    words = split_words(text, mask)
    letters: list[str] = []
    owner: list[int] = []
    for n, word in enumerate(words):
        bare = _letters(text[word.start : word.end])
        letters.append(bare)
        owner.extend([n] * len(bare))
    line = "".join(letters)
    vectors = np.zeros((len(words), encoded.tokens.shape[1]), dtype=np.float32)
    at = 0
    for row, token_id in enumerate(encoded.token_ids):
        token = token_text(int(token_id))
        piece = "" if token.startswith(("[", "<")) and len(token) > 2 else _letters(token.lstrip("▁Ġ"))
        place = line.find(piece, at, at + len(piece) + 24) if piece else -1
        if place >= 0:
            vectors[owner[place]] += encoded.tokens[row]
            at = place + len(piece)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Sentence(text, words, vectors / np.maximum(norms, 1e-6), _clauses(text, words))


def _clauses(text: str, words: tuple[Word, ...], least: int = 4) -> tuple[tuple[int, int], ...]:
    """Pieces between commas and conjunctions, joined until each has `least` words of content."""
    spans: list[tuple[int, int]] = []
    begin = content = 0
    for n, word in enumerate(words):
        ends = text[words[n - 1].end : word.start].strip(" \"'*)")[:1] in (",", ";", ":") if n else False
        if n > begin and content >= least and (ends or text[word.start : word.end].lower() in _CONJUNCTIONS):
            spans.append((begin, n))
            begin, content = n, 0
        content += word.kind != "light"
    if content < least and spans:
        begin = spans.pop()[0]
    return (*spans, (begin, len(words)))


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFD", fold(text).lower())
    return "".join(c for c in plain if c.isalnum())
