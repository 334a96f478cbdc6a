"""Compares two samples of calls the way a monitor asks for; knows nothing of stores and clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from watchglass_evaluators.drift import descriptors, embedding
from watchglass_evaluators.drift.classic import THRESHOLDS, classic_test
from watchglass_evaluators.drift.evidently import evidently_test
from watchglass_evaluators.drift.explain import Change, changes
from watchglass_evaluators.drift.monitors import Monitor
from watchglass_evaluators.drift.samples import Item
from watchglass_evaluators.drift.window_test import Sample, window_test

ValueKind = Literal["p_value", "distance", "evidence"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a comparison came to; a value, or the reason why there is none."""

    value: float | None
    value_kind: ValueKind
    threshold: float | None
    alarm: bool
    statistics: Mapping[str, float] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    error: str = ""
    report_html: str = ""


def unscored(reason: str, value_kind: ValueKind = "p_value") -> Judgement:
    """No value, and why."""
    return Judgement(None, value_kind, None, alarm=False, error=reason)


def judge(monitor: Monitor, reference: Sequence[Item], current: Sequence[Item], rng: np.random.Generator) -> Judgement:
    """Compare a window with its reference.

    Raises:
        EvaluatorUnavailable: the monitor asks for something that is not installed.
    """
    for side, items in (("reference", reference), ("window", current)):
        if len(items) < monitor.minimum:
            return unscored(f"too few calls in the {side}: {len(items)}, minimum {monitor.minimum}")
    if monitor.method == "evidently":
        found = evidently_test(monitor, reference, current)
        return Judgement(
            found.value,
            "p_value" if found.is_p_value else "distance",
            found.threshold,
            found.drifted,
            found.by_metric,
            report_html=found.html,
        )
    names, before, after = measured(monitor, reference, current, rng)
    if monitor.method != "combined":
        classic = classic_test(monitor.method, before.numbers, after.numbers)
        parts = dict(zip(names, classic.by_column.tolist(), strict=True))
        if monitor.method == "ks":
            return Judgement(classic.value, "p_value", monitor.alpha, classic.value <= monitor.alpha, parts)
        threshold = monitor.threshold if monitor.threshold is not None else THRESHOLDS[monitor.method]
        return Judgement(classic.value, "distance", threshold, classic.value >= threshold, parts)
    result = window_test(before, after, permutations=monitor.permutations, rng=rng)
    return Judgement(
        result.p_value,
        "p_value",
        monitor.alpha,
        result.p_value <= monitor.alpha,
        dict(result.statistics.items()),
        changes(names, before, after, current, result),
    )


def measured(
    monitor: Monitor, reference: Sequence[Item], current: Sequence[Item], rng: np.random.Generator
) -> tuple[Sequence[str], Sample, Sample]:
    """Turn calls into numbers; what is fitted is fitted to both sides together."""
    items = [*reference, *current]
    m = len(reference)
    if monitor.score:
        values = np.array([[item.value] for item in items], dtype=np.float32)
        return (monitor.score,), Sample(values[:m]), Sample(values[m:])
    texts = [item.text for item in items]
    numbers = descriptors.describe(texts)
    if monitor.method != "combined":
        return descriptors.NAMES, Sample(numbers[:m]), Sample(numbers[m:])
    words = embedding.hashed_counts(texts)
    encoder = monitor.encoder
    rows = embedding.sentence_embeddings(texts, encoder) if encoder else embedding.latent(words, rng)
    before, after = Sample(numbers[:m], rows[:m], words[:m]), Sample(numbers[m:], rows[m:], words[m:])
    return descriptors.NAMES, before, after
