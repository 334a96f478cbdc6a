"""What real clients sent: every span arrives, every successful chat call has prompt, answer, model and tokens."""

import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import Store

CLIENTS: list[str] = sorted(json.loads((Path(__file__).parents[2] / "data" / "corpus" / "EXPECTED.json").read_text()))
EXCEPTIONS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "exceptions.json").read_text())

TELEMETRY = """
SELECT count() AS spans, countIf(StatusCode = 'Error') AS error_spans, uniqExact(TraceId) AS traces FROM otel_traces"""
LACKING = """
SELECT span_name, prompt_text AS prompt, arrayFilter(x -> x != '', [
    if(prompt_text = '', 'prompt', ''),
    if(response_text = '' AND position(output_messages, '"tool_call"') = 0, 'answer', ''),
    if(usage_input_tokens IS NULL OR usage_output_tokens IS NULL, 'tokens', ''),
    if(request_model = '' AND response_model = '', 'model', '')]) AS lacks
FROM llm_calls WHERE operation_name = 'chat' AND error_type = '' AND notEmpty(lacks)"""
# Where the telemetry came from makes no difference to these.
CALLS = "SELECT * EXCEPT (received_at) FROM llm_calls ORDER BY trace_id, span_id"


def empty(store: Store) -> None:
    for table in ("otel_traces", "otel_logs", "llm_call_parts", "scores"):
        store.command(f"TRUNCATE TABLE {table}")


def explains(exception: dict[str, Any], client: str, call: dict[str, Any]) -> bool:
    return (
        exception["client"] in ("*", client)
        and exception.get("span_name", call["span_name"]) == call["span_name"]
        and exception.get("prompt", call["prompt"]) == call["prompt"]
        and sorted(exception["lacks"]) == sorted(call["lacks"])
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_of_every_client_over_every_transport(
    client: str,
    corpus: Callable[..., list[Any]],
    expected: dict[str, dict[str, dict[str, int]]],
    export: Callable[[Sequence[Any]], None],
    converted: Store,
) -> None:
    for transport, counts in expected[client].items():
        empty(converted)
        export(corpus(client, transport))
        (telemetry,) = converted.query(TELEMETRY)
        assert telemetry == {name: counts[name] for name in telemetry}, transport
        (tokens,) = converted.query("SELECT sum(usage_input_tokens) AS n FROM llm_calls")
        assert tokens["n"] == counts["naive_input_tokens"], transport
        (errors,) = converted.query(
            "SELECT count() AS n FROM llm_calls WHERE error_type = '' AND span_id IN "
            "(SELECT SpanId FROM otel_traces WHERE StatusCode = 'Error')"
        )
        assert errors["n"] == 0, "a failed span is a failed call"
        unexplained = [
            call
            for call in converted.query(LACKING)
            if not any(explains(exception, client, call) for exception in EXCEPTIONS)
        ]
        assert unexplained == [], transport


def test_no_exception_is_stale(
    corpus: Callable[..., list[Any]], export: Callable[[Sequence[Any]], None], converted: Store
) -> None:
    used = set()
    for client in CLIENTS:
        empty(converted)
        export(corpus(client, "http-proto"))
        for call in converted.query(LACKING):
            used |= {place for place, item in enumerate(EXCEPTIONS) if explains(item, client, call)}
    assert [item for place, item in enumerate(EXCEPTIONS) if place not in used] == []


@pytest.mark.parametrize(
    "client",
    [
        "openllmetry-events",
        "otel-genai-span-and-event",
        "otel-openai-v2-legacy",
        "openinference-openai",
        "litellm-otel",
    ],
)
def test_order_and_repetition_of_payloads_make_no_difference(
    client: str, corpus: Callable[..., list[Any]], export: Callable[[Sequence[Any]], None], converted: Store
) -> None:
    payloads = corpus(client, "http-proto")
    export(payloads)
    calls = converted.query(CALLS)
    assert calls
    empty(converted)
    again = payloads * 2
    random.Random(7).shuffle(again)
    for payload in again:
        export([payload])
    assert converted.query(CALLS) == calls


@pytest.mark.parametrize(
    ("client", "transports"),
    [
        ("anthropic-sdk-native", ("grpc", "http-json", "http-proto")),
        ("otel-genai-span-and-event", ("http-json", "http-proto")),
        ("openinference-openai", ("grpc", "http-json")),
        ("plain-otel-sdk", ("grpc", "http-json", "http-proto")),
        ("langfuse-v5", ("grpc", "http-json")),
        ("openlit", ("grpc", "http-json")),
        ("pydantic-ai-logfire", ("grpc", "http-json")),
        ("vercel-ai-v6", ("http-json", "http-proto")),
        ("vercel-ai-v7", ("http-json", "http-proto")),
    ],
)
def test_transports_tell_the_same_story(
    client: str,
    transports: Sequence[str],
    corpus: Callable[..., list[Any]],
    export: Callable[[Sequence[Any]], None],
    converted: Store,
) -> None:
    told = []
    for transport in transports:
        empty(converted)
        export(corpus(client, transport))
        calls = converted.query(
            "SELECT operation_name, request_model, response_model, prompt_text, response_text, finish_reasons, "
            "system_instructions, usage_input_tokens, usage_output_tokens, error_type FROM llm_calls"
        )
        # Some clients' inputs and outputs quote ids and durations, which no two runs have in common.
        told.append(sorted(re.sub(r"[0-9a-f-]{12,}|\d+\.\d+", "…", str(call)) for call in calls))
    assert told[0]
    assert all(story == told[0] for story in told)


def test_a_repeated_insert_is_dropped_on_every_path(
    corpus: Callable[..., list[Any]], export: Callable[..., None], converted: Store
) -> None:
    settings = {
        "insert_deduplication_token": "segment-1",
        "deduplicate_blocks_in_dependent_materialized_views": "1",
        "insert_deduplicate": "1",
    }
    counts = []
    for _ in range(2):
        export([*corpus("openinference-openai", "grpc"), *corpus("openllmetry-events")], settings)
        tables = ("otel_traces", "otel_logs", "llm_call_parts", "llm_calls_by_time")
        counts.append([converted.query(f"SELECT count() AS n FROM {table}") for table in tables])
        counts[-1].append(converted.query("SELECT sum(calls) AS n FROM llm_calls_1m"))
    assert counts[0] == counts[1]
