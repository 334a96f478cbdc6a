"""Each kind of measure, from calls and scores in a real store to a value, an interval and a sample size."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchglass_alerts.measurement import SlotMeasures, absent
from watchglass_alerts.rules import Rule
from watchglass_alerts.state import Observation
from watchglass_store import Store

from .conftest import T0

MakeRule = Callable[..., Rule]
END = T0 + timedelta(minutes=1)


@pytest.fixture
def measures(store: Store, add_calls: Callable[..., None]) -> SlotMeasures:
    """Forty calls: durations 1 and 3 s by halves, five errors, tokens and cost; and as many scores 0 to 0.39."""
    add_calls(T0 + timedelta(seconds=5), 20, errors=5, usage_input_tokens=100, usage_output_tokens=10, cost_usd=0.5)
    add_calls(T0 + timedelta(seconds=5), 20, duration_s=3.0, time_to_first_token_s=0.25)
    score = {
        "name": "x",
        "evaluator": "x",
        "evaluator_version": "1",
        "span_id": "s",
        "call_time": T0 + timedelta(seconds=5),
        "source": "code",
    }
    store.insert(
        "scores",
        [score | {"trace_id": f"t{i}", "value": i / 100, "label": "bad" if i < 4 else "ok"} for i in range(40)],
    )
    return SlotMeasures(store, END)


def observe(measures: SlotMeasures, rule: Rule) -> Observation:
    measured = measures.measure(rule)
    assert measured.groups == 1
    return measured.observations[()]


VALUES = [
    ("calls", "", 40, 40),
    ("errors", "", 5, 40),
    ("error_rate", "", 0.125, 40),
    ("input_tokens", "", 2000, 40),
    ("output_tokens", "", 200, 40),
    ("cost_usd", "", 10.0, 40),
    ("duration_s", "mean", 2.0, 40),
    ("duration_s", "p95", 3.0, 40),
    ("duration_s", "p99", 3.0, 40),
    ("time_to_first_token_s", "p50", 0.25, 20),
    ("time_to_first_token_s", "p99", 0.25, 20),
    ("score:x", "mean", 0.195, 40),
    ("score:x", "p50", 0.195, 40),
    ("score:x", "p95", 0.3705, 40),
]
INTERVALS: list[tuple[dict[str, Any], tuple[float, float, float]]] = [
    ({}, (0.125, 0.0546, 0.2611)),
    ({"metric": "duration_s", "statistic": "mean"}, (2.0, 1.6861, 2.3139)),
    ({"metric": "score:x", "statistic": "mean"}, (0.195, 0.1588, 0.2312)),
    ({"metric": "score:x", "statistic": "share", "share_of": {"above": 0.295}}, (0.25, 0.1419, 0.4019)),
    ({"metric": "score:x", "statistic": "share", "share_of": {"below": 0.1}}, (0.25, 0.1419, 0.4019)),
    ({"metric": "score:x", "statistic": "share", "share_of": {"label": "bad"}}, (0.1, 0.0396, 0.2305)),
]


def test_values_from_the_rollup_and_from_the_calls(measures: SlotMeasures, make_rule: MakeRule) -> None:
    for metric, statistic, value, size in VALUES:
        for window in ("1m", "59s"):
            found = observe(measures, make_rule(metric=metric, statistic=statistic, window=window, interval="10s"))
            assert found.value == pytest.approx(value), (metric, statistic, window)
            assert found.sample_size == size


def test_percentiles_have_the_interval_that_the_order_of_the_values_gives(
    measures: SlotMeasures, make_rule: MakeRule
) -> None:
    median = observe(measures, make_rule(metric="score:x", statistic="p50"))
    assert median.low is not None
    assert median.high is not None
    assert 0.10 <= median.low <= 0.13  # the 14th of 40 scores 0, 0.01, ...; the grid's step outwards
    assert 0.26 <= median.high <= 0.29
    top = observe(measures, make_rule(metric="duration_s", statistic="p95"))
    assert (top.low, top.high) == (pytest.approx(3.0), None)  # 40 calls say nothing about what is beyond a p95


def test_intervals(measures: SlotMeasures, make_rule: MakeRule) -> None:
    for fields, expected in INTERVALS:
        found = observe(measures, make_rule(**fields))
        assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-4), fields


NUMBERLESS: list[dict[str, Any]] = [
    {},
    {"metric": "duration_s", "statistic": "mean"},
    {"metric": "duration_s", "statistic": "p95"},
    {"metric": "time_to_first_token_s", "statistic": "p50"},
    {"metric": "score:x", "statistic": "mean"},
    {"metric": "score:x", "statistic": "p95"},
    {"metric": "score:x", "statistic": "share", "share_of": {"above": 0}},
]


def test_nothing_gives_no_number(measures: SlotMeasures, make_rule: MakeRule) -> None:
    for fields in NUMBERLESS:
        filters = {"model": ["no", "body"]}
        rule = make_rule(**fields, filters=filters)
        assert observe(measures, rule) == absent(rule) == Observation(None)
        assert measures.measure(make_rule(**fields, filters=filters, group_by=["model"])).observations == {}


def test_nothing_is_zero_calls(measures: SlotMeasures, make_rule: MakeRule) -> None:
    rule = make_rule(metric="calls", filters={"model": "nobody"})
    assert observe(measures, rule) == absent(rule) == Observation(0.0)


def test_one_score_has_no_interval(measures: SlotMeasures, make_rule: MakeRule, store: Store) -> None:
    score = {"name": "one", "evaluator": "x", "trace_id": "t", "span_id": "s", "call_time": T0, "value": 0.5}
    store.insert("scores", [score])
    found = observe(measures, make_rule(metric="score:one", statistic="mean"))
    assert found == Observation(0.5, None, None, 1)


def test_rules_that_ask_the_same_share_a_query(
    measures: SlotMeasures, make_rule: MakeRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = Store.query
    monkeypatch.setattr(Store, "query", lambda *given, **more: asked.append(1) or real(*given, **more))
    for metric, statistic in (("calls", ""), ("error_rate", ""), ("duration_s", "mean")):
        measures.measure(make_rule(metric=metric, statistic=statistic))
    assert len(asked) == 1
    measures.measure(make_rule(filters={"model": "m1"}))
    assert len(asked) == 2
