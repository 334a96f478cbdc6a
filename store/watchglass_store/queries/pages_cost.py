"""Queries of the Cost and usage page, over the per-minute rollup; only spending by user looks at calls."""

from typing import Any, Literal

from watchglass_store import Store
from watchglass_store.queries.pages import MINUTES, Scope, conditions, rollup

Part = Literal["model", "service_name", "environment", "prompt_name", "operation_name"]
_PARTS: tuple[Part, ...] = ("model", "service_name", "environment", "prompt_name", "operation_name")
_SUMS = """
    toInt64(sum(calls)) AS n_calls, toInt64(sum(unpriced_calls)) AS n_unpriced,
    sum(input_tokens) AS n_input_tokens, sum(output_tokens) AS n_output_tokens, sum(cost_usd) AS total_cost_usd
"""


def spending(store: Store, scope: Scope, part: Part, *, limit: int = 50) -> list[dict[str, Any]]:
    """Calls, tokens and cost by one property, the dearest first.

    Args:
        store: The store.
        scope: Which calls.
        part: The property; keys of the rows: part ('' = not named), n_calls, n_unpriced (calls whose usage counts and
            whose cost nobody knows), n_input_tokens, n_output_tokens, total_cost_usd (of the calls with a price).
        limit: Most rows.

    Raises:
        ValueError: There is no such property.
    """
    if part not in _PARTS:
        raise ValueError(f"no spending by {part!r}")
    where, parameters = conditions(scope, "minute")
    return store.query(
        f"SELECT {part} AS part, {_SUMS} FROM {rollup()} WHERE {where} "
        "GROUP BY part ORDER BY total_cost_usd DESC, n_calls DESC, part LIMIT {limit:UInt32}",
        {**parameters, "limit": limit},
    )


def spending_over_time(store: Store, scope: Scope, part: Part, bucket_s: int, *, most: int = 7) -> list[dict[str, Any]]:
    """Cost by bucket and property; beyond the dearest `most` values everything is one, `is_rest`.

    Keys: bucket (Unix seconds), part, is_rest (0 or 1), cost_usd, n_tokens.

    Raises:
        ValueError: There is no such property.
    """
    if part not in _PARTS:
        raise ValueError(f"no spending by {part!r}")
    where, parameters = conditions(scope, "minute")
    return store.query(
        f"""
        WITH dearest AS (
            SELECT {part} FROM {rollup()} WHERE {where} GROUP BY {part}
            ORDER BY sum(cost_usd) DESC, sum(calls) DESC, {part} LIMIT {{most:UInt32}}
        )
        SELECT toInt64(intDiv(toUnixTimestamp(minute), {{bucket_s:UInt32}}) * {{bucket_s:UInt32}}) AS bucket,
               {part} NOT IN dearest AS is_rest, if(is_rest, '', {part}) AS part_name,
               sum(cost_usd) AS bucket_cost_usd, sum(input_tokens) + sum(output_tokens) AS n_tokens
        FROM llm_calls_1m WHERE {where}
        GROUP BY bucket, is_rest, part_name ORDER BY bucket, is_rest, part_name LIMIT 5000
        """,
        {**parameters, "bucket_s": bucket_s, "most": most},
    )


def daily_cost(store: Store, scope: Scope) -> list[dict[str, Any]]:
    """Cost of each UTC day of a scope: day (date), day_cost_usd, n_calls, n_unpriced; no row without calls."""
    where, parameters = conditions(scope, "minute")
    return store.query(
        f"""
        SELECT toDate(minute, 'UTC') AS day, sum(cost_usd) AS day_cost_usd, toInt64(sum(calls)) AS n_calls,
               toInt64(sum(unpriced_calls)) AS n_unpriced
        FROM {rollup()} WHERE {where} GROUP BY day ORDER BY day LIMIT 800
        """,
        parameters,
    )


def spending_by_user(store: Store, scope: Scope, *, limit: int = 20) -> list[dict[str, Any]]:
    """The dearest users: user ('' = not named), n_calls, n_unpriced, n_tokens, total_cost_usd (None = none priced)."""
    where, parameters = conditions(scope, "start_time", model="if(response_model != '', response_model, request_model)")
    return store.query(
        f"""
        SELECT user_id AS user, toInt64(count()) AS n_calls,
               toInt64(countIf(usage_counted = 1 AND counted_cost_usd IS NULL)) AS n_unpriced,
               toInt64(sumIf(ifNull(usage_input_tokens, 0) + ifNull(usage_output_tokens, 0), usage_counted = 1))
                   AS n_tokens,
               sum(counted_cost_usd) AS total_cost_usd
        FROM llm_figures WHERE {where} AND {MINUTES}
        GROUP BY user ORDER BY total_cost_usd DESC NULLS LAST, n_calls DESC, user LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )


def budgets(store: Store) -> list[dict[str, Any]]:
    """What judges spent this UTC day: evaluator, day_cost_usd, n_requests; nothing without judges."""
    return store.query(
        """
        SELECT evaluator, sum(spent) AS day_cost_usd, toInt64(count()) AS n_requests FROM (
            SELECT any(l.evaluator) AS evaluator,
                   if(countIf(l.event = 'settle') > 0, sumIf(l.cost_usd, l.event = 'settle'), max(l.cost_usd)) AS spent
            FROM judge_ledger AS l WHERE l.day = toDate(now(), 'UTC') GROUP BY l.request_id
        ) GROUP BY evaluator ORDER BY day_cost_usd DESC, evaluator LIMIT 50
        """
    )
