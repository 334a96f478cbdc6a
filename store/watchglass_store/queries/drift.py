"""What drift monitors read: samples of calls and of scores, calls as they arrive, and what was found before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries.evaluation import BY_KEY, CallId, CallKey, milliseconds

_DURING = """>= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
          AND {column} < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')"""
_HOUR_OF_WEEK = "(toDayOfWeek({column}, 1, 'UTC') * 24 + toHour({column}, 'UTC'))"

Group = tuple[str, str, str]
"""(service_name, model, prompt_version)"""


def sample_ids(
    store: Store,
    *,
    since: datetime,
    until: datetime,
    operations: Sequence[str],
    services: Sequence[str],
    hours: Sequence[int],
    limit: int,
) -> list[dict[str, Any]]:
    """Calls in the order of a hash of their ids: any first few are a random sample, and always the same one.

    Args:
        store: where from.
        since: earliest arrival, inclusive.
        until: latest arrival, exclusive.
        operations: values of operation_name.
        services: values of service_name; empty = all.
        hours: hours of the week, 0 = Monday 00 to 01 UTC; empty = all.
        limit: the most rows.

    Returns:
        Rows with trace_id, span_id, project, start_time and received_at; a call that came in pieces is there once.
    """
    return store.query(
        f"""
        SELECT trace_id, span_id, project, max(c.start_time) AS start_time, max(c.received_at) AS received_at
        FROM llm_calls_by_time AS c
        WHERE c.received_at {_DURING.replace("{column}", "c.received_at")}
          AND operation_name IN {{operations:Array(String)}}
          AND (empty({{services:Array(String)}}) OR service_name IN {{services:Array(String)}})
          AND (empty({{hours:Array(UInt8)}})
               OR {_HOUR_OF_WEEK.replace("{column}", "c.received_at")} IN {{hours:Array(UInt8)}})
        GROUP BY trace_id, span_id, project
        ORDER BY cityHash64(trace_id, span_id), trace_id, span_id, project
        LIMIT {{limit:UInt32}}
        """,
        {
            "since_ms": milliseconds(since),
            "until_ms": milliseconds(until),
            "operations": list(operations),
            "services": list(services),
            "hours": list(hours),
            "limit": limit,
        },
    )


def count_calls(store: Store, *, since: datetime, until: datetime, operations: Sequence[str]) -> int:
    """Calls of some operations that arrived in [since, until); one that came in pieces may count twice."""
    rows = store.query(
        f"""
        SELECT count() AS calls FROM llm_calls_by_time AS c
        WHERE c.received_at {_DURING.replace("{column}", "c.received_at")}
          AND operation_name IN {{operations:Array(String)}}
        """,
        {"since_ms": milliseconds(since), "until_ms": milliseconds(until), "operations": list(operations)},
    )
    return int(rows[0]["calls"])


def call_texts(store: Store, keys: Sequence[CallKey], *, column: str, longest: int) -> list[dict[str, Any]]:
    """One text of some calls that went well.

    Args:
        store: where from.
        keys: which calls, about 500: they travel in the request's address.
        column: prompt_text or response_text.
        longest: texts are cut to this many characters.

    Returns:
        Rows with trace_id, span_id, project, received_at, service_name, model, prompt_version and text; no empty texts.
    """
    assert column in ("prompt_text", "response_text")
    return store.query(
        f"""
        SELECT trace_id, span_id, key_project AS project, received_at, service_name, prompt_version,
               if(response_model != '', response_model, request_model) AS model,
               leftUTF8({column}, {{longest:UInt32}}) AS text
        FROM llm_calls
        WHERE {BY_KEY}
          AND error_type = '' AND text != ''
        """,
        {"keys": list(keys), "longest": longest},
    )


