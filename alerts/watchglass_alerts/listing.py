"""What is on, what was, and what is silenced, as rows for a terminal or a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from watchglass_alerts.events import EPOCH
from watchglass_alerts.silences import is_matched
from watchglass_store import Store
from watchglass_store.queries import alerting, alerting_lists

SHOWN = ("firing", "pending", "no_data", "error")
LIMIT = 1_000


def list_alerts(store: Store, *, all_states: bool = False, now: datetime | None = None) -> list[dict[str, Any]]:
    """Alerts that are firing, pending, without data or in error; firing ones first, the gravest before the others.

    Args:
        store: where to ask.
        all_states: those that are well too.
        now: the clock, for tests.

    Returns:
        Rows with rule, labels, severity, state, since, open_since (None = nobody was told), value, value_low,
        value_high, sample_size, threshold, reason, and silenced_until (None = not silenced; judged by rule,
        severity and groups, not by filters and fixed labels).
    """
    silences = alerting.active_silences(store, now or datetime.now(UTC))
    rows = alerting_lists.current_alerts(store, [*SHOWN, "inactive"] if all_states else SHOWN, LIMIT)
    for row in rows:
        names = {"rule": row["rule"], "severity": row["severity"], **row["labels"]}
        ends = [each["ends_at"] for each in silences if is_matched(each["matchers"], names)]
        row["open_since"] = None if row["open_since"] == EPOCH else row["open_since"]
        row["silenced_until"] = max(ends, default=None)
    return rows


def list_history(
    store: Store,
    *,
    rule: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    turns_only: bool = True,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """What happened, newest first.

    Args:
        store: where to ask.
        rule: of one rule; '' = of all.
        since: the earliest slot; left out, a week ago.
        until: the latest slot; left out, now.
        turns_only: only what fired and resolved; otherwise every change of state and every repetition.
        limit: the most rows, 1 to 10,000.

    Returns:
        Rows with slot, late, rule, labels, severity, previous_state, state, change ('opened', 'closed' or ''), value,
        value_low, value_high, sample_size, threshold, reason, and deliveries: a list of (channel, outcome, error).
    """
    until = until or datetime.now(UTC)
    since = since or until - timedelta(days=7)
    limit = min(max(limit, 1), 10_000)
    rows = alerting_lists.past_transitions(
        store, rule=rule, since=since, until=until, turns_only=turns_only, limit=limit
    )
    return [row | {"late": bool(row["late"])} for row in rows]


def list_silences(store: Store, *, ended: bool = False, now: datetime | None = None) -> list[dict[str, Any]]:
    """Silences in force or to come, newest first; with `ended`, those of the last 30 days too.

    Returns:
        Rows with id, matchers, starts_at, ends_at, comment, author and state: 'active', 'ended' or 'lifted'.
    """
    now = now or datetime.now(UTC)
    rows = []
    for row in alerting_lists.silences_since(store, now - timedelta(days=30) if ended else now):
        state = "lifted" if row["deleted"] else "active" if row["ends_at"] > now else "ended"
        if ended or state == "active":
            rows.append(
                {key: value for key, value in row.items() if key not in ("version", "deleted")} | {"state": state}
            )
    return rows
