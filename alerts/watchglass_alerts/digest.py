"""Several alerts in one message."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from watchglass_alerts.events import derive_id
from watchglass_alerts.message import TITLES, Message
from watchglass_alerts.stages import Pending
from watchglass_alerts.text import clean

MAX_MEMBERS = 100
"""More go in another message."""
MAX_LISTED = 20
_SEVERITIES = ("critical", "warning", "info")


def digest(members: Sequence[Pending]) -> Message:
    """One message for notifications of one kind to one channel; a single one stays as it is.

    Its id depends on the members only, so that the same members have the same id on every attempt.
    """
    first = members[0]
    if len(members) == 1:
        return first.message
    ordered = sorted(members, key=lambda each: (_SEVERITIES.index(each.severity), each.rule, each.labels))
    common = _common([each.names for each in members])
    what = f"{len(members)} alerts of {first.rule}" if "rule" in common else f"{len(members)} alerts"
    listed = [(_title(each, common), each.message.headline) for each in ordered[:MAX_LISTED]]
    if len(members) > MAX_LISTED:
        listed.append(("More", f"and {len(members) - MAX_LISTED} others; the dashboard has all"))
    links = [link for link in first.message.links if all(link in each.message.links for each in members)]
    words = " ".join(shlex.quote(f"{name}={value}") for name, value in sorted(common.items()) if value)
    return Message(
        id=derive_id("digest", first.channel, sorted(each.id for each in members)),
        thread=derive_id("group", first.channel, sorted(common.items())),
        kind=first.message.kind,
        title=clean(f"{TITLES[first.message.kind]}: {what}", 150),
        severity=ordered[0].severity,
        headline=clean(f"{what}; the gravest: {_title(ordered[0], common)}.", 500),
        reason=clean(ordered[0].message.reason, 500),
        facts=tuple((clean(name, 200), clean(text, 200)) for name, text in listed),
        where=tuple((clean(name, 200), clean(value, 200)) for name, value in sorted(common.items())),
        notes=(),
        links=tuple(links),
        silence=clean(f"watchglass alerts silence {words} --for 2h", 500) if words else first.message.silence,
    )


def _common(names: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: value for name, value in names[0].items() if all(each.get(name) == value for each in names)}


def _title(pending: Pending, common: Mapping[str, str]) -> str:
    own = [value or f"no {name}" for name, value in pending.labels if name not in common]
    return ", ".join(([] if "rule" in common else [pending.rule]) + own) or pending.rule
