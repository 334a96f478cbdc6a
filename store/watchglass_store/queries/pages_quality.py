"""Queries of the Quality page: one version of one score, over time, by value, by slice, and its worst examples.

A score is named by (name, evaluator, version): versions are series of their own and never mixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from watchglass_store import Store
from watchglass_store.queries.pages import Scope, conditions, milliseconds
from watchglass_store.queries.score_versions import by_version, current

Slice = Literal["service_name", "model", "environment", "prompt_version"]
SLICES: tuple[Slice, ...] = ("service_name", "model", "environment", "prompt_version")

_SCORE = """
    toInt64(count(value)) AS n, toInt64(countIf(value IS NULL)) AS n_unscored,
    avg(value) AS mean, stddevSamp(value) AS deviation
"""
_ONE = "name = {name:String} AND evaluator = {evaluator:String} AND evaluator_version = {version:String}"


@dataclass(frozen=True, slots=True)
class ScoreKey:
    """Which series."""

    name: str
    evaluator: str
    version: str


def score_list(store: Store, scope: Scope, *, names: Sequence[str] = (), limit: int = 200) -> list[dict[str, Any]]:
    """The newest version of each score that the scope's calls have, most values first.

    Args:
        store: The store.
        scope: Which calls.
        names: Only scores with these names; empty = all.
        limit: Most rows.

    Returns:
        Rows with name, evaluator, version, source, better, lowest and highest (of its stated range, None = not
        stated or infinite), n, n_unscored, mean, deviation (None without values), median, cost_usd, previous_mean (of
        the period of the same length before; None without values there).
    """
    own, bound = ("name IN {names:Array(String)}", {"names": list(names)}) if names else ("1", {})
    return _list(store, scope, own, {**bound, "limit": limit})


def score_version(store: Store, scope: Scope, key: ScoreKey) -> dict[str, Any] | None:
    """One version of one score, as `score_list` has the newest; None where it scored no call of the scope."""
    rows = _list(store, scope, _ONE, {**asdict(key), "limit": 1})
    return rows[0] if rows else None


def _list(store: Store, scope: Scope, own: str, bound: Mapping[str, Any]) -> list[dict[str, Any]]:
    whole = replace(scope, start=scope.start - (scope.end - scope.start))
    where, parameters = conditions(whole, "call_time", by_operation=False)
    where += f" AND {own}"
    newest = f"""(name, evaluator, evaluator_version) IN (
        SELECT name, evaluator, argMax(evaluator_version, created_at) FROM scores WHERE {where} GROUP BY name, evaluator
    )"""
    return by_version(
        store,
        lambda counts: (
            f"""
        SELECT name, evaluator, evaluator_version AS version, any(source) AS kind, any(direction) AS better,
               any(if(length(range) = 2 AND isFinite(range[1]), range[1], NULL)) AS lowest,
               any(if(length(range) = 2 AND isFinite(range[2]), range[2], NULL)) AS highest,
               toInt64(countIf(value IS NOT NULL AND is_current)) AS n,
               toInt64(countIf(value IS NULL AND is_current)) AS n_unscored,
               avgIf(value, is_current) AS mean, stddevSampIf(value, is_current) AS deviation,
               quantileIf(0.5)(value, is_current) AS median, sumIf(cost_usd, is_current) AS cost,
               avgIf(value, NOT is_current) AS previous_mean, count() OVER (PARTITION BY name, evaluator) AS n_versions
        FROM (
            SELECT name, evaluator, evaluator_version, source, direction, range, value, cost_usd,
                   call_time >= fromUnixTimestamp64Milli({{split_ms:Int64}}, 'UTC') AS is_current
            FROM {current(where)} WHERE {counts}
        )
        GROUP BY name, evaluator, evaluator_version HAVING n + n_unscored > 0
        ORDER BY n DESC, name, evaluator LIMIT {{limit:UInt32}}
        """
        ),
        newest,
        {**parameters, **bound, "split_ms": milliseconds(scope.start)},
    )


def versions(store: Store, scope: Scope, name: str, evaluator: str) -> list[str]:
    """Versions that scored calls of the scope, the newest first."""
    where, parameters = conditions(scope, "call_time", by_operation=False)
    rows = store.query(
        f"""
        SELECT evaluator_version AS version FROM scores
        WHERE {where} AND name = {{name:String}} AND evaluator = {{evaluator:String}}
        GROUP BY version ORDER BY max(created_at) DESC, version LIMIT 50
        """,
        {**parameters, "name": name, "evaluator": evaluator},
    )
    return [row["version"] for row in rows]


def score_series(store: Store, scope: Scope, key: ScoreKey, bucket_s: int) -> list[dict[str, Any]]:
    """The score over time: bucket (start, Unix seconds), n, n_unscored, mean, deviation; no row without values."""
    where, parameters = _where(scope, key)
    return store.query(
        f"""
        SELECT toInt64(intDiv(toUnixTimestamp(toDateTime(call_time)), {{bucket_s:UInt32}})
                       * {{bucket_s:UInt32}}) AS bucket, {_SCORE}
        FROM {current(where)}
        GROUP BY bucket HAVING n > 0 ORDER BY bucket LIMIT 2000
        """,
        {**parameters, "bucket_s": bucket_s},
    )


def histogram(store: Store, scope: Scope, key: ScoreKey, low: float, high: float, bins: int) -> list[dict[str, Any]]:
    """How many values fall into each of `bins` equal parts of [low, high]: at (0 = first), calls. Empty ones left out.

    Values outside are counted in the first or last part.
    """
    where, parameters = _where(scope, key)
    return store.query(
        f"""
        SELECT least(greatest(toInt64(floor((assumeNotNull(value) - {{low:Float64}})
                   / ({{high:Float64}} - {{low:Float64}}) * {{bins:Int64}})), 0), {{bins:Int64}} - 1) AS at,
               toInt64(count()) AS calls
        FROM {current(where)} WHERE value IS NOT NULL GROUP BY at ORDER BY at LIMIT 1000
        """,
        {**parameters, "low": low, "high": high, "bins": bins},
    )


def spread(store: Store, scope: Scope, key: ScoreKey) -> tuple[float, float] | None:
    """Smallest and largest value; None without values."""
    where, parameters = _where(scope, key)
    rows = store.query(
        f"SELECT min(value) AS low, max(value) AS high FROM {current(where)} WHERE isFinite(value)",
        parameters,
    )
    return None if rows[0]["low"] is None else (rows[0]["low"], rows[0]["high"])


def slices(store: Store, scope: Scope, key: ScoreKey, column: Slice, *, limit: int = 20) -> list[dict[str, Any]]:
    """The score by service, model, environment or prompt version: slice, n, n_unscored, mean, deviation.

    Raises:
        ValueError: `column` is none of those.
    """
    if column not in SLICES:
        raise ValueError(f"no slice by {column!r}; expected one of {', '.join(SLICES)}")
    where, parameters = _where(scope, key)
    return store.query(
        f"""
        SELECT {column} AS slice, {_SCORE}
        FROM {current(where)} GROUP BY slice HAVING n > 0
        ORDER BY n DESC, slice LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )


