"""Honest refusals, whole lists and table rows, on the bundled articles and on small corpora of other subjects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import prompts
from bot.asked import Asked, asked, holds, identifiers
from bot.engine import ExtractiveEngine
from bot.lists import wants_list, wants_questions
from bot.pipeline import Pipeline
from eval.data import DEFAULT_QUESTIONS, Question, read_questions
from index.build import build_index
from index.encode import SentenceEncoder
from index.follow_up import leans
from index.lexical import stems
from index.retrieve import Retriever
from index.store import open_index
from ingest.tables import table_rows

FAR_COMMON = DEFAULT_QUESTIONS.with_name("far_common.jsonl")
BAKERY = """# Working at the Nordhof bakery

Nordhof opens at five in the morning. Bakers at Nordhof earn 3,100 euros a month after their first year.

## Getting hired

1. Send a letter to the head baker.
2. Bake a rye loaf on the spot.
3. Work one night shift on trial.

A trial at Nordhof takes 2 days.
"""
MILL = """# Working at the Suderau mill

The Suderau mill grinds rye and wheat for forty bakeries. Millers at Suderau work in three shifts.

## Getting hired

The mill invites everybody who writes to a talk with the foreman. The pay is discussed in that talk.

## Questions we ask

- Why do you want to be a miller?
- How would you keep the stones cool in summer?
"""
TEA = """Green tea is steeped at 80 degrees. Black tea needs boiling water and five minutes. Mint tea is made from fresh
leaves.
"""
LEASE = """RENTAL AGREEMENT

This agreement is made between Maria Holt (the Landlord) and Jonas Reed (the Tenant) on 3 March 2021.

1. Rent. The Tenant shall pay a monthly rent of 950 euros, due on the first day of each month.

2. Deposit. The Tenant shall pay a deposit of 1,900 euros before moving in.

3. Pets. The Tenant shall not keep dogs. Cats and small animals are allowed.

4. Repairs. The Landlord is responsible for repairs to the heating and the roof.
"""
BREWING = """# Learning to brew beer

## A plan of three weeks

Here is what to do in each week:

Week 1: Malt and water

- Taste five malts and write down what they taste of.
- Have the water of your well analysed.

Week 2: Hops and bitterness

- Boil three kinds of hops in plain water and compare their bitterness.

Week 3: Yeast

- Count the cells of a yeast under the microscope.
- Ferment two small batches at 12 and at 20 degrees.

## From cook to brewer

Step 1: Learn to mash

Step 2: Brew a batch for a neighbour

- Fifty litres are enough. Write down every temperature.

## What guests ask

- "Explain why wort is boiled for an hour."
- "Which beer goes with cheese?" A dark one.

## Visits

We specialize in dark beers. Children are welcome to the yard.

Entrance fee: 7 euros

Garden open until dusk
"""
HOUSE = """# House rules of Harbour Row

## Using the flat

Guests may stay up to 14 nights in a row. Bicycles are kept in the cellar.

The tenants may not:

- keep a dog or a cat
- smoke in the flat or on the stairs
- sublet the flat

## Laundry

The laundry stands in the yard. Washing powder is kept by the caretaker, who also lends pegs and baskets.

To book the laundry:

1. Look for a free hour in the book.
2. Sign your name beside it.
3. Leave the room swept.

## Doors

Every tenant has two keys. A lost key costs 40 euros.

The gate is locked at eleven in the evening. The cellar is never locked.

## Inventory

| Item | Number | Condition |
|---|---|---|
| Sofa | 1 | good |
| Chairs | 6 | one scratched |
| Curtains | 4 pairs | faded |

## In an emergency

- “Water in the cellar?” → Switch on the pump.
- “No light?” → Look at the fuses beside the door.
"""
SPEECH = """Overseas, Ukraine is at risk. It can stop the invasion if we stand with it and send the weapons it needs.

I built a coalition of more than a dozen countries to defend shipping and the freedom of navigation in the Red Sea, and
ordered strikes to degrade the capability of those who attack it.
"""


TOOL = """# The zupf backup tool

## Exit codes

| Code | Meaning |
|------|---------|
| 0 | success |
| 1 | fatal error, no snapshot written |
| 3 | snapshot written, but some files could not be read |

## Ways to store snapshots

1. Local disk

- Pros: Fast and without any cost.
- Cons: Lost together with the house in a fire.

2. Cloud storage

- Pros: Far away from your house.
- Cons: Restoring a snapshot takes days.

## Compression

Compression makes snapshots smaller. It has been part of zupf for years.

### Benefits of compression

- Less room: Snapshots take half the space.

### Limitations

- Photographs: Pictures are compressed already, so nothing is gained.

## Questions

- Will I lose my snapshots when I move? No, they are found by their name.
- Does the price rise next year? Yes, by two euros.

## Travelling

Snapshots can be made on the road:

1. Plug the disk in.
2. Call zupf with the name of the disk.

The night shift may make snapshots on the train, unless the battery is below ten percent.
"""
NEWS = """# Releases of zupf

## 4.1.0 (14 January 2026)

### Changed

- The command backup is called save now.

## 4.0.0 (20 June 2025)

### New

- Recovery keys: a second key opens the repository.

## 3.9.2 (2 May 2024)

### Fixed

