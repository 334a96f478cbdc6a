"""Calls, scores and spans made by the store itself, for the benchmark of the pages: 14 days of several applications."""

import itertools
from collections.abc import Iterator
from datetime import datetime

from watchglass_store.client import Store

BATCH = 500_000
"""Calls of one insert."""
SCORES = ("rouge_l", "profanity", "response_length", "groundedness")
SPANS_OF_A_TRACE = 5

# The commonest words of the language; thousands of rare ones follow them (`vocabulary`).
_WORDS = [
    "the", "to", "and", "a", "of", "in", "is", "for", "you", "your", "it", "that", "on", "with", "this", "can",
    "be", "as", "are", "not", "or", "by", "from", "account", "invoice", "export", "region", "seat", "plan",
    "user", "data", "key", "error", "reset", "password", "choose", "page", "sign", "confirm", "identity",
    "support", "change", "apply", "next", "charge", "month", "history", "delete", "regional", "workspace",
    "pin", "limit", "rate", "retry", "request", "response", "model", "token", "cost", "latency", "trace",
    "span", "score", "drift", "alert", "rule", "budget", "window", "sample", "interval", "gateway", "timeout",
    "async", "job", "narrow", "date", "range", "contract", "clause", "termination", "convenience", "cause",
    "control", "notice", "days", "written", "party", "liability", "refund", "credit", "order", "shipping",
    "carrier", "delay", "address", "phone", "e-mail", "message", "team", "admin", "role", "permission", "audit",
    "log", "backup", "restore", "version",
]  # fmt: skip

_SYLLABLES = ("an", "be", "co", "de", "er", "fi", "ga", "hol", "in", "ka", "le", "mon", "ne", "or", "pa", "ra", "ser")


def vocabulary() -> list[str]:
    """4,200 words, the common ones first: texts draw from it with a density that falls like Zipf's law."""
    made = ["".join(parts) for parts in itertools.product(_SYLLABLES, repeat=3)]
    return [*_WORDS, *made[: 4_200 - len(_WORDS)]]


_TEXT = """arrayStringConcat(arrayMap(i -> words[1 + toUInt32(
    pow((cityHash64(number, i, SALT) % 1000000) / 1000000, 3) * length(words))],
    range(FROM + cityHash64(number, SALT) % SPREAD)), ' ')"""

_CALL = f"""
    number, intDiv(number, {SPANS_OF_A_TRACE}) AS trace,
    leftPad(lower(hex(cityHash64(trace))), 32, '0') AS trace_id, leftPad(lower(hex(number + 1)), 16, '0') AS span_id,
    leftPad(lower(hex(number - number % {SPANS_OF_A_TRACE} + 1)), 16, '0') AS root,
    if(number % {SPANS_OF_A_TRACE} = 0, '', root) AS parent,
    concat('conversation-', toString(intDiv(trace, 4))) AS conversation,
    concat('user-', toString(cityHash64(intDiv(trace, 4)) % 50000)) AS user,
    number % {SPANS_OF_A_TRACE} = 3 AS is_tool,
    fromUnixTimestamp64Milli({{start_ms:Int64}} + toInt64(number * {{span_ms:UInt64}} / {{calls:UInt64}})) AS started,
    if(is_tool, 'execute_tool', 'chat') AS operation, concat('service-', toString(cityHash64(trace) % 12)) AS service,
    if(cityHash64(trace, 1) % 5 = 0, 'staging', 'production') AS environment,
    ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'gemini-2.5-flash'][1 + cityHash64(trace, 2) % 4] AS model,
    concat('v', toString(cityHash64(trace, 3) % 6)) AS prompt_version, cityHash64(number, 4) % 60 = 0 AS failed,
    0.2 + exp(toFloat64(cityHash64(number, 5) % 1000) / 400) AS duration_s
"""


def make(store: Store, *, calls: int, start: datetime, span_ms: int) -> Iterator[int]:
    """Fill the tables that pages read with calls spread evenly over a time; yields how many are done.

    Args:
        store: An empty store with all tables, as its administrator.
        calls: How many; every fifth is a tool's, five make a trace. Each model's call has one score.
        start: Of the first call.
        span_ms: Over how long they are spread.
    """
    common = {"calls": calls, "start_ms": round(start.timestamp() * 1000), "span_ms": span_ms}
    for first in range(0, calls, BATCH):
        many = min(BATCH, calls - first)
        chosen = {**common, "first": first, "many": many}
        for statement in (_CALLS, _USAGE, _SCORES, _SPANS):
            store.command(statement.replace("WORDS", " ".join(vocabulary())), chosen)
        yield first + many


