"""The most frequent values of what a list can be narrowed by, from the per-minute rollup."""

from typing import Any, Final

from watchglass_store import Store
from watchglass_store.queries.pages import Scope, conditions, rollup

FACETS: Final = {
    "Service": "service_name",
    "Model": "model",
    "Environment": "environment",
    "Prompt version": "prompt_version",
}
"""Facet -> column of the rollup."""


def facets(store: Store, scope: Scope, *, limit: int = 8) -> list[dict[str, Any]]:
    """Values of each facet of the scope's calls with how many there are: facet, value, n; most frequent first."""
    where, parameters = conditions(scope, "minute")
    parts = (
        f"SELECT '{facet}' AS facet, toString({column}) AS value, toInt64(sum(calls)) AS n FROM {rollup()} "
        f"WHERE {where} AND {column} != '' GROUP BY value ORDER BY n DESC, value LIMIT {{limit:UInt32}}"
        for facet, column in FACETS.items()
    )
    rows = store.query(" UNION ALL ".join(f"({part})" for part in parts), {**parameters, "limit": limit})
    order = list(FACETS)
    return sorted(rows, key=lambda row: (order.index(row["facet"]), -row["n"], row["value"]))
