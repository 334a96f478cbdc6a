"""Tool use of an agent: how many of a trace's tool calls failed, and whether it went round in circles.

Scores, one each for a whole trace: tool_error_rate, the share of its tool calls that failed, 0 to 1, lower is better;
and tool_repeats, how often its most repeated tool call was made again with the same arguments, 0 upwards, lower is
better, with the label "loop" from 2 repeats on. Needs traced tool calls (execute_tool) with arguments or a result;
never calls out; about 0.05 ms a trace. A tool call failed when its span has an error, or its result is a JSON object
with a true isError (as MCP has it) or an error that is not empty. Arguments are the same when their JSON is, whatever
its order.

Example: search("a"), search("a"), search("a") gives tool_repeats 2, label "loop"; one of them in error gives
tool_error_rate 0.333.

Source: own; isError follows the Model Context Protocol, 2025.
"""

import json
from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Any

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec

_LOOP = 2
_SHOWN = 60


class ToolUse:
    """Failed and repeated tool calls of a trace."""

    spec = EvaluatorSpec(
        name="tool_use",
        version="1",
        columns=("tool_call_arguments", "tool_call_result"),
        scores=(
            ScoreSpec("tool_error_rate", "lower_is_better", 0.0, 1.0, "share of tool calls"),
            ScoreSpec("tool_repeats", "lower_is_better", 0.0, inf, "repeated tool calls"),
        ),
        level="trace",
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score every trace."""
        return [self._scores([step for step in call.steps if step.operation_name == "execute_tool"]) for call in calls]

    def _scores(self, tools: Sequence[Call]) -> list[Score]:
        if not tools:
            reason = "no tool calls (execute_tool) in the trace"
            return [Score("tool_error_rate", None, reason), Score("tool_repeats", None, reason)]
        failed = [tool for tool in tools if is_failed(tool)]
        names = ", ".join(dict.fromkeys(tool.tool_name[:_SHOWN] or "unnamed" for tool in failed))
        (name, _), most = Counter((tool.tool_name, _canonical(tool.tool_call_arguments)) for tool in tools).most_common(
            1
        )[0]
        repeats = most - 1
        return [
            Score("tool_error_rate", len(failed) / len(tools), explanation=f"failed: {names}" if failed else ""),
            Score(
                "tool_repeats",
                float(repeats),
                label="loop" if repeats >= _LOOP else "none",
                explanation=f"{name[:_SHOWN]}: {most} times with the same arguments" if repeats else "",
            ),
        ]


def is_failed(tool: Call) -> bool:
    """Whether a tool call's span, or the result itself, says that it failed."""
    result = _parsed(tool.tool_call_result)
    return bool(tool.error_type) or (isinstance(result, dict) and bool(result.get("isError") or result.get("error")))


def _canonical(arguments: str) -> str:
    parsed = _parsed(arguments)
    return arguments.strip() if parsed is None else json.dumps(parsed, sort_keys=True)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
