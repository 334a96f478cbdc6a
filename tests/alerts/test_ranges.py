"""Many slots in one question say what each slot says alone, for rules of every kind; also to the read-only user."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchglass_alerts import Rule, backtest
from watchglass_alerts.measurement import Measured, SlotMeasures
from watchglass_alerts.ranges import is_asked_together, measure_slots
from watchglass_store import Store

from .conftest import T0

MakeRule = Callable[..., Rule]
MINUTE = timedelta(minutes=1)
BURN = {"type": "burn_rate", "budget": 0.01, "threshold": 2.0, "short_window": "2m"}
CHANGE = {"type": "change", "against": "10m", "change": "relative", "op": ">", "threshold": 0.5}
TOGETHER: tuple[dict[str, Any], ...] = (
    {},
    {"window": "10m", "group_by": ["model"]},
    {"window": "6m", "interval": "4m", "filters": {"model": ["m1", "m2"]}},
    {"metric": "calls", "window": "3m", "interval": "2m", "group_by": ["service_name", "model"]},
    {"metric": "duration_s", "statistic": "mean", "window": "5m"},
    {"metric": "duration_s", "statistic": "p95", "window": "5m", "group_by": ["model"]},
    {"window": "10m", "condition": BURN},
    {"metric": "calls", "window": "5m", "condition": CHANGE},
    {"metric": "score:tone", "statistic": "mean", "window": "4m"},
    {"metric": "score:tone", "statistic": "p50", "window": "90s", "interval": "45s", "group_by": ["model"]},
    {"metric": "score:tone", "statistic": "share", "share_of": {"above": 0.5}, "window": "7m"},
    {"metric": "score:tone", "statistic": "share", "share_of": {"label": "bad"}, "window": "5m", "interval": "5m"},
    {"metric": "score:tone", "statistic": "mean", "window": "5m", "group_by": ["evaluator_version"]},
)
ALONE: tuple[dict[str, Any], ...] = (
    {"window": "90s", "interval": "30s"},
    {"window": "6h", "interval": "1m"},
    {"metric": "evaluation_lag_s", "window": "5m"},
    {"metric": "drift:topics", "statistic": "alarm", "window": "5m"},
)


def add_scores(store: Store, dice: random.Random) -> None:
    rows = [
        {
            "name": dice.choice(("tone", "tone", "other")),
            "evaluator": "judge",
            "evaluator_version": str(number % 3 // 2),
            "trace_id": f"{number // 2:032x}",
            "span_id": f"{number // 2:016x}",
            "value": dice.choice((0.0, 0.25, 0.5, 0.75, 1.0, None)),
            "label": dice.choice(("bad", "good")),
            "call_time": T0 + timedelta(seconds=number // 2 * 3),
            "created_at": T0 + timedelta(days=1, seconds=number),
            "model": dice.choice(("m1", "m2")),
        }
        for number in range(800)
    ]
    store.insert("scores", rows)


def test_slots_asked_together_say_what_each_says_alone(
    store: Store, readonly_store: Store, make_rule: MakeRule, add_calls: Callable[..., None]
) -> None:
    dice = random.Random(5)
    for minute in range(0, 20, 2):
        for model in ("m1", "m2"):
            add_calls(T0 + minute * MINUTE, 20, errors=dice.choice((0, 4, 9)), response_model=model)
    add_scores(store, dice)
    for number, fields in enumerate(TOGETHER):
        rule = make_rule(**fields)
        assert is_asked_together(rule), fields
        times = [T0 + timedelta(seconds=step * rule.interval_s) for step in range(1, 25)]
        # Each slot is compared under a third of the rules: asked alone it costs as much as all of a rule together.
        for time, found in list(measure_slots(readonly_store, rule, times))[number % 3 :: 3]:
            alone = SlotMeasures(store, time).measure(rule)
            assert isinstance(found, Measured)
            assert found.groups == alone.groups, (fields, time)
            assert dict(found.observations).keys() == dict(alone.observations).keys(), (fields, time)
            for labels, seen in alone.observations.items():
                again = found.observations[labels]
                assert again.sample_size == seen.sample_size, (fields, time)
                assert again.value == pytest.approx(seen.value, nan_ok=True), (fields, time)
                assert (again.low, again.high) == pytest.approx((seen.low, seen.high)), (fields, time)


@pytest.mark.parametrize("fields", ALONE)
def test_what_cannot_be_asked_together_is_asked_slot_by_slot(
    fields: dict[str, Any], readonly_store: Store, make_rule: MakeRule
) -> None:
    rule = make_rule(**fields)
    assert not is_asked_together(rule)
    report = backtest(readonly_store, rule, T0, T0 + timedelta(seconds=3 * rule.interval_s))
    assert report.slots == 3
    assert {point.state for points in report.points.values() for point in points} <= {"no_data", "inactive"}
