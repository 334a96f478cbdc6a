"""What is found out about small traces, and that the order in which their spans came plays no part."""

import random
from datetime import date
from typing import Any

import pandas as pd
import pytest

from watchglass_collector.assembly.findings import assembled, differences, moves
from watchglass_collector.assembly.pricing import Price, PriceList

START_NS = 1_760_000_000 * 10**9
PRICES = PriceList([], [Price("", "m", date(2020, 1, 1), input_usd=1.0, output_usd=10.0, cache_read_usd=0.1)])
ABSENT = -1
HOUR = 1_759_999_200


def span(span_id: str, parent: str = "", **columns: Any) -> dict[str, Any]:
    row = {
        "trace_id": "t",
        "project": "",
        "span_id": span_id,
        "parent_span_id": parent,
        "start_ns": START_NS,
        "duration_s": 1.0,
        "scope": "lib",
        "conversation_id": "",
        "user_id": "",
        "is_call": 1,
        "hours": [HOUR],
        "event_hours": [],
        "moved_events": 0,
        "sent_cost_usd": float("nan"),
        "service_name": "shop",
        "environment": "",
        "convention": "otel_genai",
        "operation_name": "chat",
        "provider_name": "",
        "request_model": "m",
        "response_model": "",
        "response_id": "",
        "prompt_name": "",
        "prompt_version": "",
        "usage_input_tokens": ABSENT,
        "usage_output_tokens": ABSENT,
        "usage_cache_read_input_tokens": ABSENT,
        "usage_cache_write_input_tokens": ABSENT,
    }
    if "tokens" in columns:
        columns["usage_input_tokens"] = columns.pop("tokens")
        columns.setdefault("usage_output_tokens", 1)
    return row | columns


def frame(*spans: dict[str, Any]) -> pd.DataFrame:
    """As the store gives them: sorted by ids, with hashes of ids."""
    rows = sorted(spans, key=lambda row: (row["trace_id"], row["project"], row["span_id"]))
    for row in rows:
        for name, of in (("key", "span_id"), ("parent_key", "parent_span_id")):
            row[name] = hash((row["trace_id"], row["project"], row[of]))
    return pd.DataFrame(rows)


