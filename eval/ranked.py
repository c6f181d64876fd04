"""Ranked documents against graded judgements (qrels), with the field's measures as `ir_measures` computes them.

A passage stands for its document, which keeps the rank of its best passage; a query missing from the run
scores zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eval.trec import Qrels

NAMES = ("nDCG@10", "RR@10", "AP", "R@10", "R@20", "R@100", "P@5", "P@10", "Success@1", "Success@5", "Success@10")
DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100)  # of the curve of recall


def documents(hits: Iterable[Sequence[object]]) -> list[tuple[str, float]]:
    """Each document once, in the order of its first passage, with that passage's score; hits begin with
    document id and end with the score.
    """
    first: dict[str, float] = {}
    for hit in hits:
        first.setdefault(str(hit[0]), float(str(hit[-1])))
    return list(first.items())


def ranked_measures(qrels: Qrels, run: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Measures of every judged query, by its id and by name; `run` has the document ids of a query, best first."""
    import ir_measures

    names = dict.fromkeys((*NAMES, *(f"R@{depth}" for depth in DEPTHS)))
    measures = [ir_measures.parse_measure(name) for name in names]
    scores: dict[str, dict[str, float]] = {query: dict.fromkeys(names, 0.0) for query in qrels}
    found = {query: {d: float(-rank) for rank, d in enumerate(ids)} for query, ids in run.items() if query in qrels}
    for metric in ir_measures.iter_calc(measures, qrels, found):
        scores[metric.query_id][str(metric.measure)] = float(metric.value)
    return scores
