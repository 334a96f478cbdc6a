"""What real clients sent: every span arrives, every chat call is whole, every token counts once.

All clients and transports share one database: whose a row is, its trace id tells.
"""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from watchglass_collector.assembly.assembler import Assembler
from watchglass_store import Store

EXCEPTIONS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "exceptions.json").read_text())
COUNTED_ELSE: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "counted_otherwise.json").read_text())
Owner = tuple[str, str]

TELEMETRY = """
SELECT TraceId AS trace_id, count() AS spans, countIf(StatusCode = 'Error') AS error_spans FROM otel_traces
GROUP BY trace_id"""
LACKING = """
SELECT trace_id, span_name, prompt_text AS prompt, arrayFilter(x -> x != '', [
    if(prompt_text = '', 'prompt', ''),
    if(response_text = '' AND position(output_messages, '"tool_call"') = 0, 'answer', ''),
    if(usage_input_tokens IS NULL OR usage_output_tokens IS NULL, 'tokens', ''),
    if(request_model = '' AND response_model = '', 'model', '')]) AS lacks
FROM llm_calls WHERE operation_name = 'chat' AND error_type = '' AND notEmpty(lacks)"""
# Where the telemetry came from makes no difference to these.
CALLS = "SELECT * EXCEPT (received_at) FROM llm_calls ORDER BY hour, trace_id, span_id"
_SAME = (
    "SELECT hour, trace_id, span_id, key_project, start_time, duration_s, service_name, environment, service_version, "
    "operation_name, request_model, response_model, prompt_version, conversation_id, user_id, usage_input_tokens, "
    "usage_output_tokens, usage_counted, error_type, time_to_first_token_s"
)
WHOLE = f"{_SAME}, if(usage_counted = 1, cost_usd, NULL) AS cost FROM llm_calls"
FIGURES = f"{_SAME}, counted_cost_usd AS cost FROM llm_figures"
USAGE = """
SELECT trace_id, sum(usage_input_tokens) AS naive_input_tokens,
    sumIf(usage_input_tokens, usage_counted = 1) AS dedup_input_tokens,
    countIf(usage_counted = 1 AND usage_input_tokens > 0) AS dedup_usage_calls
FROM llm_calls GROUP BY trace_id"""
CALL_TOTALS = """
SELECT sum(c.usage_input_tokens) AS input_tokens, sum(c.usage_output_tokens) AS output_tokens,
    round(sum(c.cost_usd), 9) AS cost_usd, countIf(c.cost_usd IS NULL) AS unpriced_calls
FROM llm_calls AS c WHERE c.usage_counted = 1"""
ROLLUP_TOTALS = """
SELECT sum(m.input_tokens) AS input_tokens, sum(m.output_tokens) AS output_tokens,
    round(sum(m.cost_usd), 9) AS cost_usd, sum(m.unpriced_calls) AS unpriced_calls
FROM llm_calls_1m AS m"""


def assemble(store: Store, assembler: Assembler | None = None) -> Assembler:
    """Look at everything that came."""
    if assembler is None:
        assembler = Assembler(store, "test", 0.0)
        assembler.resume()
    while assembler.cycle().is_behind or assembler.waiting:
        pass
    return assembler


@pytest.fixture(scope="module")
def assembled(whole_corpus: Store) -> Store:
    assemble(whole_corpus)
    return whole_corpus


def by_owner(rows: Sequence[Mapping[str, Any]], owner_of: Mapping[str, Owner]) -> dict[Owner, Counter[str]]:
    """Sums of the rows' numbers, and how many traces there are."""
    found: dict[Owner, Counter[str]] = defaultdict(Counter)
    for row in rows:
        numbers = {name: value or 0 for name, value in row.items() if name != "trace_id"}
        found[owner_of[row["trace_id"]]].update({"traces": 1, **numbers})
    return found


def explains(exception: dict[str, Any], client: str, call: dict[str, Any]) -> bool:
    return (
        exception["client"] in ("*", client)
        and exception.get("span_name", call["span_name"]) == call["span_name"]
        and exception.get("prompt", call["prompt"]) == call["prompt"]
        and sorted(exception["lacks"]) == sorted(call["lacks"])
    )


def test_every_span_of_every_client_over_every_transport(
    whole_corpus: Store, expected: dict[str, Any], owner_of: dict[str, Owner]
) -> None:
    found = by_owner(whole_corpus.query(TELEMETRY), owner_of)
    for client, transports in expected.items():
        for transport, counts in transports.items():
            seen = found[client, transport]
            assert seen == {name: counts[name] for name in seen}, (client, transport)


