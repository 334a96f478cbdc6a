"""Which scores count where an evaluator has had several versions: of each call the later one."""


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
