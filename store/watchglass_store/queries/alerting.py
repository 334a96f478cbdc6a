"""The alert engine's memory: rules, silences, and the log of transitions, slots and deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store

_TRANSITION_COLUMNS = "event_id, rule, labels, slot, state, since, open_since, recovering_since, severity, engine"


def current_rules(store: Store) -> list[dict[str, Any]]:
    """The latest version of every rule, deleted ones too.

    Rows have `name`, `version`, `definition`, `deleted`, `author`, and `created`: when the rule was made, or made again
    after a deletion.
    """
    return store.query(
        """
        SELECT name, max(r.version) AS version, argMax(r.definition, r.version) AS definition,
            argMax(r.deleted, r.version) AS deleted, argMax(r.author, r.version) AS author,
            arrayMin(arrayFilter(v -> v > maxIf(r.version, r.deleted = 1), groupArray(r.version))) AS created
        FROM alert_rules AS r GROUP BY name ORDER BY name
        """
    )


def rules_stamp(store: Store) -> tuple[int, datetime]:
    """Something that differs whenever any rule has a new version."""
    (row,) = store.query("SELECT count() AS versions, max(version) AS latest FROM alert_rules")
    return int(row["versions"]), row["latest"]


def add_rule_version(
    store: Store, *, name: str, version: datetime, definition: str, deleted: bool, author: str
) -> None:
    """Add a version of a rule; the latest wins."""
    row = {"name": name, "version": version, "definition": definition, "deleted": int(deleted), "author": author}
    store.insert("alert_rules", [row])


def add_audit(store: Store, *, time: datetime, actor: str, action: str, target: str, before: str, after: str) -> None:
    """Record that somebody changed something."""
    row = {"time": time, "actor": actor, "action": action, "object": target, "before": before, "after": after}
    store.insert("audit_log", [row])


def add_silence(
    store: Store,
    *,
    id: str,
    version: datetime,
    matchers: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime,
    comment: str,
    author: str,
    deleted: bool = False,
) -> None:
    """Add a version of a silence; the latest wins."""
    row = {
        "id": id,
        "version": version,
        "matchers": dict(matchers),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "comment": comment,
        "author": author,
        "deleted": int(deleted),
    }
    store.insert("silences", [row])


def active_silences(store: Store, now: datetime) -> list[dict[str, Any]]:
    """Silences in force: id, matchers, ends_at, comment, author."""
    return store.query(
        "SELECT id, matchers, ends_at, comment, author FROM "
        "(SELECT * FROM silences ORDER BY id, version DESC LIMIT 1 BY id) "
        "WHERE deleted = 0 AND starts_at <= {now:DateTime64(3, 'UTC')} AND ends_at > {now:DateTime64(3, 'UTC')} "
        "ORDER BY ends_at",
        {"now": now},
    )


def add_events(store: Store, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
    """Append to the log; rows whose token was seen before are dropped by the store, so the first writer wins."""
    if rows:
        store.insert("alert_events", rows, deduplication_token=token)


def latest_slots(store: Store, *, since: datetime) -> dict[str, datetime]:
    """Rule to the newest slot that was evaluated, among those written since a time."""
    found = store.query(
        "SELECT rule, max(slot) AS slot FROM alert_events "
        "WHERE kind = 'slot' AND time >= {since:DateTime64(3, 'UTC')} GROUP BY rule",
        {"since": since},
    )
    return {row["rule"]: row["slot"] for row in found}


def latest_transitions(store: Store, rules: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The newest transition of every alert (rule and labels); of all rules, or of those named."""
    where = "" if rules is None else "AND rule IN {rules:Array(String)}"
    return store.query(
        f"SELECT {_TRANSITION_COLUMNS} FROM alert_events WHERE kind = 'transition' {where} "
        "ORDER BY rule, slot DESC, time DESC LIMIT 1 BY rule, toJSONString(labels)",
        {} if rules is None else {"rules": list(rules)},
    )


def slot_writers(store: Store, slot: datetime, *, since: datetime) -> dict[str, str]:
    """Rule to the engine whose evaluation of a slot was stored, among those written since a time."""
    found = store.query(
        "SELECT rule, argMin(engine, time) AS engine FROM alert_events "
        "WHERE kind = 'slot' AND slot = {slot:DateTime('UTC')} "
        "AND time >= {since:DateTime64(3, 'UTC')} GROUP BY rule",
        {"slot": slot, "since": since},
    )
    return {row["rule"]: row["engine"] for row in found}


