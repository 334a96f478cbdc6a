"""What pages ask of other parts, and what those answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from watchglass_store.client import Store

CHANNEL_TEST = "channel_test"
JUDGE_PREVIEW = "judge_preview"


def add_request(store: Store, *, id: str, kind: str, target: str, content: str, author: str, now: datetime) -> None:
    """Ask for something; whoever does it looks every second or two."""
    row = {"id": id, "time": now, "kind": kind, "target": target, "content": content, "author": author}
    store.insert("page_requests", [row])


def untaken_tests(store: Store, *, since: datetime, limit: int = 20) -> list[dict[str, Any]]:
    """Tests of channels, asked for since a time, that no engine has taken: id, target, author; oldest first."""
    return _untaken(store, CHANNEL_TEST, "channel_tests", since, limit)


def note_test(store: Store, request_id: str, *, engine: str, outcome: str, reason: str, now: datetime) -> None:
    """Write down what became of a test; of each outcome the first that is written stays.

    Args:
        store: where to.
        request_id: which test.
        engine: who writes.
        outcome: 'sending', 'delivered' or 'refused'.
        reason: why it was refused.
        now: the time.
    """
    row = {"request_id": request_id, "time": now, "engine": engine, "outcome": outcome, "reason": reason}
    store.insert("channel_tests", [row], deduplication_token=f"channel-test-{request_id}-{outcome}")


def taken_by(store: Store, request_id: str) -> str:
    """The engine that took a test."""
    rows = store.query(
        "SELECT engine FROM channel_tests WHERE request_id = {id:String} AND outcome = 'sending' "
        "ORDER BY time, engine LIMIT 1",
        {"id": request_id},
    )
    return str(rows[0]["engine"]) if rows else ""


def tests_taken(store: Store, target: str, *, since: datetime) -> int:
    """How many tests of a channel were taken since a time."""
    rows = store.query(
        """
        SELECT toInt64(uniqExact(request_id)) AS n FROM channel_tests AS t
        WHERE t.time >= {since:DateTime64(3, 'UTC')} AND request_id IN (
            SELECT id FROM page_requests WHERE kind = 'channel_test' AND target = {target:String}
        )
        """,
        {"target": target, "since": since},
    )
    return int(rows[0]["n"])


def last_tests(store: Store) -> list[dict[str, Any]]:
    """The last test of each channel: channel, id, asked_at, author, outcome ('' = not taken), reason and time."""
    return store.query(
        """
        SELECT r.target AS channel, r.id AS id, r.asked_at AS asked_at, r.author AS author,
               argMax(t.outcome, (t.time, t.outcome != 'sending')) AS outcome,
               argMax(t.reason, (t.time, t.outcome != 'sending')) AS reason, max(t.time) AS time
        FROM (
            SELECT target, id, q.time AS asked_at, author FROM page_requests AS q
            WHERE kind = 'channel_test' ORDER BY q.time DESC, id LIMIT 1 BY target LIMIT 200
        ) AS r
        LEFT JOIN channel_tests AS t ON t.request_id = r.id
        GROUP BY channel, id, asked_at, author ORDER BY channel
        """
    )


def answer_to_test(store: Store, request_id: str) -> dict[str, Any] | None:
    """What became of a test: outcome ('sending', 'delivered' or 'refused'), reason and time; None = nobody took it."""
    rows = store.query(
        "SELECT outcome, reason, t.time AS time FROM channel_tests AS t WHERE request_id = {id:String} "
        "ORDER BY t.time DESC, outcome = 'sending' LIMIT 1",
        {"id": request_id},
    )
    return rows[0] if rows else None


def untaken_previews(store: Store, *, since: datetime, limit: int = 20) -> list[dict[str, Any]]:
    """Previews of rubrics, asked for since a time, that no worker has taken: id, target, content; oldest first."""
    return _untaken(store, JUDGE_PREVIEW, "judge_previews", since, limit)


def note_preview(store: Store, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
    """Write down that a preview was taken, or what came of it; of one token the first write stays."""
    store.insert("judge_previews", rows, deduplication_token=token)


def preview_taken_by(store: Store, request_id: str) -> str:
    """The worker that took a preview; '' = none."""
    rows = store.query(
        "SELECT worker FROM judge_previews WHERE request_id = {id:String} AND outcome = 'taken' "
        "ORDER BY time, worker LIMIT 1",
        {"id": request_id},
    )
    return str(rows[0]["worker"]) if rows else ""


def answers_to_preview(store: Store, request_id: str) -> list[dict[str, Any]]:
    """All of a preview: outcome, trace_id, span_id, project, value, verdict, explanation, reason, cost_usd."""
    return store.query(
        """
        SELECT outcome, trace_id, span_id, project, value, verdict, explanation, reason, cost_usd
        FROM judge_previews AS p
        WHERE request_id = {id:String} ORDER BY p.time, outcome = 'done', trace_id, span_id, project LIMIT 100
        """,
        {"id": request_id},
    )


def _untaken(
    store: Store, kind: str, answers: Literal["channel_tests", "judge_previews"], since: datetime, limit: int
) -> list[dict[str, Any]]:
    return store.query(
        f"""
        SELECT id, target, author, content FROM page_requests AS r
        WHERE kind = {{kind:String}} AND r.time >= {{since:DateTime64(3, 'UTC')}}
              AND id NOT IN (SELECT request_id FROM {answers} AS a WHERE a.time >= {{since:DateTime64(3, 'UTC')}})
        ORDER BY r.time, id LIMIT {{limit:UInt32}}
        """,
        {"kind": kind, "since": since, "limit": limit},
    )
