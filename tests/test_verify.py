"""Claims against contexts: what is said passes, what is only almost said does not, and the places are exact."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.amounts import find_amounts
from bot.claims import ClaimReport, ClaimVerifier
from bot.engine import Draft
from bot.evidence import Evidence, gather
from bot.pipeline import Pipeline
from bot.reader import READER, load_reader
from bot.verify import READ_FEATURES, Verifier, examine, log_odds, misread
from bot.words import rarity, split_words
from eval.fit_reader import document_claims
from eval.pairs import Claim, corpus_pairs, flip_negation, mix_companies, reword, swap_terms
from eval.squad import statement
from eval.verify import auroc, balanced_interval, figures
from index.config import IndexConfig
from index.encode import SentenceEncoder
from index.remember import RememberingEncoder
from ingest.chunk import chunk_articles
from ingest.load import Corpus
from tests.conftest import Run, one_clear_line

REGULARISATION = (
    "L1 regularization adds the absolute value of the coefficients as a penalty and gives sparse weights. "
    "L2 regularization adds the squared value of the coefficients as a penalty and gives dense weights."
)
UNIONS = [
    "Credit unions are cooperatives owned by their members. They often pay higher rates on savings than banks.",
    "To join, most credit unions ask for a deposit of 5 to 25 dollars. Deposits are insured up to 250,000 dollars.",
    "Uber matches riders with drivers in real time. Tesla trains its vision models on data from its own cars.",
]


@pytest.fixture(scope="session")
def verifier(encoder: SentenceEncoder) -> ClaimVerifier:
    return ClaimVerifier(encoder)


def check(verifier: ClaimVerifier, claim: str, contexts: list[str]) -> ClaimReport:
    """The report, with what holds for every one."""
    report = verifier.check(claim, contexts)
    assert 0 <= report.score <= 1
    for span in report.spans:
        quote = contexts[span.context][span.start : span.end]
        assert quote and quote == quote.strip()
    for start, end in report.unsupported:
        assert 0 <= start < end <= len(claim) and claim[start:end] == claim[start:end].strip()
    assert report.supported == (not report.unsupported)
    return report


@pytest.mark.parametrize(
    "claim",
    [
        "Credit unions are cooperatives owned by their members.",
        "Credit unions belong to their members.",
        "They often offer better rates on savings than banks do.",
        "To join a credit union, you usually have to put down a deposit of $5 to $25.",
        "Credit unions are owned by their members, and deposits in them are insured up to 250,000 dollars.",
        "Based on the given passages:\n\n* **Owners:** the members\n* **Insurance:** deposits up to 250,000 dollars",
    ],
)
def test_what_the_context_says_is_supported_in_other_words_too(verifier: ClaimVerifier, claim: str) -> None:
    report = check(verifier, claim, UNIONS)
    assert report.supported and report.spans
    assert {s.context for s in report.spans} <= {0, 1}


@pytest.mark.parametrize(
    ("claim", "wrong"),
    [
        ("Credit unions are not owned by their members.", "not"),
        ("Deposits are insured up to 350,000 dollars.", "350,000"),
        ("Tesla matches riders with drivers in real time.", "Tesla"),
        ("Credit unions often pay lower rates on savings than banks.", "lower"),
        ("Credit unions were invented in Germany by Friedrich Raiffeisen.", "Germany"),
    ],
)
def test_one_wrong_word_is_found_and_shown(verifier: ClaimVerifier, claim: str, wrong: str) -> None:
    report = check(verifier, claim, UNIONS)
    assert not report.supported
    assert any(wrong in claim[a:b] for a, b in report.unsupported)


PUMP = [
    "The valve opens once the tank holds about 40psi, and it shuts again when the pressure falls below 20psi. Keep the "
    "filters away from frost. Draining the tank is not needed unless the house stays empty for at least two weeks. "
    "The first of these pumps were sold in the '70s. Choose a dry place, then select a thread for the pipe. Dry the "
    "filters in the oven at 250F.",
    "Signs of a worn seal are: 1 a drip that won't stop. 2 constant noise or shaking. 3 white marks on the ring.",
]


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("The valve opens when the tank holds about 40 psi.", "The valve opens when the tank holds about 60 psi."),
        ("Dry the filters at 250°F.", "Dry the filters at 350°F."),
        ("Filters should be kept away from frost.", "Filters should not be kept away from frost."),
        (
            "The tank only needs to be drained if the house stays empty for at least two weeks.",
            "The tank only needs to be drained if the house stays empty for at least nine weeks.",
        ),
        (
            "The first of these pumps were sold in the 1970s.",
            "The first of these pumps were sold in the 1990s.",
        ),
        ("Select a dry place, then choose a thread for the pipe.", "Choose a wet place, then select a thread."),
        (
            "Signs of a worn seal include a drip that won't stop, constant noise, and white marks on the ring.",
            "Signs of a worn seal include a drip that won't stop, constant noise, and rust on the pump's axle.",
        ),
    ],
)
def test_another_way_to_put_it_passes_and_another_fact_does_not(verifier: ClaimVerifier, true: str, false: str) -> None:
    assert check(verifier, true, PUMP).supported
    assert not check(verifier, false, PUMP).supported


def test_what_is_said_of_one_does_not_pass_for_another_that_the_context_names_too(verifier: ClaimVerifier) -> None:
    context = [
        "Interviews at Oakwell last one day and end with a talk. Oakwell pays a bonus.",
        "Larkfield pays a yearly bonus in company shares, and staff may work from home.",
    ]
    assert check(verifier, "Interviews at Oakwell last one day.", context).supported
    assert not check(verifier, "Interviews at Larkfield last one day.", context).supported


def test_a_line_that_announces_a_list_claims_nothing_but_its_facts(verifier: ClaimVerifier) -> None:
    listed = "\n- The valve opens at about 40 psi.\n- It shuts below 20 psi."
    assert check(verifier, f"To look after your new water system, follow these steps:{listed}", PUMP).supported
    assert not check(verifier, f"The pump, built by Grundfos in 1987, works like this:{listed}", PUMP).supported


def test_two_terms_that_changed_places_are_caught(verifier: ClaimVerifier) -> None:
    true = "L1 regularization gives sparse weights, L2 regularization gives dense weights."
    swapped = "L1 regularization gives dense weights, L2 regularization gives sparse weights."
    assert check(verifier, true, [REGULARISATION]).supported
    assert not check(verifier, swapped, [REGULARISATION]).supported


def test_a_sentence_added_to_a_true_answer_is_the_one_that_is_shown(verifier: ClaimVerifier) -> None:
    added = "They also give free legal advice to students abroad."
    claim = (
        f"Credit unions are cooperatives owned by their members. {added} Deposits are insured up to 250,000 dollars."
    )
    report = check(verifier, claim, UNIONS)
    assert not report.supported
    start = claim.index(added)
    assert report.unsupported and all(start <= a and b <= start + len(added) for a, b in report.unsupported)
    assert {UNIONS[s.context][s.start : s.end] for s in report.spans} >= {
        "Credit unions are cooperatives owned by their members.",
        "Deposits are insured up to 250,000 dollars.",
    }


@pytest.mark.parametrize(
    "claim",
    [
        "Unable to answer based on given passages.",
        "The passages do not mention who founded the first credit union.",
        "Sure! Here is the answer based on the provided passages:",
        "Credit unions are owned by their members. However, the passages don't say how many members there are.",
        "According to passage 1, credit unions are owned by their members. I hope this helps!",
    ],
)
def test_talk_about_the_sources_is_harmless(verifier: ClaimVerifier, claim: str) -> None:
    assert check(verifier, claim, UNIONS).supported


def test_without_any_source_nothing_is_supported(verifier: ClaimVerifier) -> None:
    for contexts in ([], [""], ["..."]):
        report = check(verifier, "Credit unions are owned by their members.", contexts)
        assert not report.supported and not report.spans


def test_long_lines_and_odd_characters_keep_their_places(verifier: ClaimVerifier) -> None:
    long = "word " * 400 + "the café’s naïve owner paid €1,250 in 1998 " + "word " * 300
    report = check(verifier, "The café's owner paid €1,250 in 1998.", [long])
    assert report.supported
    assert any("€1,250" in long[s.start : s.end] for s in report.spans)
    assert not check(verifier, "The café's owner paid €1,350 in 1998.", [long]).supported


def test_the_pipeline_judges_with_the_same_eyes(pipeline: Pipeline) -> None:
    retriever = pipeline.retriever
    found = retriever.search("What is the difference between L1 and L2 regularization?", 5)
    evidence: list[Evidence] = gather(found, found.hits, retriever.encoder, retriever.index.tokens)
    judge = Verifier(retriever.encoder)
    quoted = next(e for e in evidence if not e.heading and e.words > 6)
    assert judge.judge(Draft(quoted.clean), evidence).verdict == "verbatim"
    right = judge.judge(Draft("L2 (Ridge) adds the squared coefficients as a penalty."), evidence)
    assert right.verdict == "supported" and right.support and not any(e.heading for e in right.support)
    for wrong in (
        "L1 (Ridge) adds the absolute value of the coefficients as a penalty.",
        "L2 regularization was proposed by Napoleon in 1812.",
        "Based on the passages, I cannot answer.",
    ):
        assert judge.judge(Draft(wrong), evidence).verdict == "unsupported"


# --- the reader ------------------------------------------------------------------------------------------

POOL = (
    "The Larch Road pool opens at 7:00 on weekdays and at 9:00 on Saturdays. Swimmers under twelve get in free if an "
    "adult swims with them; alone they pay half. The sauna was added in 2011, six years after the slide. Lockers take "
    "a coin that comes back. Since the boiler was replaced the water is two degrees warmer, and the bills are lower."
)
CLAIMS = (
    "A ten-year-old who comes with a swimming parent pays nothing.",
    "The slide is older than the sauna.",
    "The new boiler made the water colder.",
    "On weekdays the doors open two hours earlier than on Saturdays, and lockers take a coin that you get back.",
)


def test_the_reader_tells_claims_from_their_twins_that_have_the_same_words(
    encoder: SentenceEncoder, verifier: ClaimVerifier
) -> None:
    doubts, odds = [], []
    for claim in list(document_claims())[:240]:  # of documents that it was not trained on, each before its twin
        _spans, grounds = verifier.grounds(claim.context)
        sentences, compared = examine([claim.claim], grounds, encoder)
        doubt = misread(sentences, compared, grounds, encoder)
        assert doubt is not None
        doubts.append(float(doubt[0]))
        odds += log_odds(compared[0].values, None)
    read = np.mean([true < twin for true, twin in zip(doubts[::2], doubts[1::2], strict=True)])
    words = np.mean([true < twin for true, twin in zip(odds[::2], odds[1::2], strict=True)])
    assert read > 0.65 and read > words + 0.1, (read, words)


def test_the_reader_gives_a_claim_the_same_odds_alone_and_in_company(encoder: SentenceEncoder) -> None:
    reader = load_reader(encoder.source)
    assert reader is not None and READER.stat().st_size < 10_000_000
    pairs = [(claim, POOL) for claim in CLAIMS]
    alone = [float(reader.supports([pair])[0]) for pair in pairs]
    assert np.allclose(reader.supports(pairs), alone, atol=1e-3)
    assert reader.supports([]).shape == (0,)


def test_with_another_encoder_words_alone_decide(encoder: SentenceEncoder, verifier: ClaimVerifier) -> None:
    other = RememberingEncoder(encoder)
    other.source = replace(encoder.source, weights_sha256="0" * 64)
    assert load_reader(other.source) is None
    words = ClaimVerifier(other)
    assert check(words, "The sauna was added in 2011.", [POOL]).supported
    assert not check(words, "The sauna was added in 2014 by the Duke of Parma.", [POOL]).supported
    assert words.check(CLAIMS[0], [POOL]).score != verifier.check(CLAIMS[0], [POOL]).score


@given(
    st.lists(st.floats(0, 5), min_size=len(READ_FEATURES), max_size=len(READ_FEATURES)),
    st.lists(st.floats(0, 5), min_size=len(READ_FEATURES), max_size=len(READ_FEATURES)),
)
def test_more_of_a_reason_for_doubt_never_helps(some: list[float], more: list[float]) -> None:
    less, full = np.array(some), np.array(some) + np.array(more)
    for doubts in ((None, None), (less[-1:] - 5, full[-1:] - 5)):  # by words alone; with the reader's log odds
        (low,), (high,) = (log_odds(f[:-1], doubt) for f, doubt in zip((less, full), doubts, strict=True))
        assert low <= high + 1e-9


# --- the command -----------------------------------------------------------------------------------------


def test_the_command_writes_a_verdict_a_line_and_carries_fields_through(
    run: Run, write_jsonl: Callable[..., Path], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "claim": "Credit unions are owned by their members.", "context": UNIONS[0], "model": "m1"},
        {"id": "b", "claim": "Credit unions are owned by the state of Ohio.", "context": UNIONS, "label": 1},
    ]
    out = tmp_path / "new" / "v.jsonl"
    done = run("-m", "bot", "verify", "--claims", str(write_jsonl("c.jsonl", *rows)), "--out", str(out))
    assert done.returncode == 0, done.stderr
    a, b = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert a["id"] == "a" and a["model"] == "m1" and a["supported"] and not a["unsupported"]
    assert UNIONS[0][a["spans"][0]["start"] : a["spans"][0]["end"]].startswith("Credit unions")
    assert b["id"] == "b" and b["label"] == 1 and not b["supported"] and b["score"] < a["score"]
    assert any("Ohio" in rows[1]["claim"][u["start"] : u["end"]] for u in b["unsupported"])


def test_all_bad_rows_are_listed_in_one_line(run: Run, write_jsonl: Callable[..., Path], tmp_path: Path) -> None:
    bad = write_jsonl(
        "bad.jsonl",
        {"id": "1", "claim": " ", "context": "x"},
        {"id": "2", "claim": "fine", "context": "x"},
        {"id": "3", "claim": "fine", "context": [1]},
        {"claim": "fine", "context": "x"},
    )
    out = tmp_path / "v.jsonl"
    one_clear_line(
        run("-m", "bot", "verify", "--claims", str(bad), "--out", str(out)),
        "3 bad rows", "line 1", '"claim"', "line 3", '"context"', "line 4", '"id"',
    )  # fmt: skip
    one_clear_line(run("-m", "bot", "verify", "--claims", str(tmp_path / "none"), "--out", str(out)), "none")
    assert not list(tmp_path.glob("v.jsonl*"))


# --- words, pairs, figures -------------------------------------------------------------------------------


def test_words_know_their_kind() -> None:
    text = "Here, Uber paid 10,000 dollars in three U.S. cities; the driver doesn't use a GPU."
    words = {text[w.start : w.end]: w for w in split_words(text)}
    assert words["10,000"].stem == "10000" and words["10,000"].kind == "number"
    assert words["three"].stem == "3" and words["three"].kind == "count"
    assert words["Uber"].kind == words["GPU"].kind == "name" and words["the"].kind == "light"
    assert words["doesn't"].negator and not words["driver"].negator
    assert rarity("year") < rarity("marinat") == 1.0


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("twenty thousand", "20,000"), ("1.3 million", "1,300,000"), ("half a billion", "500M"), ("200 ms", "200ms"),
        ("two hours", "120 minutes"), ("a quarter", "25 percent"), ("nine in ten", "90%"), ("1200s", "13th century"),
        ("15th century", "fifteenth century"), ("9 pm", "21:00"), ("over 13,000", "13,200"), ("1950s", "1956"),
        ("17 million", "17 to 25 million"), ("thirty-six", "36"), ("a dozen", "12"), ("half a minute", "30 seconds"),
        ("50 psi", "50psi"), ("50psi", "50 psi"), ("1950s", "the '50s"), ("the '50s", "1956"), ("16GB", "16 GB"),
    ],
)  # fmt: skip
def test_a_number_is_known_however_it_is_written(claim: str, source: str) -> None:
    known = {key for w in split_words(f"it was {source} then") for key in w.known}
    assert next(w.sought for w in split_words(f"it was {claim} then") if w.sought) & known


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("200 ms", "100ms"), ("13,000", "13,200"), ("more than 400", "342"), ("two hours", "90 minutes"),
        ("9 pm", "9:30 pm"), ("20 thousand", "20 million"), ("1990", "1991"), ("14th century", "1400s"),
        ("a quarter", "20 %"), ("50 psi", "60psi"), ("1960s", "the '50s"),
    ],
)  # fmt: skip
def test_another_number_is_not_known(claim: str, source: str) -> None:
    known = {key for w in split_words(f"it was {source} then") for key in w.known}
    assert not [w for w in split_words(f"it was {claim} then") if w.sought & known]


_PIECES = ("two", "half", "a", "hundred", "thousand", "million", "dozen", "1,965", "3.5", "12:30", "4th", "per", "cent")
_GAPS = (" ", "-", ' "', " (", ", ", " of ", "/", " to ", ".")


@given(st.lists(st.tuples(st.sampled_from(_GAPS), st.sampled_from(_PIECES)), max_size=8))
def test_numbers_stand_apart_and_in_order_whatever_is_around_them(pieces: list[tuple[str, str]]) -> None:
    text = "".join(gap + piece for gap, piece in pieces)
    found = find_amounts(text)
    edges = [edge for amount in found for edge in (amount.start, amount.end)]
    assert edges == sorted(edges) and all(a.start < a.end for a in found)
    assert all(text[a.start : a.end].strip(" -") == text[a.start : a.end] for a in found)


def test_a_scale_in_quotes_is_a_number_of_its_own(verifier: ClaimVerifier) -> None:
    sources = ['He later spoke of null references as a "billion-dollar mistake".']
    assert check(verifier, 'He called null references a "billion-dollar mistake".', sources).supported
    assert [a.plain for a in find_amounts("two (million) or (half) a hundred")] == ["2", "1000000", "100"]


def test_pairs_are_made_of_what_they_say() -> None:
    rng = random.Random(0)
    assert flip_negation("Trees are deep.", rng) == "Trees are not deep."
    assert flip_negation("Trees don't bend.", rng) == "Trees do bend."
    assert mix_companies("At Uber, ETAs matter.", "Tesla builds cars.", rng) == "At Tesla, ETAs matter."
    assert swap_terms("L1 gives sparse weights.", "L1 and L2 differ.", rng) == "L2 gives sparse weights."
    assert reword("This is important for users.", rng) == "This is essential for people."
    assert statement("When was Rome sacked?", "410") == "Rome sacked was 410."
    assert statement("Who ruled Normandy?", "Rollo") == "Rollo ruled Normandy."


def test_the_seed_fixes_every_pair(corpus: Corpus) -> None:
    chunks = list(chunk_articles(corpus.articles, IndexConfig().chunking))[:60]
    pairs = corpus_pairs(chunks, [])
    assert pairs == corpus_pairs(chunks, []) and len({p.kind for p in pairs}) >= 6
    assert all(p.claim and p.context for p in pairs)


def test_figures_on_hand_computed_cases() -> None:
    assert auroc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(0.875)
    assert balanced_interval(np.array([True, True]), np.array([False, False])) == (0.5, 0.5)
    made = [Claim(k, "article", "claim", ("context",), k == "true") for k in ("true", "true", "swap", "swap", "swap")]
    result = figures(made, np.array([0.9, 0.3, 0.1, 0.2, 0.6]))
    assert result["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2, abs=1e-4)
    assert result["kinds"]["swap"] == {"supported": False, "count": 3, "accuracy": 0.6667, "auroc": 0.8333}
