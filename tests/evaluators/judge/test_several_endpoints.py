"""A jury whose models live at different endpoints: each with its own key and limits, one budget for all."""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_evaluators import Call, EvaluatorsConfig, EvaluatorUnavailable
from watchglass_evaluators.judge.judge import Judge
from watchglass_evaluators.judge.tracing import OtlpTracer
from watchglass_store import Store

Make = Callable[..., Judge]
SEEDS = int(os.environ.get("WATCHGLASS_EVALUATOR_SEEDS", "1"))


@pytest.fixture
def other(endpoint: Any) -> Iterator[Any]:
    """A second endpoint on a port of its own."""
    fake = type(endpoint)()
    yield fake
    fake.close()


@pytest.fixture
def make_jury(make_judge: Make, other: Any, monkeypatch: pytest.MonkeyPatch) -> Make:
    """make_jury(**settings) -> judge-1 at the first endpoint, judge-2 and judge-3 at the second."""
    monkeypatch.setenv("OTHER_KEY", "other-key")
    place = {"base_url": other.url, "api_key_env": "OTHER_KEY"}

    def make(**settings: Any) -> Judge:
        jury = {"jury": ["judge-2", "judge-3"], "endpoints": {"judge-2": place, "judge-3": place}}
        return make_judge(**(jury | settings))

    return make


def call(number: int = 0) -> Call:
    return Call(f"{number:032x}", "b" * 16, prompt_text=f"Question {number}?", response_text=f"Answer {number}.")


def test_each_model_is_asked_at_its_endpoint_with_its_key_and_traced_with_its_cost(
    make_jury: Make, endpoint: Any, other: Any, wire: Any, collector: Any
) -> None:
    endpoint.behaviour = lambda question: question.verdict("helpful")
    other.behaviour = lambda question: question.verdict("not_helpful")
    judge = make_jury()
    judge._asker.tracer = tracer = OtlpTracer(collector.url)
    [[score, agreement]] = judge.score([call()])
    assert (score.value, agreement.value) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert score.cost_usd == pytest.approx(3 * wire.COST_USD)
    assert [question.body["model"] for question in endpoint.questions] == ["judge-1"]
    assert [question.body["model"] for question in other.questions] == ["judge-2", "judge-3"]
    assert {question.headers["authorization"] for question in other.questions} == {"Bearer other-key"}
    assert "other-key" not in str(endpoint.questions[0].headers)
    tracer.close()
    request = ExportTraceServiceRequest()
    for body in collector.bodies:
        request.MergeFromString(body)
    spans = [span for resource in request.resource_spans for span in resource.scope_spans[0].spans]
    seen = [{a.key: a.value for a in span.attributes} for span in spans]
    assert sorted(one["gen_ai.request.model"].string_value for one in seen) == ["judge-1", "judge-2", "judge-3"]
    assert {one["gen_ai.usage.cost"].double_value for one in seen} == {wire.COST_USD}
    assert {one["server.address"].string_value for one in seen} == {"127.0.0.1"}


def test_a_jury_of_which_one_cannot_be_asked_waits_and_says_which(
    make_jury: Make, endpoint: Any, other: Any, wire: Any, clock: Any
) -> None:
    other.behaviour = lambda question: wire.error(401)
    judge = make_jury()
    with pytest.raises(EvaluatorUnavailable, match=r"judge-2: the endpoint answered 401: check the key"):
        judge.score([call()])
    other.behaviour = lambda question: question.verdict("helpful")
    clock.advance(60)
    assert judge.score([call()])[0][0].value == 1.0


def test_an_endpoint_that_wants_a_pause_does_not_slow_the_other(
    make_jury: Make, endpoint: Any, other: Any, wire: Any, pause: Any
) -> None:
    answers = [wire.error(429, headers={"retry-after": "7"})]
    other.behaviour = lambda question: answers.pop() if answers else question.verdict("helpful")
    judge = make_jury()
    assert judge.score([call()])[0][0].value == 1.0
    assert max(pause.waited) == pytest.approx(7)
    assert judge._asker.lines["judge-1"].limiter.blocked_s == 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_one_budget_holds_for_all_endpoints_while_they_fail_at_random(
    seed: int, make_jury: Make, endpoint: Any, other: Any, wire: Any
) -> None:
    choice = random.Random(seed)

    def erratic(question: Any) -> Any:
        kind = "good" if question.is_test else choice.choice(("good", "good", "empty", "500", "429"))
        if kind in ("500", "429"):
            return wire.error(int(kind), headers={"retry-after": "0"})
        return question.verdict("helpful") if kind == "good" else ""

    endpoint.behaviour = other.behaviour = erratic
    ends = []
    for start in range(0, 400, 50):
        try:
            make_jury(daily_budget_usd=0.3, concurrency=4).score([call(start + i) for i in range(50)])
        except EvaluatorUnavailable as unavailable:
            ends.append(str(unavailable))
    assert any(end.startswith("budget spent: ") for end in ends)
    assert 0.1 < endpoint.billed_usd + other.billed_usd <= 0.3


def test_what_does_not_fit_is_refused_at_the_start(judge_config: Callable[..., EvaluatorsConfig], store: Store) -> None:
    with pytest.raises(ValueError, match=r"endpoints.judge-9: neither model nor in jury \(judge-1, judge-2\)"):
        judge_config(jury=["judge-2"], endpoints={"judge-9": {"base_url": "http://127.0.0.1:1/v1"}})
    with pytest.raises(ValueError, match="not an http:// or https:// address"):
        judge_config(endpoints={"judge-1": {"base_url": "ftp://x"}})


def test_an_address_for_every_model_needs_no_base_url(make_judge: Make, endpoint: Any) -> None:
    judge = make_judge(base_url="", endpoints={"judge-1": {"base_url": endpoint.url}})
    assert judge.score([call()])[0][0].value == 1.0
    with pytest.raises(EvaluatorUnavailable, match="set base_url"):
        make_judge(base_url="", jury=["judge-2"], endpoints={"judge-1": {"base_url": endpoint.url}})
