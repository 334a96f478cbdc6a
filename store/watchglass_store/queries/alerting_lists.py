"""What people ask of the alerts from a terminal: what is on, what was, and what is silenced."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store


def current_alerts(store: Store, states: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """Alerts of live rules whose latest state is one of these, or that are open; open ones first.

    Returns:
        Rows with rule, labels, severity, state, since, open_since (1970 = not open), slot, value, value_low,
        value_high, sample_size, threshold and reason.
    """
    return store.query(
        """
        SELECT rule, labels, severity, state, since, open_since, slot, value, value_low, value_high, sample_size,
            threshold, reason
        FROM (
            SELECT * FROM alert_events WHERE kind = 'transition' AND rule NOT IN (
                SELECT name FROM alert_rules AS r GROUP BY name HAVING argMax(r.deleted, r.version) = 1
            )
            ORDER BY rule, slot DESC, time DESC LIMIT 1 BY rule, toJSONString(labels)
        )
        WHERE state IN {states:Array(String)} OR open_since > toDateTime(0)
        ORDER BY open_since > toDateTime(0) DESC, indexOf(['critical', 'warning', 'info'], severity), since DESC, rule,
            toJSONString(labels)
        LIMIT {limit:UInt32}
        """,
        {"states": list(states), "limit": limit},
    )


def past_transitions(
    store: Store, *, rule: str, since: datetime, until: datetime, turns_only: bool, limit: int
) -> list[dict[str, Any]]:
    """Transitions of a rule, or of all where it is '', newest first, with what became of their notifications.

    Args:
        store: where to ask.
        rule: its name, or ''.
        since: the earliest slot.
        until: the latest slot.
        turns_only: leave out those that neither opened nor closed an alert.
        limit: the most rows.

    Returns:
        Rows with slot, late, rule, labels, severity, previous_state, state, change, value, value_low, value_high,
        sample_size, threshold, reason, and `deliveries`: a list of (channel, outcome, error), outcome '' = none yet.
    """
    return store.query(
        """
        WITH outcomes AS (
            SELECT d.notification_id AS id, any(d.channel) AS channel,
                argMax(d.outcome, (d.attempt, d.outcome != 'sending', d.time)) AS outcome,
                argMax(d.error, (d.attempt, d.outcome != 'sending', d.time)) AS error
            FROM alert_events AS d
            WHERE d.kind = 'delivery' AND d.time >= {since:DateTime64(3, 'UTC')} GROUP BY d.notification_id
        ),
        chosen AS (
            SELECT * FROM alert_events
            WHERE kind = 'transition' AND ({rule:String} = '' OR rule = {rule:String})
                AND slot >= {since:DateTime64(3, 'UTC')} AND slot <= {until:DateTime64(3, 'UTC')}
                AND (change != '' OR NOT {turns_only:Bool})
            ORDER BY slot DESC, time DESC, rule, toJSONString(labels) LIMIT {limit:UInt32}
        )
        SELECT t.slot AS slot, t.late AS late, t.rule AS rule, t.labels AS labels, t.severity AS severity,
            t.previous_state AS previous_state, t.state AS state, t.change AS change, t.value AS value,
            t.value_low AS value_low, t.value_high AS value_high, t.sample_size AS sample_size,
            t.threshold AS threshold, t.reason AS reason, n.deliveries AS deliveries
        FROM chosen AS t
        LEFT JOIN (
            SELECT c.event_id AS event_id, groupArray((m.2, o.outcome, o.error)) AS deliveries
            FROM chosen AS c ARRAY JOIN c.notifications AS m LEFT JOIN outcomes AS o ON o.id = m.1
            GROUP BY c.event_id
        ) AS n ON n.event_id = t.event_id
        ORDER BY t.slot DESC, t.time DESC, t.rule, toJSONString(t.labels)
        """,
        {"rule": rule, "since": since, "until": until, "turns_only": turns_only, "limit": limit},
    )


def silences_since(store: Store, since: datetime) -> list[dict[str, Any]]:
    """The latest version of each silence that had not ended at a time: its columns, newest first."""
    return store.query(
        "SELECT id, version, matchers, starts_at, ends_at, comment, author, deleted FROM "
        "(SELECT * FROM silences ORDER BY id, version DESC LIMIT 1 BY id) "
        "WHERE ends_at > {since:DateTime64(3, 'UTC')} ORDER BY starts_at DESC, id",
        {"since": since},
    )
