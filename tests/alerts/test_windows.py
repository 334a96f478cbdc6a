"""Conditions over two windows, the lags, and how few queries many rules need."""

from collections.abc import Callable
from datetime import timedelta
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_alerts.measurement import SlotMeasures, absent
from watchglass_alerts.rules import Rule
from watchglass_alerts.scans import MAX_SETS
from watchglass_alerts.state import Observation, Status, first_state, next_state
from watchglass_alerts.statistics import UNKNOWN, Z, difference, normal, ratio, wilson
from watchglass_alerts.values import show_metric, show_with_interval
from watchglass_alerts.windows import combine
from watchglass_store import Store, StoreRejected

from .conftest import T0

MakeRule = Callable[..., Rule]
AddCalls = Callable[..., None]
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def seen(errors: int, calls: int) -> Observation:
    return Observation(errors / calls, *wilson(errors, calls), calls)


def change(**fields: Any) -> dict[str, Any]:
    return {"type": "change", "op": ">", "threshold": 0.1, "against": "1d"} | fields


def test_a_difference_of_shares_is_newcombe_s() -> None:
    """The published example: 56/70 against 48/80. R. G. Newcombe (1998), Statistics in Medicine 17, 873, table II."""
    found = difference(56 / 70, wilson(56, 70), 48 / 80, wilson(48, 80))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_a_difference_of_means_is_welch_s() -> None:
    found = difference(3.0, normal(3.0, 4.0, 50), 1.0, normal(1.0, 1.0, 80))
    margin = Z * sqrt(4 / 50 + 1 / 80)
    assert (found.low, found.high) == pytest.approx((2 - margin, 2 + margin))


@given(st.integers(0, 200), st.integers(1, 200), st.integers(1, 200), st.integers(1, 200))
def test_an_interval_of_a_ratio_holds_it(errors: int, calls: int, errors_then: int, calls_then: int) -> None:
    now, then = seen(min(errors, calls), calls), seen(min(errors_then, calls_then), calls_then)
    assert now.value is not None
    assert then.value is not None
    found = ratio(
        now.value, wilson(min(errors, calls), calls), then.value, wilson(min(errors_then, calls_then), calls_then)
    )
    assert found.low is not None
    assert found.low <= now.value / then.value + 1e-9
    assert found.high is None or found.high >= now.value / then.value - 1e-9
    assert ratio(now.value, UNKNOWN, then.value, UNKNOWN) == UNKNOWN


def test_a_change_carries_its_interval_and_both_sizes(make_rule: MakeRule) -> None:
    rule = make_rule(condition=change())
    found = combine(rule, [seen(30, 100), seen(10, 200)])
    assert found.value == pytest.approx(0.25)
    assert found.sample_size == 100
    assert found.details == "0.3 over 100 now, 0.05 over 200 1d before"
    text = show_with_interval(rule, found.value, found.low, found.high, found.sample_size)
    assert text == "+25 points (95 % interval +16 points to +34.8 points, 100 calls)"
    assert show_metric(rule) == "change of error_rate against 1d before"
    state, reason = next_state(rule, first_state(T0), found, T0)
    assert state.status is Status.FIRING
    assert reason == "+25 points is > +10 points (0.3 over 100 now, 0.05 over 200 1d before)"
    relative = make_rule(condition=change(change="relative", threshold=2.0), confidence="bound")
    found = combine(relative, [seen(30, 100), seen(10, 200)])
    assert found.value == pytest.approx(5.0)
    assert found.low == pytest.approx(2.05, abs=0.05)
    assert next_state(relative, first_state(T0), found, T0).state.status is Status.FIRING


@pytest.mark.parametrize(
    ("then", "relative", "reason"),
    [
        (Observation(None), False, "no data 1d before to compare with"),
        (seen(0, 100), True, "it was 0 1d before: no relative change can be stated"),
        (seen(1, 5), False, "5 samples in the window; the rule asks for 10"),
    ],
)
def test_a_change_against_nothing_is_no_change(
    make_rule: MakeRule, then: Observation, relative: bool, reason: str
) -> None:
    rule = make_rule(condition=change(change="relative" if relative else "absolute"))
    state, found = next_state(rule, first_state(T0), combine(rule, [seen(30, 100), then]), T0)
    assert (state.status, found) == (Status.NO_DATA, reason)


BURN = {"type": "burn_rate", "budget": 0.01, "threshold": 14.4}


