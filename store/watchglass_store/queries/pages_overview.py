"""Queries of the Overview page. They read the per-minute rollup, the scores and the alert log, never the calls."""

from dataclasses import replace
from typing import Any

from watchglass_store import Store
from watchglass_store.queries.pages import Scope, conditions, milliseconds, rollup
from watchglass_store.queries.quantiles import LEVELS_SQL
from watchglass_store.queries.score_versions import by_version, counted, current

_COUNTS = """
    toInt64(sum(calls)) AS n_calls, toInt64(sum(errors)) AS n_errors,
    sum(input_tokens) AS n_input_tokens, sum(output_tokens) AS n_output_tokens, sum(cost_usd) AS total_cost_usd,
    toInt64(sum(time_to_first_token_calls)) AS n_first_token,
"""
_MEASURES = f"""{_COUNTS}
    quantilesTDigestMerge(0.5, 0.95, 0.99)(duration_s_quantiles) AS duration_s,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(time_to_first_token_s_quantiles) AS first_token_s
"""
_TOTALS = f"""{_COUNTS}
    quantilesTDigestMerge({LEVELS_SQL})(duration_s_quantiles) AS duration_s_levels,
    quantilesTDigestMerge({LEVELS_SQL})(time_to_first_token_s_quantiles) AS first_token_s_levels
"""


def totals(store: Store, scope: Scope) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Sums and quantiles of the scope, and of the period of the same length before it (None = nothing then).

    Keys: n_calls, n_errors, n_input_tokens, n_output_tokens, total_cost_usd (0 = no call had a price),
    duration_s_levels and first_token_s_levels (seconds, for `quantiles.read`), n_first_token (calls behind the latter).
    """
    where, parameters = conditions(replace(scope, start=scope.start - (scope.end - scope.start)), "minute")
    rows = store.query(
        f"""
        SELECT minute >= fromUnixTimestamp64Milli({{split_ms:Int64}}, 'UTC') AS is_current, {_TOTALS}
        FROM {rollup(splits=True)} WHERE {where} GROUP BY is_current
        """,
        {**parameters, "split_ms": milliseconds(scope.start)},
    )
    by_period = {bool(row["is_current"]): row for row in rows}
    return by_period.get(True) or _NOTHING, by_period.get(False)


_NOTHING: dict[str, Any] = {
    "n_calls": 0,
    "n_errors": 0,
    "n_input_tokens": 0,
    "n_output_tokens": 0,
    "total_cost_usd": 0.0,
    "duration_s_levels": [],
    "n_first_token": 0,
    "first_token_s_levels": [],
}


def series(store: Store, scope: Scope, bucket_s: int) -> list[dict[str, Any]]:
    """The counts of `totals` over time, duration_s and first_token_s as [p50, p95, p99].

    One row per non-empty bucket, `bucket` = its start in Unix seconds.
    """
    where, parameters = conditions(scope, "minute")
    return store.query(
        f"""
        SELECT toInt64(intDiv(toUnixTimestamp(minute), {{bucket_s:UInt32}}) * {{bucket_s:UInt32}}) AS bucket,
               {_MEASURES}
        FROM llm_calls_1m WHERE {where} GROUP BY bucket ORDER BY bucket LIMIT 2000
        """,
        {**parameters, "bucket_s": bucket_s},
    )


def by_model(store: Store, scope: Scope, *, limit: int = 20) -> list[dict[str, Any]]:
    """The measures of `series` by service and model, most calls first."""
    where, parameters = conditions(scope, "minute")
    return store.query(
        f"""
        SELECT service_name, model, any(provider_name) AS provider, {_MEASURES}
        FROM {rollup()} WHERE {where}
        GROUP BY service_name, model ORDER BY n_calls DESC, service_name, model LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )


_SCORE = """
    toInt64(count(value)) AS n, toInt64(countIf(value IS NULL)) AS n_unscored,
    avg(value) AS mean, stddevSamp(value) AS deviation
"""


