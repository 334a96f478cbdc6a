"""Scoring calls so that nothing an evaluator does can stop, or spoil, the calls beside it. No store, no clock."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from watchglass_evaluators.evaluator import Call, Evaluator, EvaluatorSpec, EvaluatorUnavailable, Score, ScoreSpec

Kind = Literal["scored", "unscored", "error", "quarantined"]

_TOLERANCE = 1e-9
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call: its scores, all of the spec's, and what that amounts to."""

    call: Call
    scores: tuple[Score, ...]
    kind: Kind


class InvalidScores(ValueError):
    """An evaluator broke its promise: the message says which."""


def is_sampled(evaluator: str, trace_id: str, rate: float) -> bool:
    """Whether a trace is in the share of traces that an evaluator looks at; always the same answer."""
    if rate >= 1:
        return True
    digest = hashlib.blake2b(f"{evaluator} {trace_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < rate * 2**64


def skip_reason(spec: EvaluatorSpec, call: Call) -> str:
    """Why a call is not for this evaluator, '' if it is."""
    if spec.level != "call":
        has_text = any(step.text(column) for step in call.steps for column in spec.columns)
        return "" if has_text else f"no {' or '.join(spec.columns)} in any call of a {spec.level}"
    if call.error_type:
        return "the call failed"
    missing = next((column for column in spec.columns if not call.text(column)), None)
    return f"no {missing}" if missing else ""


def evaluate(evaluator: Evaluator, calls: Sequence[Call]) -> list[Outcome]:
    """Score calls that are for this evaluator, in batches of the size it asks for.

    Returns:
        One outcome per call, in order. A batch that raises is tried in halves, down to the calls that raise alone.

    Raises:
        EvaluatorUnavailable: it cannot run now.
    """
    spec = evaluator.spec
    too_long = {i: reason for i, call in enumerate(calls) if (reason := _length_reason(spec, call))}
    given = [call for i, call in enumerate(calls) if i not in too_long]
    results: list[Outcome] = []
    for first in range(0, len(given), spec.batch_size):
        results += _in_halves(evaluator, given[first : first + spec.batch_size])
    scored = iter(results)
    return [
        without_scores(spec, call, too_long[i], "unscored") if i in too_long else next(scored)
        for i, call in enumerate(calls)
    ]


def without_scores(spec: EvaluatorSpec, call: Call, reason: str, kind: Kind) -> Outcome:
    """Make the outcome of a call that has no values, for one reason."""
    return Outcome(call, tuple(Score(score.name, None, reason[:_LONGEST_REASON]) for score in spec.scores), kind)


def _in_halves(evaluator: Evaluator, calls: Sequence[Call]) -> list[Outcome]:
    try:
        results = evaluator.score(calls)
        _check_count(results, calls)
    except EvaluatorUnavailable:
        raise
    except Exception as error:  # whatever an evaluator raises is the calls' result, not ours
        if len(calls) == 1:
            kind = "" if isinstance(error, InvalidScores) else f"{type(error).__name__}: "
            return [without_scores(evaluator.spec, calls[0], f"{kind}{error}", "error")]
        middle = len(calls) // 2
        return _in_halves(evaluator, calls[:middle]) + _in_halves(evaluator, calls[middle:])
    return [_outcome(evaluator.spec, call, scores) for call, scores in zip(calls, results, strict=True)]


def _outcome(spec: EvaluatorSpec, call: Call, scores: Sequence[Score]) -> Outcome:
    try:
        _check_scores(spec, scores)
    except InvalidScores as error:
        return without_scores(spec, call, str(error), "error")
    return Outcome(call, tuple(scores), "unscored" if all(score.value is None for score in scores) else "scored")


def _length_reason(spec: EvaluatorSpec, call: Call) -> str:
    if len(call.steps) > spec.most_steps:
        return f"a {spec.level} of more than {spec.most_steps:,} calls"
    for column in (*spec.columns, *spec.optional):
        if any(len(one.text(column)) > spec.longest_text for one in call.steps or (call,)):
            return f"{column} is longer than {spec.longest_text:,} characters"
    return ""


def _check_count(results: Sequence[Sequence[Score]], calls: Sequence[Call]) -> None:
    if len(results) != len(calls):
        raise InvalidScores(f"{len(results)} results for {len(calls)} calls")


def _check_scores(spec: EvaluatorSpec, scores: Sequence[Score]) -> None:
    names, wanted = [score.name for score in scores], [score.name for score in spec.scores]
    if names != wanted:
        raise InvalidScores(f"scores {names} where its spec has {wanted}")
    declared: Mapping[str, ScoreSpec] = {score.name: score for score in spec.scores}
    for score in scores:
        problem = _value_problem(declared[score.name], score)
        if problem:
            raise InvalidScores(f"{score.name}: {problem}")


def _value_problem(spec: ScoreSpec, score: Score) -> str:
    if score.value is None:
        return "" if score.reason else "no value and no reason"
    odd = next((v for v in (score.value, *score.statistics.values()) if not math.isfinite(v)), None)
    if odd is not None:
        return f"{odd} is not a number"
    slack = _TOLERANCE * max(1.0, abs(score.value))
    if not spec.lowest - slack <= score.value <= spec.highest + slack:
        return f"{score.value} is outside its range {spec.lowest} to {spec.highest}"
    return "a value and a reason for having none" if score.reason else ""
