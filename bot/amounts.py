"""Numbers as values: "twenty thousand" is 20,000, "200ms" 200 milliseconds, "half" 50 %, the 13th century the 1200s.

A number is compared by keys: a source's amount is `known` by all that may be said of it, a claim's is `sought`
by what it says. "over 13,000" is sought rounded, too, and 13,200 is known so; nothing else is approximate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations


def _numbered(words: str, first: int = 0) -> dict[str, int]:
    return {word: n for n, word in enumerate(words.split(), first)}


_ONES = _numbered(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """
)
_TENS = {word: 10 * n for word, n in _numbered("twenty thirty forty fifty sixty seventy eighty ninety", 2).items()}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12.0}
ORDINALS = _numbered(
    """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
    """,
    1,
)
_CENTURY = frozenset(("century", "centuries"))
_SHARES = {"half": 0.5, "halves": 0.5, "quarter": 0.25, "quarters": 0.25, "thirds": 1 / 3, "fifths": 0.2}
_SUFFIXES = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9}
_LOOSE = frozenset(
    (
        "about",
        "around",
        "roughly",
        "approximately",
        "nearly",
        "almost",
        "over",
        "some",
        "than",
        "under",
        "circa",
        "exceeding",
        "beyond",
        "least",
        "most",
    )
)
# unit -> (what it measures, how many of the measure's own unit)
_UNITS = {
    word: (measure, size)
    for measure, sizes in {
        "time": {
            "ms millisecond milliseconds": 1e-3, "sec secs second seconds": 1, "min mins minute minutes": 60,
            "h hr hrs hour hours": 3600, "day days": 86400, "week weeks": 604800, "year years": 31557600,
            "month months": 2629800, "decade decades": 315576000, "century centuries": 3155760000,
        },
        "length": {
            "mm millimetre millimetres millimeter millimeters": 1e-3, "inch inches": 0.0254,
            "cm centimetre centimetres centimeter centimeters": 1e-2, "ft foot feet": 0.3048,
            "m metre metres meter meters": 1, "mile miles": 1609.344, "yard yards": 0.9144,
            "km kilometre kilometres kilometer kilometers": 1000,
        },
        "weight": {
            "mg milligram milligrams": 1e-3, "g gram grams": 1, "oz ounce ounces": 28.3495,
            "kg kilogram kilograms kilo kilos": 1000, "lb lbs pound pounds": 453.592, "tonne tonnes": 1e6,
        },
        "volume": {"ml millilitre millilitres": 1e-3, "l litre litres liter liters": 1, "cup cups": 0.2366,
                   "gallon gallons": 3.785},
        "share": {"% percent percentage": 1e-2},
    }.items()
    for words, size in sizes.items()
    for word in words.split()
}  # fmt: skip
_FIGURE = re.compile(r"(\d[\d,]*(?:\.\d+)?)([a-z%]*)")
_LARGEST = 1e15
_ENDINGS = frozenset(("s", "st", "nd", "rd", "th", "x", "am", "pm"))
_WHOLES = frozenset((2, 3, 4, 5, 6, 8, 10, 20, 100, 1000))  # what shares are counted of
_YEAR = r"1\d{3}|20\d\d"
_TOKEN = re.compile(r"\d{1,2}:\d\d(?:[ap]m)?|\d+(?:,\d{3})+(?:\.\d+)?[a-z]*|\d+\.\d+[a-z]*|[^\W_]+|%")


@dataclass(frozen=True, slots=True)
class Amount:
    """The number in `text[start:end]`; `plain`: its value in figures."""

    start: int
    end: int
    plain: str
    value: float
    known: frozenset[str]
    sought: frozenset[str]


@dataclass(slots=True)
class _Token:
    start: int
    end: int
    text: str
    gap: str  # what stands between it and the token before