def test_every_call_is_whole_or_explained(whole_corpus: Store, owner_of: dict[str, Owner]) -> None:
    (errors,) = whole_corpus.query(
        "SELECT count() AS n FROM llm_calls WHERE error_type = '' AND (trace_id, span_id) IN "
        "(SELECT TraceId, SpanId FROM otel_traces WHERE StatusCode = 'Error')"
    )
    assert errors["n"] == 0, "a failed span is a failed call"
    lacking = [(*owner_of[call["trace_id"]], call) for call in whole_corpus.query(LACKING)]
    unexplained = [
        (client, transport, call)
        for client, transport, call in lacking
        if not any(explains(exception, client, call) for exception in EXCEPTIONS)
    ]
    assert unexplained == []
    stale = [item for item in EXCEPTIONS if not any(explains(item, client, call) for client, _, call in lacking)]
    assert stale == []


def test_every_token_counts_once(assembled: Store, expected: dict[str, Any], owner_of: dict[str, Owner]) -> None:
    found = by_owner(assembled.query(USAGE), owner_of)
    used = set()
    for client, transports in expected.items():
        for transport, counts in transports.items():
            told = {name: counts[name] for name in ("naive_input_tokens", "dedup_input_tokens", "dedup_usage_calls")}
            if client in COUNTED_ELSE:
                used.add(client)
                assert told != COUNTED_ELSE[client]["counts"], f"{client} needs no exception"
                told = COUNTED_ELSE[client]["counts"]
            seen = {name: found[client, transport][name] for name in told}
            assert seen == told, (client, transport)
    assert used == set(COUNTED_ELSE)


def test_the_rollup_has_the_totals_of_the_calls(assembled: Store) -> None:
    totals = assembled.query(CALL_TOTALS)
    assert totals[0]["cost_usd"] > 0
    assert assembled.query(ROLLUP_TOTALS) == totals


def test_spans_whose_parent_never_arrives_are_there(
    assembled: Store, expected: dict[str, Any], owner_of: dict[str, Owner]
) -> None:
    rows = assembled.query(
        "SELECT TraceId AS trace_id, countIf(ParentSpanId != '' AND (TraceId, ParentSpanId) NOT IN "
        "(SELECT TraceId, SpanId FROM otel_traces)) AS spans_whose_parent_never_arrives "
        "FROM otel_traces GROUP BY trace_id"
    )
    lost = by_owner(rows, owner_of)
    name = "spans_whose_parent_never_arrives"
    for (client, transport), seen in lost.items():
        assert seen[name] == expected[client][transport][name], (client, transport)
    assert lost["mlflow-otlp-lost-roots", "http-proto"][name] == 9
    calls = assembled.query("SELECT trace_id, span_id, root_span_id, depth, parent_span_id FROM llm_calls")
    ours = [call for call in calls if owner_of[call["trace_id"]][0] == "mlflow-otlp-lost-roots"]
    tops = {call["span_id"] for call in ours if call["depth"] == 0 and call["parent_span_id"]}
    assert tops, "an orphan is the top of its own tree"
    assert all(call["root_span_id"] == call["span_id"] for call in ours if call["depth"] == 0)


def test_order_and_repetition_of_payloads_make_no_difference(
    corpus: Callable[..., list[Any]],
    expected: dict[str, Any],
    assembled: Store,
    export: Callable[[Sequence[Any]], None],
    converted: Store,
) -> None:
    payloads = [payload for client in expected for payload in corpus(client)] * 2
    random.Random(7).shuffle(payloads)
    assembler = None
    for first in range(0, len(payloads), 60):
        export(payloads[first : first + 60])
        assembler = assemble(converted, assembler)
    assert converted.query(CALLS) == assembled.query(CALLS)
    assert converted.query(ROLLUP_TOTALS) == assembled.query(ROLLUP_TOTALS)
    for store in (converted, assembled):
        assert store.query(f"{WHOLE} EXCEPT {FIGURES}") == store.query(f"{FIGURES} EXCEPT {WHOLE}") == []


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
    client: str, transports: Sequence[str], assembled: Store, owner_of: dict[str, Owner]
) -> None:
    told = []
    for transport in transports:
        traces = [trace for trace, owner in owner_of.items() if owner == (client, transport)]
        calls = assembled.query(
            "SELECT operation_name, request_model, response_model, prompt_text, response_text, finish_reasons, "
            "system_instructions, usage_input_tokens, usage_output_tokens, usage_counted, depth, error_type "
            "FROM llm_calls WHERE trace_id IN {traces:Array(String)}",
            {"traces": traces},
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
        tables = (
            "otel_traces",
            "otel_logs",
            "llm_call_parts",
            "llm_figure_parts",
            "llm_calls_by_time",
            "llm_trace_pieces",
        )
        counts.append([converted.query(f"SELECT count() AS n FROM {table}") for table in tables])
        counts[-1].append(converted.query("SELECT sum(calls) AS n FROM llm_calls_1m"))
    assert counts[0] == counts[1]
