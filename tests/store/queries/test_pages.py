"""The dashboard's queries on a small store, against rows counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from watchglass_store.queries import pages, pages_overview, pages_review, pages_trace, pages_traces, quantiles
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_traces import CallFilter

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
SCOPE = Scope(NOW - timedelta(hours=1), NOW)


def hour(moment):
    return int(moment.timestamp()) // 3600 * 3600


def call(n, minutes_ago, **more):
    start = NOW - timedelta(minutes=minutes_ago)
    return {
        "trace_id": f"t{n}", "span_id": f"s{n}", "received_at": start + timedelta(seconds=2),
        "start_time": start, "duration_s": 1.0, "operation_name": "chat", "service_name": "app", "environment": "",
        "request_model": "m", "response_model": "", "prompt_text": "question", "response_text": "answer",
        "usage_input_tokens": 10, "usage_output_tokens": 5, "usage_counted": 1, "error_type": None, "cost_usd": None,
        "time_to_first_token_s": None, "user_id": "", **more,
    }  # fmt: skip


def test_a_store_without_a_row_gives_empty_answers(readonly_store):
    now, before = pages_overview.totals(readonly_store, SCOPE)
    assert (now["n_calls"], before) == (0, None)
    fresh = pages.freshness(readonly_store)
    assert (fresh.last_received, fresh.lag_s, fresh.spans, fresh.scored_through, fresh.backlog) == (
        None,
        None,
        0,
        None,
        0,
    )
    everything = CallFilter(SCOPE)
    assert pages_traces.call_ids(readonly_store, everything, limit=50, offset=0) == []
    assert pages_traces.calls(readonly_store, []) == []
    assert pages_traces.count_calls(readonly_store, everything) == 0
    assert pages_overview.alerts(readonly_store) == pages_overview.deliveries(readonly_store, SCOPE) == []
    assert pages_trace.spans(readonly_store, "t1", "") == {name: [] for name in pages_trace.SPAN_COLUMNS}
    assert pages_trace.calls(readonly_store, "t1", "") == {name: [] for name in pages_trace.CALL_COLUMNS}
    assert pages_trace.projects(readonly_store, "t1") == []
    one = ("t1", "s1", "")
    assert pages_trace.call(readonly_store, *one) is pages_trace.attributes(readonly_store, *one) is None


def test_totals_are_of_the_scope_and_of_the_period_before(store, readonly_store):
    store.insert("llm_call_parts", [
        call(1, 10), call(2, 20, error_type="Timeout", duration_s=3.0), call(3, 70), call(4, 130),
        call(5, 10, service_name="other"), call(6, 10, operation_name="execute_tool", usage_counted=0),
    ])  # fmt: skip
    scope = Scope(SCOPE.start, SCOPE.end, service="app", operations=("chat",))
    now, before = pages_overview.totals(readonly_store, scope)
    assert (now["n_calls"], now["n_errors"], now["n_input_tokens"], now["n_output_tokens"]) == (2, 1, 20, 10)
    assert quantiles.read(now["duration_s_levels"], 0.95, 2) == pytest.approx((3.0, 1.0, None))
    assert before["n_calls"] == 1
    course = pages_overview.series(readonly_store, scope, 600)
    assert [row["n_calls"] for row in course] == [1, 1]
    assert sum(row["n_calls"] for row in pages_overview.by_model(readonly_store, SCOPE)) == 4
    assert pages.choices(readonly_store, SCOPE.start)["service_name"] == ["app", "other"]


def test_the_two_ways_to_the_newest_calls_agree(store, readonly_store):
    store.insert("llm_call_parts", [call(n, 1 + n) for n in range(30)] + [call(99, 90)])
    by_arrival = CallFilter(SCOPE)
    by_scan = CallFilter(SCOPE, status="ok")
    assert by_arrival.is_by_arrival
    assert not by_scan.is_by_arrival
    expected = [(hour(NOW - timedelta(minutes=1 + n)), f"t{n}", f"s{n}", "") for n in range(30)]
    for chosen in (by_arrival, by_scan):
        assert pages_traces.call_ids(readonly_store, chosen, limit=10, offset=5) == expected[5:15]
        assert pages_traces.count_calls(readonly_store, chosen) == 30
    rows = pages_traces.calls(readonly_store, expected[:3])
    assert [(row["trace_id"], row["model"], row["prompt"], row["answer"]) for row in rows] == [
        (f"t{n}", "m", "question", "answer") for n in range(3)
    ]


def test_calls_with_the_same_ids_in_two_projects_are_two(store, readonly_store):
    twice = [call(1, 1, project=name, prompt_text=name) for name in ("mine", "yours")]
    store.insert("llm_call_parts", [*twice, call(2, 1, project=""), call(3, 1, project="")])
    for chosen in (CallFilter(SCOPE), CallFilter(SCOPE, status="ok")):
        keys = pages_traces.call_ids(readonly_store, chosen, limit=10, offset=0)
        assert pages_traces.count_calls(readonly_store, chosen) == 4
        assert sorted((trace, project) for _, trace, _, project in keys) == [
            ("t1", "mine"), ("t1", "yours"), ("t2", ""), ("t3", "")
        ]  # fmt: skip
        rows = pages_traces.calls(readonly_store, keys)
        assert [(row["trace_id"], row["key_project"]) for row in rows] == [(key[1], key[3]) for key in keys]
    store.insert("scores", [
        {"name": "s", "evaluator": "e", "evaluator_version": "1", "trace_id": "t1", "span_id": "s1", "project": name,
         "value": value, "call_time": NOW - timedelta(minutes=1)} for name, value in (("mine", 0.25), ("yours", 0.5))
    ])  # fmt: skip
    for name, value in (("mine", 0.25), ("yours", 0.5)):
        assert pages_trace.call(readonly_store, "t1", "s1", name)["prompt_text"] == name
        assert [row["value"] for row in pages_trace.scores(readonly_store, "t1", name)] == [value]
        own = [(hour(NOW - timedelta(minutes=1)), "t1", "s1", name)]
        assert [row["mean"] for row in pages_traces.scores_of(readonly_store, own, SCOPE)] == [value]
    assert pages_trace.call(readonly_store, "t1", "s1", "") is None


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"search": "QUEStion é"}, ["t1"]),
        ({"search": "here QUESTION"}, ["t1"]),
        ({"search": "uest"}, []),
        ({"search": "100% sure"}, ["t3"]),
        ({"search": "here absent"}, []),
        ({"search": "event"}, ["t4"]),
        ({"search": "answer", "status": "error"}, ["t2"]),
        ({"search": "_"}, []),
        ({"search": "  "}, ["t1", "t2", "t3", "t4"]),
        ({"search": "' OR 1=1 --"}, []),
        ({"search": "%"}, ["t3"]),
        ({"search": "T2"}, ["t2"]),
        ({"status": "error"}, ["t2"]),
        ({"min_duration_s": 5.0}, ["t3"]),
        ({"who": "eve"}, ["t3"]),
        ({"who": "ev"}, []),
    ],
)
def test_filters_match_literally(store, readonly_store, chosen, found):
    store.insert("llm_call_parts", [
        call(1, 3, prompt_text="a Question É here"), call(2, 4, error_type="Timeout"),
        call(3, 5, duration_s=9.0, response_text="100% sure", user_id="eve"),
        call(4, 6, response_text=None),
    ])  # fmt: skip
    event = (1, "output", "assistant", "{}", "from an EVENT")
    store.insert("llm_call_parts", [call(4, 6, operation_name=None, prompt_text=None, response_text=None,
                                         event_messages=[event])])  # fmt: skip
    keys = pages_traces.call_ids(readonly_store, CallFilter(SCOPE, **chosen), limit=50, offset=0)
    assert [trace for _, trace, *_ in keys] == found
    assert pages_traces.count_calls(readonly_store, CallFilter(SCOPE, **chosen)) == len(found)
    assert pages_traces.first_page(readonly_store, CallFilter(SCOPE, **chosen), limit=1) == (len(found), keys[:1])


def test_scores_know_what_could_not_be_scored(store, readonly_store):
    def score(n, value, minutes_ago=5, **more):
        return {
            "name": "rouge_l", "evaluator": "rouge", "evaluator_version": "1", "trace_id": f"t{n}", "span_id": f"s{n}",
            "value": value, "direction": "higher_is_better", "call_time": NOW - timedelta(minutes=minutes_ago),
            "error": "" if value is not None else "no reference", **more,
        }  # fmt: skip

    store.insert("scores", [score(1, 0.2), score(2, 0.6), score(3, None), score(4, 0.9, minutes_ago=70)])
    store.insert("scores", [score(2, 0.4)])
    (row,) = pages_overview.scores(readonly_store, SCOPE)
    assert (row["n"], row["n_unscored"], row["previous_mean"]) == (2, 1, pytest.approx(0.9))
    assert row["mean"] == pytest.approx(0.3)
    assert row["deviation"] == pytest.approx(0.1414, abs=1e-4)
    (point,) = pages_overview.score_series(readonly_store, SCOPE, 3600)[-1:]
    assert point["n"] in (1, 2)
    assert len(pages_trace.scores(readonly_store, "t2", "")) == 1
    assert {row["mean"] for row in pages_traces.scores_of(readonly_store, [(0, "t1", "s1", "")], SCOPE)} == {0.2}


def test_a_call_that_two_versions_of_an_evaluator_scored_counts_once(store, readonly_store):
    def score(n, value, version, **more):
        return {
            "name": "tone", "evaluator": "judge", "evaluator_version": version, "trace_id": f"t{n}", "span_id": f"s{n}",
            "value": value, "call_time": NOW - timedelta(minutes=5),
            "created_at": NOW + timedelta(minutes=int(version)), **more,
        }  # fmt: skip

    store.insert("scores", [score(1, 0.2, "1"), score(2, 0.2, "1"), score(3, 0.2, "1")])
    store.insert("scores", [score(1, 0.8, "2"), score(3, None, "2"), score(2, 1.0, "1", evaluator="person")])
    judge, person = pages_overview.scores(readonly_store, SCOPE)
    assert (judge["n"], judge["n_unscored"], judge["mean"]) == (2, 1, pytest.approx(0.5))
    assert (person["evaluator"], person["n"]) == ("person", 1)
    points = pages_overview.score_series(readonly_store, SCOPE, 3600)
    assert [(row["evaluator"], row["n"]) for row in points] == [("judge", 2), ("person", 1)]
    keys = [(hour(NOW), f"t{n}", f"s{n}", "") for n in (1, 2, 3)]
    means = {row["trace_id"]: row["mean"] for row in pages_traces.scores_of(readonly_store, keys, SCOPE)}
    assert means == {"t1": pytest.approx(0.8), "t2": pytest.approx(0.6)}


def test_alerts_are_the_latest_state_of_rules_that_exist(store, readonly_store):
    def event(rule, state, minutes_ago):
        then = NOW - timedelta(minutes=minutes_ago)
        seen = {"time": then, "slot": then, "since": then, "state": state, "severity": "warning", "value": 1.0}
        return {"kind": "transition", "rule": rule, "labels": {"model": "m"}, **seen}

    store.insert("alert_events", [
        event("a", "firing", 9), event("a", "inactive", 5), event("b", "pending", 9), event("b", "firing", 5),
        event("gone", "firing", 5),
    ])  # fmt: skip
    store.insert("alert_rules", [{"name": "gone", "definition": "{}", "deleted": 1, "author": "x"}])
    (alert,) = pages_overview.alerts(readonly_store)
    assert (alert["rule"], alert["last_state"], alert["rule_labels"]) == ("b", "firing", {"model": "m"})


def test_freshness_counts_what_waits_for_evaluators(store, readonly_store):
    store.insert("llm_call_parts", [call(1, 10), call(2, 5)])
    store.insert("evaluation_log", [
        {"evaluator": "rouge", "event": "batch", "watermark": NOW - timedelta(minutes=7)},
        {"evaluator": "rouge", "event": "quarantine", "watermark": NOW},
    ])  # fmt: skip
    fresh = pages.freshness(readonly_store)
    assert fresh.last_received == NOW - timedelta(minutes=5) + timedelta(seconds=2)
    assert (fresh.lag_s, fresh.backlog, fresh.evaluation_errors) == (2.0, 1, 1)


def test_a_long_text_is_cut_by_the_store(store, readonly_store):
    store.insert("llm_call_parts", [call(1, 5, prompt_text="x" * 1_500_000)])
    found = pages_trace.call(readonly_store, "t1", "s1", "")
    assert len(found["prompt_text"]) == pages_trace.TEXT_LIMIT
    assert found["text_bytes"] == 1_500_000


@pytest.mark.parametrize("minutes", [(0, 60), (-7, 60), (13, 59), (13, 14), (-190, 47), (-600, 600)])
def test_whole_hours_and_the_minutes_beside_them_are_the_whole_range(store, readonly_store, minutes):
    """Where the hourly rollup takes part, sums are those of the minutes alone, before the range as well as in it."""
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    store.insert("llm_call_parts", [call(n, n, start_time=hour + timedelta(minutes=3 * n - 700)) for n in range(500)])
    scope = Scope(hour + timedelta(minutes=minutes[0]), hour + timedelta(minutes=minutes[1]))
    length = scope.end - scope.start
    wanted = [
        sum(from_ <= hour + timedelta(minutes=3 * n - 700) < from_ + length for n in range(500))
        for from_ in (scope.start, scope.start - length)
    ]
    now, before = pages_overview.totals(readonly_store, scope)
    assert [now["n_calls"], before["n_calls"] if before else 0] == wanted
    assert sum(row["n_calls"] for row in pages_overview.by_model(readonly_store, scope)) == wanted[0]
    assert sum(row["n_calls"] for row in pages_overview.series(readonly_store, scope, 60)) == wanted[0]


def test_what_somebody_said_on_two_days_counts_once(store, readonly_store):
    """An evaluator's score is of one day; a person may think otherwise on the next."""

    def said(source, day, value):
        at = NOW - timedelta(days=day)
        return {
            "name": "helpful", "evaluator": source, "evaluator_version": "1", "trace_id": "t", "span_id": "s",
            "value": value, "source": source, "call_time": at, "created_at": at, "direction": "higher_is_better",
        }  # fmt: skip

    store.insert("scores", [said("human", 2, 0.0), said("human", 1, 1.0), said("code", 1, 0.25)])
    store.insert("scores", [said("code", 1, 0.25)])
    week = Scope(NOW - timedelta(days=7), NOW + timedelta(minutes=1))
    (label,) = pages_review.labels_given(readonly_store, week, "helpful")
    assert (label["evaluator"], label["calls"]) == ("human", 1)
    found = pages_overview.scores(readonly_store, week)
    assert {row["evaluator"]: (row["n"], row["mean"]) for row in found} == {"human": (1, 1.0), "code": (1, 0.25)}


def test_a_day_of_scores_is_read_without_the_others(store, readonly_store):
    """As the read-only user, whose statements take no settings from a view."""
    rows = [
        {
            "name": "pii", "evaluator": "pii", "evaluator_version": "1", "trace_id": f"t{day}-{n}", "span_id": "s",
            "value": 0.0, "source": "code", "call_time": NOW - timedelta(days=day), "created_at": NOW,
        }
        for day in range(30)
        for n in range(100)
    ]  # fmt: skip
    store.insert("scores", rows)
    start = NOW.replace(hour=0, minute=0)
    sql = "SELECT count() AS n FROM scores_by_day WHERE call_time >= {start:DateTime64(3)}"
    answer = readonly_store._client.query(sql, parameters={"start": start}, settings={"wait_end_of_query": 1})
    assert answer.result_rows == [(100,)]
    assert int(answer.summary["read_rows"]) <= 200
