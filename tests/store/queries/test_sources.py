"""Who sends telemetry, and what each client leaves out."""

from datetime import UTC, datetime, timedelta

from watchglass_store.queries.sources import OF_ONE, sources

NOW = datetime.now(UTC).replace(microsecond=0)


def call(n, **more):
    return {
        "trace_id": "t", "span_id": f"s{n}", "received_at": NOW, "start_time": NOW,
        "duration_s": 1.0, "service_name": "shop", "convention": "otel_genai", "operation_name": "chat",
        "request_model": "m", "provider_name": "openai", "prompt_text": "q", "response_text": "a",
        "output_messages": "", "usage_input_tokens": 10, "usage_output_tokens": 5, "finish_reasons": ["stop"],
        "user_id": "", "tool_call_arguments": "", **more,
    }  # fmt: skip


def span(n, scope):
    return {
        "Timestamp": NOW, "TraceId": "t", "SpanId": f"s{n}", "ServiceName": "shop", "ScopeName": scope,
        "ResourceAttributes": {"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "python"},
    }  # fmt: skip


def test_nobody_has_sent_anything(readonly_store):
    assert sources(readonly_store, NOW - timedelta(days=1)) == []


def test_what_each_client_leaves_out(store):
    store.insert("otel_traces", [span(n, "lib") for n in range(4)] + [span(4, "other")])
    store.insert(
        "llm_call_parts",
        [
            call(0),
            call(1, prompt_text="", user_id="u"),
            call(2, response_text="", output_messages='[{"parts":[{"type":"tool_call"}]}]'),
            call(3, operation_name="execute_tool", tool_call_arguments="{}"),
            call(4, operation_name="retrieval", convention="generic"),
        ],
    )
    lib, other = sources(store, NOW - timedelta(hours=1))
    assert (lib.service_name, lib.scope, lib.sdk, lib.convention) == (
        "shop",
        "lib",
        "opentelemetry python",
        "otel_genai",
    )
    assert (lib.calls, lib.last_received) == (4, NOW)
    assert lib.missing["prompt"] == 1 / 3
    assert lib.missing["answer"] == 0
    assert lib.missing["user"] == 0.75
    assert lib.missing["session"] == 1
    assert (lib.missing["tool arguments"], lib.missing["tool result"], lib.missing["documents"]) == (0, 1, None)
    assert (other.scope, other.convention, other.missing["prompt"], other.missing["documents"]) == (
        "other",
        "generic",
        None,
        1,
    )


def test_a_failed_call_misses_nothing(store):
    store.insert("llm_call_parts", [call(0, error_type="timeout", prompt_text="", response_text="")])
    (source,) = sources(store, NOW - timedelta(hours=1))
    assert (source.missing["prompt"], source.scope) == (None, "")


def test_only_what_came_since(store):
    store.insert("llm_call_parts", [call(0)])
    assert sources(store, NOW + timedelta(seconds=1)) == []


def test_a_busy_service_hides_no_other(store):
    quiet = [{**call(f"q{n}", service_name="quiet"), "received_at": NOW - timedelta(minutes=5)} for n in range(2)]
    store.insert("llm_call_parts", quiet)
    store.insert("llm_call_parts", [call(n) for n in range(OF_ONE + 20)])
    busy, rare = sources(store, NOW - timedelta(hours=1))
    assert (busy.service_name, busy.calls) == ("shop", OF_ONE)
    assert (rare.service_name, rare.calls) == ("quiet", 2)
