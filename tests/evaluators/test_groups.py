"""Whole traces and sessions: scored when they are quiet, again when they grow, always one visible score."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchglass_evaluators import Call, EvaluatorReport, EvaluatorsConfig, Runner
from watchglass_evaluators.groups import whole
from watchglass_evaluators.progress import Arrival, CallId
from watchglass_store import Store

Seed = Callable[..., list[tuple[str, str]]]
Install = Callable[..., Any]

SHARE = "return Score({name!r}, len(steps) / 1000, '', steps[-1].operation_name)"
TRACES = [f"{i:032x}" for i in range(1, 60)]


@pytest.fixture
def steps(install_evaluator: Install) -> EvaluatorsConfig:
    """Settings with an evaluator of traces and one of sessions, whose value is a thousandth of the number of calls."""
    for level in ("trace", "session"):
        name = f"{level}_steps"
        install_evaluator(name, SHARE.format(name=name), level=level)
    return EvaluatorsConfig(enabled=("trace_steps", "session_steps", "refusal"))


def run(runner: Runner) -> dict[str, EvaluatorReport]:
    return {report.name: report for report in runner.run_once().evaluators}


def visible(store: Store, name: str) -> dict[str, dict[str, Any]]:
    rows = store.query("SELECT * FROM scores FINAL WHERE name = {n:String}", {"n": name})
    found = {row["trace_id"] or row["conversation_id"]: row for row in rows}
    assert len(found) == len(rows), "one visible score each"
    return found


def test_a_trace_is_scored_when_it_is_quiet_and_again_when_it_grows(
    store: Store, clock: Any, seed: Seed, steps: EvaluatorsConfig
) -> None:
    runner = Runner(store, steps, clock=clock)
    for trace in TRACES:
        seed(2, trace_id=trace, service_name="agents")
    clock.advance(30)
    seed(1, trace_id=TRACES[0], operation_name="execute_tool", response_text=None)
    clock.advance(31)
    assert run(runner)["trace_steps"].scored == len(TRACES) - 1, "one of them is not quiet yet"
    clock.advance(30)
    assert run(runner)["trace_steps"].scored == 1
    rows = visible(store, "trace_steps")
    assert rows.keys() == set(TRACES)
    assert {(row["span_id"], row["conversation_id"], row["service_name"]) for row in rows.values()} == {
        ("", "", "agents")
    }
    assert {trace for trace, row in rows.items() if row["value"] == 0.003} == {TRACES[0]}
    assert rows[TRACES[0]]["label"] == "execute_tool", "all operations are steps"
    assert rows[TRACES[1]]["call_time"] == clock() - timedelta(seconds=92)
    seed(1, trace_id=TRACES[5])
    clock.advance(59)
    assert run(runner)["trace_steps"].eligible == 0
    clock.advance(2)
    assert run(runner)["trace_steps"].scored == 1
    assert visible(store, "trace_steps")[TRACES[5]]["value"] == 0.003
    for life in (runner, Runner(store, steps, clock=clock)):
        clock.advance(200)
        assert run(life)["trace_steps"].eligible == 0, "and nothing is done twice"


def test_sessions_go_over_traces_and_days(store: Store, clock: Any, seed: Seed, steps: EvaluatorsConfig) -> None:
    runner = Runner(store, steps, clock=clock)
    yesterday = clock() - timedelta(days=1)
    seed(3, conversation_id="a 'quoted' \\ session", start_time=yesterday)
    seed(2, conversation_id="b")
    seed(4)
    clock.advance(300)
    seed(2, conversation_id="a 'quoted' \\ session")
    clock.advance(400)
    assert run(runner)["session_steps"].scored == 1
    clock.advance(300)
    assert run(runner)["session_steps"].scored == 1
    rows = visible(store, "session_steps")
    assert {name: row["value"] for name, row in rows.items()} == {"a 'quoted' \\ session": 0.005, "b": 0.002}
    assert {(row["trace_id"], row["span_id"]) for row in rows.values()} == {("", "")}
    seed(1, conversation_id="b")
    clock.advance(601)
    assert run(Runner(store, steps, clock=clock))["session_steps"].scored == 1, "another life goes on"
    assert visible(store, "session_steps")["b"]["value"] == 0.003


def test_the_judges_own_traces_are_left_out_and_shards_share(
    store: Store, clock: Any, seed: Seed, steps: EvaluatorsConfig
) -> None:
    seed(2, trace_id=TRACES[0], service_name="watchglass-judge")
    for trace in TRACES[1:21]:
        seed(1, trace_id=trace)
    clock.advance(100)
    counts = []
    for i in range(2):
        part = Runner(store, steps.model_copy(update={"shard": f"{i}/2"}), clock=clock)
        counts.append(run(part)["trace_steps"].scored)
    assert sum(counts) == 20
    assert min(counts) > 3


def test_a_store_that_fails_between_two_writes_costs_nothing(
    store: Store, clock: Any, seed: Seed, steps: EvaluatorsConfig
) -> None:
    for trace in TRACES[:7]:
        seed(2, trace_id=trace)
    clock.advance(100)
    from watchglass_store import StoreUnavailable

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def insert(self, table: str, rows: Any, **options: Any) -> None:
            store.insert(table, rows, **options)
            if table == "scores" and rows[0]["evaluator"] == "trace_steps":
                raise StoreUnavailable("connection reset")

    failing: Any = Failing()
    with pytest.raises(StoreUnavailable):
        Runner(failing, steps, clock=clock).run_once()
    assert run(Runner(store, steps, clock=clock))["trace_steps"].scored == 0, "its scores had been written"
    assert len(visible(store, "trace_steps")) == 7


def test_what_stands_for_a_whole_trace(clock: Any) -> None:
    at = [clock() + timedelta(seconds=i) for i in range(4)]
    calls = [
        Call("t", "c", start_time=at[2], duration_s=1.5, prompt_text="q2", response_text="last", parent_span_id="r"),
        Call("t", "r", start_time=at[0], duration_s=3, service_name="root", project="p", operation_name="invoke_agent"),
        Call("t", "b", start_time=at[1], prompt_text="q1", response_text="first", parent_span_id="r", model="m"),
    ]
    trace = whole("trace", Arrival(at[3], CallId("t", ""), at[0]), calls)
    assert [step.span_id for step in trace.steps] == ["r", "b", "c"]
    assert (trace.id, trace.prompt_text, trace.response_text, trace.model) == (("t", "", ""), "q1", "last", "m")
    assert (trace.service_name, trace.project, trace.start_time, trace.duration_s) == ("root", "p", at[0], 3.5)
    session = whole("session", Arrival(at[3], CallId("s", ""), at[0]), calls)
    assert (session.id, session.trace_id, session.conversation_id) == (("s", "", ""), "", "s")
