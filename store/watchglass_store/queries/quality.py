"""Scores over many calls that are not means: corpus BLEU from the counts stored with every sentence's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchglass_store.client import Store
from watchglass_store.queries.evaluation import milliseconds

_ORDERS = ("1", "2", "3", "4")
_FILTERS = ("service_name", "environment", "model", "prompt_name", "prompt_version")


@dataclass(frozen=True, slots=True)
class CorpusBleu:
    """BLEU over a set of calls, as papers report it."""

    evaluator_version: str
    """sacreBLEU's signature of the sentence scores that were added up."""
    calls: int
    """How many calls."""
    value: float
    """0 to 100; the number of sacreBLEU's `corpus_score` for the same texts."""


def corpus_bleu(store: Store, since: datetime, until: datetime, filters: Mapping[str, str]) -> list[CorpusBleu]:
    """Corpus BLEU of the calls in a time range, one per version of the evaluator.

    Args:
        store: where from.
        since: earliest start of a call, inclusive.
        until: latest start, exclusive.
        filters: column -> value, of service_name, environment, model, prompt_name and prompt_version.

    Raises:
        ValueError: another column.
    """
    if unknown := set(filters) - set(_FILTERS):
        raise ValueError(f"no filter on {', '.join(sorted(unknown))}: filters are {', '.join(_FILTERS)}")
    where = "".join(f" AND {column} = {{{column}:String}}" for column in filters)
    rows = store.query(
        f"""
        SELECT evaluator_version, count() AS calls, sumMap(statistics) AS sums FROM scores FINAL
        WHERE name = 'bleu' AND evaluator = 'bleu' AND value IS NOT NULL
          AND call_time >= fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC')
          AND call_time < fromUnixTimestamp64Milli({{until_ms:Int64}}, 'UTC'){where}
        GROUP BY evaluator_version ORDER BY evaluator_version
        """,
        {
            "since_ms": milliseconds(since),
            "until_ms": milliseconds(until),
            **filters,
        },
    )
    return [CorpusBleu(row["evaluator_version"], row["calls"], bleu_of_sums(row["sums"])) for row in rows]


def bleu_of_sums(sums: Mapping[str, float]) -> float:
    """BLEU, 0 to 100, from the ten counts added up over a corpus.

    Orders without a match are smoothed as in mteval-v13a ("exp"). The steps are those of sacreBLEU's `compute_bleu`, in
    its order, for the same last digit.
    """
    matches = [sums.get(f"matches_{order}", 0.0) for order in _ORDERS]
    totals = [sums.get(f"totals_{order}", 0.0) for order in _ORDERS]
    if not any(matches) or not all(totals):
        return 0.0
    precisions: list[float] = []
    smoothing = 1.0
    for match, total in zip(matches, totals, strict=True):
        if match == 0:
            smoothing *= 2
            precisions.append(100.0 / (smoothing * total))
        else:
            precisions.append(100.0 * match / total)
    return _brevity_penalty(sums) * math.exp(_mean([math.log(precision) for precision in precisions]))


def _brevity_penalty(sums: Mapping[str, float]) -> float:
    answer, reference = sums.get("answer_words", 0.0), sums.get("reference_words", 0.0)
    return math.exp(1 - reference / answer) if answer < reference else 1.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
