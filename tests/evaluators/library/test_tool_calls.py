import json
from typing import Any

import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.tool_calls import ToolCalls
from watchglass_evaluators.testing import assert_evaluator_contract

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
}
TOOLS = json.dumps([{"type": "function", "name": "weather", "parameters": PARAMETERS}, {"name": "now"}])


def call(*asked: tuple[str, Any], tools: str = TOOLS) -> Call:
    parts = [{"type": "tool_call", "id": "1", "name": name, "arguments": arguments} for name, arguments in asked]
    return Call(output_messages=json.dumps([{"role": "assistant", "parts": parts}]), tool_definitions=tools)


@pytest.mark.parametrize(
    ("asked", "value", "label", "explanation"),
    [
        ([("weather", {"city": "Bern", "days": 2})], 1, "valid", ""),
        ([("weather", '{"city": "Bern"}')], 1, "valid", ""),
        ([("now", None)], 1, "valid", ""),
        ([("now", "")], 1, "valid", ""),
        ([("wether", {"city": "Bern"})], 0, "unknown tool", "wether: not among the tools"),
        ([("weather", {})], 0, "bad arguments", "weather: the value lacks 'city'"),
        ([("weather", {"city": "Bern", "days": 0})], 0, "bad arguments", "weather: days: minimum is 1"),
        ([("weather", {"city": 3})], 0, "bad arguments", "weather: city is not string"),
        ([("weather", '{"city": ')], 0, "not JSON", "weather: the arguments are no JSON object"),
        ([("weather", {"city": "Bern"}), ("x", {})], 0.5, "unknown tool", "x: not among the tools"),
    ],
)
def test_by_hand(asked: list[tuple[str, Any]], value: float, label: str, explanation: str) -> None:
    [[score]] = ToolCalls().score([call(*asked)])
    assert (score.value, score.label, score.explanation) == (value, label, explanation)


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}},
        {"name": "weather", "input_schema": PARAMETERS},
        {"definition": json.dumps({"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}})},
        {"name": "weather", "parameters": json.dumps(PARAMETERS)},
    ],
)
def test_definitions_come_in_many_shapes(tool: dict[str, Any]) -> None:
    bad, good = ToolCalls().score(
        [call(("weather", {}), tools=json.dumps([tool])), call(("weather", {"city": "x"}), tools=json.dumps([tool]))]
    )
    assert (bad[0].value, good[0].value) == (0, 1)


def test_without_tool_calls_or_readable_tools_it_is_unscored_and_left_out() -> None:
    silent = Call(output_messages='[{"role": "assistant", "parts": []}]', tool_definitions=TOOLS)
    broken = call(("now", {}), tools="[")
    assert [scores[0].reason for scores in ToolCalls().score([silent, broken])] == [
        "the answer has no tool calls",
        "the definitions of the tools cannot be read",
    ]
    assert ToolCalls().select([silent, broken], is_last=False) == [broken]


def test_a_schema_made_to_explode_is_unscored() -> None:
    schema: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    [[score]] = ToolCalls().score([call(("a", {}), tools=json.dumps([{"name": "a", "parameters": schema}]))])
    assert score.reason == "a tool's schema is too large to check"


def test_contract() -> None:
    assert_evaluator_contract(ToolCalls, example=call(("now", {})))
