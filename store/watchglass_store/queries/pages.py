"""What the dashboard's pages have in common: the slice of calls they look at, and how fresh the data is.

The queries themselves are in `pages_overview`, `pages_traces` and `pages_trace`. All are fixed templates: what a
viewer chooses is bound as a parameter, results are limited, and numbers come back signed.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from watchglass_store import Store


@dataclass(frozen=True, slots=True)
class Scope:
    """The calls a page is about. Empty text and empty tuples mean "all"."""

    start: datetime
    """Inclusive, timezone-aware."""
    end: datetime
    """Exclusive, timezone-aware."""
    service: str = ""
    environment: str = ""
    models: tuple[str, ...] = ()
    operations: tuple[str, ...] = field(default=())
    prompt_version: str = ""


_LOOK_BACK = (timedelta(hours=1), timedelta(hours=6))


def newest_first(scope: Scope) -> list[Scope]:
    """The last hours of a scope, more of them, all of it: where the newest are looked for, until there are enough."""
    last_hours = [scope.end - back for back in _LOOK_BACK]
    return [*(replace(scope, start=start) for start in last_hours if start > scope.start), scope]


def milliseconds(moment: datetime) -> int:
    """Unix time in milliseconds: how times are bound, so that no client's time zone takes part."""
    return round(moment.timestamp() * 1000)


def conditions(
    scope: Scope, time: str, *, model: str = "model", by_operation: bool = True
) -> tuple[str, dict[str, Any]]:
    """The WHERE of a scope and its parameters.

    Args:
        scope: What to keep.
        time: The table's time column, e.g. `minute`; from our code, never from a viewer.
        model: Expression of the table's model column, from our code.
        by_operation: False where the table has no operation_name.
    """
    parts = [
        f"{time} >= fromUnixTimestamp64Milli({{start_ms:Int64}}, 'UTC')",
        f"{time} < fromUnixTimestamp64Milli({{end_ms:Int64}}, 'UTC')",
    ]
    parameters: dict[str, Any] = {"start_ms": milliseconds(scope.start), "end_ms": milliseconds(scope.end)}
    if scope.service:
        parts.append("service_name = {service:String}")
        parameters["service"] = scope.service
    if scope.environment:
        parts.append("environment = {environment:String}")
        parameters["environment"] = scope.environment
    if scope.prompt_version:
        parts.append("prompt_version = {prompt_version:String}")
        parameters["prompt_version"] = scope.prompt_version
    if scope.models:
        parts.append(f"{model} IN {{models:Array(String)}}")
        parameters["models"] = list(scope.models)
    if scope.operations and by_operation:
        parts.append("operation_name IN {operations:Array(String)}")
        parameters["operations"] = list(scope.operations)
    return " AND ".join(parts), parameters


HOURS = (
    "hour >= toStartOfHour(fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')) "
    "AND hour < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')"
)
"""Condition on `llm_calls`, which is sorted by hour; the parameters are those of `conditions`."""

MINUTES = HOURS + (
    " AND minute >= toStartOfMinute(fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')) "
    "AND minute < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')"
)
"""The same for `llm_figures`, which is sorted by minute within the hour."""


def rollup(*, splits: bool = False) -> str:
    """A FROM with the columns of `llm_calls_1m` for a scope: whole hours by the hour, what is left by the minute.

    Its `minute` is the start of an hour or of a minute: for sums over the whole scope, not for a course with points
    shorter than an hour. The parameters are those of `conditions`.

    Args:
        splits: The scope is divided at `split_ms` (Unix), and the hour it is in must be divided too.
    """
    start, end = "fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')", "fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')"
    first = f"toStartOfHour({start} + toIntervalMillisecond(3599999))"
    hours = f"{{time}} >= {first} AND {{time}} < toStartOfHour({end})"
    if splits:
        split = "fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC')"
        hours += f" AND (toStartOfHour({{time}}) != toStartOfHour({split}) OR toStartOfHour({split}) = {split})"
    columns = f"{_GROUP}, {_SUMS}"
    return f"""(
        SELECT hour AS minute, {columns} FROM llm_calls_1h WHERE {hours.replace("{time}", "hour")}
        UNION ALL
        SELECT minute, {columns} FROM llm_calls_1m
        WHERE minute >= {start} AND minute < {end} AND NOT ({hours.replace("{time}", "minute")})
    )"""