def plain(value: float) -> str:
    """A value in figures, without an exponent or idle zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return text.removeprefix("0") or "0"


def find_amounts(text: str) -> list[Amount]:
    """The numbers of `text` (lower case, folded, same length as what the places are for), each once, in order."""
    tokens: list[_Token] = []
    last = 0
    for m in _TOKEN.finditer(text):
        tokens.append(_Token(m.start(), m.end(), m.group(), text[last : m.start()]))
        last = m.end()
    found: list[Amount] = []
    at = 0
    while at < len(tokens):
        read = _read(tokens, at)
        if read:
            value, stop, suffix = read
            found.append(_amount(tokens, at, stop, value, suffix))
            at = stop
        else:
            at += 1
    return found


def shares(word: str) -> tuple[frozenset[str], frozenset[str]]:
    """What a word that is no number is known and sought by: "half", "quarter", "1/3", "120/80"."""
    if word in _SHARES:
        keys = frozenset((f"share {_SHARES[word]:.3g}",))
        return keys, keys
    parts = re.fullmatch(r"(\d{1,4})/(\d{1,4})", word)
    if not parts:
        return frozenset(), frozenset()
    a, b = float(parts[1]), float(parts[2])
    keys = frozenset((f"share {a / b:.3g}",)) if 0 < a < b else frozenset()
    return keys | {plain(a), plain(b)}, keys


def year_spans(figures: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The years between any two years: what is sought as "28 years" is known where 1961 and 1989 are.

    Yields the key with the later year.
    """
    years = sorted({f for f in figures if re.fullmatch(_YEAR, f)})
    for a, b in combinations(years, 2):
        yield f"years {int(b) - int(a)}", b


def _read(tokens: list[_Token], at: int) -> tuple[float, int, str] | None:
    """Value, the token after it, and letters that are written on to its figure."""
    token = tokens[at]
    if ":" in token.text:
        return float(token.text.split(":")[0]), at + 1, ""
    if figure := _FIGURE.fullmatch(token.text):
        value, stop, suffix = float(figure[1].replace(",", "")), at + 1, figure[2]
        if len(suffix) == 1 and suffix not in _UNITS and suffix not in _SUFFIXES and suffix not in _ENDINGS:
            return None  # "3d"
    else:
        small = _small(tokens, at)
        if small is None:
            return None
        (value, stop), suffix = small, ""
    value *= _range_scale(tokens, stop)
    while stop < len(tokens) and tokens[stop].text in _SCALES and value < _LARGEST:
        if stop > at and not _joins(tokens[stop]):  # a scale alone may stand after anything: 'a "billion-dollar" error'
            break
        value *= _SCALES[tokens[stop].text]
        stop += 1
        more = stop + (stop < len(tokens) and tokens[stop].text == "and")
        rest = _small(tokens, more) if not suffix and more < len(tokens) and _joins(tokens[more]) else None
        if rest and 0 < rest[0] < _SCALES[tokens[stop - 1].text] and tokens[stop - 1].text != "dozen":
            value, stop = value + rest[0], rest[1]
    return (value, stop, suffix) if value < _LARGEST else None


def _range_scale(tokens: list[_Token], at: int) -> float:
    """The scale that a range gives its first figure, too: "17 to 25 million"."""
    ends = tokens[at : at + 3]
    if len(ends) == 3 and ends[0].text == "to":
        ends = ends[1:]
    elif len(ends) < 2 or ends[0].gap.strip() not in ("-", "–"):
        return 1.0
    return _SCALES.get(ends[1].text, 1.0) if ends[0].text[0].isdigit() and _joins(ends[1]) else 1.0


def _small(tokens: list[_Token], at: int) -> tuple[float, int] | None:
    """A number of letters below a hundred, "half a" before a scale or unit, or a scale alone ("a hundred")."""
    word = tokens[at].text
    following = tokens[at + 1].text if at + 1 < len(tokens) and _joins(tokens[at + 1]) else ""
    if word in _TENS:
        return (_TENS[word] + _ONES[following], at + 2) if 0 < _ONES.get(following, 0) < 10 else (_TENS[word], at + 1)
    if word in _ONES:
        half = [t.text for t in tokens[at + 1 : at + 4]] == ["and", "a", "half"]
        return (_ONES[word] + 0.5, at + 4) if half else (_ONES[word], at + 1)
    if word == "half":
        skip = at + 1 + (following in ("a", "an"))
        whole = skip < len(tokens) and (tokens[skip].text in _SCALES or tokens[skip].text in _UNITS)
        return (0.5, skip) if whole else None
    if word in ORDINALS:
        return (ORDINALS[word], at + 1) if following in _CENTURY else None
    return (1.0, at) if word in _SCALES else None