def test_a_budget_burns_only_where_both_windows_do(make_rule: MakeRule) -> None:
    rule = make_rule(window="1h", condition=BURN)
    assert rule.windows == ((0, 3600), (0, 300))
    cases = [((200, 1000), (20, 100), 20.0), ((200, 1000), (1, 100), 1.0), ((20, 1000), (50, 100), 2.0)]
    for long, short, rate in cases:
        found = combine(rule, [seen(*long), seen(*short)])
        assert found.value == pytest.approx(rate)
        state, reason = next_state(rule, first_state(T0), found, T0)
        assert (state.status is Status.FIRING) == (rate > 14.4)
        assert "times over 1h" in reason
    assert show_metric(rule) == "burn rate of error_rate over 1h and 5m"


def test_a_cost_budget(make_rule: MakeRule) -> None:
    condition = BURN | {"budget": 3000.0, "threshold": 3.0, "budget_period": "30d", "short_window": "10m"}
    rule = make_rule(metric="cost_usd", window="1h", condition=condition, min_sample_size=None)
    found = combine(rule, [Observation(25.0, sample_size=9), Observation(2.5, sample_size=2)])
    assert found.value == pytest.approx(2.5 / (3000 * 600 / (30 * 86400)))


def test_windows_are_measured_in_the_store(store: Store, make_rule: MakeRule, add_calls: AddCalls) -> None:
    add_calls(T0 - 24 * HOUR, 100, errors=5)
    add_calls(T0 - 24 * HOUR, 100, errors=5, response_model="old")
    add_calls(T0, 100, errors=40)
    measures = SlotMeasures(store, T0 + MINUTE)
    found = measures.measure(make_rule(condition=change())).observations
    assert found[()].value == pytest.approx(0.35)
    by_model = measures.measure(make_rule(condition=change(), group_by=["model"])).observations
    assert by_model[("model", "m1"),].value == pytest.approx(0.35)
    assert by_model[("model", "old"),].value is None
    counts = measures.measure(
        make_rule(metric="calls", condition=change(threshold=0, op="<"), group_by=["model"], min_sample_size=None)
    )
    assert counts.observations[("model", "old"),].value == -100


def test_no_data_is_a_condition(store: Store, make_rule: MakeRule, add_calls: AddCalls) -> None:
    rule = make_rule(condition={"type": "no_data"}, group_by=["model"], **{"for": "1m"})
    add_calls(T0, 5)
    found = SlotMeasures(store, T0 + MINUTE).measure(rule).observations
    state = next_state(rule, first_state(T0), found[("model", "m1"),], T0).state
    assert state.status is Status.INACTIVE
    for minute, status in ((1, Status.PENDING), (2, Status.FIRING)):
        state = next_state(rule, state, absent(rule), T0 + minute * MINUTE).state
        assert state.status is status
    scores = make_rule(metric="score:x", statistic="mean", condition={"type": "no_data", "threshold": 3.0})
    empty = SlotMeasures(store, T0 + MINUTE).measure(scores).observations[()]
    assert next_state(scores, first_state(T0), empty, T0).reason.startswith("0 is < 3")


def test_evaluation_lag(store: Store, make_rule: MakeRule, add_calls: AddCalls) -> None:
    add_calls(T0, 20)

    def batch(evaluator: str, shard: str, minutes: float, watermark: float) -> dict[str, Any]:
        return {
            "time": T0 + timedelta(minutes=minutes),
            "evaluator": evaluator,
            "evaluator_version": "1",
            "shard": shard,
            "event": "batch",
            "watermark": T0 + timedelta(seconds=watermark),
        }

    rows = [batch("slow", "0/2", 1, 1.05), batch("slow", "1/2", 1, 5), batch("quick", "0/1", 1, 5)]
    store.insert("evaluation_log", [*rows, batch("slow", "0/1", -5, -9), batch("quick", "0/1", 30, 5)])
    measures = SlotMeasures(store, T0 + 2 * MINUTE)
    fields = {"metric": "evaluation_lag_s", "min_sample_size": None}
    found = measures.measure(make_rule(**fields, group_by=["evaluator"])).observations
    assert found[("evaluator", "slow"),] == Observation(pytest.approx(118.9), sample_size=9)
    assert found[("evaluator", "quick"),] == Observation(0.0)
    assert measures.measure(make_rule(**fields)).observations[()].value == pytest.approx(118.9)
    assert measures.measure(make_rule(**fields, filters={"evaluator": "quick"})).observations[()].value == 0
    assert measures.measure(make_rule(**fields, filters={"evaluator": "none"})).observations[()].value is None


