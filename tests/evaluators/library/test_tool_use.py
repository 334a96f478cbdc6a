import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.tool_use import ToolUse
from watchglass_evaluators.testing import assert_evaluator_contract


def tool(name: str, arguments: str, result: str = "ok", error: str = "") -> Call:
    return Call(
        operation_name="execute_tool",
        tool_name=name,
        tool_call_arguments=arguments,
        tool_call_result=result,
        error_type=error,
    )


@pytest.mark.parametrize(
    ("steps", "errors", "repeats", "label"),
    [
        ([tool("search", '{"q": 1}')], 0, 0, "none"),
        ([tool("search", '{"q": 1}'), tool("search", '{"q": 2}'), tool("open", '{"q": 1}')], 0, 0, "none"),
        ([tool("a", '{"x": 1, "y": 2}'), tool("b", ""), tool("a", '{"y":2,"x":1}')], 0, 1, "none"),
        ([tool("a", "same"), tool("b", "x"), tool("a", "same "), tool("b", "x"), tool("a", "same")], 0, 2, "loop"),
        ([tool("a", "1", error="timeout"), tool("a", "2")], 1 / 2, 0, "none"),
        ([tool("a", "1", '{"isError": true}'), tool("b", "2", '{"error": "no"}')], 1, 0, "none"),
        ([tool("a", "1", '{"error": null, "isError": false}'), tool("b", "2", "error: none")], 0, 0, "none"),
    ],
)
def test_by_hand(steps: list[Call], errors: float, repeats: float, label: str) -> None:
    chat = Call(operation_name="chat", error_type="timeout", response_text="x")
    [[rate, loop]] = ToolUse().score([Call(steps=(chat, *steps))])
    assert (rate.value, loop.value, loop.label) == (errors, repeats, label)


def test_explanations_name_the_tools() -> None:
    steps = (tool("a", "1", error="timeout"), tool("a", "1"), tool("a", "1"))
    [[rate, loop]] = ToolUse().score([Call(steps=steps)])
    assert (rate.explanation, loop.explanation) == ("failed: a", "a: 3 times with the same arguments")


def test_a_trace_without_tools_is_unscored() -> None:
    [scores] = ToolUse().score([Call(steps=(Call(operation_name="chat"),))])
    assert [(s.value, s.reason) for s in scores] == [(None, "no tool calls (execute_tool) in the trace")] * 2


def test_contract() -> None:
    assert_evaluator_contract(ToolUse)