def calls(*spans: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = assembled(frame(*spans), PRICES)
    return {row["span_id"]: row for row in found.to_dict("records")}


def counting(*spans: dict[str, Any]) -> set[str]:
    return {name for name, row in calls(*spans).items() if row["usage_counted"]}


def test_users_and_sessions_come_down_the_tree_from_the_nearest() -> None:
    found = calls(
        span("root", is_call=0, user_id="ann", conversation_id="c1"),
        span("agent", "root", user_id="bob"),
        span("call", "agent"),
        span("other", "gone"),
    )
    assert {name: (row["user_id"], row["conversation_id"]) for name, row in found.items()} == {
        "agent": ("bob", "c1"),
        "call": ("bob", "c1"),
        "other": ("", ""),
    }


def test_root_depth_and_orphans() -> None:
    found = calls(span("root"), span("call", "root"), span("lost", "gone"), span("below", "lost"), span("self", "self"))
    assert {name: (row["root_span_id"], row["depth"]) for name, row in found.items()} == {
        "root": ("root", 0),
        "call": ("root", 1),
        "lost": ("lost", 0),
        "below": ("lost", 1),
        "self": ("self", 0),
    }


def test_a_wrapper_does_not_count_what_a_call_below_it_counts() -> None:
    assert counting(span("w", tokens=9), span("step", "w", is_call=0), span("call", "step", tokens=9)) == {"call"}
    assert counting(span("w", tokens=9), span("tool", "w")) == {"w"}
    nothing = {"usage_input_tokens": 0, "usage_output_tokens": 0}
    assert "w" in counting(span("w", tokens=9), span("call", "w", **nothing))


def test_one_response_counts_once_in_a_trace() -> None:
    one = {"tokens": 9, "response_id": "r1"}
    assert counting(span("a", **one), span("b", **one)) == {"a"}
    assert counting(span("a", **one), span("b", **one, usage_output_tokens=5)) == {"b"}
    elsewhere = span("z", **one, trace_id="u")
    assert counting(span("a", **one), elsewhere) == {"a", "z"}


def test_the_same_ids_in_another_project_are_another_trace() -> None:
    spans = [
        row
        for project, user in (("p", "ann"), ("q", "bob"))
        for row in (
            span("top", project=project, is_call=0, user_id=user),
            span("call", "top", project=project, tokens=9, response_id="r1"),
            span("twin", "top", project=project, tokens=4, scope=f"lib of {project}"),
        )
    ]
    found = assembled(frame(*spans), PRICES)
    said = found[["project", "span_id", "user_id", "depth", "usage_counted"]].values.tolist()
    assert said == [
        [project, name, user, 1, 1] for project, user in (("p", "ann"), ("q", "bob")) for name in ("call", "twin")
    ]
    assert not len(differences(found, found))
    changed = differences(found.assign(user_id=found["user_id"].replace("bob", "eve")), found)
    assert set(changed["project"]) == {"q"}


def test_siblings_of_two_instrumentations_with_the_same_usage_at_the_same_time_are_one_call() -> None:
    ours = span("ours", "root", tokens=9, response_id="r1", scope="com.anthropic.sdk.python")
    theirs = span("theirs", "root", tokens=9, scope="opentelemetry.instrumentation.anthropic")
    root = span("root", is_call=0)
    assert counting(root, ours, theirs) == {"ours"}
    assert counting(root, ours, {**theirs, "start_ns": START_NS + 10**7}) == {"ours"}
    for difference in (
        {"start_ns": START_NS + 2 * 10**9},
        {"usage_input_tokens": 10},
        {"scope": ours["scope"]},
        {"response_id": "r2"},
        {"parent_span_id": ""},
    ):
        assert counting(root, ours, {**theirs, **difference}) == {"ours", "theirs"}


def test_cost_needs_a_price_for_every_token() -> None:
    def cost(**columns: Any) -> float:
        return float(calls(span("a", tokens=1000, usage_output_tokens=100, **columns))["a"]["cost_usd"])

    assert cost() == pytest.approx(0.002)
    assert cost(usage_cache_read_input_tokens=500) == pytest.approx((500 + 50 + 1000) / 1e6)
    assert pd.isna(cost(usage_cache_write_input_tokens=500))
    assert pd.isna(cost(request_model="unheard-of"))
    assert cost(request_model="unheard-of", sent_cost_usd=0.5) == 0.5, "the client says what it cost"
    assert cost(sent_cost_usd=0.5) == pytest.approx(0.002), "one table for all clients, where it has a price"
    assert pd.isna(calls(span("a"))["a"]["cost_usd"]), "no usage, no cost"
    excluding = {"convention": "openlit", "usage_cache_read_input_tokens": 500}
    assert cost(**excluding) == pytest.approx((1000 + 50 + 1000) / 1e6)


def total(*written: pd.DataFrame) -> float:
    """What a rollup makes of everything that was written."""
    rows = pd.concat(written)
    counting_rows = rows[rows["usage_counted"] == 1]
    return float((counting_rows["sign"] * counting_rows["usage_input_tokens"].clip(lower=0)).sum())


def known(*written: pd.DataFrame) -> pd.DataFrame:
    """What `watchglass_store.queries.assembly.known` gives after these were written."""
    rows = pd.concat(written, ignore_index=True)
    return rows[rows["sign"] == 1].drop_duplicates(["trace_id", "span_id", "hour"], keep="last")


@pytest.mark.parametrize("seed", range(10))
def test_pieces_that_come_late_lead_to_the_same_result(seed: int) -> None:
    dice = random.Random(seed)
    spans = [span("root", is_call=0, user_id="ann")]
    for number in range(dice.randrange(2, 25)):
        parent = dice.choice(spans)["span_id"]
        tokens = dice.choice([ABSENT, 5, 9])
        spans.append(span(f"s{number:02d}", parent, tokens=tokens, response_id=dice.choice(["", "r1", "r2"])))
    nothing = pd.DataFrame()
    at_once = differences(assembled(frame(*spans), PRICES), nothing)
    dice.shuffle(spans)
    written: list[pd.DataFrame] = []
    for end in sorted({*dice.sample(range(1, len(spans) + 1), 2), len(spans)}):
        calls_now = assembled(frame(*spans[:end]), PRICES)
        written.append(differences(calls_now, known(*written) if written else nothing))
    columns = ["span_id", "user_id", "root_span_id", "depth", "usage_counted", "cost_usd"]
    last, first = (known(*some).sort_values("span_id")[columns].reset_index(drop=True) for some in (written, [at_once]))
    pd.testing.assert_frame_equal(last, first)
    assert total(*written) == total(at_once)
    again = differences(assembled(frame(*spans), PRICES), known(*written))
    assert len(again) == 0, "nothing is written about a call twice"


def test_of_a_call_that_was_sent_with_two_starts_one_counts() -> None:
    row = span("a", tokens=5, hours=[HOUR, HOUR - 3600])
    found = assembled(frame(row), PRICES)
    assert found[["hour", "usage_counted"]].to_numpy().tolist() == [[HOUR, 1], [HOUR - 3600, 0]]


def test_log_events_under_another_hour_are_moved_to_their_call() -> None:
    late = span("a", event_hours=[HOUR, HOUR + 3600, HOUR + 3600], moved_events=2)
    found = assembled(frame(late, span("b", event_hours=[HOUR])), PRICES)
    first = differences(found, pd.DataFrame())
    assert moves(found, first) == {(HOUR + 3600, HOUR): [("t", "a", "")]}
    again = differences(found, known(first))
    assert moves(found, again) == {}
