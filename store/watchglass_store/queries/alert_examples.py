"""The calls that made an alert's number what it is: a few of a window's worst, for links in messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries.alerting_measures import CALL_FIELDS, SCORE_FIELDS

ORDERS = frozenset({"", "duration_s", "time_to_first_token_s", "cost_usd", "usage_input_tokens", "usage_output_tokens"})
_LIMITS = {"max_execution_time": 1, "max_memory_usage": 1_000_000_000}
_TEXT = 300
"""Characters of prompt and answer that are returned."""

# Which calls, from their narrow columns; then those calls' texts by id.
_WORST = """
SELECT trace_id, span_id, key_project AS project, model, error_type, toFloat64({order}) AS value
FROM (
    SELECT *, if(response_model != '', response_model, request_model) AS model FROM llm_calls
    WHERE hour >= toStartOfHour({{start:DateTime('UTC')}}) AND hour < {{end:DateTime('UTC')}}
) AS t
WHERE {condition} {filters}
ORDER BY {sort} LIMIT {{limit:UInt32}}
"""

_WORST_SCORES = """
SELECT trace_id, span_id, project, value, label FROM scores AS t FINAL
WHERE t.name = {{name:String}} AND isNotNull(t.value) AND isFinite(t.value)
    AND t.call_time >= {{start:DateTime('UTC')}} AND t.call_time < {{end:DateTime('UTC')}}
    AND ({{label:String}} = '' OR t.label = {{label:String}}) {filters}
ORDER BY t.value {direction}, t.call_time DESC, t.trace_id, t.span_id, t.project LIMIT {{limit:UInt32}}
"""

_DETAILS = """
SELECT trace_id, span_id, key_project, start_time, if(response_model != '', response_model, request_model) AS model,
    error_type,
    substringUTF8(prompt_text, 1, {characters:UInt32}) AS prompt_text,
    substringUTF8(response_text, 1, {characters:UInt32}) AS response_text
FROM llm_calls
WHERE hour >= toStartOfHour({start:DateTime('UTC')}) AND hour < {end:DateTime('UTC')}
    AND (trace_id, span_id, key_project) IN {ids:Array(Tuple(String, String, String))}
"""


def worst_calls(
    store: Store,
    *,
    start: datetime,
    end: datetime,
    filters: Mapping[str, Sequence[str]],
    order: str,
    descending: bool,
    only_errors: bool,
    limit: int,
) -> list[dict[str, Any]]:
    """Calls of a window with the greatest or least value of a column, or the newest.

    Args:
        store: where to ask.
        start: of the window, included.
        end: of the window, excluded.
        filters: field to accepted values, fields from `alerting_measures.CALL_FIELDS`.
        order: a column from `ORDERS`; '' means the newest first.
        descending: greatest first.
        only_errors: leave out calls that did not fail.
        limit: most rows to return.

    Returns:
        Rows with `trace_id`, `span_id`, `key_project`, `start_time`, `model`, `error_type`, `value` (of `order`; None
        without one), `label` (''), and the beginnings of `prompt_text` and `response_text`.
    """
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r}; allowed: {sorted(ORDERS)}")
    conditions = ["t.start_time >= {start:DateTime('UTC')} AND t.start_time < {end:DateTime('UTC')}"]
    if order:
        conditions.append(f"isNotNull(t.{order})")
    if only_errors:
        conditions.append("t.error_type != ''")
    direction = "DESC" if descending else "ASC"
    sql = _WORST.format(
        order=f"t.{order}" if order else "NULL",
        condition=" AND ".join(conditions),
        filters=_filters(filters, CALL_FIELDS),
        sort=f"t.{order} {direction}, t.start_time DESC, t.trace_id, t.span_id, t.key_project"
        if order
        else "t.start_time DESC, t.trace_id, t.span_id, t.key_project",
    )
    return _with_details(store, sql, start=start, end=end, filters=filters, parameters={"limit": limit})


def worst_scores(
    store: Store,
    *,
    name: str,
    start: datetime,
    end: datetime,
    filters: Mapping[str, Sequence[str]],
    descending: bool,
    label: str,
    limit: int,
) -> list[dict[str, Any]]:
    """Calls of a window with the greatest or least score, or with a label; rows as `worst_calls` gives them.

    Args:
        store: where to ask.
        name: the score.
        start: of the window, included.
        end: of the window, excluded.
        filters: field to accepted values, fields from `alerting_measures.SCORE_FIELDS`.
        descending: greatest first.
        label: only scores with this label; '' = any.
        limit: most rows to return.
    """
    sql = _WORST_SCORES.format(filters=_filters(filters, SCORE_FIELDS), direction="DESC" if descending else "ASC")
    parameters = {"name": name, "label": label, "limit": limit}
    return _with_details(store, sql, start=start, end=end, filters=filters, parameters=parameters)


def _filters(filters: Mapping[str, Sequence[str]], allowed: frozenset[str]) -> str:
    unknown = set(filters) - allowed
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}; allowed: {sorted(allowed)}")
    return "".join(f" AND has({{filter_{field}:Array(String)}}, toString(t.{field}))" for field in filters)


def _with_details(
    store: Store,
    sql: str,
    *,
    start: datetime,
    end: datetime,
    filters: Mapping[str, Sequence[str]],
    parameters: Mapping[str, Any],
) -> list[dict[str, Any]]:
    window = {"start": start, "end": end}
    bound = {**parameters, **window, **{f"filter_{field}": list(values) for field, values in filters.items()}}
    worst = store.query(sql, bound, settings=_LIMITS)
    if not worst:
        return []
    ids = [(row["trace_id"], row["span_id"], row["project"]) for row in worst]
    details = store.query(_DETAILS, {**window, "ids": ids, "characters": _TEXT}, settings=_LIMITS)
    by_id = {(row["trace_id"], row["span_id"], row["key_project"]): row for row in details}
    return [
        {"label": row.get("label", ""), "value": row["value"], **by_id[call]}
        for row, call in zip(worst, ids, strict=True)
        if call in by_id
    ]