def test_an_evaluator_that_cannot_run(store: Store, make_rule: MakeRule) -> None:
    def row(evaluator: str, event: str, minutes: float, shard: str = "0/1", **values: Any) -> dict[str, Any]:
        time = T0 + timedelta(minutes=minutes)
        blank = {"time": time, "evaluator": evaluator, "event": event, "shard": shard, "message": "", "scored": 0}
        return blank | values

    spent = "budget spent: daily_budget_usd = 1 has no room"
    rows = [
        row("judge_safety", "waiting", 1, "0/2", message=spent),
        row("judge_safety", "batch", 2, "0/2"),  # tried in vain
        row("judge_safety", "batch", 2, "1/2", scored=5),
        row("judge_safety", "waiting", -9, message="of another layout"),
        row("toxicity", "waiting", 2, message="no weights"),
        row("bleu", "waiting", 1, message="budget spent"),
        row("bleu", "batch", 2, scored=1),
        row("rouge", "waiting", 1, message="x"),
        row("rouge", "settings", 2, message='{"enabled": false}'),
        row("ter", "waiting", 1, "0/1 from 1 to 2", message="a backfill"),
    ]
    store.insert("evaluation_log", rows)
    measures = SlotMeasures(store, T0 + 3 * MINUTE)
    fields = {"metric": "evaluator_wait_s", "min_sample_size": None}
    found = measures.measure(make_rule(**fields, group_by=["evaluator", "reason"])).observations
    assert found == {
        (("evaluator", "judge_safety"), ("reason", "budget")): Observation(120.0, sample_size=1),
        (("evaluator", "toxicity"), ("reason", "other")): Observation(60.0, sample_size=1),
        (("evaluator", "bleu"), ("reason", "")): Observation(0.0),
        (("evaluator", "rouge"), ("reason", "")): Observation(0.0),
    }
    spent_rule = make_rule(**fields, filters={"reason": "budget"})
    assert measures.measure(spent_rule).observations[()] == Observation(120.0, sample_size=1)
    store.insert("evaluation_log", [row("judge_safety", "batch", 4, "0/2", scored=1)])
    assert SlotMeasures(store, T0 + 5 * MINUTE).measure(spent_rule).observations[()] == Observation(0.0)


def test_drift(store: Store, make_rule: MakeRule) -> None:
    def result(minute: int, model: str, value: float | None, alarm: int, **fields: Any) -> dict[str, Any]:
        row = {
            "monitor": "topics",
            "kind": "window",
            "method": "combined",
            "value_kind": "p_value",
            "current_calls": 200,
        }
        return row | {
            "created_at": T0,
            "window_end": T0 + timedelta(minutes=minute),
            "model": model,
            "value": value,
            "alarm": alarm,
            **fields,
        }

    rows = [result(10, "m1", 0.2, 0), result(40, "m1", 0.0001, 1), result(40, "m2", 0.5, 0)]
    store.insert("drift_results", [*rows, result(40, "m3", None, 0), result(70, "m2", 0.0, 1)])
    measures = SlotMeasures(store, T0 + HOUR)
    fields = {"metric": "drift:topics", "window": "1h", "min_sample_size": None}
    line = {"op": ">=", "threshold": 1}
    assert measures.measure(make_rule(**fields, statistic="alarm", condition=line)).observations[()].value == 1
    assert measures.measure(make_rule(**fields, statistic="p_value")).observations[()].value == 0.0001
    by_model = measures.measure(make_rule(**fields, statistic="alarm", group_by=["model"])).observations
    assert {labels[0][1]: found.value for labels, found in by_model.items()} == {"m1": 1, "m2": 0, "m3": None}
    other = make_rule(**fields | {"metric": "drift:other"}, statistic="alarm")
    assert measures.measure(other).observations[()] == Observation(None)
    filtered = make_rule(**fields, statistic="alarm", filters={"model": "m2"})
    assert measures.measure(filtered).observations[()] == Observation(0.0, sample_size=200)


def test_delivery_lag(store: Store, make_rule: MakeRule) -> None:
    def event(kind: str, second: int, **fields: Any) -> dict[str, Any]:
        empty = {"notifications": [], "notification_id": "", "outcome": "", "attempt": 1}
        return {"time": T0 + timedelta(seconds=second), "kind": kind} | empty | fields

    owed = [event("transition", 10 * n, notifications=[(str(n), "ops" if n < 4 else "mail", "{}")]) for n in range(5)]
    done = [event("delivery", 45, notification_id="0", outcome="delivered")]
    done += [event("delivery", 45, notification_id="1", outcome="silenced")]
    done += [event("delivery", 45, notification_id="2", outcome="retry")]
    store.insert("alert_events", [*owed, *done])
    measures = SlotMeasures(store, T0 + MINUTE)
    fields = {"metric": "delivery_lag_s", "min_sample_size": None}
    found = measures.measure(make_rule(**fields, group_by=["channel"])).observations
    assert found == {
        (("channel", "ops"),): Observation(40.0, sample_size=2),
        (("channel", "mail"),): Observation(20.0, sample_size=1),
    }
    assert measures.measure(make_rule(**fields, filters={"channel": "x"})).observations[()].value == 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    queries: list[str] = []
    real = Store.query

    def query(self: Store, sql: str, *given: Any, **more: Any) -> Any:
        queries.append(sql)
        return real(self, sql, *given, **more)

    monkeypatch.setattr(Store, "query", query)
    return queries


