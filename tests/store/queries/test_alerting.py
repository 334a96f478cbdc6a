"""The alert engine's queries on a real store."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchglass_store import Store
from watchglass_store.queries import alerting
from watchglass_store.queries.alerting_measures import call_measures, score_measures

# Lately, because the tables let go of what is old.
NOON = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
MINUTE = timedelta(minutes=1)


def call(index: int, **columns: Any) -> dict[str, Any]:
    time = NOON + timedelta(seconds=index)
    row = {
        "trace_id": f"{index:032x}",
        "span_id": f"{index:016x}",
        "received_at": time + timedelta(seconds=3),
        "start_time": time,
        "duration_s": float(index % 5),
        "operation_name": "chat",
        "service_name": "shop",
        "environment": None,
        "request_model": "asked",
        "response_model": f"m{index % 2}",
        "prompt_name": "greet",
        "usage_input_tokens": 10,
        "usage_output_tokens": 2,
        "cost_usd": 0.01,
        "usage_counted": 1,
        "error_type": "timeout" if index % 4 == 0 else None,
        "time_to_first_token_s": 0.5 if index % 2 else None,
    }
    return row | columns


def score(index: int, value: float | None, **columns: Any) -> dict[str, Any]:
    row = {
        "name": "profanity",
        "evaluator": "profanity",
        "evaluator_version": "1",
        "trace_id": f"{index:032x}",
        "span_id": f"{index:016x}",
        "value": value,
        "label": "bad" if value and value > 0.5 else "",
        "source": "model",
        "call_time": NOON + timedelta(seconds=index),
        "created_at": NOON,
        "service_name": "shop",
        "model": f"m{index % 2}",
    }
    return row | columns


def measure(store: Store, start: datetime, end: datetime, **arguments: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"sets": [arguments.pop("filters", {})], "group_by": (), "limit": 1000, "quantiles": True}
    return call_measures(store, start=start, end=end, **(given | arguments))


def test_calls_in_whole_minutes_and_in_seconds_give_the_same(store: Store) -> None:
    store.insert("llm_call_parts", [call(index) for index in range(120)])
    store.insert("llm_call_parts", [call(500 + index, usage_counted=0) for index in range(20)])
    whole = measure(store, NOON, NOON + 10 * MINUTE, group_by=("model", "environment"))
    assert [(row["model"], row["environment"], row["calls"], row["groups"]) for row in whole] == [
        ("m0", "", 70, 2),
        ("m1", "", 70, 2),
    ]
    # The same calls, from a window that no minute holds.
    fine = measure(store, NOON, NOON + 10 * MINUTE - timedelta(seconds=1), group_by=("model", "environment"))
    for one, other in zip(whole, fine, strict=True):
        numbers = {key: value for key, value in one.items() if "quantiles" not in key}
        assert {key: other[key] for key in numbers} == pytest.approx(numbers)
        assert one["duration_s_quantiles"] == pytest.approx(other["duration_s_quantiles"])
    first = fine[0]
    assert (first["errors"], first["input_tokens"], first["output_tokens"]) == (35, 600, 120)
    assert first["cost_usd"] == pytest.approx(0.6)
    assert first["duration_s_sum"] == pytest.approx(140.0)
    assert first["time_to_first_token_calls"] == 0
    assert math.isnan(first["time_to_first_token_s_quantiles"][0])
    assert set(fine[1]["time_to_first_token_s_quantiles"]) == {0.5}


def test_a_window_holds_its_start_and_not_its_end(store: Store) -> None:
    store.insert("llm_call_parts", [call(index) for index in range(120)])
    (row,) = measure(store, NOON + timedelta(seconds=10), NOON + timedelta(seconds=25))
    assert row["calls"] == 15
    (row,) = measure(store, NOON, NOON + MINUTE)
    assert row["calls"] == 60


def test_no_calls_are_no_row(store: Store) -> None:
    for end in (NOON + MINUTE, NOON + timedelta(seconds=30)):
        assert measure(store, NOON, end) == measure(store, NOON, end, group_by=("model",)) == []


def test_many_sets_of_filters_are_one_query(store: Store) -> None:
    store.insert("llm_call_parts", [call(index) for index in range(9)])
    sets: list[dict[str, list[str]]] = [{"model": ["m0"]}, {}, {"model": ["none"]}, {"service_name": ["shop"]}]
    for end in (NOON + MINUTE, NOON + timedelta(seconds=30)):
        found = measure(store, NOON, end, sets=sets, quantiles=False)
        assert [(row["member"], row["calls"]) for row in found] == [(1, 5), (2, 9), (4, 9)]
        assert "duration_s_quantiles" not in found[0]


def test_filters_match_any_of_their_values_literally(store: Store) -> None:
    store.insert("llm_call_parts", [call(0), call(2, service_name="' OR 1=1 --"), call(4, service_name=None)])
    for end in (NOON + MINUTE, NOON + timedelta(seconds=30)):
        for values, expected in ((["shop", ""], 2), (["' OR 1=1 --"], 1), (["{x:String}", "\\'"], 0)):
            found = measure(store, NOON, end, filters={"service_name": values, "model": ["m0"]})
            assert sum(row["calls"] for row in found) == expected


def test_the_largest_groups_are_kept_and_all_are_counted(store: Store) -> None:
    rows = [call(index, response_model=f"model-{index % 7}") for index in range(50)] + [
        call(100, response_model="model-0")
    ]
    store.insert("llm_call_parts", rows)
    found = measure(store, NOON, NOON + 5 * MINUTE, group_by=("model",), limit=2)
    assert [(row["model"], row["groups"]) for row in found] == [("model-0", 7), ("model-1", 7)]


def test_unknown_fields_never_reach_sql(store: Store) -> None:
    with pytest.raises(ValueError, match="unknown fields"):
        measure(store, NOON, NOON + MINUTE, group_by=("trace_id) --",))
    with pytest.raises(ValueError, match="unknown fields"):
        measure(store, NOON, NOON + MINUTE, filters={"1=1 OR model": ["x"]})


def test_scores(store: Store) -> None:
    values = [0.1, 0.2, 0.9, 0.8, None, float("nan"), float("inf")]
    store.insert("scores", [score(index, value) for index, value in enumerate(values)])
    # A newer row with the same key replaces the older one.
    store.insert("scores", [score(0, 0.3, created_at=NOON + MINUTE), score(1, 0.7, name="other")])

    def ask(**arguments: Any) -> list[dict[str, Any]]:
        lines = [("above", 0.5, ""), ("below", 0.25, ""), ("label", 0.0, "bad")]
        given: dict[str, Any] = {"names": ["profanity"], "sets": [{}], "lines": lines, "group_by": (), "limit": 10}
        return score_measures(store, start=NOON, end=NOON + MINUTE, **(given | arguments))

    (row,) = ask()
    assert (row["scores"], row["matching"]) == (4, [2, 1, 2])
    assert row["mean"] == pytest.approx(0.55)
    assert row["variance"] == pytest.approx(0.1233333333)
    (filtered, other) = ask(
        names=["profanity", "profanity", "other"],
        sets=[{"model": ["m1"]}, {"evaluator_version": ["2"]}, {}],
    )
    assert [(each["member"], each["scores"]) for each in (filtered, other)] == [(1, 2), (3, 1)]
    grouped = ask(group_by=("model",), lines=[])
    assert [(row["model"], row["scores"]) for row in grouped] == [("m0", 2), ("m1", 2)]


def test_of_two_versions_of_an_evaluator_the_later_score_counts(store: Store) -> None:
    later = {"evaluator_version": "2", "created_at": NOON + MINUTE}
    store.insert("scores", [score(0, 0.9), score(1, 0.9), score(2, 0.9), score(3, 0.9, evaluator="other")])
    store.insert("scores", [score(0, 0.1, **later), score(2, None, **later), score(3, 0.1, **later)])

    def ask(sets: list[dict[str, list[str]]], group_by: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        names = ["profanity"] * len(sets)
        return score_measures(
            store, start=NOON, end=NOON + MINUTE, names=names, sets=sets, lines=[], group_by=group_by, limit=9
        )

    (row,) = ask([{}])
    assert row["scores"] == 4, "call 0 once, call 2 not, as its later score has no value, and call 3 by two evaluators"
    assert row["mean"] == pytest.approx((0.1 + 0.9 + 0.9 + 0.1) / 4)
    (row,) = ask([{"evaluator_version": ["1"]}])
    assert (row["scores"], row["mean"]) == (4, pytest.approx(0.9))
    by_version = ask([{}], ("evaluator_version",))
    assert [(row["evaluator_version"], row["scores"]) for row in by_version] == [("1", 4), ("2", 2)]


def test_rules_latest_version_and_creation(store: Store) -> None:
    def add(minutes: int, definition: str, *, deleted: bool = False) -> None:
        alerting.add_rule_version(
            store, name="r", version=NOON + minutes * MINUTE, definition=definition, deleted=deleted, author="a"
        )

    add(0, "one")
    add(1, "two")
    (row,) = alerting.current_rules(store)
    assert (row["definition"], row["deleted"], row["created"]) == ("two", 0, NOON)
    add(2, "two", deleted=True)
    assert alerting.current_rules(store)[0]["deleted"] == 1
    add(3, "three")
    (row,) = alerting.current_rules(store)
    assert (row["definition"], row["version"], row["created"]) == ("three", NOON + 3 * MINUTE, NOON + 3 * MINUTE)


def test_silences_in_force(store: Store) -> None:
    silence = {"matchers": {"rule": "r"}, "starts_at": NOON, "ends_at": NOON + MINUTE, "comment": "", "author": "a"}
    alerting.add_silence(store, id="one", version=NOON, **silence)
    alerting.add_silence(store, id="two", version=NOON, **silence)
    alerting.add_silence(store, id="two", version=NOON + MINUTE, deleted=True, **silence)
    (row,) = alerting.active_silences(store, NOON)
    assert (row["id"], row["matchers"]) == ("one", {"rule": "r"})
    assert alerting.active_silences(store, NOON + MINUTE) == []


def test_the_first_writer_of_a_token_wins(store: Store) -> None:
    def row(engine: str) -> dict[str, Any]:
        return {"time": NOON, "kind": "slot", "rule": "r", "slot": NOON, "engine": engine}

    alerting.add_events(store, [row("first")], token="slot-r")
    alerting.add_events(store, [row("second")], token="slot-r")
    assert alerting.slot_writers(store, NOON, since=NOON) == {"r": "first"}
    assert alerting.latest_slots(store, since=NOON) == {"r": NOON}
    assert alerting.latest_slots(store, since=NOON + MINUTE) == {}
