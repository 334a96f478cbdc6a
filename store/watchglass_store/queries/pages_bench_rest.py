"""What evaluators, drift monitors, alerts and the collector would have written beside the calls of `pages_bench`."""

from datetime import datetime

from watchglass_store.client import Store

EVALUATORS = ("rouge", "profanity", "response_length", "groundedness", "refusal", "pii")
MONITORS, RULES = 20, 40
#: A trace of an agent that ran for hours, and a call that was given a whole file.
LARGE_TRACE, LARGE_SPANS = "1a" * 16, 25_000
LONG_CALL, LONG_BYTES = "10" * 16, 5_000_000


def make_rest(store: Store, *, start: datetime, end: datetime) -> None:
    """Rows of a time, and a trace and a call that are larger than usual.

    A batch of each evaluator and a line of the collector's books every 30 seconds, a result of each drift monitor every
    hour, a state of each rule every five minutes of the last two days.

    Args:
        store: As its administrator.
        start: Of the time.
        end: Of the time.
    """
    seconds = round((end - start).total_seconds())
    common = {"start": start, "seconds": seconds}
    for statement in (_BATCHES, _FAILURES, _DRIFT, _RULES, _STATES, _BOOKS, _LARGE_SPANS, _LARGE_CALLS, _LONG):
        store.command(statement, common)


_FROM = "{start:DateTime64(3, 'UTC')}"

_BATCHES = f"""
    INSERT INTO evaluation_log (time, evaluator, evaluator_version, shard, worker, event, calls, scored, unscored,
        watermark, duration_s)
    SELECT {_FROM} + toIntervalSecond(number * 30 + 30), evaluator, '1', '0/1', 'bench', 'batch', 200, 190, 10,
        {_FROM} + toIntervalSecond(number * 30), 0.5
    FROM numbers(intDiv({{seconds:UInt64}}, 30))
    ARRAY JOIN [{", ".join(f"'{name}'" for name in EVALUATORS)}] AS evaluator
"""

_FAILURES = f"""
    INSERT INTO evaluation_log (time, evaluator, evaluator_version, shard, worker, event, trace_id, span_id, message)
    SELECT {_FROM} + toIntervalSecond(number * 600), 'rouge', '1', '0/1', 'bench', 'error',
        leftPad(lower(hex(number)), 32, '0'), leftPad(lower(hex(number)), 16, '0'), 'the answer is too long'
    FROM numbers(intDiv({{seconds:UInt64}}, 600))
"""

_DRIFT = f"""
    INSERT INTO drift_results (created_at, monitor, monitor_version, kind, method, target, service_name, window_start,
        window_end, reference_start, reference_end, reference_calls, current_calls, value, value_kind, threshold, alarm,
        changes)
    WITH {_FROM} + toIntervalHour(number + 1) AS at
    SELECT at, concat('monitor-', toString(monitor)), '1', 'window', 'combined', 'response_text',
        concat('service-', toString(monitor % 12)), at - toIntervalHour(1), at, at - toIntervalDay(7),
        at - toIntervalHour(1),
        2000, 800, (cityHash64(number, monitor) % 1000 + 1) / 1000 AS p, 'p_value', 0.001, p = 0.001, '[]'
    FROM numbers(intDiv({{seconds:UInt64}}, 3600)) ARRAY JOIN range({MONITORS}) AS monitor
"""

_RULES = f"""
    INSERT INTO alert_rules (name, version, definition, author)
    SELECT concat('rule-', toString(number)), {_FROM},
        concat('{{"name": "rule-', toString(number), '", "metric": "error_rate", "window": "1h", "interval": "5m", ',
               '"condition": {{"op": ">", "threshold": 0.05}}, "channels": []}}'), 'bench'
    FROM numbers({RULES})
"""

_STATES = f"""
    INSERT INTO alert_events (time, kind, event_id, rule, slot, state, previous_state, severity, value, sample_size,
        threshold, since)
    WITH {_FROM} + toIntervalSecond({{seconds:UInt64}}) - toIntervalSecond(number * 300) AS at
    SELECT at, if(number % 12 = 0, 'transition', 'slot'), concat(toString(rule), '-', toString(number)),
        concat('rule-', toString(rule)), toDateTime(at), if(number % 24 = 12, 'firing', 'inactive'),
        if(number % 24 = 12, 'inactive', 'firing'), 'warning', 0.02, 500, 0.05, toDateTime(at)
    FROM numbers(576) ARRAY JOIN range({RULES}) AS rule
"""

_BOOKS = f"""
    INSERT INTO collector_ledger (hour, signal, segment, received, stored)
    SELECT toStartOfHour({_FROM} + toIntervalSecond(number * 30)), 'traces', toString(number), 250, 250
    FROM numbers(intDiv({{seconds:UInt64}}, 30))
"""

_LARGE_SPANS = f"""
    INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, Duration,
        StatusCode, SpanAttributes)
    SELECT {_FROM} + toIntervalSecond({{seconds:UInt64}}) - toIntervalHour(2) + toIntervalMillisecond(number * 100),
        '{LARGE_TRACE}', leftPad(hex(number + 1), 16, '0'),
        if(number = 0, '', leftPad(hex(intDiv(number - 1, 5) + 1), 16, '0')), concat('step ', toString(number)),
        'Client', 'service-1', 3600000000000 / (number + 1), if(number % 500 = 7, 'Error', 'Ok'),
        map('step', toString(number))
    FROM numbers({LARGE_SPANS})
"""

_LARGE_CALLS = f"""
    INSERT INTO llm_call_parts (trace_id, span_id, received_at, parent_span_id, start_time, duration_s, span_name,
        service_name, environment, operation_name, request_model, prompt_text, response_text, usage_input_tokens,
        usage_output_tokens, usage_counted)
    SELECT '{LARGE_TRACE}', leftPad(hex(number + 1), 16, '0'), at, leftPad(hex(intDiv(number - 1, 5) + 1), 16, '0'), at,
        3600 / (number + 1), concat('step ', toString(number)), 'service-1', 'production', 'chat', 'gpt-4o', 'next?',
        'on', 10, 5, 1
    FROM (SELECT number * 5 + 2 AS number, {_FROM} + toIntervalSecond({{seconds:UInt64}}) - toIntervalHour(2)
        + toIntervalMillisecond(number * 100) AS at FROM numbers(intDiv({LARGE_SPANS}, 5)))
"""

_LONG = f"""
    INSERT INTO llm_call_parts (trace_id, span_id, received_at, start_time, duration_s, span_name, service_name,
        environment, operation_name, request_model, input_messages, prompt_text, response_text, usage_counted)
    WITH {_FROM} + toIntervalSecond({{seconds:UInt64}}) - toIntervalHour(1) AS at,
        repeat('All work and no play. ', intDiv({LONG_BYTES}, 22)) AS text
    SELECT '{LONG_CALL}', '{LONG_CALL[:16]}', at, at, 1, 'chat gpt-4o', 'service-1', 'production', 'chat', 'gpt-4o',
        concat('[{{"role":"user","parts":[{{"type":"text","content":"', text, '"}}]}}]'), text, 'ok', 1
"""
