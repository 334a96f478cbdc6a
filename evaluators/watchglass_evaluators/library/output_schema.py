"""Output schema: whether an answer has the form that the call asked for.

Score: output_schema_valid, 1 or 0, higher is better. Needs the answer and the JSON schema that the call carried
(structured output, response_format); never calls out; about 0.05 ms a call. The whole answer must be JSON and fit the
schema; json_schema.py says which part of JSON Schema is checked. A response_format of "json_object" asks for any JSON
object. The label is "valid", "not JSON" or "other form", the explanation names the first thing that is wrong.

Example: schema {"required": ["city"]}, answer '{"town": "Bern"}' gives 0, "the value lacks 'city'".

Source: A. Wright et al., "JSON Schema: A Media Type for Describing JSON Documents", draft 2020-12.
"""

import json
from collections.abc import Sequence
from typing import Any

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.json_schema import SchemaTooLarge, problem_of
from watchglass_evaluators.library import json_format

_NAME = "output_schema_valid"
_LONGEST_EXPLANATION = 200


def schema_of(text: str) -> Any:
    """Return the JSON schema in what a call carried, bare or inside a response_format; None where there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if found.get("type") == "json_object":
        return {"type": "object"}
    for key in ("json_schema", "schema"):
        if isinstance(found.get(key), dict):
            found = found[key]
    return None if found.get("type") == "text" else found


class OutputSchema:
    """Whether the answer fits the JSON schema of its call."""

    spec = EvaluatorSpec(
        name="output_schema",
        version="1",
        columns=("response_text", "output_schema"),
        scores=(ScoreSpec(_NAME, "higher_is_better", 0.0, 1.0, "1 = the form asked for"),),
        # Some clients write the schema on the span around the model call, which then has the answer as well.
        operations=("chat", "text_completion", "generate_content", "invoke_agent"),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Check every answer."""
        return [[self._score(call)] for call in calls]

    def _score(self, call: Call) -> Score:
        schema = schema_of(call.output_schema)
        if schema is None:
            return Score(_NAME, None, "what the call carried is no JSON schema")
        problem = json_format.problem_of(call.response_text)
        if problem:
            return Score(_NAME, 0.0, label="not JSON", explanation=problem)
        try:
            problem = problem_of(json.loads(call.response_text), schema)
        except (SchemaTooLarge, RecursionError):
            return Score(_NAME, None, "schema or answer are too large to check")
        if problem:
            return Score(_NAME, 0.0, label="other form", explanation=problem[:_LONGEST_EXPLANATION])
        return Score(_NAME, 1.0, label="valid")
