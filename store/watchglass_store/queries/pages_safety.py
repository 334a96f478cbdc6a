"""Queries of the Safety page: how many calls each safety check flags, of which kind, and which calls."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from watchglass_store import Store
from watchglass_store.queries.pages import Scope, conditions, newest_first
from watchglass_store.queries.score_versions import current

#: Score -> value from which on a call counts as flagged. Shares of probability, or a number of findings.
LIMITS: dict[str, float] = {
    "toxicity": 0.5,
    "severe_toxicity": 0.5,
    "obscene": 0.5,
    "threat": 0.5,
    "insult": 0.5,
    "identity_attack": 0.5,
    "profanity": 0.5,
    "prompt_injection": 0.5,
    "pii": 1.0,
    "pii_prompt": 1.0,
    "secrets": 1.0,
    "secrets_prompt": 1.0,
    "refusal": 0.5,
}


Versions = Sequence[tuple[str, str, str]]
"""(name, evaluator, version) of each check: only these count."""


def newest(store: Store, scope: Scope, limits: Mapping[str, float] = LIMITS) -> list[tuple[str, str, str]]:
    """The newest version of each check that scored calls of the scope, for the other questions."""
    where, parameters = conditions(scope, "call_time", by_operation=False)
    rows = store.query(
        f"""
        SELECT name, evaluator, argMax(evaluator_version, created_at) AS version FROM scores
        WHERE {where} AND name IN {{names:Array(String)}} GROUP BY name, evaluator ORDER BY name, evaluator LIMIT 100
        """,
        {**parameters, "names": list(limits)},
    )
    return [(row["name"], row["evaluator"], row["version"]) for row in rows]


def flag_series(
    store: Store, scope: Scope, versions: Versions, bucket_s: int, limits: Mapping[str, float] = LIMITS
) -> list[dict[str, Any]]:
    """What each check flagged over time.

    Rows: name, evaluator, bucket (start, Unix seconds), n (scored calls), n_flagged, n_unscored.
    """
    where, parameters = _where(scope, versions, limits)
    return store.query(
        f"""
        SELECT name, evaluator,
               toInt64(intDiv(toUnixTimestamp(toDateTime(call_time)), {{bucket_s:UInt32}})
                       * {{bucket_s:UInt32}}) AS bucket,
               toInt64(count(value)) AS n, toInt64(countIf({_IS_FLAGGED})) AS n_flagged,
               toInt64(countIf(value IS NULL)) AS n_unscored
        FROM {current(where)}
        GROUP BY name, evaluator, bucket ORDER BY name, evaluator, bucket LIMIT 20000
        """,
        {**parameters, "bucket_s": bucket_s},
    )


def flags(series: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each check flagged in all, most flagged first: `flag_series` without its buckets."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in series:
        key = row["name"], row["evaluator"]
        total = found.setdefault(key, {"name": key[0], "evaluator": key[1], "n": 0, "n_flagged": 0, "n_unscored": 0})
        for column in ("n", "n_flagged", "n_unscored"):
            total[column] += row[column]
    return sorted(found.values(), key=lambda row: (-row["n_flagged"], row["name"], row["evaluator"]))


def kinds(
    store: Store, scope: Scope, versions: Versions, limits: Mapping[str, float] = LIMITS, *, limit: int = 30
) -> list[dict[str, Any]]:
    """Labels of flagged calls by check, the commonest first: name, kind, calls. One with two kinds counts in both."""
    where, parameters = _where(scope, versions, limits)
    return store.query(
        f"""
        SELECT name, arrayJoin(splitByString(', ', label)) AS kind, toInt64(count()) AS calls
        FROM {current(where)} WHERE {_IS_FLAGGED} AND label != ''
        GROUP BY name, kind ORDER BY calls DESC, name, kind LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )


def flagged_calls(
    store: Store, scope: Scope, versions: Versions, limits: Mapping[str, float] = LIMITS, *, limit: int = 50
) -> list[dict[str, Any]]:
    """The newest flagged calls: trace_id, span_id, project, time_ms (Unix), service, call_model, found (the checks)."""
    rows: list[dict[str, Any]] = []
    for hours in newest_first(scope):
        where, parameters = _where(hours, versions, limits)
        rows = store.query(
            f"""
            SELECT trace_id, span_id, project, toUnixTimestamp64Milli(max(call_time)) AS time_ms,
                   any(service_name) AS service, any(scores.model) AS call_model,
                   arraySort(groupUniqArray(name)) AS found
            FROM {current(where)} WHERE {_IS_FLAGGED}
            GROUP BY trace_id, span_id, project ORDER BY time_ms DESC, trace_id, span_id, project
            LIMIT {{limit:UInt32}}
            """,
            {**parameters, "limit": limit},
        )
        if len(rows) == limit:
            break
    return rows


_IS_FLAGGED = "ifNull(value >= transform(name, {names:Array(String)}, {limits:Array(Float64)}, inf), 0)"


def _where(scope: Scope, versions: Versions, limits: Mapping[str, float]) -> tuple[str, dict[str, Any]]:
    where, parameters = conditions(scope, "call_time", by_operation=False)
    where += (
        " AND name IN {names:Array(String)}"
        " AND (name, evaluator, evaluator_version) IN {versions:Array(Tuple(String, String, String))}"
    )
    return where, {
        **parameters, "names": list(limits), "limits": list(limits.values()), "versions": list(versions)
    }  # fmt: skip