_NUMBERS = f"SELECT {_CALL} FROM numbers({{first:UInt64}}, {{many:UInt64}})"


def _text(salt: int, least: int, spread: int) -> str:
    return _TEXT.replace("SALT", str(salt)).replace("FROM", str(least)).replace("SPREAD", str(spread))


_CALLS = f"""
    INSERT INTO llm_call_parts (trace_id, span_id, received_at, parent_span_id, start_time, duration_s, span_name,
        service_name, environment, convention, operation_name, provider_name, request_model, response_model, tool_name,
        tool_call_arguments, input_messages, output_messages, prompt_text, response_text, conversation_id, user_id,
        prompt_name, prompt_version, usage_input_tokens, usage_output_tokens, usage_counted, error_type,
        time_to_first_token_s, root_span_id, depth, assembled_conversation_id, assembled_user_id, assembled_cost_usd)
    WITH splitByChar(' ', 'WORDS') AS words
    SELECT trace_id, span_id, started + 1500, parent, started, duration_s, concat(operation, ' ', model), service,
        environment, 'otel_genai', operation, 'openai', if(is_tool, NULL, model), if(is_tool, NULL, model),
        if(is_tool, 'crm.lookup', NULL), if(is_tool, concat('{{"account": ', toString(number % 10000), '}}'), NULL),
        if(is_tool, NULL, concat('[{{"role":"user","parts":[{{"type":"text","content":"', prompt, '"}}]}}]')),
        if(is_tool OR failed, NULL,
           concat('[{{"role":"assistant","parts":[{{"type":"text","content":"', answer, '"}}]}}]')),
        if(is_tool, NULL, prompt), if(is_tool OR failed, NULL, answer),
        conversation, user,
        'answer', prompt_version, if(is_tool, NULL, 400 + number % 900), if(is_tool OR failed, NULL, 80 + number % 300),
        if(is_tool, 0, 1), if(failed, 'RateLimitError', NULL), if(is_tool, NULL, duration_s / 4),
        root, if(parent = '', 0, 1),
        conversation, user,
        if(is_tool, NULL, 0.0001 * (10 + number % 90))
    FROM (SELECT *, {_text(6, 15, 60)} AS prompt, {_text(7, 20, 90)} AS answer FROM ({_NUMBERS}))
"""

# What the assembly adds to the rollup.
_USAGE = f"""
    INSERT INTO llm_calls_1m (minute, service_name, environment, operation_name, provider_name, model, prompt_name,
        prompt_version, input_tokens, output_tokens, cost_usd)
    SELECT toStartOfMinute(started), service, environment, operation, 'openai', model, 'answer', prompt_version,
        sum(400 + number % 900), sum(80 + number % 300), sum(0.0001 * (10 + number % 90))
    FROM ({_NUMBERS}) WHERE NOT is_tool
    GROUP BY toStartOfMinute(started), service, environment, operation, model, prompt_version
"""

_SCORES = f"""
    INSERT INTO scores (name, evaluator, evaluator_version, trace_id, span_id, value, source, direction, range, error,
        call_time, created_at, service_name, environment, model, prompt_name, prompt_version)
    SELECT [{", ".join(f"'{name}'" for name in SCORES)}][1 + number % {len(SCORES)}], 'bench', '1', trace_id, span_id,
        if(cityHash64(number, 8) % 20 = 0, NULL, (cityHash64(number, 9) % 1000) / 1000), 'code', 'higher_is_better',
        [0, 1], if(cityHash64(number, 8) % 20 = 0, 'no reference answer', ''), started, started + 5000, service,
        environment, model, 'answer', prompt_version
    FROM ({_NUMBERS}) WHERE NOT is_tool
"""

# One trace in a hundred has its raw spans: pages read them by trace only.
_SPANS = f"""
    INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, Duration,
        StatusCode)
    SELECT started, trace_id, span_id, parent, concat(operation, ' ', model), 'Client', service,
        toUInt64(duration_s * 1e9), if(failed, 'Error', 'Ok')
    FROM ({_NUMBERS}) WHERE trace % 100 = 0
"""