- Times are shown in your own time zone.
"""


def over(folder: Path, encoder: SentenceEncoder, **texts: str) -> Pipeline:
    (folder / "corpus").mkdir()
    for name, text in texts.items():
        (folder / "corpus" / f"{name}.md").write_text(text, encoding="utf-8")
    build_index([folder / "corpus"], folder / "index", encoder=encoder)
    return Pipeline(Retriever(open_index(folder / "index"), encoder))


@pytest.fixture(scope="module")
def zupf(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Pipeline:
    return over(tmp_path_factory.mktemp("zupf"), encoder, tool=TOOL, news=NEWS, bakery=BAKERY, mill=MILL)


@pytest.fixture(scope="module")
def trades(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Pipeline:
    return over(tmp_path_factory.mktemp("trades"), encoder, bakery=BAKERY, mill=MILL)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Pipeline:
    return over(tmp_path_factory.mktemp("house"), encoder, house=HOUSE)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> dict[str, Pipeline]:
    pipelines = {}
    for name, text in (("tea", TEA), ("lease", LEASE), ("speech", SPEECH), ("brewing", BREWING)):
        folder = tmp_path_factory.mktemp(name)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        build_index([folder / f"{name}.txt"], folder / "index", encoder=encoder)
        pipelines[name] = Pipeline(Retriever(open_index(folder / "index"), encoder))
    return pipelines


@pytest.mark.parametrize(
    ("corpus", "question", "said"),
    [
        ("tea", "How hot is green tea?", "80 degrees"),
        ("tea", "At what temperature is green tea steeped?", "80 degrees"),
        ("tea", "black tea", "five minutes"),
        ("lease", "How high is the deposit?", "1,900 euros"),
        ("lease", "Who is the landlord?", "Maria Holt"),
        ("lease", "Can I have a dog?", "not keep dogs"),
        ("lease", "Who repairs the roof?", "The Landlord"),
        ("lease", "Good day. I would like to know how high the deposit is.", "1,900 euros"),
        ("lease", "Hello! I was wondering if dogs are allowed.", "not keep dogs"),
        ("brewing", "What do you specialize in?", "dark beers"),
        ("brewing", "Are children welcome to the yard?", "Children are welcome"),
        ("brewing", "How much is the entrance fee?", "7 euros"),
        ("brewing", "Until when is the garden open?", "until dusk"),
        ("brewing", "What am I told to do in step 2 of the way from cook to brewer?", "Fifty litres"),
        (
            "speech",  # whose text does not name the speaker
            "What measures did President Aldane take against threats in the Red Sea, and how did he address military "
            "concerns in that region?",
            "coalition",
        ),
    ],
)
def test_short_questions_on_a_page_of_text_are_answered(
    small: dict[str, Pipeline], corpus: str, question: str, said: str
) -> None:
    assert said in small[corpus].ask(question, ExtractiveEngine()).answer


@pytest.mark.parametrize(
    ("corpus", "question"),
    [
        ("tea", "Who invented green tea?"),
        ("tea", "How much does mint tea cost?"),
        ("tea", "What is the capital of France?"),
        ("lease", "What is the landlord's phone number?"),
        ("lease", "Who pays for electricity?"),
        ("lease", "How do I bake a cake?"),
        ("brewing", "What am I told to do in step 1 of the way from cook to brewer?"),  # announced, and empty
        ("brewing", "Why is wort boiled for an hour?"),  # only asked
        ("brewing", "How is the bitterness of a beer calculated?"),  # only compared
    ],
)
def test_what_a_page_of_text_does_not_say_is_refused(small: dict[str, Pipeline], corpus: str, question: str) -> None:
    assert small[corpus].ask(question, ExtractiveEngine()).refused


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How much do bakers earn at Nordhof?", "3,100 euros"),
        ("How long does a trial at Nordhof take?", "2 days"),
        ("How many bakeries does the Suderau mill grind for?", "forty bakeries"),
        ("how much do bakers earn at nordhof", "3,100 euros"),
    ],
)
def test_what_the_text_says_is_answered(trades: Pipeline, question: str, said: str) -> None:
    assert said in trades.ask(question, ExtractiveEngine()).answer


@pytest.mark.parametrize(
    "question",
    [
        "How much do millers earn at Suderau?",  # only the bakery's pay is told
        "how much do millers earn at suderau",
        "How long does the talk at the Suderau mill take?",
        "In what year was the Nordhof bakery founded?",
        "How many ovens does Nordhof have?",
        "What percentage of the flour from Suderau is wheat?",
        "Who is the founder of the Suderau mill?",
        "How would you keep the stones of the mill cool in summer?",  # only asked, never answered
    ],
)
def test_what_comes_close_but_is_not_said_is_refused_with_what_is_said(trades: Pipeline, question: str) -> None:
    answer = trades.ask(question, ExtractiveEngine())
    assert answer.refused and answer.refusal_reason == "not_supported", answer.answer
    assert answer.answer == prompts.NOT_SUPPORTED and not answer.citations
    texts = {a.article_id: a.text for a in trades.retriever.index.articles.values()}
    assert answer.related
    for c in answer.related:
        assert texts[c.article_id][c.start : c.end] == c.quote


def test_a_bare_label_is_no_related_passage(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What is the office address of Hugging Face in Paris?", ExtractiveEngine())
    assert answer.refusal_reason == "not_supported" and len(answer.related) == 3
    assert all(len(c.quote.split()) > 1 for c in answer.related), [c.quote for c in answer.related]


def test_near_and_far_questions_of_the_bundled_articles(pipeline: Pipeline, questions: list[Question]) -> None:
    ours = [q for q in questions if q.split == "dev"]
    near = [q for q in ours if not q.answerable and q.type != "out_of_domain"]
    answerable = [q for q in ours if q.answerable][::4]
    engine = ExtractiveEngine()
    assert sum(pipeline.ask(q.question, engine, q.history).refused for q in near) >= 0.7 * len(near)
    assert sum(pipeline.ask(q.question, engine, q.history).refused for q in answerable) <= 0.08 * len(answerable)


def test_everyday_questions_in_words_that_the_articles_use_for_something_else_are_refused(pipeline: Pipeline) -> None:
    asked = [q.question for q in read_questions(FAR_COMMON, split="dev")][::4]
    answered = [q for q in asked if not pipeline.ask(q, ExtractiveEngine()).refused]
    assert len(answered) <= 0.15 * len(asked), answered


def test_what_is_said_of_another_is_no_answer(pipeline: Pipeline) -> None:
    for other in (
        "What is DoorDash's interview process like?",
        "what is doordash's interview process like",  # the articles tell that it is a name
        "Which cloud provider does Zillow use?",
        "how many rounds of interviews does netflix have?",
        "who founded hugging face",
    ):
        assert pipeline.ask(other, ExtractiveEngine()).refusal_reason == "not_supported"
    assert not pipeline.ask("What is Uber's interview process like?", ExtractiveEngine()).refused


def test_names_and_claims_that_the_articles_never_make_are_refused(pipeline: Pipeline, trades: Pipeline) -> None:
    for corpus, question in (
        (pipeline, "How does a Deloitte ML interview differ from one at Accenture?"),
        (pipeline, "Does Hugging Face sponsor work visas?"),
        (pipeline, "Can LinkedIn's ML engineers work from home?"),
        (trades, "Does the Suderau mill lend uniforms to its millers?"),
        (trades, "Do bakers at Nordhof earn more than those at Kleinhaus?"),
    ):
        answer = corpus.ask(question, ExtractiveEngine())
        assert answer.refusal_reason == "not_supported", (question, answer.answer)
    for corpus, question in (
        (pipeline, "Should dropout stay switched on at inference time?"),
        (trades, "Do millers at Suderau work in shifts?"),
    ):
        assert not corpus.ask(question, ExtractiveEngine()).refused, question


def test_a_long_question_about_somebody_else_is_refused(pipeline: Pipeline) -> None:
    """Its many words find something near, but it names nobody that the articles know."""
    for question in (
        "What significant regulatory changes has President Biden's administration announced regarding fees?",
        "Why did academic and research institutions need the NSF's help when they were connecting to ARPANET?",
        "Which experimental methods were employed to assess molecular oscillations in Drosophila brain clock cells?",
    ):
        assert pipeline.ask(question, ExtractiveEngine()).refused, question


def test_a_year_of_which_nothing_is_said_is_refused(pipeline: Pipeline) -> None:
    assert pipeline.ask("Which ML jobs will be in the highest demand by 2030?", ExtractiveEngine()).refused
    assert not pipeline.ask("Which ML jobs does the guide describe?", ExtractiveEngine()).refused


def test_a_request_is_no_claim(pipeline: Pipeline) -> None:
    for question in (
        "Can you give me an example of a system design question?",
        "Outline how to fine-tune a pretrained model with Hugging Face.",
    ):
        assert not pipeline.ask(question, ExtractiveEngine()).refused, question


def test_a_polite_opening_does_not_hide_the_subject(pipeline: Pipeline) -> None:
    assert not pipeline.ask("Walk me through the STAR method", ExtractiveEngine()).refused
    for far in ("Tell me about the French Revolution", "Could you please explain photosynthesis"):
        assert pipeline.ask(far, ExtractiveEngine()).refusal_reason == "nothing_retrieved"


def test_a_greeting_is_answered_without_looking_anything_up(pipeline: Pipeline) -> None:
    for message, reply in (("Hi there!", prompts.GREETING), ("ok, thanks a lot", prompts.WELCOME), ("bye", "Goodbye!")):
        (answer,) = pipeline.stream(message, ExtractiveEngine())
        assert answer.answer == reply and not answer.refused and not answer.citations  # type: ignore[union-attr]
    assert not prompts.small_talk("Hi, what is dropout?")
    assert not prompts.small_talk("Is good night sleep discussed?")


def test_lists_are_given_whole_and_in_order(trades: Pipeline, pipeline: Pipeline) -> None:
    hired = trades.ask("What are the steps of getting hired at Nordhof?", ExtractiveEngine())
    items = [s.text for s, item in zip(hired.sentences, hired.items, strict=True) if item]
    assert [i.split()[0] for i in items] == ["Send", "Bake", "Work"]
    asked_there = pipeline.ask(
        "Which questions does the Tesla guide ask about reinforcement learning?", ExtractiveEngine()
    )
    headings = [s.text for s in asked_there.sentences]
    assert len(headings) == 5 and any("exploration vs. exploitation" in h for h in headings)
    assert all(asked_there.items)


def test_a_plan_is_given_with_what_stands_below_its_parts(small: dict[str, Pipeline]) -> None:
    plan = small["brewing"].ask("What is the study plan for learning to brew?", ExtractiveEngine())
    lines = [(item, s.text.split()[0]) for s, item in zip(plan.sentences, plan.items, strict=True) if item]
    weeks = [
        (1, "Week"),
        (2, "Taste"),
        (2, "Have"),
        (1, "Week"),
        (2, "Boil"),
        (1, "Week"),
        (2, "Count"),
        (2, "Ferment"),
    ]
    assert lines == weeks
    assert "\n- Week 2: Hops and bitterness [" in plan.answer and "\n  - Boil three kinds of hops" in plan.answer
    part = small["brewing"].ask("what do i do in week two of the plan?", ExtractiveEngine())
    assert [s.text.split()[0] for s in part.sentences] == ["Week", "Boil"]


def test_whose_list_is_asked_for_decides_which_one_is_given(pipeline: Pipeline) -> None:
    for company in ("Tesla", "Uber", "Deloitte", "Hugging Face"):
        answer = pipeline.ask(f"How should I prepare for an ML interview at {company}?", ExtractiveEngine())
        assert len([i for i in answer.items if i == 1]) >= 4, answer.answer
        assert all(company in c.article for c in answer.citations), answer.answer


def test_names_that_never_stand_together_are_no_yes(pipeline: Pipeline) -> None:
    assert pipeline.ask("Does a Tesla ML engineer need to have a PhD?", ExtractiveEngine()).refused
    assert not pipeline.ask("Does Tesla use LIDAR?", ExtractiveEngine()).refused


def test_a_subject_of_the_articles_is_never_called_far(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What does BYD make?", ExtractiveEngine())
    assert answer.refusal_reason == "not_supported" and any("BYD" in c.article for c in answer.related)
    assert pipeline.ask("What is the capital of France?", ExtractiveEngine()).refusal_reason == "nothing_retrieved"
    assert "Vaswani" in pipeline.ask("Who are the authors of Attention Is All You Need?", ExtractiveEngine()).answer


def test_what_is_near_a_refused_question_advertises_nothing(pipeline: Pipeline) -> None:
    for question in ("Who is the chief scientist at Tesla?", "Who founded InterviewNode?"):
        answer = pipeline.ask(question, ExtractiveEngine())
        assert answer.refused and answer.related
        shown = " ".join(c.quote for c in answer.related)
        assert not any(word in shown for word in ("Sign up", "webinar", "we specialize", "ultimate guide"))


def test_a_row_of_a_flattened_table_is_one_piece(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What does an AI Engineer earn in the US?", ExtractiveEngine())
    row = next(s for s in answer.sentences if "150K" in s.text)
    assert row.text.startswith("AI Engineer") and "160K" not in row.text and len(row.markers) == 1
    text = "\n\n".join(["Fruit", "Price", "Apple", "10", "Pear", "12", "Plum", "9", "Fig", "30"])
    assert [[text[a:b] for a, b in row] for row in table_rows(text)][1:3] == [["Apple", "10"], ["Pear", "12"]]
    assert table_rows("Just a paragraph.\n\nAnd another one.") == []


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("How much does a nurse earn?", ["salary"]),
        ("How many weeks does it take?", ["duration"]),
        ("In what year was it founded?", ["date"]),
        ("How many songs are on the list?", ["count"]),
        ("Show me the Python code for k-means.", ["code"]),
        ("How often is the model retrained?", ["frequency"]),
        ("Which version of Python is needed?", ["version"]),
        ("What batch size is used?", ["number"]),
        ("What is the average salary of a nurse?", ["salary"]),
        ("How soon do they answer?", ["duration"]),
        ("What's a nurse's pay?", ["money"]),
        ("By how much did it push up paid orders?", []),
        ("What is batch size?", []),
        ("What is overfitting?", []),
        ("What is the cost function of SVMs?", []),
        ("I have no clue how many users there are. Which method fits?", []),
    ],
)
def test_the_kind_of_thing_asked_for(question: str, kinds: list[str]) -> None:
    assert [a.kind for a in asked(question)] == kinds


def test_each_of_several_questions_asks_for_its_own_kind() -> None:
    found = asked("What is the fee for a reading when I move out, and how long does it take?")
    assert [(a.kind, a.clause.split()[0]) for a in found] == [("money", "what"), ("duration", "how")]


def test_texts_that_hold_a_thing() -> None:
    assert holds("It takes four to six weeks.", Asked("duration"))
    assert not holds("It takes a while.", Asked("duration"))
    assert holds("Uber has 4-5 onsite rounds.", Asked("count", "rounds"))
    assert not holds("There are 25 questions. The rounds differ.", Asked("count", "rounds"))
    assert holds("for a salary of $120,000", Asked("money")) and not holds("the salary is good", Asked("money"))
    assert holds("It was begun by Clara Voss.", Asked("person"), "Who founded Hugging Face?")
    assert not holds("It was begun by Hugging Face Hub.", Asked("person"), "Who founded Hugging Face?")
    assert holds("def mean(x):\n    return sum(x)", Asked("code"))
    assert not holds("For example: import your data from a file.", Asked("code"))
    assert holds("The town has a population of 60,000.", Asked("count", "people"))
    assert not holds("Its population is old.", Asked("count", "people"))
    assert holds("It freezes at 0 °C.", Asked("number", "temperature"))
    assert not holds("It has 3 parts.", Asked("number", "temperature"))
    assert holds("The imports from Japan rose.", Asked("country"), "Which country sold more?")
    assert not holds("The imports from Japan rose.", Asked("country"), "Which country did Japan sell to?")


def test_questions_that_stand_alone_and_messages_that_do_not() -> None:
    for alone in (
        "Who is the CEO of Tesla?",
        "How does LinkedIn rank job postings?",
        "What is a confusion matrix used for?",
        "Tell me about federated learning",
        "What salary does Uber pay its data scientists?",
        "Is there a take-home test at Uber?",
        "Why does a neural network forget what it learned when it is tuned?",
        "What is a technique that reduces overfitting in trees?",
        "What is BERT?",
    ):
        assert not leans(alone), alone
    for leaning in (
        "What about Uber?",
        "And how fast?",
        "Why is that?",
        "explain more",
        "explain the second step",
        "give me an example",
        "how long?",
        "How does the company train its models?",
        "How do its interviews compare to Uber's?",
        "Does Uber ask it too?",
        "How many interview rounds are there in total?",
        "Explain that part of the answer again please",
        "What are the drawbacks?",
        "what are drawbacks?",
    ):
        assert leans(leaning), leaning
    assert not wants_list("And what did better accuracy do for tips?")
    assert wants_list("Walk me through the steps of gradient boosting.") and not wants_list("What is boosting?")
    assert wants_questions("Which questions come up?") and not wants_questions("How many questions are there?")


# --- what stands below a label ------------------------------------------------------------------------------


def test_items_are_never_torn_from_a_label_that_turns_them_round(house: Pipeline) -> None:
    for question in ("can I keep a dog in the flat?", "may I smoke on the stairs"):
        answer = house.ask(question, ExtractiveEngine()).answer
        label, _newline, items = answer.partition("\n\n")
        assert label.startswith("The tenants may not: [1]") and items.startswith("- ")


def test_the_paragraph_or_list_that_answers_comes_first(house: Pipeline) -> None:
    steps = house.ask("how do I book the laundry?", ExtractiveEngine()).answer
    assert steps.startswith("To book the laundry: [1]\n\n- Look for a free hour in the book. [2]")
    assert "Sign your name beside it" in steps and "Leave the room swept" in steps
    late = house.ask("when is the gate locked?", ExtractiveEngine()).answer
    assert late.startswith("The gate is locked at eleven in the evening.")


@pytest.mark.parametrize(
    ("question", "rows", "others"),
    [
        ("how many chairs are there?", ["Chairs\u20036\u2003one scratched"], ["Sofa", "Curtains"]),
        ("what is in the inventory?", ["Sofa\u20031\u2003good", "Curtains\u20034 pairs\u2003faded"], ["|", "---"]),
    ],
)
def test_rows_of_a_table_between_pipes_are_quoted_below_its_head(
    house: Pipeline, question: str, rows: list[str], others: list[str]
) -> None:
    answer = house.ask(question, ExtractiveEngine())
    assert answer.sentences[0].text == "Item\u2003Number\u2003Condition"
    assert all(row in [s.text for s in answer.sentences] for row in rows)
    assert not any(other in answer.answer for other in others)
    assert answer.citations[0].quote == "| Item | Number | Condition |"


def test_what_follows_an_arrow_belongs_to_what_stands_before_it(house: Pipeline) -> None:
    answer = house.ask("there is water in the cellar", ExtractiveEngine()).answer
    assert "“Water in the cellar?” → Switch on the pump. [" in answer


# --- what is asked of a subject, and by which name ------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "first", "absent"),
    [
        ("what are the downsides of compression?", "Limitations", "half the space"),
        ("what are the advantages of compression?", "Less room", "Pictures"),
        ("drawbacks of cloud storage", "Restoring a snapshot takes days", "in a fire"),
        ("cons of the local disk", "in a fire", "takes days"),
    ],
)
def test_the_side_of_a_subject_that_is_asked_about_is_told_first(
    zupf: Pipeline, question: str, first: str, absent: str
) -> None:
    answer = zupf.ask(question, ExtractiveEngine())
    assert first in answer.answer[:120] and absent not in answer.answer[:120]
    if "storage" in question or "disk" in question:
        assert absent not in answer.answer


def test_an_answer_stands_with_the_question_it_answers(zupf: Pipeline) -> None:
    moved = zupf.ask("what happens to my snapshots when I move?", ExtractiveEngine()).answer
    assert "Will I lose my snapshots when I move? No, they are found by their name." in moved


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which version introduced recovery keys?", "4.0.0 (20 June 2025)"),
        ("When was zupf 4.0.0 released?", "4.0.0 (20 June 2025)"),
        ("What changed in zupf 3.9.2?", "Times are shown in your own time zone."),
        ("what does exit code 3 mean", "3\u2003snapshot written, but some files could not be read"),
    ],
)
def test_what_stands_in_a_heading_or_is_named_by_a_number(zupf: Pipeline, question: str, said: str) -> None:
    answer = zupf.ask(question, ExtractiveEngine())
    assert said in answer.answer and "#" not in answer.answer
    assert "The command backup" not in answer.answer[:120]


@pytest.mark.parametrize("question", ["what does exit code 7 mean", "What changed in zupf 3.3?", "is 5.0.1 out yet?"])
def test_a_number_that_names_nothing_in_the_corpus_is_refused(zupf: Pipeline, question: str) -> None:
    assert zupf.ask(question, ExtractiveEngine()).refused


def test_numbers_that_measure_name_nothing() -> None:
    assert identifiers("What changed in zupf 3.3?") == ["3.3"] and identifiers("error 404") == ["404"]
    assert identifiers("Is 4.1.0 out, and what is exit code 3?") == ["4.1.0", "3"]
    for question in (
        "Is 0.5 a good rate?",
        "a dropout rate of 0.5?",
        "May I carry 3 bags?",
        "Does it cost 2.50 euros?",
    ):
        assert not identifiers(question), question


def test_a_paragraph_below_a_list_is_not_told_for_its_last_item(zupf: Pipeline) -> None:
    answer = zupf.ask("how do I make a snapshot on the train?", ExtractiveEngine()).answer
    assert answer.startswith("The night shift may make snapshots on the train, unless the battery")


# --- whose facts, and where articles differ --------------------------------------------------------------

IBUPROFEN = """# Ibuprofen 400 mg tablets: leaflet

