"""What alert rules measure: calls and scores in a window, in groups.

One query returns every measure of a group, so rules that share window, filters and groups can share it. Fields are
names from fixed lists, values are bound; each query has limits on time and memory.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store

CALL_FIELDS = frozenset(
    {"service_name", "environment", "operation_name", "provider_name", "model", "prompt_name", "prompt_version"}
)
SCORE_FIELDS = frozenset(
    {
        "service_name",
        "environment",
        "model",
        "prompt_name",
        "prompt_version",
        "evaluator",
        "evaluator_version",
        "source",
    }
)
_LIMITS = {"max_execution_time": 30, "max_memory_usage": 1_000_000_000}

_MINUTES = """
SELECT {fields}
    sum(t.calls) AS calls, sum(t.errors) AS errors,
    sum(t.input_tokens) AS input_tokens, sum(t.output_tokens) AS output_tokens, sum(t.cost_usd) AS cost_usd,
    sum(t.duration_s_sum) AS duration_s_sum, sum(t.duration_s_sum_squares) AS duration_s_sum_squares,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(t.duration_s_quantiles) AS duration_s_quantiles,
    sum(t.time_to_first_token_calls) AS time_to_first_token_calls,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(t.time_to_first_token_s_quantiles) AS time_to_first_token_s_quantiles
FROM llm_calls_1m AS t
WHERE t.minute >= {{start:DateTime('UTC')}} AND t.minute < {{end:DateTime('UTC')}} {filters}
{group_by}
"""

# Calls are found by when they arrived, the order of that table, and then fetched by their ids. A client's clock may run
# ahead of ours by the quarter of an hour that the collector accepts.
_CALLS = """
SELECT {fields}
    count() AS calls, countIf(t.error_type != '') AS errors,
    sumIf(ifNull(t.usage_input_tokens, 0), t.usage_counted = 1) AS input_tokens,
    sumIf(ifNull(t.usage_output_tokens, 0), t.usage_counted = 1) AS output_tokens,
    sumIf(ifNull(t.cost_usd, 0), t.usage_counted = 1) AS cost_usd,
    sum(t.duration_s) AS duration_s_sum, sum(t.duration_s * t.duration_s) AS duration_s_sum_squares,
    quantilesTDigest(0.5, 0.95, 0.99)(t.duration_s) AS duration_s_quantiles,
    countIf(t.time_to_first_token_s IS NOT NULL) AS time_to_first_token_calls,
    quantilesTDigestIf(0.5, 0.95, 0.99)(assumeNotNull(t.time_to_first_token_s), t.time_to_first_token_s IS NOT NULL)
        AS time_to_first_token_s_quantiles
FROM (
    SELECT *, if(response_model != '', response_model, request_model) AS model FROM llm_calls
    WHERE day >= toDate({{start:DateTime('UTC')}}) - 1 AND day <= toDate({{end:DateTime('UTC')}}) + 1
        AND (trace_id, span_id) IN (
            SELECT trace_id, span_id FROM llm_calls_by_time
            WHERE received_at >= {{start:DateTime('UTC')}} - INTERVAL 15 MINUTE
                AND start_time >= {{start:DateTime('UTC')}} AND start_time < {{end:DateTime('UTC')}}
        )
) AS t
WHERE t.start_time >= {{start:DateTime('UTC')}} AND t.start_time < {{end:DateTime('UTC')}} {filters}
{group_by}
"""

_SCORES = """
SELECT {fields}
    count() AS scores, avg(t.value) AS mean, varSampStable(t.value) AS variance,
    quantiles(0.5, 0.95)(t.value) AS value_quantiles,
    multiIf({{side:String}} = 'above', countIf(t.value > {{line:Float64}}),
        {{side:String}} = 'below', countIf(t.value < {{line:Float64}}),
        countIf(t.label = {{label:String}})) AS matching
