"""What kind of thing a question asks for, and whether a text holds such a thing.

A question that asks "how long" is not answered by a passage without a duration, however near it is. Kinds are
told by the form of the question alone; most questions ask for none of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from index.lexical import stems
from index.query import AND_ASKS
from ingest.text import fold, sentence_spans

_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|"
    "nineteen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-(?:one|two|three|four|five|six|seven|eight|"
    "nine))?|half|several|few|dozens?|hundreds?|thousands?|millions?|billions?"
)
_NUMBER = rf"(?:\d[\d,.]*\s?(?:k|m|bn|million|billion|thousand|hundred)?|{_WORDS})"
_TIME = r"(?:milli|micro|nano)?(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|yrs?|ms)"
_UNIT = rf"{_TIME}|percent|kilomet\w+|miles|dollars|euros|gigabytes?|megabytes?|gb|mb|km|kwh|watts|degrees|tokens|words"
LABEL = "question|week|day|step|round|tip|section|part|chapter|phase|categor(?:y|ie)|stage|module|lesson|table|figure|q"
_SPELLED = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SPELLED_LABEL = rf"one(?= (?:of|is|in|say|says|about|covers?)\b|[?.,]|$)|(?:{'|'.join(_SPELLED[1:])})(?! \w+s\b)"
_VERB = (
    "do|does|did|are|is|was|were|has|have|had|can|could|should|will|would|must|may|there|in|of|at|on|for|to|with|per|"
    "and|or|it|they|we|you|i|the|a|an"
)
_CURRENCY = (
    "usd|eur|gbp|chf|inr|jpy|cny|aud|cad|sek|nok|dkk|pln|czk|dollars?|euros?|pounds?|cents?|pence|francs?|crowns?|kron\\w+|"
    "rupees?|lakhs?|yen|yuan|pesos?|rand|roubles?|rubles?|shillings?|guilders?|marks|lira|zloty\\w*|quid|bucks"
)
_MONEY = (
    rf"[$€£₹¥]\s?\d|\b\d[\d,.]*\s?k\b|\b(?:\d[\d,.]*|{_WORDS})\s?(?:(?:hundred|thousand|million|billion) )?"
    rf"(?:{_CURRENCY})\b|\b(?:usd|eur|gbp|chf|inr|sek|nok|dkk)\s?\d|\b\d+p\b"
)
_PRICE = (
    "price|fees?|fares?|rent|charge|admission|entry|entrance|deposit|fine|penalty|reward|premium|supplement|surcharge|"
    "tuition|toll|subsidy|bursary|wages?|salary|bonus|budget"
)
_LENGTH = r"(?:kilo|centi|milli)?(?:metres?|meters?)|km|cm|mm|m|miles?|feet|foot|ft|inch(?:es)?|yards?|nautical miles?"
_DEGREES = r"\d\s?(?:°|degrees?\b|[CF]\b|kelvin)"
_COLOURS = (
    "red|blue|green|yellow|orange|purple|violet|pink|brown|black|white|gr[ea]y|beige|turquoise|burgundy|silver|gold(?:en)?|"
    "navy|teal|cream|crimson|maroon|amber|cyan|magenta|ochre|khaki"
)
EARNED = frozenset(stems("salary earn wage pay paid payment compensation income stipend offer bonus"))  # stems
# kind -> the form of the question, and the form of a text that holds such a thing. A group in the question's form
# is what is counted or measured; `{of}` in the text's form stands for it.
_KINDS: dict[str, tuple[str, str]] = {
    "code": (
        r"\b(?:show|give|write|paste|print|provide|share|see|need|want)\b.*\b(?:code|snippet|script|listing|"
        r"(?:python|java|sql|c\+\+|r)\s(?:function|class|query|implementation)|"
        r"(?:function|class|query|implementation)\s(?:in (?:python|java|sql|r)|from (?:the|this)|that|which))\b|"
        r"\bcode (?:for|of|that)\b",
        r"(?-i:^\s*(?:def \w+\(|class \w+[(:]|import \w+|from [\w.]+ import |SELECT |"
        r"(?:const|let|var) \w.*[={(]))"
        r"|\w\(\w*\)\s*[;{]|=>|```|^\s*\w+ = \w+[.(\[]",
    ),
    "formula": (
        r"\bformula\b|\bbig-?o\b|\bclosed[- ]form\b",
        r"[=∑√∏∫≈≤≥^]|\bO\s?\(|\\frac|\bdivided by\b|\b(?:sum|ratio|mean) of\b|\w\s?/\s?[\w(]",
    ),
    "calculation": (
        r"\bhow (?:exactly |precisely )?(?:is|are|was|do|does|did|can|should|would|to)\b.*"
        r"\b(?:calculat\w+|comput(?:e|ed|es)|worked out)\b|"
        r"\b(?:in what|which) way is\b.*\b(?:calculated|computed)\b",
        r"[=∑√∏∫≈≤≥^]|\bO\s?\(|\\frac|\w\s?/\s?[\w(]|\b(?:plus|minus|times|multipl\w+|subtract\w*|divid\w+)\b|"
        r"\b(?:sum|ratio|mean|average|product|number|fraction|share|proportion|difference|distance|combination|"
        r"function) (?:of|between)\b|\b(?:add|count|averag|weight|combin|summ?)(?:e?s|ing|ed)?\b",
    ),
    "label": (
        rf"\b(?:what|which|where|how|show|give|tell|list)\b.*\b(?:{LABEL})s?\s?#?(\d+|{_SPELLED_LABEL})\b",
        rf"(?:\b(?:{LABEL})\s?#?|^\s*){{of}}\b",
    ),
    "money": (
        r"(?<!\bby )\bhow much\b.*\b(?:pays?|paid|costs?|makes?|charges?|spend)\b|\bhow expensive\b|"
        r"\b(?:what|which|how)\b.*\btuition\b|"
        r"\bwhat(?:'s| (?:does|do|did|is|are))\b.*\b(?:pays?|paid|charges?|price of|fee|cost of|costs?)\b(?! function)|"
        rf"\bwhat(?:'s| is| was| are| were) (?:the|my|our|your) (?:[\w-]+ )?(?:{_PRICE})(?= (?:of|for|at|in|"
        rf"on|to|if|when|per)\b|\W*$)|"
        rf"(?<!\bby )\bhow (?:high|large|big|much) (?:is|are|was|were|will be) (?:the|an?|my|our|"
        rf"your) (?:[\w-]+ )?(?:{_PRICE}|"
        rf"tickets?|subscription|membership|licen[cs]e)\b|"
        r"\bhow much (?:is|are|was|were) (?:an?|one) (?!.*\b(?:gain|loss|drop|rise|increase|reduction|"
        r"improvement|said|thought|expected)\b)|"
        r"^(?:the )?(?:price|fees?|fares?|rent|admission) (?:of|for|at)\b",
        rf"{_MONEY}|(?:\d|\b(?:{_WORDS}))\s?(?:%|per ?cent) of (?:the |your |its )?(?:[\w-]+ )?(?:price|fee|"
        rf"costs?|fare|rent|deposit)\b|"
        r"\bfree of charge\b|\b(?:for|is|are) free\b(?! (?:of|from|to)\b)|"
        r"\bno (?:extra |additional )?(?:charge|costs?|fees?)\b|\bhalf (?:the |of the )?(?:[\w-]+ )?(?:price|fee)\b",
    ),
    "salary": (
        r"\b(?:how much|what|which|how)\b.*\b(?:earns?|salary|salaries|wages?|"
        r"(?<!as )(?<!in )compensation(?! for)|stipend)\b|"
        r"\bpays? (?:its|their|his|her|the|new|senior|junior) (?:[\w-]+ ){0,2}(?:employees|staff|workers|people|"
        r"engineers|developers|scientists|managers|teachers|drivers|interns)\b|^[\w '-]+ (?:salary|salaries)\W*$|"
        r"^(?:the )?(?:salary|salaries|wages?) (?:of|for|at)\b",
        _MONEY,
    ),
    "loudness": (r"\bhow loud\b", r"\d\s?(?:db|decibels?)\b"),
    "duration": (
        rf"\bhow long (?!should|must|can|is the|are the)|\bhow (?:many|much) (?:{_TIME}|time)\b|\bhow soon\b|"
        rf"\bhow much notice\b",
        rf"\b{_NUMBER}(?:\s?(?:-|to|or|and)\s?{_NUMBER})?[\s-]?\+?(?:(?:more|full|business|working|calendar|"
        rf"whole|school|consecutive) )?{_TIME}\b|"
        rf"\b(?:than|for|about|within|almost|nearly|over|under|after|takes?|lasts?) an? {_TIME}\b|"
        r"\bsince (?:the )?\d{4}|\b(?:decades?|centur(?:y|ies))\b",
    ),
    "date": (
        r"\b(?:what|which) (?:year|date|month|decade)\b|\bwhen (?:was|were|did)\b|\bsince when\b|"
        r"\bwhen (?:is|are) the (?:next|first|last|deadline)\b|\bwhen (?:does|do|will) .*\b(?:take place|come out|"
        r"be (?:held|released|launched))\b|\bwhen (?:does|do|will) the next\b|"
        r"\bwhen (?:is|are|will) .*\bbe (?:finished|ready|completed|done|repaired|available|open(?:ed)?)\b|"
        r"\bwhat (?:is|was|are|were) the (?:[\w-]+ )?(?:date|deadline)\b",
        r"\b(?:1\d|20)\d\d\b|\b(?:january|february|march|april|june|july|august|september|october|november|december|"
        r"century|today|yesterday|(?:last|this) (?:year|month|week))\b",
    ),
    "share": (
        r"\b(?:what|which) (?:percentage|percent|share|fraction|proportion)\b|\b(?:acceptance|pass|success) rate\b",
        r"\d\s?%|\bper ?cent\b|\b(?:half|third|quarter|all|none|most|majority) of\b|\b\d+ (?:in|of|out of) \d+",
    ),
    "number": (
        r"\b(?:what|which) (?:[\w-]+ ){0,2}(?:accuracy|precision|recall|f1|f1-score|auc|rmse|mae|score)\b.*"
        r"\b(?:did|reach\w*|achiev\w*|report\w*|hit|target)\b|"
        r"\b(?:what|which) (?!(?:is|are|was|were)\b)(?:[\w-]+ ){0,2}(rate|size|latency|throughput|temperature|gpa|"
        rf"price|ratio|speed|distance|age|height|weight|threshold)(?= (?:{_VERB}|from|by|if|when)\b|\?|$)|"
        r"\bwhat(?:'s| is| was) the (?:[\w-]+ ){0,2}(?:rate|size|latency|throughput|price|speed|distance|age|height|"
        r"weight|threshold)(?= (?:of|for|at|on|in|per|used|set) (?!a\b|an\b))|"
        r"\bhow much (?:latency|memory|storage|bandwidth|data|power|energy|water|space|accuracy|traffic|throughput)\b|"
        r"\bwhat (?:is|are|was|were) the (?:minimum|maximum|exact|average|f1) |"
        r"\bhow (?:big|large|tall|old|high|wide|thick)\b",
        rf"\d|\b(?:{_WORDS})\b",
    ),
    "clock": (
        r"\b(?:what|which) (?:exact )?time (?:is|are|was|were|do|does|did|can|should|must|will|of (?:the )?day)\b|"
        r"\b(?:at|by|from|until|till) (?:what|which) time\b",
        r"\b\d{1,2}[:.]\d\d\b|\b\d{1,2}\s?[ap]\.?m\b|\b(?:noon|midday|midnight|dusk|dawn|sunset|sunrise|o'clock)\b|"
        r"\b(?:early|late|mid-?|in the|every|each) (?:morning|afternoon|evening|night)s?\b|"
        rf"\bhalf past\b|\b(?:at|from|until|till|by|before|after) (?:\d{{1,2}}|{'|'.join(_SPELLED)})\b(?! [a-z]+s\b)",
    ),
    "weight": (
        r"\bhow much (?:do|does|did)\b.*\bweigh\b|\bhow heavy (?:(?:is|are|was|were) (?:an?|one)|can|may|must|"
        r"should)\b",
        rf"(?:\d|\b(?:{_WORDS}))\s?(?:kg|kilos?|kilogram\w*|g|grams?|tons?|tonnes?|pounds?|lbs?|ounces?|oz|stone)\b",
    ),
    "warmth": (
        r"\bhow (?:hot|warm|cold|cool)\b",
        rf"{_DEGREES}|\b(?:body|room) temperature\b|\b(?:boiling|freezing)\b",
    ),
    "distance": (
        r"\bhow far (?:is|are|was|were|away|from|apart|to|do|does|did|can)\b",
        rf"(?:\d|\b(?:{_WORDS}))\s?-?(?:{_LENGTH})\b|\b{_NUMBER}[\s-]{_TIME}\b",
    ),
    "colour": (r"\b(?:what|which) colou?rs?\b", rf"\b(?:{_COLOURS})\b"),
    "frequency": (
        r"\bhow (?:often|frequently)\b",
        r"\b(?:daily|weekly|monthly|hourly|yearly|nightly|once|twice|every|each|continuous(?:ly)?|real[- ]time|"
        rf"(?:per|an?) (?:second|minute|hour|day|week|month|year)|{_NUMBER} times)\b",
    ),
    "version": (r"\b(?:what|which) version\b", r"\bv?\d+\.\d+|\bv\d|\b(?-i:[A-Z])\w+ \d\b"),
    "place": (
        r"\bwhere (?:is|are|was|were)\b.*\b(?:held|located|based|headquartered|take place)\b|"
        r"\b(?:what|which) address\b",
        r"(?-i:\b(?:in|at|near) (?:the )?[A-Z][a-z]+)|\b(?:online|on-?site|remotely|virtual|headquarter\w*)\b",
    ),
    "country": (
        r"\b(?:what|which) (?:city|country|town)\b",
        r"(?-i:\b(?:in|at|near|from|to|of|across|around|into|outside|between|and|for) "
        r"(?:(?:the|city of|southern|northern|eastern|western) )*[A-Z][\w.]+|[A-Z]\w+, [A-Z]\w+)",
    ),
    "language": (
        r"\b(?:what|which) (?:programming |coding )?languages?\b",
        r"(?-i:\b(?:Python|Java|JavaScript|TypeScript|C|SQL|R|Scala|Go|Rust|Julia|MATLAB|Ruby|Kotlin|Swift|[A-Z][a-z]+"
        r"(?:ish|ese|ian|ench))\b)|c\+\+|\bgerman\b|\barabic\b",
    ),
    "measure": (rf"\bin ({_UNIT})\b(?! (?:of|that|which|\d|{'|'.join(_SPELLED)}))", r"\d\s?-?{of}"),
    "person": (
        r"\bwho (?:is|was|were|are) the\b.*\b(?:ceo|cto|founders?|authors?|inventors?|presidents?|heads?|directors?|"
        r"creators?|chief|scientists?|officers?|owners?|chair\w*|mayors?|ministers?|coach|boss|leaders?)\b|"
        r"\bnames? of\b.*\bwho\b|"
        r"\bwho (?:wrote|founded|invented|created|discovered|authored|teaches|runs|leads)\b|"
        r"\b(?:which|what) (?:[\w-]+ )?(?:doctor|engineer|architect|scientist|physicist|chemist|author|writer|artist|"
        r"painter|professor|inventor|king|queen|president|general|composer|singer|actor|actress|player|coach|person) "
        r"(?!(?:is|are|do|does|should|can|would|will|to|or|and|jobs?|roles?|interviews?|positions?|skills?|salar\w+)\b)\w+",
        r"(?-i:\b(?!(?:The|An?|In|At|On|This|That|Our|We|It|For|And|But|If|When|How|What|Why)\b)"
        r"(?=\w*[^\WA-Z])[A-Z][\w’'-]+\.? (?:[A-Z]\. )?(?:de |van |von |bin )?(?=\w*[^\WA-Z])[A-Z][\w’'-]+|"
        r"[A-Z][\w’'-]+ et al\b)",
    ),
    "someone": (
        r"^who (?:(?:at|in|from|on|of) \w+ )?(?!used\b|need)(?:\w+(?:ed|ght|ilt|ew)|led|won|made|began|ran|came)\b|"
        r"\b(?:what|which) (?:[\w-]+ )?(?:company|firm|manufacturer|insurer|agency|supplier|brand|publisher|bank) "
        r"(?!(?:is|are|do|does|should|can|would|will|to|or|and|culture|size|has|have|pays?|asks?)\b)\w+",
        r"(?-i:\b(?=\w*[^\WA-Z])[A-Z][\w’'-]+)",
    ),
    "expansion": (
        r"\b(\w+)(?: (?:acronym|abbreviation|method|framework|model|technique|approach))?"
        r" (?:stands? for|(?:is|was) short for)\b",
        "",
    ),
    "link": (
        r"\b(?:what|which|give|show|send|share)\b.*\b(?:url|link|website|web page|e-?mail address|"
        r"(?:tele)?phone number)\b",
        r"https?://|www\.|\w@\w|\.(?:com|org|ai|io)\b|\d{3}[-\s]\d{3}|\b(?:call|ring|dial|phone|telephone|"
        r"tel\.?):? \+?\d{3}",
    ),
    "count": (
        rf"\bhow many (?!{_TIME}|times\b)((?:(?!(?:{_VERB})\b)[\w'-]+ ?){{1,4}})|"
        r"\b([a-z-]+s),? how many(?: (?:left|remain(?:ing)?|in total|altogether|(?:are|were) (?:there|left)))?\W*$",
        "",
    ),
}
_UNITS = [  # abbreviated where they are counted
    (frozenset(stems(word)), re.compile(rf"(?:\d|\b(?:{_WORDS}))[\s-]?(?:{short})(?!\w)", re.IGNORECASE))
    for word, short in (
        ("kilometres kilometers", "km"),
        ("metres meters", "m"),
        ("centimetres centimeters", "cm"),
        ("millimetres millimeters", "mm"),
        ("miles", "mi"),
        ("feet foot", "ft"),
        ("kilograms kilogrammes kilos", "kg"),
        ("grams grammes", "g"),
        ("litres liters", "l"),
        ("millilitres milliliters", "ml"),
        ("watts", "w"),
        ("kilowatts", "kw"),
        ("volts", "v"),
        ("amps amperes", "a"),
        ("degrees", "°\\s?[cf]?"),
        ("percent", "%|per ?cent"),
        ("gigabytes", "gb"),
        ("megabytes", "mb"),
        ("pounds", "lbs?"),
        ("ounces", "oz"),
    )
]
_CALENDAR = frozenset(
    """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday christmas easter
    """.split()  # noqa: SIM905
)
_NAMES = ("person", "someone", "country")
_MEASURED = {  # what is asked for by these names is also told by its unit alone
    "temperature": re.compile(rf"{_DEGREES}|\b(?:cold|hot|warm|boiling|freezing)\b", re.IGNORECASE),
    "price": re.compile(r"[$€£₹¥]\s?\d|\d\s?(?:dollars|euros|pounds|cents|usd|eur|gbp)\b", re.IGNORECASE),
    "speed": re.compile(
        r"\d\s?(?:km/h|kph|mph|knots|m/s|kilomet\w+ (?:per|an) hour|miles (?:per|an) hour)", re.IGNORECASE
    ),
    "age": re.compile(r"\d\s?(?:years?|months?)\b|\baged \d", re.IGNORECASE),
}
_PLURAL = re.compile(r"people|children|men|women|mice|feet|teeth|data|staff|\w+[^s\W]s")
_PERSONS = frozenset(stems("people inhabitant resident citizen person men women"))
_ROLES = frozenset(
    stems("worker employee labourer miner soldier sailor passenger visitor guest victim customer patient")
)
_POPULATION = re.compile(rf"\b(?:population|inhabited|home to)\b[^.;]{{0,40}}\b{_NUMBER}", re.IGNORECASE)
_ASKS = {kind: re.compile(form) for kind, (form, _held) in _KINDS.items()}


# What of its subject a question asks about: the form of the question, labels of a text that tells it, and words in it.
# Weaker than a kind: a text may tell it in words of its own.
_ASPECTS: dict[str, tuple[str, str, str]] = {
    "drawback": (
        r"\b(?:drawbacks?|disadvantages?|downsides?|cons|limits of|limitations?|weakness(?:es)?|shortcomings?|"
        r"trade-?offs|risks?|dangers?|challenges?|constraints?|problems with|bad idea|(?:not|n't) work|"
        r"when not|(?:should(?:n't| not)|do(?:n't| not)|not to) use)\b|"
        r"\bwhy (?:is|are)\b.*\b(?:hard|difficult|tricky|challenging|tough)\b",
        r"challenges?|cons|constraints?|limit(?:s|ations?)|drawbacks?|disadvantages?|downsides?|weakness(?:es)?|pitfalls?|"
        r"risks?|problems?|issues?|caveats?|trade-?offs?|shortcomings?",
        r"limited|risk(?:s|y|ing)?|struggles?|expensive|intensive|costly|slow(?:er|ly)?|sensitiv\w+|prone|however|"
        r"overfit\w*|lacks?|loses?|ignores?|miss(?:es)?|fails?|hard|harder|difficult\w*|worse|harm\w*|avoid|unless|"
        r"not|can't|cannot|don't|doesn't|complex",
    ),
    "benefit": (
        r"\b(?:advantages?|benefits?|pros|strengths?|upsides?|merits?|good (?:about|idea)|worth)\b",
        r"advantages?|pros|benefits?|strengths?|upsides?|savings",
        r"improv\w+|reduc\w+|fast(?:er)?|speeds?|efficien\w+|enabl\w+|allows?|helps?|robust\w*|saves?|prevent\w*|"
        r"boost\w*|better|easier|simpler?",
    ),
    "mistake": (
        r"\b(?:mistakes?|pitfalls?|(?:should(?:n't| not)|do(?:n't| not)|not to) (?:do|say|ask)|"
        r"avoid (?:doing|saying|in))\b",
        r"mistakes?|pitfalls?|avoid|don'ts|errors?",
        r"avoid\w*|mistakes?|never|don't|without|not|instead of|too",
    ),
    "use": (
        r"\bwhen (?:should|do|does|would|can|is|are|to)\b.*\b(?:use|used|choose|chosen|pick|prefer\w*|apply|good|"
        r"better|best|useful|appropriate|make sense)\b|\bwhat\b.*\b(?:used|good|useful|suited) for\b",
        r"when to use(?: it)?|use cases?|applications?|uses|best for|ideal for|context",
        r"when|whenever|useful|ideal|suit\w*|prefer\w*|choose|works? well|used? (?:for|in|to)|good for",
    ),
    "reason": (
        r"^(?:(?:and|but|so),? )?why\b|\breasons?\b|\bhow come\b|\bwhat(?:'s| is| was) the point\b",
        r"reasons?|motivation|purpose",
        r"because|since|so|due to|owing|avoid\w*|prevent\w*|ensur\w+|allow\w*|help\w*|in order|makes?|means?|"
        r"critical\w*|crucial\w*|important|therefore|thus|caus\w+|lead\w*|reduc\w+",
    ),
    "measure": (
        r"\bmetrics?\b|\bmeasure\b|\bhow (?:do|can|should|would|is|are|to)\b.*\b(?:measured?|evaluated?|assess\w*|"
        r"(?:tell|know) (?:if|whether))\b",
        r"metrics?|evaluation|measur(?:es?|ing)|monitoring",
        r"metrics?|measur\w+|evaluat\w+|accuracy|precision|recall|f1\S*|scores?|auc\S*|rmse|mae|a/b|monitor\w*|track\w*",
    ),
    "exclusion": (
        r"\b(?:who|what|when|where|which)\b.*\b(?:must|may|can|should|is|are)(?:n't|not| not)\b|"
        r"\b(?:forbidden|prohibited|excluded|not (?:allowed|covered|included))\b",
        r"restrictions?|exclusions?|contraindications?|do not\b.*|who should not\b.*|prohibited|forbidden|"
        r"not (?:allowed|covered|included)",
        r"not|never|no|don't|mustn't|cannot|can't|isn't|aren't|except|unless|forbidden|prohibited|excluded",
    ),
    "example": (
        r"\bexamples?\b|\bfor instance\b",
        r"examples?|for example|case study|in practice",
        r"e\.g|for example|such as|for instance|examples?|like|including",
    ),
}
_WORDS_TELL = {"exclusion": 0.75}  # how far words alone tell it, others a quarter
_OPPOSITE = {"drawback": "benefit", "benefit": "drawback"}
_MOST_LABEL = 6  # words


@dataclass(frozen=True, slots=True)
class Aspect:
    """What of its subject a question asks about, and how a text shows that it tells it."""

    labels: re.Pattern[str]
    words: re.Pattern[str]
    opposite: re.Pattern[str] | None
    by_words: float = 0.25

    def fit(self, text: str, labels: Sequence[str]) -> float:
        """1 where a label says that it is told here, -1 where one says the opposite, `by_words` where the words do."""
        for label in labels:
            if len(label.split()) <= _MOST_LABEL:
                if self.labels.search(label):
                    return 1.0
                if self.opposite and self.opposite.search(label):
                    return -1.0
        return self.by_words if self.words.search(text) else 0.0


def _whole(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


def aspects(question: str) -> list[Aspect]:
    """What of its subject the question asks about, told by its form."""
    text = fold(question[:400]).lower()
    return [
        Aspect(
            _whole(labels),
            _whole(words),
            _whole(_ASPECTS[_OPPOSITE[name]][1]) if name in _OPPOSITE else None,
            _WORDS_TELL.get(name, 0.25),
        )
        for name, (form, labels, words) in _ASPECTS.items()
        if re.search(form, text)
    ]


_IDENTIFIER = re.compile(
    r"\b(?:version|release|code|error|clause|article|paragraph|rule|model|appendix|line|gate|platform|room|form)s? "
    r"(?:no\.? |number |#)?(?P<of>\d[\d.]*\d|\d)(?![\w%]|\.\d)|"
    r"(?<![\w.])v?(?P<version>\d+\.\d+\.\d+(?:\.\d+)*)(?!\.?\w)|"
    r"\b(?!(?:of|than|by|at|is|to|about|over|under|from|a|an|the|with|and|or|in|on|for|only|below|above|was|are|near|only|"
    r"rate|score|value|probability|accuracy|precision|recall|threshold|loss)\b)[A-Za-z][\w-]{2,} "
    r"(?P<release>\d+\.\d+)(?=[?!,;]|\.?$)",
    re.IGNORECASE,
)


def identifiers(question: str) -> list[str]:
    """The numbers by which a question names something: of a version ("3.2.0", "Python 3.12?"), a code, a clause."""
    return [next(filter(None, match.groups())) for match in _IDENTIFIER.finditer(fold(question))]


def has_number(text: str, number: str) -> bool:
    """Whether the number stands in the text by itself and not as part of another."""
    return re.search(rf"(?<![\w.]){re.escape(number)}(?!\.?\w)", text) is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """`kind` of thing asked for, what it is of (the unit, the counted noun, the number of a label), and the clause of
    the question that asks for it, in small letters.
    """

    kind: str
    of: str = ""
    clause: str = field(default="", compare=False)


def asked(question: str) -> tuple[Asked, ...]:
    """Every kind of thing that the question's asking sentences ask for, told by their form."""
    text = fold(question).lower()
    sentences = [text[a:b] for a, b in sentence_spans(text)]
    asking = [s for s in sentences if s.rstrip("\"')").endswith("?")]
    found = []
    for sentence in asking or sentences:
        for clause in AND_ASKS.split(sentence):
            for kind, form in _ASKS.items():
                if match := form.search(clause):
                    groups = [g for g in match.groups() if g]
                    of = _thing(groups[-1].split(), kind) if groups else ""
                    of = str(_SPELLED.index(of) + 1) if kind == "label" and of in _SPELLED else of
                    found.append(Asked(kind, of, clause))
    paid = any(a.kind == "salary" for a in found)
    special = [a for a in found if a.kind != "number" and not (paid and a.kind == "money")]
    return tuple(dict.fromkeys(special or found))


