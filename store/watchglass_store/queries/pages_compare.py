"""Queries of the Compare page: two groups of calls side by side, with what an interval needs.

A side is a value of a column (a model, a prompt version …), or a period: then the second half of a doubled range is
compared with the first.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from watchglass_store import Store
from watchglass_store.queries.pages import MINUTES, Scope, conditions, milliseconds, rollup
from watchglass_store.queries.score_versions import current

Column = Literal["model", "prompt_version", "service_name", "service_version", "environment"]
COLUMNS: tuple[Column, ...] = ("model", "prompt_version", "service_name", "service_version", "environment")

# Two services count their versions by themselves.
_RELEASE = "concat(service_name, ' ', service_version)"
_MODEL = "if(response_model != '', response_model, request_model)"


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared."""

    column: Column | Literal["time"]
    a: str = ""
    """Value of the column; not used for time."""
    b: str = ""

    def expression(self, time: str, model: str) -> str:
        """SQL: 1 for side b, 0 for side a, NULL for neither. Names are ours, values are bound."""
        if self.column == "time":
            return f"toNullable({time} >= fromUnixTimestamp64Milli({{split_ms:Int64}}, 'UTC'))"
        column = {"model": model, "service_version": _RELEASE}.get(self.column, self.column)
        return f"multiIf({column} = {{side_b:String}}, 1, {column} = {{side_a:String}}, 0, NULL)"

    def parameters(self, scope: Scope) -> dict[str, Any]:
        """What `expression` binds."""
        if self.column == "time":
            return {"split_ms": milliseconds(scope.start)}
        return {"side_a": self.a, "side_b": self.b}

    def range(self, scope: Scope) -> Scope:
        """The calls of both sides."""
        return replace(scope, start=scope.start - (scope.end - scope.start)) if self.column == "time" else scope


def values(store: Store, scope: Scope, column: Column, *, limit: int = 100) -> list[str]:
    """Values that a column has in the scope, most calls first.

    Raises:
        ValueError: `column` is not one of `COLUMNS`.
    """
    if column not in COLUMNS:
        raise ValueError(f"cannot compare by {column!r}; expected one of {', '.join(COLUMNS)}")
    if column == "service_version":
        return _releases(store, scope, limit)
    where, parameters = conditions(scope, "minute")
    rows = store.query(
        f"""
        SELECT {column} AS choice FROM {rollup()} WHERE {where} AND {column} != ''
        GROUP BY choice ORDER BY sum(calls) DESC, choice LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )
    return [row["choice"] for row in rows]


def _releases(store: Store, scope: Scope, limit: int) -> list[str]:
    """'SERVICE VERSION', newest first: the older of two releases is usually what the newer is compared with."""
    where, parameters = conditions(scope, "start_time", model=f"({_MODEL})")
    rows = store.query(
        f"""
        SELECT {_RELEASE} AS choice FROM llm_figures AS c WHERE {where} AND {MINUTES} AND service_version != ''
        GROUP BY choice ORDER BY min(c.start_time) DESC, choice LIMIT {{limit:UInt32}}
        """,
        {**parameters, "limit": limit},
    )
    return [row["choice"] for row in rows]


#: Measure -> expression over a row of llm_figures, NULL where the call does not say.
MEASURES: dict[str, str] = {
    "latency": "if(error_type = '', duration_s, NULL)",
    "first_token": "time_to_first_token_s",
    "input_tokens": "if(usage_counted = 1, usage_input_tokens, NULL)",
    "output_tokens": "if(usage_counted = 1, usage_output_tokens, NULL)",
    "cost": "counted_cost_usd",
}


def calls(store: Store, scope: Scope, sides: Sides, per_decade: int) -> dict[bool, dict[str, Any]]:
    """Sums of both sides: False -> a, True -> b; a side without calls is missing.

    Each has n_calls, n_errors, for each of `MEASURES` its n_, mean_ and variance_ (of the sample), and latencies: pairs
    of the floor of log10 of the seconds times `per_decade`, and how many successful calls took so long, ascending.
    """
    where, parameters = _calls_where(scope, sides)
    sums = ", ".join(
        f"toInt64(count({name})) AS n_{name}, avg({name}) AS mean_{name}, varSamp({name}) AS variance_{name}"
        for name in MEASURES
    )
    columns = ", ".join(f"toFloat64({expression}) AS {name}" for name, expression in MEASURES.items())
    rows = store.query(
        f"""
        SELECT assumeNotNull(side) AS is_b, toInt64(count()) AS n_calls, toInt64(countIf(error_type != '')) AS n_errors,
               {sums},
               sumMapIf([toInt16(floor(log10(latency) * {{per_decade:UInt8}}))], [1::UInt64], latency > 0) AS found,
               arrayZip(found.1, found.2) AS latencies
        FROM (
            SELECT {sides.expression("start_time", _MODEL)} AS side, error_type, {columns}
            FROM llm_figures WHERE {where}
        )
        WHERE side IS NOT NULL GROUP BY is_b
        """,
        {**parameters, "per_decade": per_decade},
    )
    return {bool(row["is_b"]): row for row in rows}


def scores(store: Store, scope: Scope, sides: Sides, *, limit: int = 400) -> list[dict[str, Any]]:
    """Each score on each side: name, evaluator, better, is_b, n, mean, variance; of the newest version."""
    where, parameters = conditions(sides.range(scope), "call_time", by_operation=False)
    side = sides.expression("call_time", "model")
    if sides.column == "service_version":  # a score does not say which release it is of; its call does
        calls_where, of_calls = _calls_where(scope, sides)
        side, parameters = _side_by_call(calls_where), {**of_calls, **parameters}
    return store.query(
        f"""
        SELECT name, evaluator, assumeNotNull(side) AS is_b, any(direction) AS better, toInt64(count()) AS n,
               avg(value) AS mean, varSamp(value) AS variance
        FROM (
            SELECT name, evaluator, direction, assumeNotNull(value) AS value,
                   {side} AS side
            FROM {current(where)}
            WHERE value IS NOT NULL AND (name, evaluator, evaluator_version) IN (
                SELECT name, evaluator, argMax(evaluator_version, created_at) FROM scores WHERE {where}
                GROUP BY name, evaluator
            )
        )
        WHERE side IS NOT NULL
        GROUP BY name, evaluator, is_b ORDER BY name, evaluator, is_b LIMIT {{limit:UInt32}}
        """,
        {**parameters, **sides.parameters(scope), "limit": limit},
    )


def _side_by_call(where: str) -> str:
    """SQL on `scores`: the side that its call is on."""
    of = f"SELECT trace_id, span_id, key_project FROM llm_figures WHERE {where} AND {_RELEASE}"
    chosen = [f"(trace_id, span_id, project) IN ({of} = {{side_{side}:String}})" for side in ("b", "a")]
    return f"multiIf({chosen[0]}, 1, {chosen[1]}, 0, NULL)"


def _calls_where(scope: Scope, sides: Sides) -> tuple[str, dict[str, Any]]:
    whole = sides.range(scope)
    where, parameters = conditions(whole, "start_time", model=f"({_MODEL})")
    return f"{where} AND {MINUTES}", {**parameters, **sides.parameters(scope)}