## What it is for

Ibuprofen relieves pain, swelling and fever.

## Before you take it

Do not take these tablets if you have had a stomach ulcer or are allergic to aspirin.

## How to take it

Adults: one tablet up to three times a day with food. Leave at least six hours between doses.

## Side effects

Common: heartburn, nausea. Uncommon: dizziness, skin rash.
"""
CETIRIZINE = """# Cetirizine 10 mg tablets: leaflet

## What it is for

Cetirizine relieves hay fever and hives.

## Before you take it

Do not take it if you have severe kidney failure. Do not drink much alcohol.

## How to take it

Adults and children over 12: one tablet every evening for seven days. Cetirizine is swallowed with a glass of water.

## Side effects

Cetirizine can make you sleepy. Side effects of Cetirizine are dry mouth and tiredness.

Taking ibuprofen with it changes nothing.
"""
GUIDE = """# Guide to the Brask mill

The Brask mill stands on the river Olm. The Brask mill was founded in 1893 by Otto Brask.

## Visits

A ticket to the Brask mill costs 12 euros. Visitors of the Brask mill are asked to wear flat shoes.
"""
CHRONICLE = """# Chronicle of Tarve

Founded in 1895, the Brask mill first ground rye. The school of Tarve was founded in 1902.

## Later

A ticket to the Brask mill has cost 12 euros for years. The bridge at the Brask mill was built in 1911.
"""


@pytest.fixture(scope="module")
def leaflets(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Pipeline:
    return over(tmp_path_factory.mktemp("leaflets"), encoder, ibuprofen=IBUPROFEN, cetirizine=CETIRIZINE)


def test_what_is_said_of_another_is_no_answer_about_the_one_that_is_named(leaflets: Pipeline) -> None:
    for question, said in (
        ("How often can I take ibuprofen?", "three times a day"),
        ("What are the side effects of ibuprofen?", "heartburn"),
        ("How is Cetirizine taken?", "every evening"),
        ("What are the side effects of cetirizine?", "dry mouth"),
    ):
        answer = leaflets.ask(question, ExtractiveEngine())
        assert said in answer.answer
        own = "Ibuprofen" if "ibuprofen" in question else "Cetirizine"
        assert all(c.article.startswith(own) or "ibuprofen" in c.quote for c in answer.citations), answer.answer
    assert "can make you sleepy" not in leaflets.ask("Does ibuprofen make you sleepy?", ExtractiveEngine()).answer
    both = leaflets.ask("Compare the side effects of ibuprofen and cetirizine.", ExtractiveEngine())
    assert "heartburn" in both.answer and "dry mouth" in both.answer


def test_who_must_not_is_answered_by_what_forbids(leaflets: Pipeline) -> None:
    for question, said in (
        ("Who must not take ibuprofen?", "stomach ulcer"),
        ("Who should not take cetirizine?", "kidney failure"),
    ):
        answer = leaflets.ask(question, ExtractiveEngine())
        assert said in answer.sentences[0].text, answer.answer


def test_numbers_that_differ_are_both_quoted_and_said_to_differ(tmp_path: Path, encoder: SentenceEncoder) -> None:
    pipeline = over(tmp_path, encoder, guide=GUIDE, chronicle=CHRONICLE)
    answer = pipeline.ask("When was the Brask mill founded?", ExtractiveEngine())
    assert "1893" in answer.answer and "1895" in answer.answer and "1902" not in answer.answer
    marked = [f"[{c.marker}] ({c.article})" for c in answer.citations if "1893" in c.quote or "1895" in c.quote]
    assert len(marked) == 2 and all(mark in answer.note for mark in marked)
    same = pipeline.ask("How much does a ticket to the Brask mill cost?", ExtractiveEngine())
    assert "12 euros" in same.answer and not same.note


def test_articles_that_give_different_shares_are_said_to_differ(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What percentage of PayPal transactions are legitimate?", ExtractiveEngine())
    assert "99%" in answer.answer and "99.9%" in answer.answer and "differ" in answer.note


CLUB = """# Newsletter of the Ellmouth swimming club

