"""Silences: for a while, nobody is told about alerts that match."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import orjson

from watchglass_alerts.errors import RuleError
from watchglass_store import Store
from watchglass_store.queries import alerting, alerting_lists

LONGEST = timedelta(days=365)


def save_silence(
    store: Store,
    matchers: Mapping[str, str],
    *,
    duration: timedelta,
    author: str,
    comment: str = "",
    now: datetime | None = None,
) -> str:
    """Silence every alert that has all of these labels, from now on; returns the silence's id.

    Args:
        store: where to.
        matchers: label to value. Labels are `rule`, `severity`, and a rule's filters, labels and groups.
        duration: at most a year.
        author: who is silencing.
        comment: why.
        now: the clock, for tests.

    Raises:
        RuleError: there is no matcher, or the duration is not between zero and a year.
    """
    if not matchers or not all(matchers):
        raise RuleError(["a silence needs at least one matcher, such as rule=NAME; without any it would match all"])
    if not timedelta(0) < duration <= LONGEST:
        raise RuleError([f"a silence lasts more than 0 and at most {LONGEST.days} days"])
    now = now or datetime.now(UTC)
    silence_id = secrets.token_hex(8)
    alerting.add_silence(
        store,
        id=silence_id,
        version=now,
        matchers=matchers,
        starts_at=now,
        ends_at=now + duration,
        comment=comment,
        author=author,
    )
    after = orjson.dumps({"matchers": dict(matchers), "ends_at": now + duration, "comment": comment}).decode()
    alerting.add_audit(store, time=now, actor=author, action="silence.save", target=silence_id, before="", after=after)
    return silence_id


def lift_silence(store: Store, silence_id: str, author: str, *, now: datetime | None = None) -> None:
    """End a silence before its time; what it held back and still burns is told.

    Raises:
        RuleError: there is no such silence, or it has ended.
    """
    now = now or datetime.now(UTC)
    found = next((row for row in alerting_lists.silences_since(store, now) if row["id"] == silence_id), None)
    if found is None or found["deleted"]:
        raise RuleError([f"no silence {silence_id!r} is in force"])
    before = orjson.dumps({"matchers": found["matchers"], "ends_at": found["ends_at"]}).decode()
    kept = {name: found[name] for name in ("matchers", "starts_at", "ends_at", "comment", "author")}
    version = max(now, found["version"] + timedelta(milliseconds=1))
    alerting.add_silence(store, id=silence_id, version=version, deleted=True, **kept)
    alerting.add_audit(store, time=now, actor=author, action="silence.lift", target=silence_id, before=before, after="")


def is_matched(matchers: Mapping[str, str], names: Mapping[str, str]) -> bool:
    """Whether an alert has all of a silence's labels; a silence without any matches nothing."""
    return bool(matchers) and all(names.get(name) == value for name, value in matchers.items())
