"""Captured messages, parsed; and what cannot be."""

import orjson
import pytest

from watchglass_dashboards.ui.conversation import Block, Document, Turn, documents, turns


def parse(value, role="user"):
    return turns(orjson.dumps(value).decode(), role)


def test_text_reasoning_tool_calls_and_results():
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "ask the tool"},
                {"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Paris"}},
            ],
            "finish_reason": "tool_calls",
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "rain"}]},
    ]
    assert parse(messages) == [
        Turn("user", (Block("text", "", "Weather?"),)),
        Turn(
            "assistant",
            (Block("reasoning", "", "ask the tool"), Block("tool_call", "weather", '{\n  "city": "Paris"\n}')),
            "tool_calls",
        ),
        Turn("tool", (Block("tool_result", "1", "rain"),)),
    ]


def test_messages_as_the_openai_api_has_them():
    call = {"id": "1", "function": {"name": "f", "arguments": "{}"}}
    assert parse([{"role": "assistant", "content": "hi", "tool_calls": [call]}]) == [
        Turn("assistant", (Block("text", "", "hi"), Block("tool_call", "f", "{}")))
    ]


def test_bare_parts_are_one_turn():
    assert parse([{"type": "text", "content": "Be kind."}, {"type": "text", "content": "Be brief."}], "system") == [
        Turn("system", (Block("text", "", "Be kind."), Block("text", "", "Be brief.")))
    ]


@pytest.mark.parametrize("text", ["not json", '[{"role": "user", "parts": [{"type": "te'])
def test_what_is_no_json_is_shown_as_it_came(text):
    assert turns(text, "user") == [Turn("user", (Block("text", "", text),))]


@pytest.mark.parametrize(
    "value", [None, 7, {}, [[]], [{"role": None, "parts": None}], [{"parts": [None, 3, {"type": 4}]}]]
)
def test_nonsense_does_not_raise(value):
    for turn in parse(value):
        assert isinstance(turn.role, str)


def test_unknown_parts_are_not_hidden():
    assert parse([{"role": "user", "parts": [{"type": "uri", "uri": "https://x"}]}])[0].blocks[0].kind == "other"


def test_documents():
    found = documents('[{"id": "kb-1", "score": 0.8, "content": "text"}, {"id": 7}, "plain"]')
    assert found == [Document("kb-1", 0.8, "text"), Document("7", None, "{}"), Document("", None, "plain")]
    assert documents("plain text") == [Document("", None, "plain text")]
    assert documents("") == []