The boiler of the small pool broke in March. Baby swimming is therefore cancelled until further notice.

The lane ropes were replaced in April, and Ruth Adder has taken the keys of the clubhouse. Henry Cole hands the post of
treasurer to Yvonne Strachan at the end of May.

## Money

A new boiler costs 48,500 pounds. Members who give up their lockers get half of the yearly fee back.
"""
PIES = """# Recipes of aunt Ruta

## Fish pie with dill

Cook the rice for ten minutes, then fold in the salmon. The pie can be assembled the day before.

## Bread

Knead the dough well and bake it on a hot stone. Roses from the balcony make a nice table.
"""
LINE = """# The Kressen railway

The tunnel was the hardest piece of work: water broke in and killed nine men. The night train to the
lake ran until 1931.

The upper section was designed by the engineer Alma Brandt. A clock by the first platform dates from 1903.
"""
STAFF = """# Handbook of Orrin and Sons

## Working from home

For the home desk we pay a grant of 180 pounds, once. Whoever works from home keeps the usual hours.

## Later life

Your pension is looked after by an outside trust, which writes to you every spring.
"""

POOL = """# The lido at Marl Bay

The pool is heated to 24 degrees from May to September. Opening hours are from 6.30 a.m. to 9 p.m. Closing the cover
takes 35 minutes. Lockers are made of blue steel.

