"""What an answer says about its sources or itself ("Based on the passages", "They do not mention the year").

Such talk is neither supported nor wrong: the judge leaves it out. Patterns read folded, lower-case English.
"""

from __future__ import annotations

import re

from ingest.text import fold

_MARKER = re.compile(r"\s*(?:[-*•✔✓▪–#>]+|\(?\d{1,3}[.)](?=\s))\s*")
_CITATION = re.compile(r"\[\d+(?:\s*,\s*\d+)*\]")
_ABOUT_SOURCES = (
    r"(?:(?:the|these|this|those|both|all|any|each|of|three|two|given|provided|above|following|supplied|available)\s+)*"
    r"(?:passages?|contexts?|documents?|sources?|texts?|articles?|excerpts?|information|references?|snippets?)"
    r"(?:\s+(?:provided|given|above|supplied|\(?#?\d+\)?|one|two|three|and|or|&|,)(?![\w-]))*"
)
_TELLS = (
    r"(?:states?|stated|says?|mentions?|mentioned|suggests?|explains?|notes?|describes?|indicates?|discuss(?:es)?|"
    r"provides?|recommends?|lists?|gives?|shows?|adds?|specif(?:y|ies)|tells?|offers?|contains?|focus(?:es)?|"
    r"clarif(?:y|ies)|state|define|address(?:es)?)"
)
# What talks about the sources or the answer itself; matched in folded, lower-case text of the same length.
_META = [
    re.compile(p)
    for p in (
        rf"(?:based|relying|drawing|going)\s+(?:\w+\s+)?(?:on|upon|from)\s+(?:\w+\s+){{0,2}}?{_ABOUT_SOURCES}\s*[,:]?",
        rf"(?:according\s+to|as\s+(?:per|{_TELLS}|described|listed)(?:\s+(?:in|by))?|per|from|in|by|with)\s+"
        rf"{_ABOUT_SOURCES}\s*[,:]?",
        rf"{_ABOUT_SOURCES}\s+(?:also\s+|further\s+|all\s+|both\s+|only\s+)*{_TELLS}(?:\s+(?:that|how|us))?",
        r"\(?(?:passages?|sources?|documents?|contexts?)\s*#?\s*\d+(?:\s*(?:,|and|&|or|-)\s*(?:passage\s*)?\d+)*\)?\s*:?",
        r"(?:here|below|the\s+following)(?:\s+(?:is|are)|'s)\b[^.:]{0,80}:",
        r"(?:please\s+)?note(?:\s+that|:)",
        r"(?:step|point|option|tip|part)\s+\d+\s*[:.)]",
        r"(?:sure|certainly|of course|absolutely|great question|answer)\s*[!,:.]",
        r"(?:the|a|my)\s+(?:short\s+|brief\s+)?answer(?:\s+to\s+(?:the|this|your)\s+question)?\s+(?:is|would be)\b:?",
        r"(?:in\s+(?:summary|conclusion|short|brief)|to\s+(?:summari[sz]e|sum\s+up|conclude)|overall)\s*,",
        r"we\s+can\s+(?:see|infer|conclude|say)(?:\s+that)?",
        r"it\s+(?:is|'s)\s+(?:also\s+)?(?:important|worth|essential|crucial|necessary)\s+(?:to\s+(?:note|remember|"
        r"mention|keep in mind)|noting|mentioning)\b(?:\s+that)?",
    )
]  # fmt: skip
_ABSENT = r"(?:(?:do|does|did|is|are|was|were)(?:\s+not|n't)|doesn't|cannot|can't|could\s+not|not|without|no|unable)"
_SOURCE = (
    r"(?:(?:given|provided|above|available)\s+information|passages?|contexts?|documents?|sources?|texts?|articles?|"
    r"excerpts?)"
)
_SAYING = (
    r"(?:mention|provid|sa[yi]|contain|specif|stat|discuss|addres|includ|giv|enough|explicit|direct|cover|answer|offer|"
    r"clear|detail|defin|relat|explain|describ|list|indicat|tell|reveal|report)\w*"
)
# Whole clauses that claim nothing: the sources are silent, the answer cannot be given, good manners.
_HARMLESS = [
    re.compile(p)
    for p in (
        r"(?:.*\b)?unable\s+to\s+(?:answer|determine|find|provide)\b.*",
        rf".*\b{_SOURCE}\b.*\b{_ABSENT}\s+(?:\w+\s+){{0,3}}?{_SAYING}\b.*",
        rf"(?:\w+,?\s+)?(?:none|neither)\s+of\s+.*\b{_SOURCE}\b.*\b{_SAYING}\b.*",
        r"(?:\w+,?\s+)?(?:there\s+(?:is|are|was)|there's)\s+(?:no|not\s+enough|insufficient|not\s+any)\s+(?:\w+\s+){0,3}?"
        r"(?:information|mention|details?)\b.*",
        r"(?:\w+,?\s+)?no\s+(?:\w+\s+){0,2}?(?:information|details?|mention)\s+(?:is|are|was|were)\b.*",
        r"(?:\w+,?\s+)?it\s+(?:is|was)(?:\s+not|n't)\s+(?:\w+\s+)?(?:mentioned|provided|specified|stated|given|clear|said)\b.*",
        r".*\b(?:is|are|was|were)(?:\s+not|n't)\s+(?:\w+\s+){0,2}?(?:mentioned|provided|specified|stated|given|"
        rf"discussed|included|addressed|explained|clear|available)\b.*\b{_SOURCE}\b.*",
        r".*\b(?:cannot|can't|can\s+not|could\s+not|not\s+possible\s+to|impossible\s+to)\s+(?:be\s+)?(?:\w+\s+)?"
        rf"(?:answer|determin|infer|find|provide\s+an?\s+(?:\w+\s+)?answer)\w*\b(?:.*\b{_SOURCE}\b.*|\s+(?:the|this|your)"
        r"\s+(?:\w+\s+)?(?:question|answer)\b.*)",
        r".*\b(?:i\s+hope\s+(?:this|that|it)\b|let\s+me\s+know\b|feel\s+free\b|do\s+you\s+have\s+any|if\s+you\s+have\s+"
        r"(?:any\s+)?(?:more|other|further|additional)?\s*questions?|happy\s+to\s+help|thank\s+you\s+for).*",
        r"(?:sure|certainly|of\s+course|okay|ok|great)\b[!,.]?\s*(?:i(?:'d|'m|\s+would|\s+am|'ll|\s+will)|here|based|let)"
        r"\b.*",
        r"(?:here|below|the\s+following)(?:\s+(?:is|are)|'s)\b[^.]*:",
        r"(?:to\s+.*,\s*)?(?:(?:(?:you|one)\s+(?:can|should|may|need\s+to|will\s+need\s+to)|please)\s+(?:also\s+)?)?"
        r"(?:follow|take|try|consider)\s+(?:these|the\s+following)\s+(?:\w+\s+)?"
        r"(?:steps?|instructions?|tips|methods?|guidelines|procedures?)\b[^.]*",
        r"they\s+(?:do|did)(?:\s+not|n't)\s+(?:say|state|mention|tell|specify|explain|indicate|reveal)\s+(?:\w+\s+)?"
        r"(?:how|whether|what|when|where|who|why|which)\b.*",
    )
]  # fmt: skip
_SILENT = re.compile(rf"(?:they\s+|it\s+)?(?:do|does|did)(?:\s+not|n't)\s+(?:\w+\s+){{0,2}}?{_SAYING}\b.*")
_FACT = re.compile(r"\S*\d\S*|(?<=\s)[\"'(]*[A-Z]\S*")
_LONGEST = 600  # characters of a clause that can be mere talk; the patterns are slow on more
_BUT = re.compile(r"[,;]\s*(?:but|however|although|though|and)\b,?\s*")


