"""The SDK, the collector and the store together: what an application records is what a page can read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import watchglass
from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import Store


@pytest.fixture
def collector(store: Store, tmp_path: Path) -> Iterator[Collector]:
    install_views(store)
    running = Collector(CollectorConfig(http_port=0, grpc_port=0, segment_age_s=0.05), store, tmp_path)
    running.start()
    yield running
    watchglass.shutdown()
    running.stop()


def rows(store: Store, sql: str, expected: int) -> list[dict[str, Any]]:
    """Rows of a query, once there are as many as expected."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while len(found) < expected and time.monotonic() < deadline:
        found = store.query(sql)
        time.sleep(0.05)
    assert len(found) == expected, found
    return found


def test_calls_context_and_scores_reach_the_tables(store: Store, collector: Collector) -> None:
    watchglass.init(collector.http_url, "shop", "test", instrument=False)

    @watchglass.observe(kind="retrieval")
    def search(query: str) -> list[str]:
        return ["A watch glass is a dish."]

    @watchglass.observe(kind="llm")
    def complete(prompt: str) -> str:
        return "A dish."

    @watchglass.observe(kind="tool")
    def weigh(grams: int) -> str:
        raise ValueError("too heavy")

    @watchglass.observe(kind="agent", name="answer")
    def answer(question: str) -> str:
        search(question)
        with pytest.raises(ValueError, match="too heavy"):
            weigh(3)
        watchglass.score("thumbs", value=1, source="human", explanation="liked it")
        return complete(question)

    with watchglass.context(
        session_id="s1", user_id="u1", prompt_name="glass", prompt_version="2", reference="It is a dish."
    ):
        answer("What is a watch glass?")
    assert watchglass.flush()

    calls = {row["operation_name"]: row for row in rows(store, "SELECT * FROM llm_calls", 4)}
    assert set(calls) == {"invoke_agent", "retrieval", "execute_tool", "chat"}
    for row in calls.values():
        assert (row["service_name"], row["environment"], row["convention"]) == ("shop", "test", "watchglass")
        assert (row["conversation_id"], row["user_id"]) == ("s1", "u1")
        assert (row["prompt_name"], row["prompt_version"]) == ("glass", "2")
        assert row["reference_text"] == "It is a dish."
    assert calls["chat"]["prompt_text"] == "What is a watch glass?"
    assert calls["chat"]["response_text"] == "A dish."
    assert json.loads(calls["chat"]["output_messages"])[0]["role"] == "assistant"
    assert calls["retrieval"]["context_text"] == "A watch glass is a dish."
    assert calls["execute_tool"]["tool_name"].endswith("weigh")
    assert json.loads(calls["execute_tool"]["tool_call_arguments"]) == {"grams": 3}
    assert calls["execute_tool"]["error_type"] == "ValueError"
    assert calls["chat"]["parent_span_id"] == calls["invoke_agent"]["span_id"]

    (score,) = rows(store, "SELECT * FROM scores FINAL", 1)
    assert (score["name"], score["value"], score["source"]) == ("thumbs", 1.0, "human")
    assert (score["trace_id"], score["span_id"]) == (
        calls["invoke_agent"]["trace_id"],
        calls["invoke_agent"]["span_id"],
    )
    assert (score["explanation"], score["evaluator"]) == ("liked it", "watchglass")
    assert (score["service_name"], score["environment"]) == ("shop", "test")
    assert (score["prompt_name"], score["prompt_version"]) == ("glass", "2")


def test_what_is_hostile_is_stored_as_it_was(store: Store, collector: Collector) -> None:
    watchglass.init(collector.http_url, "shop", instrument=False)
    text = "NUL \x00, bidi \u202e, 😀, <script>, 'quote\" \\ and a lone \ud83d"
    with watchglass.span("hostile", kind="llm") as span:
        span.set_input(text)
    assert watchglass.flush()
    (row,) = rows(store, "SELECT prompt_text FROM llm_calls", 1)
    assert row["prompt_text"].startswith("NUL \x00, bidi \u202e, 😀, <script>, 'quote\" \\ and a lone ")