A season ticket is 85 crowns. The tariff for schools is a separate document.

**May I bring my own towel?** Yes, as many as you like. Towels of the lido cost 2 crowns. Wet towels go into the bin.

**Is there a diving board?** No.

The swimming teacher is Hannah Loke. Her dates for the autumn courses will be announced by the club.

A notice at the gate says that dogs may swim on the last day. That is no longer so.

## Prices of the kiosk

- Tea 1 crown
- Coffee 2 crowns
- Sun cream of the brand that we like best, in small tubes 7 crowns
- Bathing caps 4 crowns

The kiosk is let for 310 crowns a month.
"""


@pytest.fixture(scope="module")
def everyday(tmp_path_factory: pytest.TempPathFactory, encoder: SentenceEncoder) -> Pipeline:
    return over(tmp_path_factory.mktemp("everyday"), encoder, club=CLUB, pies=PIES, line=LINE, staff=STAFF, pool=POOL)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("who takes over as treasurer", "Yvonne Strachan"),
        ("how many workers died in the tunnel?", "nine men"),
        ("can i prepare the fish pie the day before", "assembled the day before"),
        ("Who designed the upper section?", "Alma Brandt"),
        ("What does the company pay for my desk at home?", "180 pounds"),
        ("how much do I get back for giving up my locker", "half of the yearly fee"),
        ("How warm is the pool?", "24 degrees"),
        ("what time does the lido open", "6.30 a.m."),
        ("How much is a season ticket for the lido?", "85 crowns"),
        ("how mcuh is a saeson tiket for the lido", "85 crowns"),
        ("What colour are the lockers at the lido?", "blue"),
        ("Who is the swimming teacher?", "Hannah Loke"),
    ],
)
def test_articles_on_everyday_subjects_are_answered_from(everyday: Pipeline, question: str, said: str) -> None:
    answer = everyday.ask(question, ExtractiveEngine())
    assert not answer.refused and said in answer.answer


@pytest.mark.parametrize(
    "question",
    [
        "How much does the company pay into my pension?",
        "What does Orrin and Sons pay its engineers?",
        "Which doctor wrote the recipes?",
        "How much does the diving board weigh?",
        "What is the telephone number of the kiosk?",
        "How long does it take to heat the salmon pie?",
        "What colour is the diving board?",
        "Which company built the boiler of the small pool?",
        "How do I change the oil in a car?",
        "Why do cats purr?",
    ],
)
def test_a_thing_of_the_kind_asked_for_is_no_answer_when_it_is_of_something_else(
    everyday: Pipeline, question: str
) -> None:
    assert everyday.ask(question, ExtractiveEngine()).refused


@pytest.mark.parametrize(
    "question",
    [
        "What do schools pay according to the tariff of the lido?",
        "When are the autumn courses of the swimming teacher?",
    ],
)
def test_what_is_said_to_be_told_elsewhere_is_refused_and_that_is_shown(everyday: Pipeline, question: str) -> None:
    answer = everyday.ask(question, ExtractiveEngine())
    assert answer.refusal_reason == "not_supported"
    kept = ("separate document", "will be announced")
    assert any(words in related.quote for related in answer.related for words in kept)


def test_an_answer_in_bold_questions_is_told_whole_with_its_question(everyday: Pipeline) -> None:
    answer = everyday.ask("Can I bring my own towel to the lido?", ExtractiveEngine())
    first = answer.answer.index("May I bring my own towel?")
    assert first < answer.answer.index("as many as you like") < answer.answer.index("go into the bin")
    assert "diving board" not in answer.answer


def test_what_takes_a_sentence_back_is_quoted_with_it(everyday: Pipeline) -> None:
    answer = everyday.ask("Which animals may swim on the last day?", ExtractiveEngine())
    assert answer.answer.index("dogs may swim on the last day") < answer.answer.index("That is no longer so.")


def test_of_a_list_the_item_that_answers_comes_first(everyday: Pipeline) -> None:
    answer = everyday.ask("sun cream price", ExtractiveEngine())
    items = [s.text for s, depth in zip(answer.sentences, answer.items, strict=True) if depth]
    assert items[0].startswith("Sun cream")


def test_several_questions_in_one_are_each_answered(everyday: Pipeline, pipeline: Pipeline) -> None:
    answer = everyday.ask("How warm is the pool of the lido, and who designed the upper section?", ExtractiveEngine())
    assert "24 degrees" in answer.answer and "Alma Brandt" in answer.answer
    assert {c.article for c in answer.citations} >= {"The lido at Marl Bay", "The Kressen railway"}
    assert [c.marker for c in answer.citations] == list(range(1, len(answer.citations) + 1))
    known = {c.marker: c for c in answer.citations}
    assert all(s.verdict == "verbatim" and s.markers and all(m in known for m in s.markers) for s in answer.sentences)
    texts = {a.article_id: a.text for a in everyday.retriever.index.articles.values()}
    assert all(texts[c.article_id][c.start : c.end] == c.quote for c in answer.citations)
    half = everyday.ask(
        "How warm is the pool of the lido, and what is the telephone number of the kiosk?", ExtractiveEngine()
    )
    assert "24 degrees" in half.answer and "telephone number of the kiosk" in half.note
    neither = everyday.ask(
        "What does the diving board weigh, and what is the telephone number of the kiosk?", ExtractiveEngine()
    )
    assert neither.refused
    both = pipeline.ask(
        "What is dropout, and what percentage of PayPal transactions are legitimate?", ExtractiveEngine()
    )
    assert len(" ".join(s.text for s in both.sentences).split()) <= 90 and "random neurons" in both.answer
    differ = [c for c in both.citations if f"[{c.marker}]" in both.note]
    assert len(differ) == 2 and all("99" in c.quote and c.article in both.note for c in differ)


def test_what_follows_from_the_sentence_before_is_quoted_with_it(everyday: Pipeline) -> None:
    answer = everyday.ask("Why is there no baby swimming?", ExtractiveEngine())
    assert "boiler of the small pool broke" in answer.answer and "cancelled" in answer.answer


def test_numbers_of_articles_about_subjects_of_their_own_are_told_apart(pipeline: Pipeline) -> None:
    answer = pipeline.ask("How many rounds does an interview have?", ExtractiveEngine())
    told = {c.article for c in answer.citations if "rounds" in c.quote}
    assert len(told) > 1 and sum(f"“{title}”" in answer.note for title in told) == 2


def test_how_to_answer_is_no_part_of_the_question(pipeline: Pipeline) -> None:
    plain = pipeline.ask("What is the bias-variance tradeoff?", ExtractiveEngine())
    for manner in ("in simple words", "(in plain English)", "like I'm five"):
        asked_so = pipeline.ask(f"what is the bias-variance tradeoff {manner}?", ExtractiveEngine())
        assert [s.text for s in asked_so.sentences] == [s.text for s in plain.sentences]
    one = pipeline.ask("In one sentence, what is dropout?", ExtractiveEngine())
    assert len(one.sentences) == 1 and "dropout" in one.answer.lower()
    few = pipeline.ask("What is dropout, in a nutshell?", ExtractiveEngine())
    assert len(few.sentences) == 2 and few.question == "What is dropout, in a nutshell?"


KETTLE = """# Kettles