def scores(store: Store, scope: Scope, *, limit: int = 24) -> list[dict[str, Any]]:
    """Each score of the scope's calls by name and evaluator, most values first.

    A call that two versions of an evaluator scored counts once, with the later score.

    Keys: name, evaluator, direction, n, n_unscored, mean and deviation (None without values), previous_mean (of the
    period of the same length before; None without values there).
    """
    whole = replace(scope, start=scope.start - (scope.end - scope.start))
    where, parameters = conditions(whole, "call_time", by_operation=False)
    return by_version(
        store,
        lambda counts: (
            f"""
        SELECT name, evaluator, any(direction) AS better, toInt64(countIf(value IS NOT NULL AND is_current)) AS n,
               toInt64(countIf(value IS NULL AND is_current)) AS n_unscored,
               avgIf(value, is_current) AS mean, stddevSampIf(value, is_current) AS deviation,
               avgIf(value, NOT is_current) AS previous_mean, uniq(evaluator_version) AS n_versions
        FROM (
            SELECT name, evaluator, evaluator_version, direction, value,
                   call_time >= fromUnixTimestamp64Milli({{split_ms:Int64}}, 'UTC') AS is_current
            FROM {current(where)} WHERE {counts}
        )
        GROUP BY name, evaluator HAVING n + n_unscored > 0
        ORDER BY n DESC, name, evaluator LIMIT {{limit:UInt32}}
        """
        ),
        counted(where),
        {**parameters, "split_ms": milliseconds(scope.start), "limit": limit},
    )


def score_series(store: Store, scope: Scope, bucket_s: int) -> list[dict[str, Any]]:
    """Each score over time: name, evaluator, bucket (Unix seconds), n, mean, deviation; no row without values."""
    where, parameters = conditions(scope, "call_time", by_operation=False)
    return by_version(
        store,
        lambda counts: (
            f"""
        SELECT name, evaluator,
               toInt64(intDiv(toUnixTimestamp(toDateTime(call_time)), {{bucket_s:UInt32}})
                       * {{bucket_s:UInt32}}) AS bucket,
               {_SCORE}, uniq(evaluator_version) AS n_versions
        FROM {current(where)} WHERE {counts}
        GROUP BY name, evaluator, bucket HAVING n > 0 ORDER BY name, evaluator, bucket LIMIT 20000
        """
        ),
        counted(where),
        {**parameters, "bucket_s": bucket_s},
    )


def alerts(store: Store, *, limit: int = 100) -> list[dict[str, Any]]:
    """The latest state of each rule and label set that is not inactive, worst first; deleted rules left out.

    Keys: rule, rule_labels, last_state, last_severity, last_value, last_low, last_high, last_sample_size,
    last_threshold, last_since, last_reason.
    """
    return store.query(
        """
        SELECT rule, any(labels) AS rule_labels, argMax(state, (slot, time)) AS last_state,
               argMax(severity, (slot, time)) AS last_severity, argMax(tuple(value), (slot, time)).1 AS last_value,
               argMax(tuple(value_low), (slot, time)).1 AS last_low,
               argMax(tuple(value_high), (slot, time)).1 AS last_high,
               toInt64(argMax(sample_size, (slot, time))) AS last_sample_size,
               argMax(threshold, (slot, time)) AS last_threshold, argMax(since, (slot, time)) AS last_since,
               argMax(reason, (slot, time)) AS last_reason
        FROM alert_events
        WHERE kind = 'transition' AND rule NOT IN (
            SELECT name FROM alert_rules GROUP BY name HAVING argMax(deleted, version) = 1
        )
        GROUP BY rule, toJSONString(mapSort(labels))
        HAVING last_state IN ('firing', 'pending', 'no_data', 'error')
        ORDER BY last_state = 'firing' DESC, indexOf(['info', 'warning', 'critical'], last_severity) DESC,
                 last_since DESC LIMIT {limit:UInt32}
        """,
        {"limit": limit},
    )


def deliveries(store: Store, scope: Scope) -> list[dict[str, Any]]:
    """What became of the notifications decided in the scope's time, by channel.

    Keys: channel, delivered, retrying, failed, silenced, waiting (no outcome yet), last_error.
    """
    return store.query(
        """
        SELECT channel_name AS channel, toInt64(countIf(outcome = 'delivered')) AS delivered,
               toInt64(countIf(outcome = 'retry')) AS retrying, toInt64(countIf(outcome = 'failed')) AS failed,
               toInt64(countIf(outcome = 'silenced')) AS silenced,
               toInt64(countIf(outcome IN ('', 'sending'))) AS waiting,
               argMaxIf(problem, tried_at, outcome IN ('retry', 'failed')) AS last_error
        FROM (
            SELECT n.1 AS id, n.2 AS channel_name FROM alert_events ARRAY JOIN notifications AS n
            WHERE kind = 'transition' AND time >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        ) AS sent LEFT JOIN (
            SELECT notification_id, argMax(outcome, (time, attempt)) AS outcome,
                   argMax(error, (time, attempt)) AS problem, max(time) AS tried_at
            FROM alert_events
            WHERE kind = 'delivery' AND time >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
            GROUP BY notification_id
        ) AS tried ON sent.id = tried.notification_id
        GROUP BY channel_name ORDER BY channel_name LIMIT 50
        """,
        {"start_ms": milliseconds(scope.start)},
    )
