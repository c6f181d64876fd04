"""Answers: every sentence cited by an exact span, honest refusals, nothing unchecked, nothing lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bot import prompts, render
from bot.engine import Draft, ExtractiveEngine, make_engine, split_stream
from bot.evidence import Evidence
from bot.lists import wants_list, wants_questions
from bot.local import LocalEngine
from bot.pipeline import BotConfig, Pipeline
from bot.render import transcript
from bot.values import Answer
from bot.writer import Said
from eval.data import Question
from index.follow_up import Turn, read, resolved
from index.query import several
from index.retrieve import Retriever
from ingest.errors import BackendError, PinciteError, QuestionError
from ingest.text import squeeze
from tests.conftest import Run, one_clear_line


def check(answer: Answer, texts: dict[str, str]) -> None:
    """What holds for every answer, whoever wrote it."""
    markers = [c.marker for c in answer.citations]
    assert markers == list(range(1, len(markers) + 1))
    for c in (*answer.citations, *answer.related):
        assert texts[c.article_id][c.start : c.end] == c.quote
    if answer.refused:
        assert answer.refusal_reason and not answer.citations and not answer.sentences
        return
    assert answer.sentences and answer.refusal_reason is None
    for sentence in answer.sentences:
        assert sentence.markers and set(sentence.markers) <= set(markers)
        assert sentence.verdict in ("verbatim", "supported") and 0 <= sentence.score <= 1
        assert sentence.text in answer.answer
    assert {int(m) for m in re.findall(r" \[(\d+)\]", answer.answer)} >= set(markers)


@pytest.fixture(scope="session")
def texts(pipeline: Pipeline) -> dict[str, str]:
    return {a.article_id: a.text for a in pipeline.retriever.index.articles.values()}


def test_every_answer_quotes_exact_spans_within_ninety_words(
    pipeline: Pipeline, questions: list[Question], texts: dict[str, str]
) -> None:
    engine = ExtractiveEngine()
    for q in questions[::3]:
        answer = pipeline.ask(q.question, engine, q.history, question_id=q.id)
        check(answer, texts)
        most = 165 if wants_list(q.question) or wants_questions(q.question) else 120
        assert sum(len(s.text.split()) for s in answer.sentences) <= most
        for sentence in answer.sentences:
            assert sentence.verdict == "verbatim"
            cited = " ".join(squeeze(c.quote) for c in answer.citations if c.marker in sentence.markers)
            assert all(word in cited for word in sentence.text.split())


def test_answers_hold_what_the_articles_say(pipeline: Pipeline) -> None:
    wanted = {
        "How long is LinkedIn's phone screen?": "45-minute",
        "What does ROC AUC tell you about class separation?": "high score means better distinction",
        "Which revenue share does Amazon get from recommendations?": "35%",
        "What did adding a liked tweet do to click-through at Twitter?": "18%",
    }
    for question, fact in wanted.items():
        assert fact in pipeline.ask(question, ExtractiveEngine()).answer


def test_a_comparison_quotes_what_stands_under_either_label(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What is the difference between bagging and boosting?", ExtractiveEngine()).answer
    assert "Trains multiple models independently" in answer
    assert "Trains multiple models sequentially" in answer


def test_a_comparison_of_two_articles_answers_from_each(pipeline: Pipeline, texts: dict[str, str]) -> None:
    for question in (
        "Compare LinkedIn and Uber interviews",
        "linkedin vs uber interview process",
        "What's the difference between LinkedIn's and Uber's interviews?",
    ):
        answer = pipeline.ask(question, ExtractiveEngine())
        check(answer, texts)
        first, second = answer.answer.find("45-minute technical interview"), answer.answer.find("recruiter or hiring")
        assert 0 <= first < second, question
        assert len({c.article_id for c in answer.citations}) == 2
    both = pipeline.ask("What do LinkedIn and Deloitte look for in candidates?", ExtractiveEngine())
    assert len({c.article_id for c in both.citations}) == 2


def test_differences_that_the_text_lists_are_quoted_first(pipeline: Pipeline) -> None:
    answer = pipeline.ask("How is a data engineer's job different from a data scientist's?", ExtractiveEngine())
    assert answer.sentences[0].text.startswith("Key Differences from Data Scientists")
    assert "Focus on scalability, not analysis." in answer.sentences[1].text


def test_what_something_is_is_told_by_who_says_so(pipeline: Pipeline) -> None:
    """Not by lines that only mention it; a label stands on a line of its own, above its list."""
    answer = pipeline.ask("What is an ML engineer?", ExtractiveEngine())
    assert answer.answer.startswith(
        "ML Engineers bridge the gap between data science and software engineering. [1] They"
    )
    label, first, *_more = answer.answer.partition("production-ready.")[2].split("\n\n")[1:]
    assert label.startswith("Day-to-Day Responsibilities: [")
    assert first.startswith("- Deploying ML models using Docker/Kubernetes. [")
    assert "Coaching" not in answer.answer and "grilled" not in answer.answer
    for question, opening in (
        ("What are transformers?", "Transformers are a type of neural network architecture"),
        ("explain dropout", "Dropout is a regularization technique"),
    ):
        assert pipeline.ask(question, ExtractiveEngine()).answer.startswith(opening)


def test_of_a_table_the_row_that_is_asked_for_is_quoted(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What salary can an AI engineer expect?", ExtractiveEngine()).answer
    assert "250K" in answer and "AI Engineer" in answer
    assert not any(other in answer for other in ("220K", "130K", "140K"))
    both = pipeline.ask("Do AI engineers or data scientists have the higher salary?", ExtractiveEngine()).answer
    assert "250K" in both and "130K" in both and "220K" not in both and "140K" not in both


def test_a_process_is_told_stage_by_stage(pipeline: Pipeline) -> None:
    for question in ("How does the interview process at Tesla work?", "Tesla interviews"):
        answer = pipeline.ask(question, ExtractiveEngine()).answer
        stages = ["Technical Screening:", "Coding Rounds:", "ML Design Interviews:", "Behavioral Interviews:"]
        places = [answer.find(stage) for stage in stages]
        assert -1 not in places and places == sorted(places), question


def test_numbered_steps_are_told_together(pipeline: Pipeline) -> None:
    answer = pipeline.ask("How would you predict arrival times for Uber rides?", ExtractiveEngine()).answer
    steps = ["Collect data on ride distance", "Use regression models", "Continuously update the model"]
    assert all(step in answer for step in steps)


def test_an_announcement_is_no_answer(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What is the interview process at Deloitte like?", ExtractiveEngine())
    assert "technical screening, coding challenge, case study" in answer.answer
    assert not any("let’s dive" in s.text or "probably wondering" in s.text for s in answer.sentences)


def test_a_sentence_that_ends_with_both_brings_along_the_one_before_it(pipeline: Pipeline) -> None:
    for question in ("What does LinkedIn care about?", "Does LinkedIn care about connection quality or growth?"):
        before, both, _after = pipeline.ask(question, ExtractiveEngine()).answer.partition("likely cares about both")
        assert both and "connection quality or platform growth" in before


def test_advertising_is_no_advice(pipeline: Pipeline) -> None:
    answer = pipeline.ask("How should I prepare for Deloitte's interview?", ExtractiveEngine())
    assert answer.sentences and not any("Join InterviewNode" in s.text for s in answer.sentences)


def test_far_away_questions_are_refused(pipeline: Pipeline, questions: list[Question], texts: dict[str, str]) -> None:
    asked = [q for q in questions if q.type == "out_of_domain"]
    far = 0
    for q in asked:
        answer = pipeline.ask(q.question, ExtractiveEngine())
        check(answer, texts)
        far += answer.refusal_reason == "nothing_retrieved"
        assert (answer.answer == prompts.NOTHING_RETRIEVED) == (answer.refusal_reason == "nothing_retrieved")
    assert far >= 0.8 * len(asked)


class Scripted:
    """An engine that writes what the test tells it to."""

    name = "scripted"

    def __init__(self, *sentences: str) -> None:
        self._sentences = sentences

    def draft(self, question: str, evidence: Sequence[Evidence]) -> Iterator[Draft]:
        for text in self._sentences:
            if text == "!":
                raise BackendError("the server said 401")
            yield Draft(text)


def test_what_nothing_supports_never_reaches_a_reader(pipeline: Pipeline, texts: dict[str, str]) -> None:
    true = "A random forest averages the votes of many trees, which reduces overfitting."
    false = "Random forests were invented by Napoleon in 1812 near Waterloo."
    answer = pipeline.ask("What is a random forest?", Scripted(true, false))
    check(answer, texts)
    assert true in answer.answer and "Napoleon" not in answer.answer
    assert answer.note == prompts.SOME_REMOVED
    assert any("tree" in c.quote for c in answer.citations)


def test_nothing_is_said_twice_and_no_cut_sentence_is_kept(pipeline: Pipeline) -> None:
    true = "A random forest averages the votes of many trees, which reduces overfitting."
    answer = pipeline.ask("What is a random forest?", Scripted(true, true, true))
    assert [s.text for s in answer.sentences] == [true]
    pieces = ["Trees vote. The forest ", "averages what they"]
    assert [d.text for d in split_stream(pieces, lambda: True)] == ["Trees vote."]
    assert [d.text for d in split_stream(pieces)] == ["Trees vote.", "The forest averages what they"]


def test_what_nothing_supports_can_be_shown_marked_but_never_cited(retriever: Retriever) -> None:
    true = "A random forest averages the votes of many trees, which reduces overfitting."
    false = "Random forests were invented by Napoleon in 1812 near Waterloo."
    marking = Pipeline(retriever, BotConfig(mark_unsupported=True))
    answer = marking.ask("What is a random forest?", Scripted(true, false))
    assert [s.verdict for s in answer.sentences] == ["supported", "unsupported"]
    assert answer.sentences[1].markers == () and answer.note == prompts.SOME_MARKED
    assert f"{prompts.UNSUPPORTED_MARK} {false}" in answer.answer
    shown = transcript.answer_block(0, answer, streaming=False, vote=None, last=True)
    unsupported = shown.split('<span class="unsupported">')[1].split("</em>")[0]
    assert "not in the articles" in unsupported and "#read/" not in unsupported and "#read/" in shown


def test_a_draft_that_mostly_fails_gives_way_to_quotes(pipeline: Pipeline, texts: dict[str, str]) -> None:
    answer = pipeline.ask("What is a random forest?", Scripted("The moon is made of cheese.", "Paris is in France."))
    check(answer, texts)
    assert answer.note == prompts.QUOTES_INSTEAD and "moon" not in answer.answer
    assert all(s.verdict == "verbatim" for s in answer.sentences)


def test_a_failed_back_end_is_not_a_refusal_about_the_articles(pipeline: Pipeline, texts: dict[str, str]) -> None:
    answer = pipeline.ask("What is a random forest?", Scripted("!"))
    check(answer, texts)
    assert answer.refusal_reason == "backend_failed" and "401" in answer.answer


def test_sentences_stream_before_the_answer_is_finished(pipeline: Pipeline) -> None:
    events = list(pipeline.stream("How does backpropagation work?", ExtractiveEngine()))
    assert [type(e).__name__ for e in events[:2]] == ["Found", "Said"]
    said = [e for e in events if isinstance(e, Said)]
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert [e.sentence for e in said] == list(answer.sentences)
    assert [c for e in said for c in e.citations] == list(answer.citations)
    assert 0 < answer.timings_ms["retrieve"] <= answer.timings_ms["first_token"] <= answer.timings_ms["total"]


def test_a_follow_up_leans_on_the_turn_before(pipeline: Pipeline) -> None:
    history = [
        {"role": "user", "content": "How does the LLD guide design DoorDash's delivery time estimator?"},
        {"role": "assistant", "content": "..."},
    ]
    assert "22%" in pipeline.ask("And what did better accuracy do for tips?", ExtractiveEngine(), history).answer


def test_several_questions_in_one_are_told_apart_and_others_are_not() -> None:
    assert several("What is precision and what is recall?") == ["What is precision?", "what is recall?"]
    assert several("Rent is due in May. Who pays the gas, and by when must the meter be read?") == [
        "Rent is due in May. Who pays the gas?",
        "by when must the meter be read?",
    ]
    one = ("When and where is the meeting?", "What is bagging and how does it work?", "Who wrote it and why?")
    assert not any(several(question) for question in one)


def test_messages_are_read_as_the_turns_before_them_tell() -> None:
    said = ["How does the interview process at Uber work?", "What is overfitting?", "What does a data engineer do?"]
    wanted = {
        (said[0], "what about Tesla?"): "How does the interview process at Tesla work?",
        (said[0], "And LinkedIn?", "What about Deloitte?"): "How does the interview process at Deloitte work?",
        (said[0], "What do they look for?"): "What do Uber look for?",
        (said[1], "how do I prevent it?"): "how do I prevent overfitting?",
        (said[1], "explain more", "and underfitting?"): "What is underfitting?",
        (said[2], "How do I become one?"): "How do I become a data engineer?",
        (said[2], "And a data scientist?", "Compare the two"): "Compare a data engineer and a data scientist",
        (said[2], "Is there anything else?"): "Is there anything else?",
        (said[1], "any remedies?"): "What are the remedies of overfitting?",
        (said[1], "What kinds are there?"): "What are the kinds of overfitting?",
        (said[0], "and the salaries?"): "and the salaries?",
    }
    for (*turns, message), told in wanted.items():
        assert resolved(message, turns) == told


def test_the_last_question_is_asked_of_something_else() -> None:
    wanted = {
        ("how much does an ml engineer earn", "what about a data scientist?"): "how much does a data scientist earn",
        ("how much do ml engineers make", "and data scientists?"): "how much do data scientists make",
        ("what is f1 score", "and for regression?"): "what is f1 score for regression?",
        ("what is f1 score", "and for regression?", "for ranking?"): "what is f1 score for ranking?",
        ("What should I learn in week 2?", "and week 3"): "What should I learn in week 3?",
        ("How many rounds does Uber have?", "how long are they?", "and Tesla"): "how long are they at Tesla?",
        ("How does Uber set prices?", "no, I meant Lyft"): "How does Lyft set prices?",
        ("How does Uber set prices?", "not Uber, Lyft"): "How does Lyft set prices?",
        ("what is hlld", "sorry, HLD"): "what is HLD",
        ("What is dropout?", "ok so how do I use it"): "how do I use dropout",
        ("What is BERT?", "What is GPT?", "back to BERT. why is it good?"): "why is BERT good?",
        ("What is overfitting?", "does dropout help with that?", "is it slow?"): "is dropout slow?",
        ("What is bagging?", "now tell me about boosting", "why is it slow?"): "why is boosting slow?",
        ("bagging vs boosting", "which one is faster?"): "which of bagging and boosting is faster?",
        ("how do CNNs work", "RNNs?", "what's the difference"): "What is the difference between CNNs and RNNs?",
        ("bagging vs boosting", "tell me about boosting", "and the other one?"): "and the other one?",
        ("What are the pitfalls of caching?", "can you give an example"): "What is an example of caching?",
    }
    for (*turns, message), told in wanted.items():
        assert resolved(message, turns) == told, message


def test_the_items_of_a_list_are_pointed_to_by_number() -> None:
    listed = (
        "Kinds of trees: [1]\n\n- Oak: it is hard. [2]\n- **Ash** (a tall tree). [3]\n  - Not counted. [3]\n- Elm. [4]"
    )
    told = {
        "tell me more about the second one": "tell me more about Ash for trees",
        "the third one?": "tell me about Elm for trees",
        "what about the last one": "tell me about Elm for trees",
        "the first one, is it rare?": "is Oak for trees rare?",
        "tell me about the eighth one": "tell me about the eighth one",
    }
    turns = [Turn("What are the kinds of trees?", listed)]
    for message, wanted in told.items():
        assert read(message, turns).question == wanted
    further = [*turns, Turn("tell me about the first one", "- Leaf: green. [1]\n- Root: brown. [2]")]
    assert read("and the second one?", further).question == "tell me about Ash for trees"


def test_what_was_refused_is_no_subject() -> None:
    turns = [Turn("What is dropout?", "A layer."), Turn("What is the weather?", "Not covered.", refused=True)]
    assert read("why does it help?", turns).question == "why does dropout help?"
    assert read("sorry, the wether", [Turn("What is the weathr?", "", refused=True)]).question != "What is the weathr?"


def test_a_wish_is_about_the_last_question(pipeline: Pipeline, texts: dict[str, str]) -> None:
    said = [{"role": "user", "content": "explain cross validation"}]
    first = pipeline.ask("explain cross validation", ExtractiveEngine())
    said.append({"role": "assistant", "content": first.answer})
    more = pipeline.ask("tell me more", ExtractiveEngine(), said)
    check(more, texts)
    assert "cross-validation" in more.answer.lower()
    assert not {s.text for s in more.sentences} & {s.text for s in first.sentences}
    short = pipeline.ask("shorter please", ExtractiveEngine(), said)
    check(short, texts)
    assert [s.text for s in short.sentences] == [s.text for s in first.sentences][:2]
    again = pipeline.ask("i don't understand", ExtractiveEngine(), said)
    assert again.sentences == first.sentences
    for _ in range(12):
        said += [{"role": "user", "content": "what else?"}, {"role": "assistant", "content": more.answer}]
        more = pipeline.ask("what else?", ExtractiveEngine(), said)
    assert more.answer == prompts.NOTHING_MORE and not more.refused


def test_messages_to_the_bot_are_no_questions(pipeline: Pipeline) -> None:
    titles = [a.title for a in pipeline.retriever.index.articles.values()]
    for message in ("what can you do?", "who are you", "Which articles do you have?", "how many articles are there"):
        (answer,) = pipeline.stream(message, ExtractiveEngine())
        assert isinstance(answer, Answer) and not answer.refused and not answer.citations
        assert f"{len(titles)} articles" in answer.answer and titles[0] in answer.answer
    twelve = prompts.about_itself("list your articles", lambda: [f"No. {n}" for n in range(1, 13)])
    assert "12 articles" in twelve and "- No. 10\n- and 2 more" in twelve
    for message, reply in (
        ("I see", prompts.ACKNOWLEDGED),
        ("ok, makes sense, thanks", prompts.ACKNOWLEDGED),
        ("are you sure?", prompts.WHERE_IT_STANDS),
        ("Where does it say that?", prompts.WHERE_IT_STANDS),
    ):
        assert pipeline.ask(message, ExtractiveEngine()).answer == reply
    for question in (
        "what can you do about overfitting?",
        "ok so what is dropout",
        "which articles discuss BERT?",
        "What are sources of bias?",
        "right to be forgotten",
        "help me prepare for Tesla",
    ):
        assert not prompts.small_talk(question) and not prompts.about_itself(question, lambda: titles)


def test_a_conversation_goes_on_to_another_and_leaves_the_subject(pipeline: Pipeline) -> None:
    said = [{"role": "user", "content": "how does the interview process at uber work?"}]
    tesla = pipeline.ask("what about tesla?", ExtractiveEngine(), said).answer
    assert "ML Design Interviews" in tesla and "HackerRank" not in tesla
    rice = pipeline.ask("how do I cook rice", ExtractiveEngine(), said)
    assert rice.refusal_reason == "nothing_retrieved"
    greeted = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello."}]
    bert = pipeline.ask("What is BERT?", ExtractiveEngine(), greeted)
    assert bert.answer == pipeline.ask("What is BERT?", ExtractiveEngine()).answer and not bert.refused


def test_the_local_model_answers_through_the_verifier(
    pipeline: Pipeline, texts: dict[str, str], local_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINCITE_CACHE", str(local_model.parent))
    answer = pipeline.ask("What is overfitting?", make_engine("local"))
    check(answer, texts)
    assert not answer.refused and answer.engine == "local"
    assert [c.name for c in local_model.parent.iterdir()] == [local_model.name]
    again = pipeline.ask("What is overfitting?", LocalEngine(str(local_model)))
    assert again.answer == answer.answer  # greedy, from the converted folder


def test_four_bits_without_a_gpu_are_refused_clearly(monkeypatch: pytest.MonkeyPatch, local_model: Path) -> None:
    monkeypatch.setenv("PINCITE_LOCAL_4BIT", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(BackendError, match="CUDA"):
        list(LocalEngine(str(local_model)).draft("What is dropout?", []))


@pytest.mark.parametrize("spec", ["", "gpt", "extractive:x"])
def test_unknown_engines_are_refused(spec: str) -> None:
    with pytest.raises(PinciteError, match="choose"):
        make_engine(spec)


def test_bad_questions_are_refused_before_any_work(pipeline: Pipeline) -> None:
    for question in ("", "   ", "?!", "x" * 4001):
        with pytest.raises(QuestionError):
            pipeline.ask(question, ExtractiveEngine())


# --- hostile text ----------------------------------------------------------------------------------------


def test_text_is_inert_in_html_markdown_and_terminal() -> None:
    evil = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) **b** ${c} {{d}} \x1b[31mred \u202edesrever"
    html = render.escape(evil)
    assert "<" not in html and "{" not in html and "$" not in html and "\x1b" not in html and "\u202e" not in html
    markdown = render.inert(evil)
    assert "](" not in markdown.replace("\\]\\(", "") and "\\<img" in markdown and "\\*\\*b" in markdown
    assert render.printable("a\x00b\x1b[2Jc\u202ed\ne") == "ab[2Jcd\ne"


def test_reader_links_accept_only_their_own_form() -> None:
    with pytest.raises(QuestionError):
        render.parse_read_link("#read/../../etc/passwd")
    assert render.parse_read_link("#read/a%2Fb.txt%23one/5-19") == ("a/b.txt#one", 5, 19)


# --- the commands ----------------------------------------------------------------------------------------


def test_ask_prints_an_answer_with_its_sources(run: Run) -> None:
    done = run("-m", "bot", "ask", "What is the bias-variance tradeoff?", "--llm", "extractive")
    assert done.returncode == 0, done.stderr
    assert "[1]" in done.stdout and "interviewnode.txt:" in done.stdout and "Sources:" in done.stdout
    record = json.loads(run("-m", "bot", "ask", "ROC curve?", "--json").stdout)
    assert record["citations"] and not record["refused"] and record["engine"] == "extractive"


def test_batch_resumes_after_a_cut_and_loses_nothing(
    run: Run, tmp_path: Path, write_jsonl: Callable[..., Path], texts: dict[str, str]
) -> None:
    asked = write_jsonl("q.jsonl", *[{"id": str(n), "question": f"What is {w}?", "tag": w} for n, w in enumerate(
        ["dropout", "overfitting", "RLHF", "a ROC curve"])])  # fmt: skip
    out = tmp_path / "a.jsonl"
    assert run("-m", "bot", "batch", "--questions", str(asked), "--out", str(out)).returncode == 0
    whole = out.read_text(encoding="utf-8")
    assert len(whole.splitlines()) == 4
    out.write_text(whole[: int(len(whole) * 0.6)], encoding="utf-8")  # a kill in mid-line
    resumed = run("-m", "bot", "batch", "--questions", str(asked), "--out", str(out))
    assert "were there already" in resumed.stdout
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert sorted(r["id"] for r in records) == ["0", "1", "2", "3"]
    for r in records:
        assert r["tag"] and {"retrieve", "first_token", "total"} <= set(r["timings_ms"])
        assert all(texts[c["article_id"]][c["start"] : c["end"]] == c["quote"] for c in r["citations"])


def test_bad_input_is_one_clear_line(run: Run, write_jsonl: Callable[..., Path], tmp_path: Path) -> None:
    bad = write_jsonl("bad.jsonl", {"id": "1", "question": ""}, {"question": "no id"})
    one_clear_line(run("-m", "bot", "ask", "  "), "empty")
    one_clear_line(run("-m", "bot", "ask", "why", "--llm", "oracle"), "oracle", "extractive")
    one_clear_line(run("-m", "bot", "ask", "why", "--llm", "local:/no/such/model"), "/no/such/model")
    one_clear_line(run("-m", "bot", "batch", "--questions", str(bad), "--out", str(tmp_path / "o")), "line 1", "line 2")
    assert not (tmp_path / "o").exists()


def test_langchain_gets_documents_with_spans_and_a_runnable(pipeline: Pipeline, texts: dict[str, str]) -> None:
    from bot.langchain import PinciteRetriever, as_runnable

    documents = PinciteRetriever(source=pipeline.retriever, k=3).invoke("What is dropout?")
    assert len(documents) == 3
    for d in documents:
        m = d.metadata
        assert texts[m["article_id"]][m["start"] : m["end"]] == d.page_content
    record = as_runnable(pipeline, ExtractiveEngine()).invoke("What is dropout?")
    assert record["citations"] and not record["refused"]
