"""What rules watch besides calls and scores: drift monitors, and how far behind Watchglass itself was at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries.evaluation import BUDGET_SPENT

DRIFT_FIELDS = frozenset({"service_name", "model", "prompt_version", "method", "target"})
_LIMITS = {"max_execution_time": 30, "max_memory_usage": 1_000_000_000}

_EVALUATION = """
WITH
    batches AS (
        SELECT evaluator, evaluator_version, shard, watermark, time FROM evaluation_log
        WHERE event = 'batch' AND trace_id = '' AND time <= {at:DateTime('UTC')}
            AND time > {at:DateTime('UTC')} - INTERVAL 7 DAY
    ),
    latest AS (
        SELECT evaluator, argMax(b.evaluator_version, b.time) AS version,
            splitByChar('/', argMax(b.shard, b.time))[-1] AS shards
        FROM batches AS b GROUP BY evaluator
    ),
    done AS (
        SELECT evaluator, min(done) AS done FROM (
            SELECT b.evaluator AS evaluator, b.shard AS shard, max(b.watermark) AS done
            FROM batches AS b INNER JOIN latest AS l ON b.evaluator = l.evaluator
            WHERE b.evaluator_version = l.version AND splitByChar('/', b.shard)[-1] = l.shards
            GROUP BY evaluator, shard
        ) GROUP BY evaluator
    ),
    arrivals AS (
        SELECT max(received_at) AS newest, min(received_at) AS oldest, count() AS calls FROM llm_calls_by_time
        WHERE received_at > (SELECT min(d.done) FROM done AS d) AND received_at <= {at:DateTime('UTC')}
            AND operation_name IN ('chat', 'text_completion', 'generate_content')
        GROUP BY toStartOfSecond(received_at)
    )
SELECT d.evaluator AS evaluator, sumIf(a.calls, a.newest > d.done) AS waiting,
    if(waiting > 0, toUnixTimestamp64Milli(toDateTime64({at:DateTime('UTC')}, 3))
        - toUnixTimestamp64Milli(minIf(greatest(a.oldest, d.done), a.newest > d.done)), 0) / 1000 AS lag_s
FROM done AS d LEFT JOIN arrivals AS a ON 1 = 1
GROUP BY evaluator ORDER BY evaluator
"""

_WAITS = """
WITH
    told AS (
        SELECT evaluator, splitByChar('/', shard)[-1] AS shards, shard, time, event, message,
            (event = 'batch' AND scored + unscored + errors + skipped > 0) OR (event = 'backlog' AND calls = 0)
                OR (event = 'settings' AND JSONExtractBool(message, 'enabled') = 0) AS has_moved
        FROM evaluation_log
        WHERE event IN ('waiting', 'batch', 'backlog', 'settings') AND trace_id = ''
            AND match(shard, '^[0-9]+/[0-9]+$')
            AND time <= {at:DateTime('UTC')} AND time > {at:DateTime('UTC')} - INTERVAL 7 DAY
    ),
    latest AS (SELECT evaluator, argMax(t.shards, t.time) AS shards FROM told AS t GROUP BY evaluator),
    waits AS (
        SELECT t.evaluator AS evaluator, t.shard AS shard, maxIf(t.time, t.has_moved) AS moved,
            arrayFilter(w -> w > moved, groupArrayIf(t.time, t.event = 'waiting')) AS since,
            argMaxIf(t.message, t.time, t.event = 'waiting') AS why
        FROM told AS t INNER JOIN latest AS l ON t.evaluator = l.evaluator
        WHERE t.shards = l.shards GROUP BY evaluator, shard HAVING countIf(t.event != 'settings') > 0
    )
SELECT evaluator, waiting, multiIf(waiting = 0, '', startsWith(why, {budget:String}), 'budget', 'other') AS reason,
    lag_s
FROM (
    SELECT evaluator, toInt64(countIf(notEmpty(since)) > 0) AS waiting,
        argMaxIf(w.why, arrayMax(w.since), notEmpty(w.since)) AS why,
        maxIf((toUnixTimestamp64Milli(toDateTime64({at:DateTime('UTC')}, 3))
            - toUnixTimestamp64Milli(arrayMin(w.since))) / 1000, notEmpty(w.since)) AS lag_s
    FROM waits AS w GROUP BY evaluator
) ORDER BY evaluator
"""

_DELIVERY = """
WITH
    owed AS (
        SELECT n.1 AS id, n.2 AS channel, t.time AS time FROM (
            SELECT time, notifications FROM alert_events
            WHERE kind = 'transition' AND time <= {at:DateTime('UTC')} AND time > {at:DateTime('UTC')} - INTERVAL 7 DAY
        ) AS t ARRAY JOIN t.notifications AS n
    ),
    settled AS (
        SELECT notification_id FROM alert_events AS d
        WHERE d.kind = 'delivery' AND d.time <= {at:DateTime('UTC')} AND d.time > {at:DateTime('UTC')} - INTERVAL 7 DAY
        GROUP BY notification_id
        HAVING countIf(d.outcome IN ('delivered', 'failed', 'dropped')) > 0
            OR argMax(d.outcome, (d.attempt, d.outcome != 'sending', d.time)) IN ('silenced', 'inhibited')
    )
