"""Silences: for a while, nobody is told about alerts that match."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import orjson

from watchglass_alerts.errors import RuleError
from watchglass_store import Store
from watchglass_store.queries import alerting

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