def sample_scores(
    store: Store,
    name: str,
    *,
    since: datetime,
    until: datetime,
    services: Sequence[str],
    models: Sequence[str],
    prompt_versions: Sequence[str],
    hours: Sequence[int],
    limit: int,
) -> list[dict[str, Any]]:
    """Values of one score, in the order of a hash of the calls' ids.

    Args:
        store: where from.
        name: the score.
        since: earliest start of the call, inclusive.
        until: latest start of the call, exclusive.
        services: values of service_name; empty = all; so for models and prompt_versions.
        models: see services.
        prompt_versions: see services.
        hours: hours of the week, 0 = Monday 00 to 01 UTC; empty = all.
        limit: the most rows.

    Returns:
        Rows with trace_id, span_id, project, received_at (when the call began), service_name, model, prompt_version
        and value.
    """
    return store.query(
        f"""
        SELECT trace_id, span_id, project, s.call_time AS received_at, service_name, model,
               prompt_version, s.value AS value
        FROM scores AS s FINAL
        WHERE name = {{name:String}} AND s.value IS NOT NULL AND isFinite(assumeNotNull(s.value))
          AND s.call_time {_DURING.replace("{column}", "s.call_time")}
          AND (empty({{services:Array(String)}}) OR service_name IN {{services:Array(String)}})
          AND (empty({{models:Array(String)}}) OR model IN {{models:Array(String)}})
          AND (empty({{versions:Array(String)}}) OR prompt_version IN {{versions:Array(String)}})
          AND (empty({{hours:Array(UInt8)}})
               OR {_HOUR_OF_WEEK.replace("{column}", "s.call_time")} IN {{hours:Array(UInt8)}})
        ORDER BY cityHash64(trace_id, span_id), trace_id, span_id, project, evaluator,
                 evaluator_version
        LIMIT {{limit:UInt32}}
        """,
        {
            "name": name,
            "since_ms": milliseconds(since),
            "until_ms": milliseconds(until),
            "services": list(services),
            "models": list(models),
            "versions": list(prompt_versions),
            "hours": list(hours),
            "limit": limit,
        },
    )


def new_scores(
    store: Store, name: str, *, since: datetime, until: datetime, after: CallId, limit: int
) -> list[dict[str, Any]]:
    """Values of one score in the order they were written in.

    Args:
        store: where from.
        name: the score.
        since: earliest writing, inclusive.
        until: latest writing, inclusive.
        after: of those written exactly at `since`, only the calls behind this one.
        limit: the most rows.

    Returns:
        Rows with trace_id, span_id, project, received_at (when it was written), service_name, model, prompt_version
        and value.
    """
    return store.query(
        """
        SELECT trace_id, span_id, project, s.created_at AS received_at, service_name, model,
               prompt_version, s.value AS value
        FROM scores AS s FINAL
        WHERE name = {name:String} AND s.value IS NOT NULL AND isFinite(assumeNotNull(s.value))
          AND s.call_time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') - INTERVAL 2 DAY
          AND s.created_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
          AND s.created_at <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
          AND (s.created_at > fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
               OR (trace_id, span_id, project) > ({after_trace:String}, {after_span:String}, {after_project:String}))
        ORDER BY s.created_at, trace_id, span_id, project
        LIMIT {limit:UInt32}
        """,
        {
            "name": name,
            "since_ms": milliseconds(since),
            "until_ms": milliseconds(until),
            "after_trace": after[0],
            "after_span": after[1],
            "after_project": after[2],
            "limit": limit,
        },
    )


def last_windows(store: Store, monitor: str, version: str) -> list[dict[str, Any]]:
    """The end of the last judged window, and the number of judged ones; no row when there is none."""
    return store.query(
        """
        SELECT max(r.window_end) AS window_end, uniqExact(r.window_end) AS windows FROM drift_results AS r
        WHERE monitor = {monitor:String} AND monitor_version = {version:String} AND kind = 'window'
        HAVING windows > 0
        """,
        {"monitor": monitor, "version": version},
    )


def live_states(store: Store, monitor: str, version: str) -> list[dict[str, Any]]:
    """The newest baseline of each group and the live rows since, oldest first: what a detector is remade from.

    Returns:
        Rows with service_name, model, prompt_version, kind, created_at, window_end, reference_calls, reference_start,
        reference_end and state.
    """
    return store.query(
        """
        SELECT service_name, model, prompt_version, r.kind AS kind, r.created_at AS created_at,
               r.window_end AS window_end, r.reference_calls AS reference_calls,
               r.reference_start AS reference_start, r.reference_end AS reference_end, r.state AS state
        FROM drift_results AS r
        INNER JOIN (
            SELECT service_name, model, prompt_version, max(b.created_at) AS since FROM drift_results AS b
            WHERE monitor = {monitor:String} AND monitor_version = {version:String} AND b.kind = 'baseline'
            GROUP BY service_name, model, prompt_version
        ) AS newest USING (service_name, model, prompt_version)
        WHERE monitor = {monitor:String} AND monitor_version = {version:String}
          AND r.kind IN ('baseline', 'live') AND r.state != '' AND r.created_at >= newest.since
        ORDER BY r.created_at, r.kind
        """,
        {"monitor": monitor, "version": version},
    )


def append(store: Store, rows: Sequence[dict[str, Any]], *, deduplication_token: str) -> None:
    """Add results, all or none of them; a token that was used before changes nothing."""
    store.insert("drift_results", rows, deduplication_token=deduplication_token)