def reasons(store: Store, scope: Scope, key: ScoreKey, *, limit: int = 8) -> list[dict[str, Any]]:
    """Why calls are unscored, the commonest reason first: reason, calls."""
    where, parameters = _where(scope, key)
    return store.query(
        f"""
        SELECT error AS reason, toInt64(count()) AS calls FROM {current(where)}
        WHERE value IS NULL GROUP BY reason ORDER BY calls DESC, reason LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )


def extremes(store: Store, scope: Scope, key: ScoreKey, *, highest: bool, limit: int = 10) -> list[dict[str, Any]]:
    """Calls with the highest or lowest values, the newest of equal ones first.

    Rows: trace_id, span_id, project, value, label, why (the explanation, cut to 400 characters), model, service_name,
    time_ms (Unix).
    """
    where, parameters = _where(scope, key)
    return store.query(
        f"""
        SELECT trace_id, span_id, project, value, label, substringUTF8(explanation, 1, 400) AS why, model, service_name,
               toUnixTimestamp64Milli(call_time) AS time_ms
        FROM {current(where)} WHERE value IS NOT NULL
        ORDER BY value {"DESC" if highest else "ASC"}, call_time DESC LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )


def _where(scope: Scope, key: ScoreKey) -> tuple[str, dict[str, Any]]:
    where, parameters = conditions(scope, "call_time", by_operation=False)
    return f"{where} AND {_ONE}", {**parameters, **asdict(key)}
