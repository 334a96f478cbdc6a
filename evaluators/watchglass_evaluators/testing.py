"""The contract that every evaluator keeps, as an assertion for its test: `assert_evaluator_contract(MyEvaluator)`.

Needs no store. Raises AssertionError with what was broken.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

from watchglass_evaluators.evaluator import (
    COLUMNS,
    Call,
    Column,
    Direction,
    Evaluator,
    EvaluatorSpec,
    Level,
    Score,
    Source,
)
from watchglass_evaluators.scoring import evaluate

ODD_TEXTS: dict[str, str] = {
    "plain": "The order was sent on Monday, 2 March. It should arrive within 3 days.",
    "whitespace": " \t\r\n\u00a0\u2003 ",
    "emoji only": "👩‍👩‍👧‍👦🎉🏳️‍🌈",
    "NUL and bidi": "a\x00b \u202egnirts\u202c \u2066x\u2069 \ufeff",
    "other scripts": "日本語のテキスト, العربية, हिन्दी, ไทย",
    "markup": '<script>alert("x")</script> ![img](http://x.example/a.png) {{ 7*7 }} %s %(a)s',
    "numbers": "1,000.50 -3 .5 3-4 1e308 NaN inf",
    "one long word": "x" * 200_000,
    "200,000 characters": ("Lorem ipsum dolor sit amet, consectetur elit. " * 5_000)[:200_000],
    "many lines": "line\n" * 5_000,
}
"""Texts that real traffic holds; every evaluator has a score or a reason for each."""


def assert_evaluator_contract(
    factory: Callable[[], Evaluator], *, example: Call | None = None, tolerance: float = 1e-9
) -> None:
    """Check one evaluator against what the runner relies on.

    Args:
        factory: its class, or anything that makes a new one.
        example: a call that it gives a value; one with the same plain sentence as every text if None.
        tolerance: how far a value may move with the batch it is in: a model's arithmetic depends on it.
    """
    evaluator = factory()
    _check_spec(evaluator.spec)
    assert factory().spec == evaluator.spec, "two instances must have one spec"
    assert evaluator.score([]) == [], "an empty batch must give an empty list"
    spec = evaluator.spec
    calls = [
        _subject(spec, i, Call().with_texts(dict.fromkeys((*spec.columns, *spec.optional), text)))
        for i, text in enumerate(ODD_TEXTS.values())
    ]
    if example is not None:
        calls[0] = example
    own = (*spec.columns, *spec.optional)
    calls += [_without(calls[0], column) for column in own]
    outcomes = evaluate(evaluator, calls)
    for name, outcome in zip([*ODD_TEXTS, *(f"empty {c}" for c in own)], outcomes, strict=True):
        assert outcome.kind in ("scored", "unscored"), f"{name}: {outcome.scores[0].reason}"
        assert len(outcome.scores[0].reason) < 500, f"{name}: a reason is one sentence, without the text"
    plain = outcomes[0]
    assert plain.kind == "scored", f"a plain text must have a value, not {plain.scores[0].reason!r}"
    batch = [outcome.scores for outcome in outcomes]
    again = [outcome.scores for outcome in evaluate(evaluator, calls)]
    _assert_same(batch, again, "the same batch again", tolerance)
    fresh = [evaluate(factory(), [call])[0].scores for call in calls]
    _assert_same(batch, fresh, "each call alone, in a new instance", tolerance)
    backwards = [outcome.scores for outcome in reversed(evaluate(evaluator, calls[::-1]))]
    _assert_same(batch, backwards, "the batch in another order", tolerance)
    others: list[Column] = [column for column in COLUMNS if column not in own]
    noise: dict[Column, str] = dict.fromkeys(others, "something else entirely")
    noisy = [
        replace(call.with_texts(noise), steps=tuple(step.with_texts(noise) for step in call.steps)) for call in calls
    ]
    blind = [outcome.scores for outcome in evaluate(evaluator, noisy)]
    _assert_same(batch, blind, f"columns that its spec does not name ({', '.join(others)}) filled in", tolerance)


def _without(call: Call, column: Column) -> Call:
    blank: dict[Column, str] = {column: ""}
    return replace(call.with_texts(blank), steps=tuple(step.with_texts(blank) for step in call.steps))


def _subject(spec: EvaluatorSpec, number: int, call: Call) -> Call:
    """Make what an evaluator scores: a call, or a trace or session of three calls with the same texts."""
    if spec.level == "call":
        return replace(call, trace_id=f"{number:032x}")
    steps = tuple(
        replace(call, trace_id=f"{number:032x}", span_id=f"{i:016x}", operation_name=operation, tool_name=tool)
        for i, (operation, tool) in enumerate((("chat", ""), ("execute_tool", "search"), ("chat", "")))
    )
    texts: dict[Column, str] = {"prompt_text": call.prompt_text, "response_text": call.response_text}
    whole = Call(trace_id=f"{number:032x}") if spec.level == "trace" else Call(conversation_id=f"conversation {number}")
    return replace(whole.with_texts(texts), steps=steps)


def _check_spec(spec: EvaluatorSpec) -> None:
    assert spec.name, "a name"
    assert spec.version.strip(), "a version, never empty"
    assert spec.columns, "at least one column"
    assert {*spec.columns, *spec.optional} <= set(COLUMNS), f"columns are among {', '.join(COLUMNS)}"
    assert not {*spec.columns} & {*spec.optional}, "a column is needed or optional, not both"
    assert spec.source in get_args(Source), f"source is one of {', '.join(get_args(Source))}"
    assert spec.batch_size >= 1, "a batch size of at least 1"
    assert spec.longest_text >= 1, "a longest text of at least 1 character"
    assert spec.level in get_args(Level), f"level is one of {', '.join(get_args(Level))}"
    assert spec.level == "call" or not spec.operations, "a trace or session has all operations: leave them out"
    assert spec.most_steps >= 1, "a longest trace of at least 1 call"
    assert spec.cost_usd_per_call >= 0, "a cost of at least 0"
    assert spec.scores, "at least one score"
    names = [score.name for score in spec.scores]
    assert len(set(names)) == len(names), f"score names {names} must differ"
    for score in spec.scores:
        assert score.lowest < score.highest, f"{score.name}: the range {score.lowest} to {score.highest} is empty"
        assert score.direction in get_args(Direction), f"{score.name}: one of {', '.join(get_args(Direction))}"
        assert score.unit, f"{score.name}: a unit"


def _assert_same(
    left: Sequence[Sequence[Score]], right: Sequence[Sequence[Score]], when: str, tolerance: float
) -> None:
    for i, (scores, others) in enumerate(zip(left, right, strict=True)):
        for score, other in zip(scores, others, strict=True):
            same = score.label == other.label and (
                score.value == other.value
                if score.value is None or other.value is None
                else math.isclose(score.value, other.value, rel_tol=1e-6, abs_tol=tolerance)
            )
            assert same, f"{score.name} of text {i} changes from {score.value} to {other.value} with {when}"