def _thing(words: Sequence[str], kind: str) -> str:
    """The counted noun among the words after "how many", the first plural with any that follow it ("people live");
    otherwise the last word.
    """
    plural = [bool(_PLURAL.fullmatch(word)) for word in words]
    if kind != "count" or True not in plural:
        return words[-1]
    last = plural.index(True)
    while plural[last : last + 2] == [True, True]:
        last += 1
    return words[last]


def holds(text: str, wanted: Asked, question: str = "", common: Collection[str] = frozenset()) -> bool:
    """Whether the text holds a thing of the wanted kind. A name that the `question` itself has is not one asked for,
    nor is a person whose name has a word of it; words that the corpus also writes in lower case (`common`) are no name.
    Of a salary an amount of money is enough: whether it is earned stands around it (`EARNED`).
    """
    plain = fold(text)
    if wanted.kind == "count":
        return _counted(plain, wanted.of)
    if wanted.kind == "expansion":
        return _expands(plain, wanted.of)
    if wanted.kind == "number" and wanted.of and not set(stems(wanted.of)) & set(stems(plain)):
        unit = _MEASURED.get(wanted.of)
        return bool(unit and unit.search(plain))
    form = _KINDS[wanted.kind][1].replace("{of}", re.escape(wanted.of.rstrip("s")))
    found = re.finditer(form, plain, re.IGNORECASE | re.MULTILINE)
    asked_about = set(stems(question))
    if wanted.kind == "place":
        return any(set(stems(m.group())) - asked_about for m in found)
    if wanted.kind not in _NAMES:
        return any(True for _ in found)
    names = [m.group() for m in found if not _in_lower_case(m.group(), common) and m.group().lower() not in _CALENDAR]
    if wanted.kind == "person":  # "Hugging Face Hub" is nobody who founded Hugging Face
        return any(not set(stems(name)) & asked_about for name in names)
    return any(set(stems(name)) - asked_about for name in names)