_GROUP = "service_name, environment, operation_name, provider_name, model, prompt_name, prompt_version"
_SUMS = (
    "calls, errors, input_tokens, output_tokens, cost_usd, unpriced_calls, duration_s_sum, duration_s_sum_squares, "
    "duration_s_quantiles, time_to_first_token_calls, time_to_first_token_s_quantiles"
)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How current the tables are."""

    last_received: datetime | None
    """Arrival of the newest call; None = no call was ever stored."""
    lag_s: float | None
    """Median seconds from a call's start to its arrival, of the newest 200 calls."""
    spans: int
    """Spans stored, whether or not they are calls to a model."""
    scored_through: datetime | None
    """Calls that arrived up to here have been seen by every evaluator that ran in the last day; None = none ran."""
    backlog: int
    """Calls that arrived after `scored_through`."""
    evaluation_errors: int
    """Failed or quarantined evaluations in the last day."""
    quarantined: int = 0
    """Spans and log records that the store could not take in the last day: in quarantine, or refused by it."""


def freshness(store: Store) -> Freshness:
    """How current the tables are, from their ends only: the cost does not grow with the tables."""
    newest = store.query(
        """
        SELECT max(received_at) AS last_received, count() AS calls,
               quantile(0.5)((toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(start_time)) / 1000) AS lag_s
        FROM (SELECT received_at, start_time FROM llm_calls_by_time ORDER BY received_at DESC LIMIT 200)
        """
    )[0]
    spans = store.query("SELECT toInt64(count()) AS spans FROM otel_traces")[0]["spans"]
    evaluators = store.query(
        """
        SELECT min(seen) AS scored_through, toInt64(sum(failed)) AS failed, count() AS evaluators
        FROM (
            SELECT evaluator, maxIf(watermark, event = 'batch') AS seen,
                   countIf(event IN ('error', 'quarantine')) AS failed
            FROM evaluation_log WHERE time > now() - INTERVAL 1 DAY
            GROUP BY evaluator HAVING seen > toDateTime64(0, 3)
        )
        """
    )[0]
    through = evaluators["scored_through"] if evaluators["evaluators"] else None
    backlog = 0
    if through is not None:
        backlog = store.query(
            "SELECT toInt64(count()) AS calls FROM llm_calls_by_time "
            "WHERE received_at > fromUnixTimestamp64Milli({through_ms:Int64}, 'UTC')",
            {"through_ms": milliseconds(through)},
        )[0]["calls"]
    refused = store.query(
        "SELECT toInt64(sum(quarantined + rejected)) AS n FROM collector_ledger WHERE hour > now() - INTERVAL 1 DAY"
    )[0]["n"]
    has_calls = bool(newest["calls"])
    return Freshness(
        last_received=newest["last_received"] if has_calls else None,
        lag_s=max(0.0, newest["lag_s"]) if has_calls else None,
        spans=spans,
        scored_through=through,
        backlog=backlog,
        evaluation_errors=evaluators["failed"],
        quarantined=refused,
    )


CHOICES = ("service_name", "environment", "model", "prompt_version")
"""Columns that pages filter by."""


def choices(store: Store, start: datetime, *, limit: int = 500) -> dict[str, list[str]]:
    """Values of each of `CHOICES`, most used first.

    Args:
        store: The store.
        start: Only what was called since; the hour it is in counts whole.
        limit: Most values of one column.
    """
    parts = " UNION ALL ".join(
        f"(SELECT '{column}' AS named, toString({column}) AS choice, sum(calls) AS n FROM llm_calls_1h "
        f"WHERE hour >= toStartOfHour(fromUnixTimestamp64Milli({{start_ms:Int64}}, 'UTC')) AND {column} != '' "
        f"GROUP BY choice ORDER BY n DESC, choice LIMIT {{limit:UInt32}})"
        for column in CHOICES
    )
    rows = store.query(parts, {"start_ms": milliseconds(start), "limit": limit})
    rows.sort(key=lambda row: (-row["n"], row["choice"]))
    return {column: [row["choice"] for row in rows if row["named"] == column] for column in CHOICES}
