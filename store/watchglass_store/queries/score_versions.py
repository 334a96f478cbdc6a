"""Which scores count: each result once, and of a call that several versions of an evaluator scored the later one."""

from collections.abc import Callable, Mapping
from typing import Any

from watchglass_store.client import Store


def current(where: str) -> str:
    """A FROM with each result once, of a time.

    An evaluator's result has the time of its call, so a day has all there is of it. What people and applications say
    has the time at which they said it: of what somebody said twice within the time, the later.

    Args:
        where: which scores, `call_time` among it.
    """
    return f"""(
        SELECT * FROM scores_by_day WHERE {where}
        UNION ALL
        SELECT * FROM scores WHERE {where} AND source IN ('human', 'external') ORDER BY created_at DESC
        LIMIT 1 BY name, evaluator, evaluator_version, trace_id, span_id, conversation_id, project
    ) AS scores"""


def by_version(
    store: Store, sql: Callable[[str], str], among_several: str, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Rows of a query about all versions, or where there are several of one score, about those that count.

    Nearly always there is one, and finding out which count takes several times what the question does.

    Args:
        store: The store.
        sql: sql(condition) -> the query; its rows have `n_versions`, how many versions of one score are in them.
        among_several: The condition that leaves those that count.
        parameters: What is bound.
    """
    rows = store.query(sql("1"), parameters)
    if any(row["n_versions"] > 1 for row in rows):
        rows = store.query(sql(among_several), parameters)
    return [{name: value for name, value in row.items() if name != "n_versions"} for row in rows]


def counted(where: str) -> str:
    """A condition on rows of `scores` that keeps, of a call that several versions of an evaluator scored, the latest.

    Nearly always there is one version only, and then this costs one pass over two narrow columns: calls are looked at
    one by one only for evaluators that have several versions among the rows of `where`.

    Args:
        where: which scores are looked at; the same text that the query has beside this condition.
    """
    several = f"""
        SELECT name, evaluator FROM scores WHERE {where} GROUP BY name, evaluator HAVING uniq(evaluator_version) > 1
    """
    latest = f"""
        SELECT s.name, s.evaluator, s.trace_id, s.span_id, s.project,
            argMax(s.evaluator_version, (s.created_at, s.evaluator_version))
        FROM (SELECT * FROM scores WHERE {where} AND (name, evaluator) IN ({several})) AS s
        GROUP BY s.name, s.evaluator, s.trace_id, s.span_id, s.project
    """
    return f"""(
        (name, evaluator) NOT IN ({several})
        OR (name, evaluator, trace_id, span_id, project, evaluator_version) IN ({latest})
    )"""
