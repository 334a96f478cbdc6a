"""Calls and scores made by the store itself, for the benchmark of the alerts."""

from datetime import datetime

from watchglass_store.client import Store

SERVICES, MODELS = 25, 4
"""Names are 's0' … and 'm0' …; operations are chat and execute_tool."""
SCORE_NAMES = ("profanity", "rouge_l", "refusal", "groundedness")

# Shapes of a call, from its number alone.
_CALL = f"""
    'x' AS provider, concat('s', toString(number % {SERVICES})) AS service,
    concat('m', toString(intDiv(number, {SERVICES}) % {MODELS})) AS used_model,
    if(cityHash64(number) % 5 = 0, 'execute_tool', 'chat') AS operation,
    0.2 + (cityHash64(number, 1) % 10000) / 5000 AS duration,
    cityHash64(number, 2) % 50 = 0 AS failed,
    {{start:DateTime('UTC')}} + toIntervalSecond(intDiv(number * {{seconds:UInt64}}, {{calls:UInt64}})) AS started
"""


def make_rollup(store: Store, *, calls: int, start: datetime, seconds: int) -> None:
    """Fill `llm_calls_1m` with calls spread evenly over a time."""
    store.command(
        f"""
        INSERT INTO llm_calls_1m (minute, service_name, operation_name, provider_name, model, calls, errors,
            input_tokens, output_tokens, cost_usd, duration_s_sum, duration_s_sum_squares, duration_s_quantiles)
        SELECT toStartOfMinute(started), service, operation, provider, used_model, count(), countIf(failed),
            sum(300), sum(100), sum(0.001), sum(duration), sum(duration * duration),
            quantilesTDigestState(0.5, 0.95, 0.99)(toFloat64(duration))
        FROM (SELECT {_CALL} FROM numbers({{calls:UInt64}}))
        GROUP BY toStartOfMinute(started), service, operation, provider, used_model
        """,
        {"calls": calls, "start": start, "seconds": seconds},
    )


def make_scores(store: Store, *, calls: int, start: datetime, seconds: int) -> None:
    """Fill `scores` with one score for each call."""
    names = ", ".join(f"'{name}'" for name in SCORE_NAMES)
    store.command(
        f"""
        INSERT INTO scores (name, evaluator, evaluator_version, trace_id, span_id, value, source, call_time,
            service_name, model)
        SELECT [{names}][number % {len(SCORE_NAMES)} + 1], 'bench', '1', leftPad(hex(number), 32, '0'),
            leftPad(hex(number), 16, '0'), (cityHash64(number, 3) % 1000) / 1000, 'code', started, service, used_model
        FROM (SELECT number, {_CALL} FROM numbers({{calls:UInt64}}))
        """,
        {"calls": calls, "start": start, "seconds": seconds},
    )
