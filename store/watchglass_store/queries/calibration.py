"""Scores of a judge beside people's labels of the same calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries.evaluation import milliseconds

MOST_PAIRS = 20_000
_LIMITS = {"max_execution_time": 60, "max_memory_usage": 2_000_000_000}

_ROWS = """
    judged AS (
        SELECT trace_id, span_id, project, value FROM scores FINAL
        WHERE name = {name:String} AND evaluator_version = {version:String} AND source != 'human'
            AND value IS NOT NULL AND call_time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
            AND call_time < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
    ),
    people AS (
        SELECT trace_id, span_id, project, avg(s.value) AS value FROM scores AS s FINAL
        WHERE name = {label:String} AND source = 'human' AND s.value IS NOT NULL
            AND call_time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
            AND call_time < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
        GROUP BY trace_id, span_id, project
    )
"""


@dataclass(frozen=True, slots=True)
class JudgeAndPeople:
    """What `calibrate` needs."""

    version: str
    """Of the evaluator: the one that scored last; '' = none did."""
    people: list[float]
    """Means of people's labels, of calls that have both."""
    judge: list[float]
    """Scores of the same calls."""
    n: int
    """Calls that were scored and not labelled."""
    mean: float
    """Of their scores; 0 where there are none."""
    variance: float
    """Of their scores; 0 where there are fewer than two."""


def judge_and_people(store: Store, name: str, label: str, *, since: datetime, until: datetime) -> JudgeAndPeople:
    """Read one score, of its newest version, beside people's labels of the same calls.

    Args:
        store: where from.
        name: of the score, for example judge_helpfulness.
        label: of the human score, for example human_quality.
        since: calls that began from then on.
        until: calls that began before then.
    """
    bound: dict[str, Any] = {
        "name": name,
        "label": label,
        "since_ms": milliseconds(since),
        "until_ms": milliseconds(until),
    }
    newest = store.query(
        """
        SELECT argMax(evaluator_version, created_at) AS version FROM scores
        WHERE name = {name:String} AND source != 'human'
            AND call_time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
            AND call_time < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
        """,
        bound,
        settings=_LIMITS,
    )
    bound |= {"version": newest[0]["version"] if newest else ""}
    pairs = store.query(
        f"""
        WITH {_ROWS}
        SELECT p.value AS people, j.value AS judge FROM judged AS j
        INNER JOIN people AS p ON p.trace_id = j.trace_id AND p.span_id = j.span_id AND p.project = j.project
        ORDER BY cityHash64(j.trace_id, j.span_id) LIMIT {MOST_PAIRS}
        """,
        bound,
        settings=_LIMITS,
    )
    [rest] = store.query(
        f"""
        WITH {_ROWS}
        SELECT toInt64(count()) AS n, if(n > 0, avg(value), 0) AS mean, if(n > 1, varSamp(value), 0) AS variance
        FROM judged WHERE (trace_id, span_id, project) NOT IN (SELECT trace_id, span_id, project FROM people)
        """,
        bound,
        settings=_LIMITS,
    )
    return JudgeAndPeople(
        bound["version"],
        [row["people"] for row in pairs],
        [row["judge"] for row in pairs],
        rest["n"],
        float(rest["mean"] or 0),
        float(rest["variance"] or 0),
    )
