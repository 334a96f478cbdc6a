"""Queries of the drift monitors."""

from datetime import UTC, datetime, timedelta

from watchglass_store import Store
from watchglass_store.queries import drift

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
CHAT = ("chat",)


def call(number: int, **columns: object) -> dict[str, object]:
    return {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "received_at": NOW,
        "start_time": NOW,
        "operation_name": "chat",
        "service_name": "shop",
        "response_text": f"answer {number}",
        "error_type": "",
        **columns,
    }


def ids(store: Store, **more: object) -> list[str]:
    arguments: dict[str, object] = {
        "since": NOW - timedelta(hours=1),
        "until": NOW + timedelta(hours=1),
        "operations": CHAT,
        "services": (),
        "hours": (),
        "limit": 100,
    }
    return [row["span_id"] for row in drift.sample_ids(store, **{**arguments, **more})]  # type: ignore[arg-type]


def test_a_sample_is_random_but_always_the_same(store: Store) -> None:
    store.insert("llm_call_parts", [call(k) for k in range(50)])
    everything = ids(store)
    assert len(everything) == 50
    assert everything != sorted(everything)
    assert ids(store, limit=10) == everything[:10]
    assert ids(store, services=("other",)) == []
    hour = NOW.weekday() * 24 + NOW.hour
    assert ids(store, hours=(hour,)) == everything
    assert ids(store, hours=((hour + 1) % 168,)) == []
    assert ids(store, until=NOW) == []
    assert drift.count_calls(store, since=NOW, until=NOW + timedelta(seconds=1), operations=CHAT) == 50


def test_texts_of_calls_that_went_well(store: Store) -> None:
    store.insert("llm_call_parts", [call(1), call(2, error_type="timeout"), call(3, response_text="")])
    keys = [(int(NOW.timestamp()) // 3600 * 3600, f"{k:032x}", f"{k:016x}", "") for k in (1, 2, 3)]
    rows = drift.call_texts(store, keys, column="response_text", longest=6)
    assert [(row["span_id"], row["text"]) for row in rows] == [(f"{1:016x}", "answer")]


def test_scores_in_both_orders(store: Store) -> None:
    def score(number: int, value: float | None) -> dict[str, object]:
        row = {"name": "s", "evaluator": "e", "evaluator_version": "1", "value": value, "call_time": NOW}
        at = NOW + timedelta(seconds=number)
        return row | {"trace_id": f"{number}", "span_id": "x", "created_at": at, "service_name": "shop"}

    store.insert("scores", [score(1, 0.5), score(2, None), score(3, float("nan")), score(4, 0.25)])
    found = drift.sample_scores(
        store, "s", since=NOW, until=NOW + timedelta(seconds=1), services=("shop",), models=(), prompt_versions=(),
        hours=(), limit=10,
    )  # fmt: skip
    assert sorted(row["value"] for row in found) == [0.25, 0.5]
    until = NOW + timedelta(minutes=1)
    new = drift.new_scores(store, "s", since=NOW, until=until, after=("", "", ""), limit=10)
    assert [row["trace_id"] for row in new] == ["1", "4"]
    later = drift.new_scores(store, "s", since=new[0]["received_at"], until=until, after=("1", "x", ""), limit=10)
    assert [row["trace_id"] for row in later] == ["4"]


def test_states_are_those_since_the_newest_baseline(store: Store) -> None:
    def row(kind: str, second: int, state: str, end: datetime = NOW) -> dict[str, object]:
        at = NOW + timedelta(seconds=second)
        return {
            "created_at": at, "monitor": "m", "monitor_version": "1", "kind": kind, "window_end": end, "state": state,
            "value": None, "threshold": None,
        }  # fmt: skip

    assert drift.last_windows(store, "m", "1") == []
    rows = [row("baseline", 0, "a"), row("live", 1, "b"), row("baseline", 2, "c"), row("live", 3, "d")]
    drift.append(store, rows, deduplication_token="one")
    drift.append(store, rows, deduplication_token="one")
    assert [found["state"] for found in drift.live_states(store, "m", "1")] == ["c", "d"]
    assert drift.live_states(store, "m", "2") == []
    drift.append(store, [row("window", 0, "")], deduplication_token="two")
    assert drift.last_windows(store, "m", "1") == [{"window_end": NOW, "windows": 1}]