def test_rules_with_other_filters_share_one_scan(
    store: Store, make_rule: MakeRule, add_calls: AddCalls, asked: list[str]
) -> None:
    for index in range(5):
        add_calls(T0, 20, errors=index, service_name=f"s{index}", response_model=f"m{index % 2}")
    rules = [make_rule(filters={"service_name": f"s{index}"}) for index in range(5)]
    rules += [make_rule(filters={"service_name": ["s1", "s3"], "model": "m1"}), make_rule(metric="calls")]
    rules += [make_rule(filters={"service_name": "nobody"})]
    measures = SlotMeasures(store, T0 + MINUTE, rules)
    values = [measures.measure(rule).observations[()].value for rule in rules]
    assert values == [0, 0.05, 0.1, 0.15, 0.2, 0.1, 100, None]
    assert len(asked) == 1
    many = [make_rule(filters={"service_name": f"s{index}"}) for index in range(3 * MAX_SETS)]
    measures = SlotMeasures(store, T0 + MINUTE, many)
    assert [measures.measure(rule).observations[()].sample_size for rule in many[:6]] == [20, 20, 20, 20, 20, 0]
    assert measures.measure(many[-1]).observations[()] == absent(many[-1])
    assert len(asked) <= 4


def test_score_rules_share_one_scan(store: Store, make_rule: MakeRule, asked: list[str]) -> None:
    store.insert(
        "scores",
        [
            {"name": name, "evaluator": "e", "trace_id": f"t{i}", "span_id": "s", "call_time": T0, "value": i / 10}
            for name in ("x", "y")
            for i in range(10)
        ],
    )
    share: dict[str, Any] = {"statistic": "share", "min_sample_size": 5}
    rules = [make_rule(metric="score:x", share_of={"above": line / 10 + 0.05}, **share) for line in range(5)]
    rules += [make_rule(metric="score:y", share_of={"below": 0.35}, **share)]
    rules += [make_rule(metric="score:y", statistic="p05"), make_rule(metric="score:x", statistic="mean")]
    measures = SlotMeasures(store, T0 + MINUTE, rules)
    values = [measures.measure(rule).observations[()].value for rule in rules]
    assert values == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.045, 0.45])
    assert len(asked) == 1


def test_a_refused_scan_is_asked_rule_by_rule(
    store: Store, make_rule: MakeRule, add_calls: AddCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_calls(T0, 20)
    real = Store.query

    def refuses(self: Store, sql: str, parameters: Any = None, **more: Any) -> Any:
        if ["poison"] in (parameters or {}).get("filter_model", []):
            raise StoreRejected("too large", code=241, name="MEMORY_LIMIT_EXCEEDED")
        return real(self, sql, parameters, **more)

    monkeypatch.setattr(Store, "query", refuses)
    rules = [make_rule(filters={"model": model}) for model in ("m1", "poison", "m2")]
    measures = SlotMeasures(store, T0 + MINUTE, rules)
    assert measures.measure(rules[0]).observations[()].sample_size == 20
    with pytest.raises(StoreRejected):
        measures.measure(rules[1])
    assert measures.measure(rules[2]).observations[()].sample_size == 0


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"condition": {"type": "change", "op": ">", "threshold": 1}}, "against missing; type change needs op, threshold"),
    ({"condition": {"op": ">", "threshold": 1, "against": "1d"}}, "against does not go with type threshold"),
    ({"condition": change(against="1h"), "window": "2h"}, "against must be at least window"),
    ({"condition": {"type": "no_data", "op": ">"}}, "op does not go with type no_data"),
    ({"condition": BURN, "metric": "calls", "min_sample_size": None}, "burn_rate is for shares"),
    ({"condition": BURN | {"budget": 1.5}}, "budget of a share must be below 1"),
    ({"condition": BURN | {"short_window": "2m"}}, "short_window must be at most window"),
    ({"condition": BURN | {"budget": 0}}, "condition.budget = 0"),
    ({"condition": change(against="30d"), "window": "90s"}, "looks back further than the 30 days"),
    ({"condition": change(), "metric": "evaluation_lag_s"}, "compared with a threshold only"),
    ({"metric": "evaluation_lag_s", "group_by": ["model"]}, "model"),
]


@pytest.mark.parametrize(("fields", "expected"), REFUSED, ids=[expected for _, expected in REFUSED])
def test_what_does_not_fit_together_is_refused(make_rule: MakeRule, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        make_rule(**fields)
