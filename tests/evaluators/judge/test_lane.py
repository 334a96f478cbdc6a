"""Judges inside the worker, on a real store: exactly one score, nothing lost, and nobody held up."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_evaluators import Call, EvaluatorReport, EvaluatorsConfig, Runner
from watchglass_evaluators.judge.tracing import OtlpTracer
from watchglass_store import Store
from watchglass_store.queries.alerting_gauges import evaluator_waits
from watchglass_store.queries.pages_evaluators import activity

Seed = Callable[..., list[tuple[str, str]]]
Configure = Callable[..., EvaluatorsConfig]


def run(runner: Runner) -> dict[str, EvaluatorReport]:
    return {report.name: report for report in runner.run_once().evaluators}


def visible(store: Store, name: str = "judge_helpfulness") -> list[dict[str, Any]]:
    return store.query("SELECT * FROM scores FINAL WHERE name = {name:String} ORDER BY trace_id", {"name": name})


def test_each_call_gets_one_score_of_each_version(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any, wire: Any
) -> None:
    ids = seed(7)
    clock.advance(10)
    config = judge_config()
    assert run(Runner(store, config, clock=clock))["judge_helpfulness"].scored == 7
    for _ in range(3):
        clock.advance(20)
        assert run(Runner(store, config, clock=clock))["judge_helpfulness"].eligible == 0
    rows = visible(store)
    assert sorted((row["trace_id"], row["span_id"]) for row in rows) == sorted(ids)
    assert {(row["value"], row["source"], row["label"]) for row in rows} == {(1.0, "judge", "helpful")}
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(7 * wire.COST_USD)
    assert len(endpoint.questions) == 7
    logged = store.query("SELECT sum(cost_usd) AS cost FROM evaluation_log WHERE event = 'batch'")[0]["cost"]
    assert logged == pytest.approx(7 * wire.COST_USD)
    run(Runner(store, judge_config(votes=2), clock=clock))
    assert len({row["evaluator_version"] for row in visible(store)}) == 2
    assert len(visible(store)) == 14


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"base_url": ""}, "set base_url in [evaluators.judge]"),
        ({"model": ""}, "set model in [evaluators.judge]"),
        ({"prices": {}}, "set what judge-1 costs"),
        ({"api_key_env": "NO_SUCH_KEY"}, "set the environment variable NO_SUCH_KEY"),
        ({"daily_budget_usd": 0}, "daily_budget_usd = 0 has no room"),
    ],
)
def test_what_is_missing_is_said_and_the_calls_wait(
    settings: dict[str, Any], reason: str, store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any
) -> None:
    seed(3)
    clock.advance(10)
    report = run(Runner(store, judge_config(**settings), clock=clock))["judge_helpfulness"]
    assert reason in report.waiting
    [row] = store.query("SELECT message FROM evaluation_log WHERE event = 'waiting'")
    assert reason in row["message"]
    assert (visible(store), endpoint.questions) == ([], [])
    clock.advance(60)
    assert run(Runner(store, judge_config(), clock=clock))["judge_helpfulness"].scored == 3, "nothing is lost"


def test_a_spent_budget_goes_on_tomorrow_where_it_was(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any
) -> None:
    ids = seed(60)
    clock.advance(10)
    runner = Runner(store, judge_config(daily_budget_usd=0.06, batch_calls=10), clock=clock)
    assert "has no room" in run(runner)["judge_helpfulness"].waiting
    some = len(visible(store))
    assert 0 < some < 60
    assert endpoint.billed_usd <= 0.06
    clock.advance(300)
    assert "budget spent" in run(runner)["judge_helpfulness"].waiting, "tried again in vain, it still waits"
    [wait] = evaluator_waits(store, clock())
    assert (wait["evaluator"], wait["waiting"], wait["reason"]) == ("judge_helpfulness", 1, "budget")
    assert wait["lag_s"] == pytest.approx(300, abs=1)
    rows = activity(store, clock() - timedelta(days=1), clock() + timedelta(seconds=1))
    [shown] = [row for row in rows if row["evaluator"] == "judge_helpfulness"]
    assert shown["waits_for"].startswith("budget spent: daily_budget_usd = 0.06 has no room")
    for day in range(1, 4):
        clock.advance(24 * 3600)
        run(Runner(store, judge_config(daily_budget_usd=0.06, batch_calls=10), clock=clock))
        assert endpoint.billed_usd <= 0.06 * (day + 1)
    assert len(visible(store)) == len(ids) == len(endpoint.questions), "each judged and paid for once"
    assert evaluator_waits(store, clock() + timedelta(seconds=1)) == [
        {"evaluator": "judge_helpfulness", "waiting": 0, "reason": "", "lag_s": 0.0}
    ]
    rows = activity(store, clock() - timedelta(days=1), clock() + timedelta(seconds=1))
    [shown] = [row for row in rows if row["evaluator"] == "judge_helpfulness"]
    assert shown["waits_for"] == ""


def test_a_slow_judge_holds_up_nobody(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any
) -> None:
    seed(5)
    clock.advance(10)
    release = threading.Event()

    def slow(question: Any) -> str:
        release.wait(30)
        return question.verdict("helpful")

    endpoint.behaviour = slow
    config = judge_config(timeout_s=60).model_copy(update={"enabled": ("refusal",), "poll_s": 0.01})
    stop = threading.Event()
    runner = Runner(store, config, clock=clock)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    waiter = threading.Event()
    for _ in range(3_000):
        if len(visible(store, "refusal")) == 5 and endpoint.questions:
            break
        waiter.wait(0.01)
    assert len(visible(store, "refusal")) == 5
    assert visible(store) == [], "the judge is still waiting"
    release.set()
    for _ in range(3_000):
        if len(visible(store)) == 5:
            break
        waiter.wait(0.01)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert len(visible(store)) == 5


def test_the_judge_s_own_calls_are_not_judged(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any
) -> None:
    seed(2)
    seed(3, service_name="watchglass-judge")
    clock.advance(10)
    config = judge_config().model_copy(update={"enabled": ("refusal",)})
    reports = run(Runner(store, config, clock=clock))
    assert (reports["judge_helpfulness"].scored, reports["refusal"].scored) == (2, 2)


def test_a_cascade_asks_where_cheap_scores_are_unsure_and_stores_the_chances(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any
) -> None:
    seed(200, response_text=lambda i: "x" * 50 + f" {i:03d}" if i < 20 else f"A short one, {i:03d}.")
    only_when = {"helpfulness": {"unsure": [{"score": "response_length", "low": 40, "high": 60}], "share": 0.25}}
    config = judge_config(only_when=only_when).model_copy(update={"enabled": ("response_length",)})
    runner = Runner(store, config, clock=clock)
    clock.advance(1)
    run(runner)
    clock.advance(40)
    run(runner)
    chances = {row["trace_id"]: row["selection_probability"] for row in visible(store)}
    assert set(chances.values()) == {1.0, 0.25}
    assert list(chances.values()).count(1.0) == 20
    share = list(chances.values()).count(0.25)
    assert 25 <= share <= 65
    estimate = sum(1 / chance for chance in chances.values())
    assert 120 <= estimate <= 280, "weighed by 1 / chance, the chosen stand for all"
    asked = len(endpoint.questions)
    clock.advance(40)
    run(Runner(store, config, clock=clock))
    again = {row["trace_id"]: row["selection_probability"] for row in visible(store)}
    assert (again, len(endpoint.questions)) == (chances, asked), "another life chooses the same"


def test_without_the_cheap_score_a_call_is_decided_at_its_last_look(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, endpoint: Any
) -> None:
    seed(40)
    only_when = {"helpfulness": {"unsure": [{"score": "nobody_gives_it"}], "share": 0.5}}
    runner = Runner(store, judge_config(only_when=only_when), clock=clock)
    clock.advance(10)
    assert run(runner)["judge_helpfulness"].eligible == 0
    clock.advance(30)
    assert 8 <= run(runner)["judge_helpfulness"].scored <= 32
    assert {row["selection_probability"] for row in visible(store)} == {0.5}


def test_the_sample_rate_is_part_of_the_chance(store: Store, clock: Any, seed: Seed, judge_config: Configure) -> None:
    seed(60)
    config = EvaluatorsConfig.model_validate(
        judge_config().model_dump() | {"options": {"judge_helpfulness": {"sample_rate": 0.5}}}
    )
    clock.advance(10)
    run(Runner(store, config, clock=clock))
    assert {row["selection_probability"] for row in visible(store)} == {0.5}


def test_each_request_is_a_span_linked_to_the_judged_call(endpoint: Any, wire: Any, collector: Any) -> None:
    tracer = OtlpTracer(collector.url)
    call = Call(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331", response_text="secret")
    from watchglass_evaluators.judge.client import EndpointError, Reply

    with tracer.span("helpfulness", "judge-1", call, "api.example") as span:
        span.answered(Reply("{}", model="judge-1-0613", input_tokens=7, output_tokens=3), 0.25)
    with pytest.raises(EndpointError), tracer.span("helpfulness", "judge-1", Call(trace_id="odd"), ""):
        raise EndpointError("limited", "the endpoint answered 429")
    tracer.close()
    request = ExportTraceServiceRequest()
    for body in collector.bodies:
        request.MergeFromString(body)
    [resource] = request.resource_spans
    services = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert services["service.name"] == "watchglass-judge"
    spans = resource.scope_spans[0].spans
    good, bad = spans
    attributes = {a.key: a.value for a in good.attributes}
    assert attributes["gen_ai.operation.name"].string_value == "chat"
    assert attributes["gen_ai.usage.input_tokens"].int_value == 7
    assert attributes["gen_ai.usage.cost"].double_value == 0.25
    assert attributes["server.address"].string_value == "api.example"
    assert good.links[0].trace_id.hex() == call.trace_id
    assert good.trace_id.hex() != call.trace_id
    assert (bad.status.message, len(bad.links)) == ("the endpoint answered 429", 0)
    assert b"secret" not in b"".join(collector.bodies)


def test_a_collector_that_is_away_costs_no_score(
    store: Store, clock: Any, seed: Seed, judge_config: Configure, free_ports: Callable[[], int]
) -> None:
    seed(2)
    clock.advance(10)
    config = judge_config(traces_url=f"http://127.0.0.1:{free_ports()}")
    assert run(Runner(store, config, clock=clock))["judge_helpfulness"].scored == 2


def test_versions_can_be_looked_up(store: Store, clock: Any, judge_config: Configure) -> None:
    run(Runner(store, judge_config(rubrics=["helpfulness", "safety"]), clock=clock))
    rows = store.query("SELECT evaluator, definition FROM judge_versions FINAL ORDER BY evaluator")
    assert [row["evaluator"] for row in rows] == ["judge_helpfulness", "judge_safety"]
    assert json.loads(rows[1]["definition"])["rubric"]["name"] == "safety"
    assert "sk-test" not in json.dumps(rows)
