"""Queries of the Evaluators page: what each evaluator did, how far it is, what it cost and where it failed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from watchglass_store import Store
from watchglass_store.queries.pages import HOURS, Scope, conditions, milliseconds

_MODEL = "if(response_model != '', response_model, request_model)"


def activity(store: Store, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """What each evaluator did in a time, all its versions together.

    Rows: evaluator, version (the newest), n_scored, n_unscored, n_errors, n_skipped, n_quarantined, cost (USD),
    busy_s (seconds of scoring), through_ms (calls that arrived up to here are done; Unix; None = no batch yet),
    waits_for ('' = it runs; one that is tried again in vain still waits).
    """
    return store.query(
        """
        WITH (event = 'batch' AND trace_id = '' AND scored + unscored + errors + skipped > 0)
            OR (event = 'backlog' AND calls = 0)
            OR (event = 'settings' AND JSONExtractBool(message, 'enabled') = 0) AS has_moved
        SELECT evaluator, argMax(evaluator_version, time) AS version,
               toInt64(sumIf(scored, event = 'batch')) AS n_scored,
               toInt64(sumIf(unscored, event = 'batch')) AS n_unscored,
               toInt64(countIf(event = 'error')) AS n_errors, toInt64(sumIf(skipped, event = 'batch')) AS n_skipped,
               toInt64(countIf(event = 'quarantine')) AS n_quarantined, sumIf(cost_usd, event = 'batch') AS cost,
               sumIf(duration_s, event = 'batch') AS busy_s,
               if(countIf(event = 'batch') = 0, NULL,
                  toUnixTimestamp64Milli(maxIf(watermark, event = 'batch'))) AS through_ms,
               if(maxIf(time, event = 'waiting') > maxIf(time, has_moved),
                  argMaxIf(message, time, event = 'waiting'), '') AS waits_for
        FROM evaluation_log
        WHERE time >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
          AND time < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
        GROUP BY evaluator ORDER BY evaluator LIMIT 200
        """,
        {"start_ms": milliseconds(start), "end_ms": milliseconds(end)},
    )


def backlogs(store: Store, through_ms: Sequence[int]) -> list[int]:
    """Calls to a model that arrived after each of these times (Unix, ms): how far behind an evaluator is.

    Calls that its sample or filter leaves out are among them.
    """
    if not through_ms:
        return []
    rows = store.query(
        """
        SELECT sumForEach(arrayMap(t -> toInt64(toUnixTimestamp64Milli(received_at) > t), {times:Array(Int64)}))
                   AS behind
        FROM llm_calls_by_time
        WHERE received_at > fromUnixTimestamp64Milli({first:Int64}, 'UTC')
          AND operation_name IN ('chat', 'text_completion', 'generate_content')
        """,
        {"times": list(through_ms), "first": min(through_ms)},
    )
    return [int(count) for count in rows[0]["behind"]] or [0] * len(through_ms)


def problems(store: Store, start: datetime, end: datetime, *, limit: int = 50) -> list[dict[str, Any]]:
    """The newest failed and quarantined evaluations: time_ms, evaluator, event, trace_id, span_id, project, why."""
    return store.query(
        """
        SELECT toUnixTimestamp64Milli(time) AS time_ms, evaluator, event, trace_id, span_id, project,
               substringUTF8(message, 1, 400) AS why
        FROM evaluation_log
        WHERE event IN ('error', 'quarantine') AND time >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
          AND time < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
        ORDER BY time DESC LIMIT {limit:UInt32}
        """,
        {"start_ms": milliseconds(start), "end_ms": milliseconds(end), "limit": limit},
    )


def verdicts(store: Store, evaluator: str, *, limit: int = 20) -> list[dict[str, Any]]:
    """What a judge said last: trace_id, span_id, project, value, label, why, version, time_ms (Unix) of the call."""
    return store.query(
        """
        SELECT trace_id, span_id, project, value, label, substringUTF8(explanation, 1, 400) AS why,
               evaluator_version AS version, toUnixTimestamp64Milli(call_time) AS time_ms
        FROM scores_by_day
        WHERE name = {evaluator:String} AND evaluator = {evaluator:String} AND call_time > now() - INTERVAL 7 DAY
        ORDER BY created_at DESC LIMIT {limit:UInt32}
        """,
        {"evaluator": evaluator, "limit": limit},
    )


def recent_calls(store: Store, scope: Scope, *, limit: int) -> list[dict[str, Any]]:
    """The newest answered calls to models, of the last 500 that arrived in the scope's time.

    Rows: trace_id, span_id, key_project, start_ms, received_ms (Unix), service_name, model.
    """
    where, parameters = conditions(scope, "start_time", model=f"({_MODEL})", by_operation=False)
    return store.query(
        f"""
        SELECT trace_id, span_id, key_project, toUnixTimestamp64Milli(c.start_time) AS start_ms,
               toUnixTimestamp64Milli(c.received_at) AS received_ms, service_name, {_MODEL} AS model
        FROM llm_calls AS c
        WHERE {where} AND {HOURS} AND prompt_text != '' AND response_text != '' AND service_name != 'watchglass-judge'
              AND (trace_id, span_id, key_project) IN (
            SELECT trace_id, span_id, project FROM llm_calls_by_time AS t
            WHERE t.received_at >= fromUnixTimestamp64Milli({{start_ms:Int64}}, 'UTC')
                  AND t.operation_name IN ('chat', 'text_completion', 'generate_content')
            ORDER BY t.received_at DESC LIMIT 500
        )
        ORDER BY c.start_time DESC, trace_id, span_id, key_project LIMIT {{limit:UInt8}}
        """,
        {**parameters, "limit": limit},
    )
