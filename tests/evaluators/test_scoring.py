"""One bad call never spoils the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_evaluators import Call, EvaluatorSpec, EvaluatorUnavailable, Score, ScoreSpec
from watchglass_evaluators.scoring import evaluate, is_sampled, skip_reason
from watchglass_evaluators.testing import assert_evaluator_contract

SPEC = EvaluatorSpec(
    name="e",
    version="1",
    columns=("response_text",),
    scores=(ScoreSpec("e", "neutral", 0.0, 100.0, "points"),),
    batch_size=8,
    longest_text=50,
)


class Made:
    """An evaluator made of a function of a text."""

    def __init__(self, score: Callable[[str], Score], spec: EvaluatorSpec = SPEC) -> None:
        self.spec = spec
        self._score = score
        self.batches: list[int] = []

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        self.batches.append(len(calls))
        return [[self._score(call.response_text)] for call in calls]


def number_or_raise(text: str) -> Score:
    return Score("e", float(text))


@given(st.lists(st.sampled_from(["1", "2", "bad", "x" * 51]), max_size=40))
def test_every_call_has_its_own_outcome_in_order(texts: list[str]) -> None:
    calls = [Call(response_text=text) for text in texts]
    outcomes = evaluate(Made(number_or_raise), calls)
    assert [outcome.call for outcome in outcomes] == calls
    kinds = {"1": "scored", "2": "scored", "bad": "error", "x" * 51: "unscored"}
    assert [outcome.kind for outcome in outcomes] == [kinds[text] for text in texts]
    for outcome in outcomes:
        [score] = outcome.scores
        assert (score.value is None) == bool(score.reason)


def test_halving_finds_one_bad_call_quickly() -> None:
    spec = EvaluatorSpec(name="e", version="1", columns=("response_text",), scores=SPEC.scores, batch_size=512)
    evaluator = Made(number_or_raise, spec)
    outcomes = evaluate(evaluator, [Call(response_text="bad" if i == 300 else "1") for i in range(500)])
    assert [outcome.kind for outcome in outcomes].count("error") == 1
    assert len(evaluator.batches) <= 19


def test_batches_have_the_size_that_was_asked_for() -> None:
    evaluator = Made(number_or_raise)
    evaluate(evaluator, [Call(response_text="1")] * 20)
    assert evaluator.batches == [8, 8, 4]


def test_a_wrong_number_of_results_blames_no_innocent() -> None:
    class Forgetful(Made):
        def score(self, calls: Sequence[Call]) -> list[list[Score]]:
            return [r for c, r in zip(calls, super().score(calls), strict=True) if c.response_text != "7"]

    outcomes = evaluate(Forgetful(number_or_raise), [Call(response_text=str(i)) for i in range(10)])
    assert [o.call.response_text for o in outcomes if o.kind == "error"] == ["7"]
    assert outcomes[7].scores[0].reason == "0 results for 1 calls"


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (Score("other", 1.0), "scores ['other'] where its spec has ['e']"),
        (Score("e", 101.0), "e: 101.0 is outside its range 0.0 to 100.0"),
        (Score("e", float("inf")), "e: inf is not a number"),
        (Score("e", None), "e: no value and no reason"),
        (Score("e", 1.0, "but"), "e: a value and a reason for having none"),
    ],
)
def test_a_broken_promise_is_an_error_never_a_score(score: Score, reason: str) -> None:
    [outcome] = evaluate(Made(lambda _: score), [Call(response_text="x")])
    assert (outcome.kind, outcome.scores[0].value, outcome.scores[0].reason) == ("error", None, reason)


def test_rounding_at_the_end_of_the_range_is_no_broken_promise() -> None:
    [outcome] = evaluate(Made(lambda _: Score("e", 100.00000000000004)), [Call(response_text="x")])
    assert outcome.kind == "scored"


def test_an_evaluator_that_cannot_run_is_not_an_error_of_the_calls() -> None:
    def no_key(_: str) -> Score:
        raise EvaluatorUnavailable("no key")

    with pytest.raises(EvaluatorUnavailable, match="no key"):
        evaluate(Made(no_key), [Call(response_text="x")] * 3)


def test_what_is_not_for_an_evaluator() -> None:
    assert skip_reason(SPEC, Call(response_text="x")) == ""
    assert skip_reason(SPEC, Call()) == "no response_text"
    assert skip_reason(SPEC, Call(response_text="x", error_type="timeout")) == "the call failed"


class Repeats:
    """Scores whole traces: the share of steps whose answer came before."""

    def __init__(self, **changes: Any) -> None:
        self.spec = replace(SPEC, **{"level": "trace", "most_steps": 5, **changes})

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        return [[Score("e", float(len(c.steps) - len({s.response_text for s in c.steps})))] for c in calls]


def test_a_trace_is_a_call_with_steps() -> None:
    trace = Call("t", steps=(Call("t", "1", response_text="a"), Call("t", "2"), Call("t", "3", response_text="a")))
    spec = Repeats().spec
    assert skip_reason(spec, trace) == "", "one step with the text is enough"
    assert skip_reason(spec, Call("t", steps=(Call("t", "1"),))) == "no response_text in any call of a trace"
    assert skip_reason(spec, Call("t", response_text="x")) == "no response_text in any call of a trace"
    long = replace(trace, steps=trace.steps * 2)
    wide = replace(trace, steps=(Call("t", "1", response_text="x" * 51),))
    outcomes = evaluate(Repeats(), [trace, long, wide])
    assert [outcome.scores[0].value for outcome in outcomes] == [1.0, None, None]
    assert outcomes[1].scores[0].reason == "a trace of more than 5 calls"
    assert outcomes[2].scores[0].reason == "response_text is longer than 50 characters"


def test_the_contract_kit_knows_traces_and_sessions() -> None:
    assert_evaluator_contract(lambda: Repeats(longest_text=100_000))
    assert_evaluator_contract(lambda: Repeats(longest_text=100_000, level="session"))
    with pytest.raises(AssertionError, match="a trace or session has all operations"):
        assert_evaluator_contract(lambda: Repeats(operations=("chat",)))


def test_a_sample_is_a_fixed_share() -> None:
    traces = [f"{i:032x}" for i in range(4_000)]
    tenth = {trace for trace in traces if is_sampled("a", trace, 0.1)}
    assert 300 < len(tenth) < 500
    assert tenth == {trace for trace in traces if is_sampled("a", trace, 0.1)}
    assert tenth < {trace for trace in traces if is_sampled("a", trace, 0.5)}, "a larger share holds the smaller one"
    assert tenth != {trace for trace in traces if is_sampled("b", trace, 0.1)}
    assert not any(is_sampled("a", trace, 0.0) for trace in traces)
    assert all(is_sampled("a", trace, 1.0) for trace in traces)


@pytest.mark.parametrize(
    ("score", "broken"),
    [
        (lambda text: Score("e", 101.0), "outside its range"),
        (lambda text: Score("e", 1 / (len(text) - len(text))), "ZeroDivisionError"),
        (lambda text: Score("e", None, "never"), "a plain text must have a value"),
    ],
)
def test_the_contract_kit_tells_a_bad_evaluator(score: Callable[[str], Score], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        assert_evaluator_contract(lambda: Made(score))


def test_the_contract_kit_tells_one_that_reads_undeclared_columns() -> None:
    class Nosy(Made):
        def score(self, calls: Sequence[Call]) -> list[list[Score]]:
            return [[Score("e", float(bool(call.prompt_text)))] for call in calls]

    spec = EvaluatorSpec(name="e", version="1", columns=("response_text",), scores=SPEC.scores)
    with pytest.raises(AssertionError, match="columns that its spec does not name"):
        assert_evaluator_contract(lambda: Nosy(number_or_raise, spec))