def _in_lower_case(name: str, common: Collection[str]) -> bool:
    return all(word.removesuffix("'s").lower() in common for word in name.split())


def _expands(text: str, letters: str) -> bool:
    """Whether words, or lines, follow one another that begin with the letters of an abbreviation, or it stands beside a
    bracket: "return on investment", "XML (Extensible Markup Language)".
    """
    if re.search(rf"\b{re.escape(letters)}\s?\([a-z]{{2}}|[a-z] \({re.escape(letters)}\)", text, re.IGNORECASE):
        return True
    lines = [re.sub(r"^\W+", "", line).lower() for line in text.splitlines()]
    words = re.findall(r"[a-z]+", text.lower())
    return any(_spelled(row, letters.lower(), gap) for row, gap in ((words, 1), ([x for x in lines if x], 4)))


def _spelled(row: Sequence[str], letters: str, gap: int) -> bool:
    """Whether members of the row, at most `gap` apart from one to the next, begin with the letters in turn."""
    reached = {n for n, word in enumerate(row) if word.startswith(letters[0])}
    for letter in letters[1:]:
        reached = {k for n in reached for k in range(n + 1, n + 2 + gap) if k < len(row) and row[k].startswith(letter)}
    return bool(reached)


def _counted(text: str, of: str) -> bool:
    """A number among the few words before one of the counted things, in the same sentence."""
    noun = set(stems(of))
    if "peopl" in noun and _POPULATION.search(text):
        return True
    if noun & _ROLES or "peopl" in noun:  # "nine men" are workers, too
        noun |= _PERSONS
    if any(noun & unit and short.search(text) for unit, short in _UNITS):
        return True
    words = text.lower().split()
    for n, word in enumerate(words[:-1]):
        if not re.fullmatch(rf"[(\"'~]*{_NUMBER}(?:-{_NUMBER})?\+?[)\"',]*", word):
            continue
        for after in words[n + 1 : n + 5]:
            if noun & set(stems(after)):
                return True
            if after.endswith((".", ":", ";", "?", "!")) and "." not in after[:-1]:
                break
    return False
