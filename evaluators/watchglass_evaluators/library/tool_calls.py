"""Tool calls: whether the tools a model asked for exist and could be called as it asked.

Score: tool_call_validity, the share of the answer's tool calls that are valid, 0 to 1, higher is better. Needs the
answer's messages and the tools the model was offered; never calls out; about 0.05 ms a call. A tool call is valid
when its name is among the tools and its arguments are a JSON object that fits the tool's parameters (json_schema.py
says which part of JSON schema is checked). Answers without tool calls are left out. The label is "valid" or what is
wrong first, the explanation names the tools.

Example: tools [{"name": "search", "parameters": {"required": ["q"]}}], answer search({}) gives 0, label "bad
arguments".

Source: own; follows S. Patil et al., "Gorilla" (Berkeley function calling leaderboard), 2023, without running the
tools.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.json_schema import SchemaTooLarge, problem_of

_NAME = "tool_call_validity"
_SHOWN = 5


def tool_calls(messages: Any) -> list[dict[str, Any]]:
    """Return the tool calls in a list of messages of the OpenTelemetry GenAI convention."""
    parts = [
        part
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and isinstance(message.get("parts"), list)
        for part in message["parts"]
    ]
    return [part for part in parts if isinstance(part, dict) and part.get("type") == "tool_call"]


def schemas(definitions: Any) -> dict[str, Any]:
    """Return name -> schema of the parameters, from the shapes in which clients send definitions of tools."""
    found = {}
    for item in definitions if isinstance(definitions, list) else []:
        for tool in _unwrapped(item):
            name = tool.get("name")
            if isinstance(name, str):
                keys = ("parameters", "input_schema", "inputSchema")
                found[name] = next((_parsed(tool[key]) for key in keys if key in tool), True)
    return found


def _unwrapped(item: Any) -> Iterator[dict[str, Any]]:
    item = _parsed(item)
    if isinstance(item, dict):
        inner = next((_parsed(item[key]) for key in ("function", "definition", "json_schema") if key in item), None)
        yield from _unwrapped(inner) if isinstance(inner, dict) else (item,)


def _parsed(value: Any) -> Any:
    """Read JSON inside a text, None where it is none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


class ToolCalls:
    """Share of the answer's tool calls that the offered tools can take."""

    spec = EvaluatorSpec(
        name="tool_calls",
        version="1",
        columns=("output_messages", "tool_definitions"),
        scores=(ScoreSpec(_NAME, "higher_is_better", 0.0, 1.0, "share of tool calls"),),
    )

    def select(self, calls: Sequence[Call], *, is_last: bool) -> list[Call]:
        """Leave out answers without tool calls."""
        return [call for call in calls if "tool_call" in call.output_messages]

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Check the tool calls of every answer."""
        return [[self._score(call)] for call in calls]

    def _score(self, call: Call) -> Score:
        asked = tool_calls(_parsed(call.output_messages))
        if not asked:
            return Score(_NAME, None, "the answer has no tool calls")
        tools = schemas(_parsed(call.tool_definitions))
        if not tools:
            return Score(_NAME, None, "the definitions of the tools cannot be read")
        try:
            problems = [_problem(one, tools) for one in asked]
        except (SchemaTooLarge, RecursionError):
            return Score(_NAME, None, "a tool's schema is too large to check")
        wrong = [(label, text) for label, text in problems if label]
        explanation = "; ".join(text for _, text in wrong[:_SHOWN])
        label = wrong[0][0] if wrong else "valid"
        return Score(_NAME, 1 - len(wrong) / len(asked), label=label, explanation=explanation)


def _problem(asked: dict[str, Any], tools: dict[str, Any]) -> tuple[str, str]:
    name = str(asked.get("name"))
    shown = name[:60]
    if name not in tools:
        return "unknown tool", f"{shown}: not among the tools"
    arguments = asked.get("arguments")
    if arguments in (None, ""):
        arguments = {}
    arguments = _parsed(arguments)
    if not isinstance(arguments, dict):
        return "not JSON", f"{shown}: the arguments are no JSON object"
    problem = problem_of(arguments, tools[name])
    return ("bad arguments", f"{shown}: {problem}") if problem else ("", "")
