"""What judges remember: money spent, verdicts already paid for, and the scores that decide what they are asked."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from watchglass_store.client import Store

CallId = tuple[str, str, str]
"""(trace_id, span_id, project of the API key)"""


def committed_usd(store: Store, day: date, *, except_for: Sequence[str] = ()) -> float:
    """US dollars spent on a UTC day, or reserved and not settled yet, by all workers.

    Args:
        store: where from.
        day: which day.
        except_for: ids of requests that are left out, 500 at most.
    """
    rows = store.query(
        """
        SELECT sum(cost) AS cost FROM (
            SELECT argMax(cost_usd, event = 'settle') AS cost FROM judge_ledger
            WHERE day = {day:Date} AND NOT has({except_for:Array(String)}, request_id) GROUP BY request_id
        )
        """,
        {"day": day.isoformat(), "except_for": list(except_for)},
    )
    return float(rows[0]["cost"]) if rows else 0.0


def add_ledger_rows(store: Store, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
    """Append reservations or settlements."""
    store.insert("judge_ledger", rows, deduplication_token=token)


def add_verdicts(store: Store, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
    """Remember verdicts."""
    store.insert("judge_verdicts", rows, deduplication_token=token)


def add_version(store: Store, row: Mapping[str, Any]) -> None:
    """Remember what a version is made of."""
    store.insert("judge_versions", [row])


def verdicts(store: Store, version: str, hashes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Verdicts of one version by the hash of what was judged: the first that was made.

    Args:
        store: where from.
        version: of the judge.
        hashes: 500 at most: they travel in the request's address.
    """
    if not hashes:
        return {}
    rows = store.query(
        """
        SELECT input_hash, trace_id, span_id, project, value, choice, method, agreement, votes, explanation, cost_usd
        FROM judge_verdicts
        WHERE evaluator_version = {version:String} AND input_hash IN {hashes:Array(String)}
        ORDER BY time LIMIT 1 BY input_hash
        """,
        {"version": version, "hashes": list(hashes)},
    )
    return {row["input_hash"]: row for row in rows}


def cheap_scores(
    store: Store, ids: Sequence[CallId], days: Sequence[date], names: Sequence[str]
) -> dict[CallId, dict[str, float | None]]:
    """The newest scores of some calls by name; NULL where they are unscored, left out where there are none yet.

    Args:
        store: where from.
        ids: which calls, 500 at most.
        days: the days on which these calls began.
        names: of the scores.
    """
    rows = store.query(
        """
        SELECT trace_id, span_id, project, name, argMax(tuple(value), created_at).1 AS value FROM scores
        WHERE name IN {names:Array(String)} AND toDate(call_time) IN {days:Array(Date)}
          AND (trace_id, span_id, project) IN {ids:Array(Tuple(String, String, String))}
        GROUP BY trace_id, span_id, project, name
        """,
        {"names": list(names), "days": [day.isoformat() for day in days], "ids": list(ids)},
    )
    found: dict[CallId, dict[str, float | None]] = {}
    for row in rows:
        found.setdefault((row["trace_id"], row["span_id"], row["project"]), {})[row["name"]] = row["value"]
    return found