## How do I descale a kettle?

Why people ask: hard water leaves lime in every kettle.

Lime slows a kettle down. Here is how to get rid of it:

1. Fill it half with vinegar and half with water.
2. Let it boil once and stand for an hour.
3. Rinse it twice with fresh water.

## How do I clean the outside of a kettle?

Wipe it with a damp cloth when it is cold.

## Where kettles are made

Kettles are made in Solingen. A kettle that has lime in it is descaled there for free.
"""


def test_a_section_that_asks_the_same_is_told_whole(
    pipeline: Pipeline, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    kettles = over(tmp_path, encoder, kettles=KETTLE)
    answer = kettles.ask("how can I descale my kettle?", ExtractiveEngine())
    assert [s.text for s in answer.sentences][-3:] == [
        "Fill it half with vinegar and half with water.",
        "Let it boil once and stand for an hour.",
        "Rinse it twice with fresh water.",
    ]
    assert not any(word in answer.answer for word in ("ask", "damp", "Solingen"))
    answer = pipeline.ask("how do you handle imbalanced data", ExtractiveEngine())
    assert {c.section for c in answer.citations} == {answer.citations[0].section}
    assert all(word in answer.answer for word in ("Oversampling", "higher weights", "Boosting", "F1-score"))
    answer = pipeline.ask("What is overfitting, and how can you prevent it?", ExtractiveEngine())
    assert all("What is overfitting, and how can you prevent it?" in c.section for c in answer.citations)
    assert all(word in answer.answer for word in ("noise", "penalty term", "k-fold", "starts to degrade"))
    answer = pipeline.ask("How are transformers different from RNNs?", ExtractiveEngine())
    assert "Transformers" in answer.sentences[0].text and "CNN" not in answer.answer  # asked of CNNs by a heading


def test_questions_in_a_headings_own_words_are_answered_from_below_such_headings(pipeline: Pipeline) -> None:
    headings = {c.headings[-1] for c in pipeline.retriever.index.chunks if c.headings and c.headings[-1][-1] == "?"}
    below = []
    for heading in sorted(headings)[::6]:
        words = set(stems(heading))
        answer = pipeline.ask(re.sub(r"^(?:Question |Q)?\d+[.:] ", "", heading), ExtractiveEngine())
        assert not answer.refused, heading
        assert not any(s.text.rstrip(": ") in ("Answer", "Detailed Answer") for s in answer.sentences)
        own = [len(words & set(stems(c.section))) >= 0.6 * len(words) for c in answer.citations]
        below.append(sum(own) / len(own))
    assert len(below) > 20
    assert sum(below) / len(below) >= 0.8
