"""Queries of the Review page: which calls a person should look at next, and what has been said so far."""

from dataclasses import dataclass
from typing import Any, Literal

from watchglass_store import Store
from watchglass_store.queries.pages import Scope, conditions
from watchglass_store.queries.score_versions import current

Order = Literal["lowest", "highest", "random", "newest"]


@dataclass(frozen=True, slots=True)
class Queue:
    """Which calls, in which order."""

    order: Order
    score: str = ""
    """Name of the score to go by; for lowest and highest."""
    label: str = "human_quality"
    """Name of the human score; calls that `evaluator` has given one are left out."""
    evaluator: str = ""
    seed: int = 0
    """Of the random order: the same calls in the same order for everybody with the same one."""


def score_names(store: Store, scope: Scope, *, limit: int = 200) -> list[str]:
    """Names of scores that calls of the scope have and that no person gave, most values first."""
    where, parameters = conditions(scope, "call_time", by_operation=False)
    rows = store.query(
        f"""
        SELECT name FROM scores WHERE {where} AND source != 'human' AND value IS NOT NULL
        GROUP BY name ORDER BY count() DESC, name LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )
    return [row["name"] for row in rows]


def queue(store: Store, scope: Scope, chosen: Queue, *, limit: int = 200) -> list[dict[str, Any]]:
    """Calls to look at, in order: trace_id, span_id, project, by_value (of the score in the order; None without)."""
    seen = (
        "(trace_id, span_id, project) NOT IN (SELECT trace_id, span_id, project FROM scores "
        "WHERE name = {label:String} AND evaluator = {evaluator:String} "
        "AND call_time >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC'))"
    )
    bound: dict[str, Any] = {"label": chosen.label, "evaluator": chosen.evaluator, "limit": limit}
    if chosen.order in ("lowest", "highest"):
        where, parameters = conditions(scope, "call_time", by_operation=False)
        where += " AND name = {score:String}"
        direction = "ASC" if chosen.order == "lowest" else "DESC"
        return store.query(
            f"""
            SELECT trace_id, span_id, project, any(scores.value) AS by_value FROM {current(where)}
            WHERE value IS NOT NULL AND {seen}
            GROUP BY trace_id, span_id, project ORDER BY by_value {direction}, trace_id, span_id, project
            LIMIT {{limit:UInt32}}
            """,
            {**parameters, **bound, "score": chosen.score},
        )
    # The environment and the model are not in this table: the page says that they do not narrow these orders.
    plain = Scope(scope.start, scope.end, scope.service, "", (), scope.operations)
    where, parameters = conditions(plain, "start_time")
    order = "received_at DESC" if chosen.order == "newest" else "cityHash64(trace_id, span_id, {seed:UInt32})"
    return store.query(
        f"""
        SELECT trace_id, span_id, project, CAST(NULL, 'Nullable(Float64)') AS by_value FROM llm_calls_by_time
        WHERE {where} AND received_at >= fromUnixTimestamp64Milli({{start_ms:Int64}} - 3600000, 'UTC') AND {seen}
        ORDER BY {order}, trace_id, span_id, project LIMIT 1 BY trace_id, span_id, project LIMIT {{limit:UInt32}}
        """,
        {**parameters, **bound, "seed": chosen.seed},
    )


def labels_given(store: Store, scope: Scope, label: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """What people said of the scope's calls: evaluator (who), given (the label), calls."""
    where, parameters = conditions(scope, "call_time", by_operation=False)
    where += " AND name = {label:String}"
    return store.query(
        f"""
        SELECT evaluator, label AS given, toInt64(count()) AS calls FROM {current(where)}
        WHERE source = 'human'
        GROUP BY evaluator, given ORDER BY calls DESC, evaluator, given LIMIT {{limit:UInt32}}
        """,
        {**parameters, "label": label, "limit": limit},
    )


def agreement(store: Store, scope: Scope, label: str) -> dict[str, int]:
    """How often people who labelled the same call agree: n_pairs, n_agreeing (pairs of people and calls)."""
    where, parameters = conditions(scope, "call_time", by_operation=False)
    where += " AND name = {label:String}"
    rows = store.query(
        f"""
        SELECT toInt64(sum(n * (n - 1) / 2)) AS n_pairs, toInt64(sum(same)) AS n_agreeing
        FROM (
            SELECT count() AS n, arraySum(x -> x * (x - 1) / 2, sumMap([label], [toUInt64(1)]).2) AS same
            FROM {current(where)} WHERE source = 'human'
            GROUP BY trace_id, span_id, project HAVING n > 1
        )
        """,
        {**parameters, "label": label},
    )
    return {"n_pairs": rows[0]["n_pairs"] or 0, "n_agreeing": rows[0]["n_agreeing"] or 0}