def same_length_fold(text: str) -> str:
    """Folded and lower-cased character by character, so that offsets stay."""
    return "".join(f if len(f := fold(c).lower()) == 1 else c for c in text)


def meta_mask(text: str) -> list[tuple[int, int]]:
    """Spans of `text` (one sentence) that talk about the sources, the answer or the list, not about the matter."""
    low = same_length_fold(text)
    spans: list[tuple[int, int]] = []
    if marker := _MARKER.match(low):
        spans.append(marker.span())
    at = spans[0][1] if spans else 0
    if _harmless(low[at:]):
        return [(0, len(text))]
    silent = re.search(rf"\b{_SOURCE}\b", low) is not None
    for stop in (*(m.start() for m in _BUT.finditer(low, at)), len(low)):
        piece = _BUT.sub("", low[at:stop], count=1) if _BUT.match(low, at, stop) else low[at:stop]
        if _harmless(piece) or (silent and _SILENT.fullmatch(_plain(piece))):
            spans.append((at, stop))
        at = stop
    if low.rstrip("* ").endswith(":"):  # announces what follows: but for its numbers and names it claims nothing
        end = 0
        for fact in (*_FACT.finditer(text), None):
            spans.append((end, fact.start() if fact else len(text)))
            end = fact.end() if fact else end
    spans += [m.span() for p in _META for m in p.finditer(low)]
    return spans + [m.span() for m in _CITATION.finditer(low)]


def _harmless(clause: str) -> bool:
    if len(clause) > _LONGEST:
        return False
    plain = _plain(clause)
    return any(p.fullmatch(plain) for p in _HARMLESS) and not _BUT.search(plain)


def _plain(clause: str) -> str:
    return " ".join(clause.replace("*", "").split()).removeprefix("however, ").removeprefix("therefore, ")
