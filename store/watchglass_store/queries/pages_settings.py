"""Queries of the Settings page."""

from typing import Any

from watchglass_store import Store


def changes(store: Store, *, limit: int = 200) -> list[dict[str, Any]]:
    """The newest lines of the audit log that are changes: time, actor, action, object, before, after (cut)."""
    return store.query(
        """
        SELECT time, actor, action, object, substringUTF8(before, 1, 300) AS before,
               substringUTF8(after, 1, 300) AS after
        FROM audit_log AS a WHERE action NOT LIKE '%.view' ORDER BY a.time DESC LIMIT {limit:UInt32}
        """,
        {"limit": limit},
    )


def channel_outcomes(store: Store) -> list[dict[str, Any]]:
    """What became of each channel's last delivery of 30 days: channel, last_time, last_outcome, last_error."""
    return store.query(
        """
        SELECT channel, max(d.time) AS last_time, argMax(outcome, (d.time, attempt)) AS last_outcome,
               argMax(substringUTF8(error, 1, 200), (d.time, attempt)) AS last_error
        FROM alert_events AS d WHERE kind = 'delivery' AND d.time > now() - INTERVAL 30 DAY
        GROUP BY channel ORDER BY channel LIMIT 200
        """
    )
