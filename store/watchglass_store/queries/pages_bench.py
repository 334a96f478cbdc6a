"""Calls, scores and spans made by the store itself, for the benchmark of the pages: 14 days of several applications.

Everything is made in the order it is stored in, a day at a time and so a part a day, which is what merges leave of
yesterday. A call is written whole, as its pieces are once they have merged.
"""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from watchglass_store.client import Store
from watchglass_store.queries.pages_bench_rest import make_rest

SCORES = ("rouge_l", "profanity", "response_length", "groundedness", "refusal", "pii")
SPANS_OF_A_TRACE = 5
AT_ONCE = 100_000
PHRASES = 2_000
#: Calls of the last hours have their messages beside their text; it would be twice the time for all of them.
MESSAGES_OF = timedelta(hours=24)

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


def phrases() -> list[str]:
    """What texts are put together from: three to thirteen words each, the same ones every time."""
    dice, words = random.Random(1), vocabulary()
    return [
        " ".join(words[int(dice.random() ** 3 * len(words))] for _ in range(dice.randint(3, 13)))
        for _ in range(PHRASES)
    ]


def make(store: Store, *, calls: int, start: datetime, end: datetime) -> Iterator[int]:
    """Fill the tables that pages read with calls spread evenly over a time; yields how many are done.

    Args:
        store: An empty store with all tables, as its administrator; nobody else uses it meanwhile.
        calls: How many; every fifth is a tool's, five make a trace. Each model's call has one score.
        start: Of the first call.
        end: After the last one.
    """
    span_ms = round((end - start).total_seconds() * 1000)
    common = {
        "calls": calls,
        "start_ms": round(start.timestamp() * 1000),
        "span_ms": span_ms,
        "messages_from": max(0, round(calls * (1 - MESSAGES_OF / (end - start)))),
    }
    # A day at a time; what is small goes at once.
    midnights = [
        start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=day)
        for day in range(1, (end - start).days + 2 if calls > AT_ONCE else 0)
    ]
    edges = [-(-calls * (midnight - start) // (end - start)) for midnight in midnights if midnight < end]
    for first, last in itertools.pairwise([0, *edges, calls]):
        if first == last:
            continue
        chosen = {**common, "first": first, "many": last - first}
        for statement in (_CALLS, _USAGE, _SCORES, _SPANS):
            store.command(statement.replace("PHRASES", "|".join(phrases())), chosen)
        yield last
    make_rest(store, start=start, end=end)
    # A day at rest is one part, and today has been merged until a moment ago.
    for table in ("llm_figure_parts", "scores"):
        store.command(f"OPTIMIZE TABLE {table} FINAL")
    # Every trace is assembled: what the assembly would find is in the calls and the rollup already.
    store.command("TRUNCATE TABLE llm_trace_pieces")


# Each service has its prompt, whose version changes every few days, and two models, one for a fifth of the calls.
_NUMBERS = f"""
    SELECT number, intDiv(number, {SPANS_OF_A_TRACE}) AS trace,
        leftPad(lower(hex(cityHash64(trace))), 32, '0') AS trace_id,
        leftPad(lower(hex(number + 1)), 16, '0') AS span_id,
        leftPad(lower(hex(number - number % {SPANS_OF_A_TRACE} + 1)), 16, '0') AS root,
        if(number % {SPANS_OF_A_TRACE} = 0, '', root) AS parent,
        concat('conversation-', toString(intDiv(trace, 4))) AS conversation,
        concat('user-', toString(cityHash64(intDiv(trace, 4)) % 50000)) AS user,
        number % {SPANS_OF_A_TRACE} = 3 AS is_tool,
        toInt64(number * {{span_ms:UInt64}} / {{calls:UInt64}}) AS after_ms,
        fromUnixTimestamp64Milli({{start_ms:Int64}} + after_ms) AS started,
        if(is_tool, 'execute_tool', 'chat') AS operation,
        cityHash64(trace) % 12 AS app, concat('service-', toString(app)) AS service,
        if(cityHash64(trace, 1) % 20 = 0, 'staging', 'production') AS environment,
        ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'gemini-2.5-flash'][
            1 + (app + (cityHash64(trace, 2) % 5 = 0)) % 4] AS model,
        concat('answer-', toString(app)) AS prompt,
        concat('v', toString(intDiv(after_ms, 432000000) + (cityHash64(trace, 3) % 10 = 0))) AS prompt_version,
        cityHash64(number, 4) % 60 = 0 AS failed,
        0.2 + exp(toFloat64(cityHash64(number, 5) % 1000) / 400) AS duration_s
    FROM numbers({{first:UInt64}}, {{many:UInt64}})
"""


def _text(salt: int, least: int, spread: int) -> str:
    return (
        f"arrayStringConcat(arrayMap(i -> phrases[1 + cityHash64(number, i, {salt}) % {PHRASES}],"
        f" range({least} + cityHash64(number, {salt}) % {spread})), ' ')"
    )


_CALLS = f"""
    INSERT INTO llm_call_parts (trace_id, span_id, received_at, parent_span_id, start_time, duration_s, span_name,
        service_name, environment, convention, operation_name, provider_name, request_model, response_model, tool_name,
        tool_call_arguments, input_messages, output_messages, prompt_text, response_text, conversation_id, user_id,
        prompt_name, prompt_version, usage_input_tokens, usage_output_tokens, usage_counted, error_type,
        time_to_first_token_s, root_span_id, depth, assembled_conversation_id, assembled_user_id, assembled_cost_usd)
    WITH splitByChar('|', 'PHRASES') AS phrases
    SELECT trace_id, span_id, started + 1500, parent, started, duration_s, concat(operation, ' ', model), service,
        environment, 'otel_genai', operation, 'openai', if(is_tool, NULL, model), if(is_tool, NULL, model),
        if(is_tool, 'crm.lookup', NULL), if(is_tool, concat('{{"account": ', toString(number % 10000), '}}'), NULL),
        if(is_tool OR number < {{messages_from:UInt64}}, NULL,
           concat('[{{"role":"user","parts":[{{"type":"text","content":"', asked, '"}}]}}]')),
        if(is_tool OR failed OR number < {{messages_from:UInt64}}, NULL,
           concat('[{{"role":"assistant","parts":[{{"type":"text","content":"', answer, '"}}]}}]')),
        if(is_tool, NULL, asked), if(is_tool OR failed, NULL, answer),
        conversation, user,
        prompt, prompt_version, if(is_tool, NULL, 400 + number % 900), if(is_tool OR failed, NULL, 80 + number % 300),
        if(is_tool, 0, 1), if(failed, 'RateLimitError', NULL), if(is_tool, NULL, duration_s / 4),
        root, if(parent = '', 0, 1),
        conversation, user,
        if(is_tool, NULL, 0.0001 * (10 + number % 90))
    FROM (SELECT *, {_text(6, 1, 6)} AS asked, {_text(7, 2, 8)} AS answer FROM ({_NUMBERS}))
    SETTINGS min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 4000000000, optimize_on_insert = 0,
        max_insert_threads = 2
"""

# What the assembly adds to the rollup.
_USAGE = f"""
    INSERT INTO llm_calls_1m (minute, service_name, environment, operation_name, provider_name, model, prompt_name,
        prompt_version, input_tokens, output_tokens, cost_usd)
    SELECT toStartOfMinute(started), service, environment, operation, 'openai', model, prompt, prompt_version,
        sum(400 + number % 900), sum(if(failed, 0, 80 + number % 300)), sum(0.0001 * (10 + number % 90))
    FROM ({_NUMBERS}) WHERE NOT is_tool
    GROUP BY toStartOfMinute(started), service, environment, operation, model, prompt, prompt_version
"""

_SCORES = f"""
    INSERT INTO scores (name, evaluator, evaluator_version, trace_id, span_id, value, source, direction, range, error,
        call_time, created_at, service_name, environment, model, prompt_name, prompt_version)
    SELECT [{", ".join(f"'{name}'" for name in SCORES)}][1 + cityHash64(number, 10) % {len(SCORES)}] AS score,
        if(score = 'rouge_l', 'rouge', score), '1',
        trace_id, span_id,
        if(cityHash64(number, 8) % 20 = 0, NULL, (cityHash64(number, 9) % 1000) / 1000), 'code', 'higher_is_better',
        [0, 1], if(cityHash64(number, 8) % 20 = 0, 'no reference answer', ''), started, started + 5000, service,
        environment, model, prompt, prompt_version
    FROM ({_NUMBERS}) WHERE NOT is_tool
    SETTINGS min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 4000000000
"""

# One trace in a hundred has its raw spans: pages read them by trace only.
_SPANS = f"""
    INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, Duration,
        StatusCode)
    SELECT started, trace_id, span_id, parent, concat(operation, ' ', model), 'Client', service,
        toUInt64(duration_s * 1e9), if(failed, 'Error', 'Ok')
    FROM ({_NUMBERS}) WHERE trace % 100 = 0
"""