FROM (
    SELECT *, assumeNotNull(value) AS value FROM scores FINAL
    WHERE name = {{name:String}} AND isNotNull(scores.value) AND isFinite(scores.value)
        AND call_time >= {{start:DateTime('UTC')}} AND call_time < {{end:DateTime('UTC')}}
) AS t
WHERE 1 {filters}
{group_by}
"""


def call_measures(
    store: Store,
    *,
    start: datetime,
    end: datetime,
    filters: Mapping[str, Sequence[str]],
    group_by: Sequence[str],
    limit: int,
) -> list[dict[str, Any]]:
    """Every measure of the calls that started in a window.

    Whole minutes are read from the rollup, anything finer from the calls themselves.

    Args:
        store: where to ask.
        start: of the window, included; whole seconds.
        end: of the window, excluded; whole seconds.
        filters: field to accepted values, fields from `CALL_FIELDS`.
        group_by: fields from `CALL_FIELDS`. Without any there is exactly one row, of zeros where nothing was called.
        limit: most groups to return, those with most calls first.

    Returns:
        Rows with the group's fields, `groups` (how many there are), `calls`, `errors`, `input_tokens`, `output_tokens`,
        `cost_usd`, `duration_s_sum`, `duration_s_sum_squares`, `time_to_first_token_calls`, and
        `duration_s_quantiles`, `time_to_first_token_s_quantiles` ([p50, p95, p99], NaN without data).
    """
    whole_minutes = int(start.timestamp()) % 60 == 0 and int(end.timestamp()) % 60 == 0
    return _measure(
        store,
        _MINUTES if whole_minutes else _CALLS,
        allowed=CALL_FIELDS,
        size="calls",
        filters=filters,
        group_by=group_by,
        limit=limit,
        parameters={"start": start, "end": end},
    )


def score_measures(
    store: Store,
    *,
    name: str,
    start: datetime,
    end: datetime,
    filters: Mapping[str, Sequence[str]],
    group_by: Sequence[str],
    limit: int,
    above: float | None = None,
    below: float | None = None,
    label: str = "",
) -> list[dict[str, Any]]:
    """Every measure of one score, over the calls that started in a window. Unscored calls are left out.

    Args:
        store: where to ask.
        name: the score.
        start: of the window, included.
        end: of the window, excluded.
        filters: field to accepted values, fields from `SCORE_FIELDS`.
        group_by: fields from `SCORE_FIELDS`. Without any there is exactly one row.
        limit: most groups to return, those with most scores first.
        above: `matching` counts values greater than this.
        below: `matching` counts values less than this.
        label: `matching` counts this label, where neither `above` nor `below` is given.

    Returns:
        Rows with the group's fields, `groups`, `scores` (how many), `mean`, `variance` (of the sample, NaN below two),
        `value_quantiles` ([p50, p95]) and `matching`.
    """
    line = above if above is not None else below
    side = "above" if above is not None else "below" if below is not None else "label"
    parameters = {"name": name, "start": start, "end": end, "side": side, "line": line or 0.0, "label": label}
    return _measure(
        store,
        _SCORES,
        allowed=SCORE_FIELDS,
        size="scores",
        filters=filters,
        group_by=group_by,
        limit=limit,
        parameters=parameters,
    )


def _measure(
    store: Store,
    template: str,
    *,
    allowed: frozenset[str],
    size: str,
    filters: Mapping[str, Sequence[str]],
    group_by: Sequence[str],
    limit: int,
    parameters: Mapping[str, Any],
) -> list[dict[str, Any]]:
    unknown = {*filters, *group_by} - allowed
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}; allowed: {sorted(allowed)}")
    conditions = "".join(f" AND has({{filter_{field}:Array(String)}}, toString(t.{field}))" for field in filters)
    inner = template.format(
        fields="".join(f"t.{field} AS {field}, " for field in group_by),
        filters=conditions,
        group_by=f"GROUP BY {', '.join(f't.{field}' for field in group_by)}" if group_by else "",
    )
    order = ", ".join((f"{size} DESC", *group_by))
    sql = f"SELECT *, count() OVER () AS groups FROM ({inner}) ORDER BY {order} LIMIT {{limit:UInt32}}"
    bound = {**parameters, "limit": limit, **{f"filter_{field}": list(values) for field, values in filters.items()}}
    return store.query(sql, bound, settings=_LIMITS)