def open_notifications(store: Store, *, since: datetime) -> list[dict[str, Any]]:
    """Notifications that are neither delivered nor given up, oldest first.

    Rows have `id`, `channel`, `message`, `event_id`, `rule`, `labels`, `severity`, `slot`, `time` (when it was
    decided), `attempt` (0 = none yet), `outcome` ('' = none yet), `next_attempt`, and `is_current`: no later transition
    of the same alert exists; `is_repeat`: nothing had changed; and `wait_s`, from the last outcome to `next_attempt`.
    """
    return store.query(
        """
        WITH
            transitions AS (
                SELECT * FROM alert_events
                WHERE kind = 'transition' AND time >= {since:DateTime64(3, 'UTC')}
                ORDER BY time LIMIT 1 BY event_id
            ),
            deliveries AS (
                SELECT notification_id, max(d.attempt) AS last_attempt,
                    argMax(d.outcome, (d.attempt, d.outcome != 'sending', d.time)) AS last_outcome,
                    argMax(d.next_attempt, (d.attempt, d.outcome != 'sending', d.time)) AS last_next_attempt,
                    argMax(d.time, (d.attempt, d.outcome != 'sending', d.time)) AS last_time,
                    countIf(d.outcome IN ('delivered', 'failed', 'dropped')) AS finals
                FROM alert_events AS d
                WHERE d.kind = 'delivery' AND d.time >= {since:DateTime64(3, 'UTC')}
                GROUP BY notification_id
            )
        SELECT n.1 AS id, n.2 AS channel, n.3 AS message, t.event_id AS event_id, t.rule AS rule, t.labels AS labels,
            t.severity AS severity, t.slot AS slot, t.time AS time, t.is_current AS is_current,
            d.last_attempt AS attempt, d.last_outcome AS outcome, d.last_next_attempt AS next_attempt,
            t.state = t.previous_state AND t.change = '' AND t.open_since > toDateTime(0) AS is_repeat,
            if(d.last_attempt = 0, 0, date_diff('millisecond', d.last_time, d.last_next_attempt) / 1000) AS wait_s
        FROM (
            SELECT *, slot = max(slot) OVER (PARTITION BY rule, toJSONString(labels)) AS is_current FROM transitions
        ) AS t
        ARRAY JOIN t.notifications AS n
        LEFT JOIN deliveries AS d ON d.notification_id = n.1
        WHERE d.finals = 0
        ORDER BY t.slot, t.time, n.1
        """,
        {"since": since},
    )


def open_alerts(store: Store) -> list[dict[str, Any]]:
    """Alerts that are firing: rule, labels, severity, and the rule's definition as JSON, '' where it has none."""
    return store.query(
        """
        SELECT t.rule AS rule, t.labels AS labels, t.severity AS severity, r.definition AS definition
        FROM (
            SELECT rule, labels, severity, open_since FROM alert_events WHERE kind = 'transition'
            ORDER BY rule, slot DESC, time DESC LIMIT 1 BY rule, toJSONString(labels)
        ) AS t
        LEFT JOIN (
            SELECT name, argMax(v.definition, v.version) AS definition FROM alert_rules AS v GROUP BY name
        ) AS r ON r.name = t.rule
        WHERE t.open_since > toDateTime(0)
        ORDER BY rule, toJSONString(labels)
        """
    )


def last_told(store: Store, *, since: datetime) -> list[dict[str, Any]]:
    """What was last delivered about each alert to each channel, among deliveries since a time.

    Rows have `channel`, `rule`, `labels`, `severity`, `time` and `message`.
    """
    return store.query(
        """
        SELECT d.channel AS channel, t.rule AS rule, t.labels AS labels, t.severity AS severity, d.time AS time,
            t.message AS message
        FROM (
            SELECT e.notification_id AS id, e.channel AS channel, e.time AS time FROM alert_events AS e
            WHERE e.kind = 'delivery' AND e.outcome = 'delivered' AND e.time >= {since:DateTime64(3, 'UTC')}
        ) AS d
        INNER JOIN (
            SELECT e.rule AS rule, e.labels AS labels, e.severity AS severity, e.slot AS slot, n.1 AS id,
                n.3 AS message
            FROM alert_events AS e ARRAY JOIN e.notifications AS n
            WHERE e.kind = 'transition' AND e.time >= {since:DateTime64(3, 'UTC')}
        ) AS t ON t.id = d.id
        -- By slot, in which nothing overtakes: a clock that went back has written later deliveries at earlier times.
        ORDER BY t.slot DESC, d.time DESC LIMIT 1 BY channel, rule, toJSONString(labels)
        """,
        {"since": since},
    )


def messages_sent(store: Store, *, since: datetime) -> dict[str, int]:
    """Channel to the messages that it got since a time; what went together counts once."""
    found = store.query(
        "SELECT channel, uniqExact(engine, time) AS messages FROM alert_events WHERE kind = 'delivery' "
        "AND outcome = 'delivered' AND time >= {since:DateTime64(3, 'UTC')} GROUP BY channel",
        {"since": since},
    )
    return {row["channel"]: int(row["messages"]) for row in found}


def claim_owner(store: Store, notification_id: str, attempt: int, *, rule: str, since: datetime) -> str:
    """The engine whose claim on an attempt was stored; '' where there is none."""
    found = store.query(
        "SELECT engine FROM alert_events WHERE kind = 'delivery' AND rule = {rule:String} "
        "AND time >= {since:DateTime64(3, 'UTC')} "
        "AND notification_id = {id:String} AND attempt = {attempt:UInt32} AND outcome = 'sending' "
        "ORDER BY time, engine LIMIT 1",
        {"id": notification_id, "attempt": attempt, "rule": rule, "since": since},
    )
    return str(found[0]["engine"]) if found else ""
