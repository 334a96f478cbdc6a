"""The evaluators' queries against a seeded store."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchglass_store import Store
from watchglass_store.queries import evaluation

NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + timedelta(milliseconds=1)


def call(number: int, **columns: Any) -> dict[str, Any]:
    return {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "received_at": NOW,
        "start_time": NOW - timedelta(seconds=1),
        "operation_name": "chat",
        "service_name": "shop",
        "prompt_text": f"question {number}",
        "response_text": f"answer {number}",
        **columns,
    }


def key(number: int, project: str = "") -> tuple[str, str, str]:
    return f"{number:032x}", f"{number:016x}", project


def arrivals(store: Store, **choice: Any) -> list[int]:
    defaults: dict[str, Any] = {
        "since": NOW,
        "until": LATER,
        "after": ("", "", ""),
        "operations": ["chat"],
        "shard": 0,
        "shards": 1,
        "limit": 100,
    }
    return [int(row["trace_id"], 16) for row in evaluation.arrivals(store, **defaults | choice)]


@pytest.fixture
def stored(store: Store) -> Store:
    rows = [call(1), call(2, received_at=LATER), call(3), call(4, operation_name="embeddings")]
    store.insert("llm_call_parts", rows)
    return store


def test_arrivals_are_in_order_and_can_be_paged_through(stored: Store) -> None:
    assert arrivals(stored) == [1, 3, 2]
    assert arrivals(stored, limit=1) == [1]
    assert arrivals(stored, after=key(1)) == [3, 2]
    assert arrivals(stored, after=key(3)) == [2]
    assert arrivals(stored, since=LATER) == [2]
    assert arrivals(stored, until=NOW) == [1, 3]
    assert arrivals(stored, operations=["embeddings", "chat"]) == [1, 3, 4, 2]
    [row] = evaluation.arrivals(
        stored, since=LATER, until=LATER, after=("", "", ""), operations=["chat"], shard=0, shards=1, limit=9
    )
    assert row == {
        "received_at": LATER,
        "trace_id": key(2)[0],
        "span_id": key(2)[1],
        "project": "",
        "start_time": NOW - timedelta(seconds=1),
        "service_name": "shop",
        "operation_name": "chat",
    }


def test_shards_are_a_partition_of_the_traces(stored: Store) -> None:
    parts = [arrivals(stored, shard=i, shards=3) for i in range(3)]
    assert sorted(number for part in parts for number in part) == [1, 2, 3]


def texts(store: Store, numbers: Sequence[int], start: datetime, **choice: Any) -> dict[int, dict[str, Any]]:
    options: dict[str, Any] = {"columns": ["response_text"], "longest": 1000} | choice
    keys = [stored for number in numbers for stored in evaluation.storage_keys(key(number), start, start)]
    rows = evaluation.call_texts(store, keys, **options)
    return {int(row["trace_id"], 16): row for row in rows}


def test_texts_are_merged_cut_and_only_those_asked_for(store: Store) -> None:
    store.insert("llm_call_parts", [call(1, response_text=None), call(2)])
    late = call(1, prompt_text=None, response_text="äöü" * 10, received_at=LATER)
    store.insert("llm_call_parts", [late])
    rows = texts(store, [1, 2, 3], NOW, longest=4)
    assert rows.keys() == {1, 2}
    assert rows[1]["response_text"] == "äöüäö"
    assert "context_text" not in rows[1]
    assert texts(store, [1], NOW - timedelta(hours=1)) == {}
    hashed = store.query("SELECT cityHash64('question 1') AS h")[0]["h"]
    assert rows[1]["prompt_hash"] == hashed


def test_the_model_that_answered_comes_before_the_one_asked_for(store: Store) -> None:
    store.insert(
        "llm_call_parts",
        [call(1, request_model="m", response_model="m-1"), call(2, request_model="m", response_model=None)],
    )
    rows = texts(store, [1, 2], NOW)
    assert [rows[number]["model"] for number in (1, 2)] == ["m-1", "m"]


def test_the_golden_answer_added_last_counts(store: Store) -> None:
    for minute, (dataset, answer) in enumerate([("a", "Lyon"), ("b", "Paris"), ("a", "Nice")]):
        row = {"prompt_text": "Capital?", "reference_text": answer, "dataset": dataset, "created_by": "ann"}
        store.insert("references", [row | {"created_at": NOW + timedelta(minutes=minute)}])
    [known] = store.query("SELECT cityHash64('Capital?') AS h")
    assert evaluation.golden_answers(store, [known["h"], 7], longest=100) == {known["h"]: "Nice"}
    assert evaluation.golden_answers(store, [known["h"]], longest=2) == {known["h"]: "Nic"}


def score(number: int, **columns: Any) -> dict[str, Any]:
    trace_id, span_id, _ = key(number)
    return {
        "name": "refusal",
        "evaluator": "refusal",
        "evaluator_version": "1",
        "trace_id": trace_id,
        "span_id": span_id,
        "project": "",
        "value": 1.0,
        "call_time": NOW,
        "created_at": NOW,
        **columns,
    }


def test_what_has_a_score(store: Store) -> None:
    others = score(4, project="theirs")
    store.insert("scores", [score(1), score(2, evaluator_version="2"), score(3, value=None, created_at=LATER), others])
    ids = [key(number) for number in (1, 2, 3, 4)]
    found = evaluation.scored_at(store, ids, name="refusal", evaluator="refusal", version="1")
    assert found == {key(1): NOW, key(3): LATER}


def log(worker: str, event: str, second: int, **columns: Any) -> dict[str, Any]:
    time = NOW + timedelta(seconds=second)
    return {
        "time": time,
        "evaluator": "refusal",
        "evaluator_version": "1",
        "shard": "0/1",
        "worker": worker,
        "event": event,
        "trace_id": "",
        "span_id": "",
        "project": "",
        "since": time,
        "watermark": time,
        **columns,
    }


def test_the_last_event_of_every_life(store: Store) -> None:
    store.insert(
        "evaluation_log",
        [
            log("a", "start", 1),
            log("a", "batch", 2),
            log("a", "start", 3),
            log("b", "start", 4),
            log("b", "batch", 5, watermark=NOW),
            log("b", "waiting", 6),
            log("b", "start", 7, trace_id="x"),
            log("c", "batch", 8, evaluator_version="2"),
        ],
    )
    rows = {row["worker"]: row for row in evaluation.last_batches(store, "refusal", "1")}
    assert rows.keys() == {"a", "b"}
    third = NOW + timedelta(seconds=3)
    assert (rows["a"]["event"], rows["a"]["since"], rows["a"]["watermark"]) == ("start", third, third)
    assert (rows["a"]["done"], rows["a"]["time"]) == (NOW + timedelta(seconds=2), third)
    assert (rows["b"]["event"], rows["b"]["done"]) == ("batch", NOW)


def test_deaths_are_counted_by_life(store: Store) -> None:
    one = dict(zip(("trace_id", "span_id", "project"), key(1), strict=True))
    theirs = {**one, "project": "theirs"}
    store.insert(
        "evaluation_log",
        [
            log("a", "start", 0, **one),
            log("d", "start", 2, **theirs),
            *(log(w, "start", 2, **one) for w in "bbc"),
            log("me", "start", 3, **one),
        ],
    )
    since = NOW + timedelta(seconds=1)
    asked: dict[str, Any] = {"evaluator": "refusal", "version": "1", "since": since, "ids": [key(1), key(2)]}
    assert evaluation.deaths_since(store, worker="me", **asked) == {key(1): 2}


def test_a_start_outside_the_retention_period_is_held_inside() -> None:
    assert evaluation.retained_time(datetime(1970, 1, 1, tzinfo=UTC), NOW) == NOW - evaluation.RETENTION
    assert evaluation.retained_time(NOW + timedelta(days=400), NOW) == NOW + timedelta(days=1)
    assert evaluation.retained_time(LATER, NOW) == LATER


def test_a_call_is_stored_under_the_hour_of_its_start_or_a_whole_day_that_is_kept() -> None:
    def hours(start: datetime, received: datetime) -> list[datetime]:
        keys = evaluation.storage_keys(("t", "s", "p"), start, received)
        assert {tuple(call) for _, *call in keys} == {("t", "s", "p")}
        return [datetime.fromtimestamp(hour, UTC) for hour, *_ in keys]

    noon = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert hours(noon, noon) == hours(noon, noon + timedelta(days=20)) == [noon.replace(minute=0)]
    assert hours(datetime(1970, 1, 1, tzinfo=UTC), noon) == [datetime(2026, 1, 31, tzinfo=UTC)]
    assert hours(noon + timedelta(days=400), noon) == [datetime(2026, 3, 2, tzinfo=UTC)]
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert len(hours(datetime(1970, 1, 1, tzinfo=UTC), midnight)) == 2, "it may have been chosen a moment before"


def test_five_hundred_ids_fit_in_one_request(stored: Store) -> None:
    assert texts(stored, range(1, 501), NOW).keys() == {1, 2, 3, 4}
