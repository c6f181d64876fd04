"""Answers against judged questions, without a judge model: key facts, citations, verdicts, refusals, time.

Works on the records that `bot batch` writes, so that answers made elsewhere can be scored too.

    python -m eval answers --split dev --llm extractive,local
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from bot.engine import Engine
from bot.pipeline import Pipeline
from eval.data import Question
from eval.metrics import Judge, SourceTexts, hit_spans
from eval.stats import bootstrap_interval
from index.lexical import stems
from ingest.cli import read_jsonl
from ingest.errors import QuestionError
from ingest.text import sentence_spans, squeeze

Record = Mapping[str, Any]


def has_fact(answer: str, fact: str) -> bool:
    """Whether any of the fact's alternatives (` or ` between them) stands in the answer: all its stemmed content
    words in one sentence of it.
    """
    bags = [set(stems(answer[a:b])) for a, b in sentence_spans(answer)]
    for alternative in fact.split(" or "):
        wanted = set(stems(alternative)) or set(alternative.lower().split())
        if any(wanted <= bag for bag in bags):
            return True
    return False


def score_answer(question: Question, record: Record, texts: SourceTexts, judge: Judge) -> dict[str, float]:
    """Measures of one answer to an answerable question, each in 0..1 but `words`; nan where one has no meaning.

    `key facts`: share found. `citation precision`: share of (sentence, citation) pairs where the sentence was
    judged supported and the quote is the exact text of the span. `citations on evidence`: share of citations
    that overlap a judged quote. `citation recall`: share of the evidence groups that the citations find.
    `sentences cited`: share of sentences with a citation.
    """
    said, citations = record["sentences"], {c["marker"]: c for c in record["citations"]}
    exact = {m: texts.text(c["article_id"], c["start"], c["end"]) == c["quote"] for m, c in citations.items()}
    pairs = [s["verdict"] != "unsupported" and exact.get(m, False) for s in said for m in s["markers"]]
    spans = hit_spans(texts, citations.values())
    text = " \n".join(s["text"] for s in said)
    return {
        "key facts": _mean(has_fact(text, f) for f in question.key_facts) if not record["refused"] else 0.0,
        "words": float(len(text.split())) if not record["refused"] else math.nan,
        "citation precision": _mean(pairs),
        "citations on evidence": _mean(judge.touches(span) for span in spans),
        "citation recall": judge.recall(spans),
        "sentences cited": _mean(bool(s["markers"]) for s in said),
        "wrongly refused": float(record["refused"]),
    }


def score_answers(
    texts: SourceTexts, questions: Sequence[Question], records: Mapping[str, Record], passages: Mapping[str, str]
) -> dict[str, Any]:
    """Figures over all questions; a question without an answer counts as refused.

    `passages` maps a question's id to what stands for an answer when the whole retrieved text is read, for the
    upper bound.
    """
    rows: dict[str, dict[str, float]] = {}
    refused: dict[str, list[float]] = {}
    for q in questions:
        record = records.get(q.id) or _NOTHING
        if q.answerable:
            rows[q.id] = score_answer(q, record, texts, Judge(texts, q.evidence))
        else:
            refused.setdefault(q.type or "unanswerable", []).append(float(record["refused"]))
    figures: dict[str, Any] = {name: _figure(r[name] for r in rows.values()) for name in next(iter(rows.values()), {})}
    for kind, values in sorted(refused.items()):
        figures[f"refused: {kind}"] = _figure(values)
    verdicts: dict[str, int] = {}
    for record in records.values():
        for sentence in record["sentences"]:
            verdicts[sentence["verdict"]] = verdicts.get(sentence["verdict"], 0) + 1
    by_id = {q.id: q for q in questions}
    facts = {i: by_id[i].key_facts for i in rows if by_id[i].key_facts}
    return {
        "figures": figures,
        "bounds": {
            "reference answers": _figure(_mean(has_fact(by_id[i].answer, f) for f in facts[i]) for i in facts),
            "all passages": _figure(_mean(has_fact(squeeze(passages.get(i, "")), f) for f in facts[i]) for i in facts),
        },
        "by_type": {
            kind: {
                "questions": len(ids),
                **{m: _mean(rows[i][m] for i in ids) for m in ("key facts", "wrongly refused")},
            }
            for kind, ids in _by_type(rows, by_id).items()
        },
        "verdicts": verdicts,
        "timings_ms": {
            name: statistics.median(float(r["timings_ms"][name]) for r in records.values())
            for name in ("retrieve", "first_token", "total")
            if records
        },
        "risk_coverage": risk_coverage(
            [
                (float(records[q.id].get("confidence", 0.0)), rows[q.id]["key facts"] if q.answerable else 0.0)
                for q in questions
                if q.id in records
            ]
        ),
        "per_question": rows,
    }


def evaluate_answers(
    pipeline: Pipeline,
    questions: Sequence[Question],
    engines: Sequence[Engine],
    made: Mapping[str, Mapping[str, Record]],
    progress: Callable[[str, int], None] = lambda name, done: None,
) -> dict[str, Any]:
    """Figures by engine name: of answers that each engine gives now, and of answers `made` before, by name.

    Raises:
        QuestionError: a judged quote does not stand in the corpus.
    """
    texts = SourceTexts({a.article_id: a.text for a in pipeline.retriever.index.articles.values()})
    missing = [q.id for q in questions if Judge(texts, q.evidence).missing]
    if missing:
        raise QuestionError(f"quotes of {len(missing)} questions do not stand in the corpus: {', '.join(missing[:5])}")
    passages = {}
    for q in questions:
        hits = pipeline.retriever.search(q.question, pipeline.config.passages, history=q.history).hits
        passages[q.id] = "\n".join(hit.chunk.text for hit in hits)
    by_engine: dict[str, Mapping[str, Record]] = dict(made)
    for engine in engines:
        records: dict[str, Record] = {}
        for q in questions:
            answer = pipeline.ask(q.question, engine, q.history, question_id=q.id)
            records[q.id] = answer.record()
            progress(engine.name, len(records))
        by_engine[engine.name] = records
    return {
        "made": date.today().isoformat(),
        "questions": len(questions),
        "index_config": pipeline.retriever.index.manifest["config_hash"],
        "engines": {name: score_answers(texts, questions, records, passages) for name, records in by_engine.items()},
    }


def read_answers(path: Path) -> dict[str, Record]:
    """Records of `bot batch` by question id.

    Raises:
        QuestionError: a line without the fields of an answer.
    """
    records: dict[str, Record] = {}
    for number, record in read_jsonl(path, "answers"):
        lacking = [f for f in ("id", "refused", "sentences", "citations", "timings_ms") if f not in record]
        if lacking:
            raise QuestionError(f"{path}, line {number}: not an answer of `bot batch`, {', '.join(lacking)} missing")
        records[str(record["id"])] = record
    return records


def risk_coverage(answers: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """(coverage, risk) from the surest answer to all of them, for (confidence, quality in 0..1) of each question.

    Risk is the mean of 1 - quality over the answered share (El-Yaniv & Wiener, JMLR 2010). An unanswerable
    question has quality 0, so answering it early costs.
    """
    ordered = sorted(answers, key=lambda a: -a[0])
    curve, lost = [], 0.0
    for n, (_confidence, quality) in enumerate(ordered, 1):
        lost += 1.0 - quality
        curve.append((round(n / len(ordered), 4), round(lost / n, 4)))
    return curve


_NOTHING: Record = {"refused": True, "sentences": [], "citations": [], "confidence": 0.0}


def _by_type(rows: Mapping[str, Any], questions: Mapping[str, Question]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for i in rows:
        kinds.setdefault(questions[i].type or "all", []).append(i)
    return dict(sorted(kinds.items()))


def _figure(values: Iterable[float]) -> dict[str, float]:
    known = [v for v in values if not math.isnan(v)]
    low, high = bootstrap_interval(known)
    return {"mean": _mean(known), "low": low, "high": high, "n": len(known)}


def _mean(values: Iterable[float]) -> float:
    numbers = [float(v) for v in values]
    return sum(numbers) / len(numbers) if numbers else math.nan
