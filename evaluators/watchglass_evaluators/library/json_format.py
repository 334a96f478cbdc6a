"""JSON format: whether an answer that is meant to be JSON is JSON.

Score: json_valid, 1 or 0, higher is better. Needs the answer; never calls out; microseconds a call. An answer is
meant to be JSON when it begins with a brace, with a bracket and something that JSON may have there, or with a code
fence; all others are left out. The whole answer must parse, as RFC 8259 has it (no NaN, no comments, no trailing
commas). JSON inside a code fence, or with words around it, is 0: a program that reads the answer fails on it; the
label says which it is.

Example: '{"a": 1}' gives 1, label "json"; '```json {"a": 1} ```' gives 0, label "fenced"; '{"a": 1,}' gives 0, label
"broken".

Source: T. Bray, RFC 8259, "The JavaScript Object Notation (JSON) Data Interchange Format", 2017.
"""

import json
import re
from collections.abc import Sequence
from typing import NoReturn

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec

_meant = re.compile(r"\s*(?:\{|\[\s*(?:[\]{\[\"\d-]|true|false|null)|```(?:json)?\s*[{\[])", re.IGNORECASE)
_fence = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.IGNORECASE | re.DOTALL)


def is_meant_as_json(text: str) -> bool:
    """Whether a text begins like JSON."""
    return _meant.match(text) is not None


def problem_of(text: str) -> str:
    """Return why a text is not JSON, '' if it is."""
    try:
        json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        return str(error)[:200]
    except RecursionError:
        return "nested too deeply"
    return ""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class JsonFormat:
    """Whether answers that begin like JSON are JSON."""

    spec = EvaluatorSpec(
        name="json_format",
        version="1",
        columns=("response_text",),
        scores=(ScoreSpec("json_valid", "higher_is_better", 0.0, 1.0, "1 = JSON"),),
        longest_text=1_000_000,
    )

    def select(self, calls: Sequence[Call], *, is_last: bool) -> list[Call]:
        """Leave out answers that are not meant to be JSON."""
        return [call for call in calls if is_meant_as_json(call.response_text)]

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Parse every answer that begins like JSON."""
        return [[self._score(call.response_text)] for call in calls]

    def _score(self, text: str) -> Score:
        if not is_meant_as_json(text):
            return Score("json_valid", None, "the answer does not begin like JSON")
        problem = problem_of(text)
        if not problem:
            return Score("json_valid", 1.0, label="json")
        fence = _fence.fullmatch(text)
        if fence and not problem_of(fence[1]):
            return Score("json_valid", 0.0, label="fenced", explanation="JSON inside a code fence")
        return Score("json_valid", 0.0, label="broken", explanation=problem)