def _joins(token: _Token) -> bool:
    return token.gap.strip() in ("", "-")


def _amount(tokens: list[_Token], at: int, stop: int, value: float, suffix: str) -> Amount:
    after = [t.text for t in tokens[stop : stop + 2]]
    if suffix == "k":
        value, suffix = value * 1e3, ""
    figures = tokens[at].text if ":" in tokens[at].text else plain(value)
    unit = suffix if suffix in _UNITS else "" if suffix or not after else after[0]
    both = {figures, *_measured(value, "percent" if after == ["per", "cent"] else unit)}
    if suffix in _SUFFIXES:
        both.add(plain(value * _SUFFIXES[suffix]))
    both |= _clock(tokens, at, stop, after)
    if unit in ("in", "out"):
        both |= _share_of(tokens, stop + 1 + (unit == "out"), value)
    known, sought = both | set(_rounded(value)), set(both)
    if {t.text for t in tokens[max(0, at - 2) : at]} & _LOOSE and not re.fullmatch(_YEAR, figures):
        sought.add(_rounded(value)[0])
    if unit in ("year", "years"):
        sought.add(f"years {figures}")
    if suffix == "s" and value % 10 == 0:
        decades = {f"decade {value + century:g}" for century in ((0,) if value > 90 else (1900, 2000))}
        known |= decades
        sought |= decades | ({f"century {value // 100 + 1:g}"} if value % 100 == 0 else set())
    elif re.fullmatch(_YEAR, figures):
        known |= {f"decade {value // 10 * 10:g}", f"century {value // 100 + 1:g}"}
    if _CENTURY & {*after[:1]}:
        known.add(f"century {value:g}")
        sought.add(f"century {value:g}")
    start, end = tokens[at].start, tokens[stop - 1].end
    return Amount(start, end, figures, value, frozenset(known), frozenset(sought))


def _measured(value: float, unit: str) -> set[str]:
    """The amount in its measure's own unit: 120 minutes and 2 hours are both "time 7200"."""
    if unit not in _UNITS:
        return set()
    measure, size = _UNITS[unit]
    return {f"{measure} {value * size:.3g}"}


def _rounded(value: float) -> tuple[str, str]:
    """Two digits of a value, rounded and cut off."""
    digits = f"{value:.12e}"
    return f"~{value:.1e}", f"~{digits[:3]}{digits[-4:]}"


def _share_of(tokens: list[_Token], at: int, value: float) -> set[str]:
    """The share in "nine in ten", when what follows is a common whole."""
    whole = _read(tokens, at) if at < len(tokens) else None
    return {f"share {value / whole[0]:.3g}"} if whole and value < whole[0] and whole[0] in _WHOLES else set()


def _clock(tokens: list[_Token], at: int, stop: int, after: list[str]) -> set[str]:
    """Minutes since midnight of "9 pm" and "21:00"; of "9:00" both in the morning and in the evening."""
    time = re.fullmatch(r"(\d{1,2})(?:[:.](\d\d))?([ap]m)?", tokens[at].text)
    half = "".join(after[:2])[:2] if after[:1] in (["a"], ["p"]) else after[0] if after else ""
    half = (time[3] if time and time[3] else half) if half not in ("am", "pm") else half
    if not time or stop != at + 1 or int(time[1]) > 24 or (half not in ("am", "pm") and ":" not in time[0]):
        return set()
    minutes = int(time[1]) % 12 * 60 + int(time[2] or 0)
    late = {"am": (0,), "pm": (720,)}.get(half, (0, 720) if int(time[1]) < 12 else (720,))
    return {f"clock {minutes + more}" for more in late}