SELECT channel, count() AS waiting,
    (toUnixTimestamp64Milli(toDateTime64({at:DateTime('UTC')}, 3)) - toUnixTimestamp64Milli(min(o.time))) / 1000
        AS lag_s
FROM owed AS o WHERE id NOT IN (SELECT notification_id FROM settled)
GROUP BY channel ORDER BY channel
"""


def evaluation_lags(store: Store, at: datetime) -> list[dict[str, Any]]:
    """How far each evaluator that ran within a week was behind at a time.

    Returns:
        Rows with `evaluator`, `waiting` (model calls that had arrived and were not yet passed) and `lag_s` (how long
        ago the oldest of them had arrived; 0 where none waits).
    """
    return store.query(_EVALUATION, {"at": at}, settings=_LIMITS)


def evaluator_waits(store: Store, at: datetime) -> list[dict[str, Any]]:
    """Which evaluators could not run at a time, of those that were heard of within a week.

    Returns:
        Rows with `evaluator`, `waiting` (1 where it could not run), `reason` ('budget', 'other', or '' where it ran)
        and `lag_s` (since when, in seconds; 0 where it ran). One that is tried again in vain still waits.
    """
    return store.query(_WAITS, {"at": at, "budget": BUDGET_SPENT}, settings=_LIMITS)


def delivery_lags(store: Store, at: datetime) -> list[dict[str, Any]]:
    """How far delivery was behind at a time, for each channel that was owed something; silenced ones do not count.

    Returns:
        Rows with `channel`, `waiting` (notifications) and `lag_s` (how long ago the oldest of them was decided).
    """
    return store.query(_DELIVERY, {"at": at}, settings=_LIMITS)


def drift_results(
    store: Store,
    monitor: str,
    *,
    start: datetime,
    end: datetime,
    filters: Mapping[str, Sequence[str]],
    group_by: Sequence[str],
    limit: int,
) -> list[dict[str, Any]]:
    """A drift monitor's latest results in a window, by group; where a group holds several, the worst of them.

    Args:
        store: where to ask.
        monitor: its name.
        start: results about times after this.
        end: results about times up to this.
        filters: field to accepted values, fields from `DRIFT_FIELDS`.
        group_by: fields from `DRIFT_FIELDS`.
        limit: most groups to return.

    Returns:
        Rows with the group's fields, `groups` (how many there are), `calls` (compared), `alarm` (0, 1 or NULL where
        nothing could be computed), `p_value` (the smallest) and `distance` (the largest), NULL where there is none.
    """
    unknown = {*filters, *group_by} - DRIFT_FIELDS
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}; allowed: {sorted(DRIFT_FIELDS)}")
    fields = "".join(f"d.{field} AS {field}, " for field in group_by)
    keys = ", ".join(f"d.{field}" for field in group_by)
    accepts = "".join(f" AND has({{filter_{field}:Array(String)}}, toString({field}))" for field in filters)
    sql = f"""
        SELECT *, count() OVER () AS groups FROM (
            SELECT {fields} sum(d.current_calls) AS calls, maxIf(toNullable(d.alarm), d.value IS NOT NULL) AS alarm,
                minIf(d.value, d.value_kind = 'p_value') AS p_value,
                maxIf(d.value, d.value_kind = 'distance') AS distance
            FROM (
                SELECT * FROM drift_results
                WHERE monitor = {{monitor:String}} AND kind IN ('window', 'live')
                    AND window_end > {{start:DateTime('UTC')}} AND window_end <= {{end:DateTime('UTC')}} {accepts}
                ORDER BY window_end DESC, created_at DESC
                LIMIT 1 BY kind, method, target, service_name, model, prompt_version
            ) AS d
            {f"GROUP BY {keys}" if keys else "HAVING count() > 0"}
        ) ORDER BY {", ".join(("calls DESC", *group_by))} LIMIT {{limit:UInt32}}
    """
    bound = {"monitor": monitor, "start": start, "end": end, "limit": limit}
    bound |= {f"filter_{field}": list(values) for field, values in filters.items()}
    return store.query(sql, bound, settings=_LIMITS)
