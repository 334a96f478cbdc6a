"""Which rules are in force: the table `alert_rules`, and the rules file that is written into it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from watchglass_alerts.errors import RuleError
from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import load_rules, parse_rule
from watchglass_store import Store
from watchglass_store.queries import alerting

logger = logging.getLogger("watchglass.alerts")


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule as the table has it."""

    rule: Rule
    version: datetime
    created: datetime
    """When the rule was made, or made again after a deletion."""
    deleted: bool
    author: str


def save_rule(store: Store, rule: Rule, author: str, *, now: datetime | None = None) -> None:
    """Write a rule as the latest version of its name, and an audit record.

    Args:
        store: where to.
        rule: already valid: every way to make one validates.
        author: who is changing it.
        now: the clock, for tests.
    """
    _write(store, rule.name, rule, author, now or datetime.now(UTC))


def delete_rule(store: Store, name: str, author: str, *, now: datetime | None = None) -> None:
    """Delete a rule; what it has open is resolved with that reason. An unknown name changes nothing."""
    _write(store, name, None, author, now or datetime.now(UTC))


def sync_rules(store: Store, rules: Iterable[Rule], author: str, now: datetime) -> None:
    """Make the table say what a file says: changed rules become new versions, and this file's missing ones go."""
    rows = {row["name"]: row for row in alerting.current_rules(store)}
    wanted = {rule.name: rule for rule in rules}
    for name, rule in wanted.items():
        row = rows.get(name)
        if row is None or row["deleted"] or row["definition"] != _definition(rule):
            _write(store, name, rule, author, now)
    for name, row in rows.items():
        if name not in wanted and row["author"] == author and not row["deleted"]:
            _write(store, name, None, author, now)


def add_rule(store: Store, rule: Rule, author: str, now: datetime) -> None:
    """As `save_rule`, without the audit record."""
    _add_version(store, rule.name, rule, author, now)


def remove_rule(store: Store, name: str, author: str, now: datetime) -> None:
    """As `delete_rule`, without the audit record."""
    _add_version(store, name, None, author, now)


def _add_version(store: Store, name: str, rule: Rule | None, author: str, now: datetime) -> tuple[str, str] | None:
    """The latest version from now on; its definition before and after, None where nothing was to be done."""
    before = next((row for row in alerting.current_rules(store) if row["name"] == name), None)
    if rule is None and (before is None or before["deleted"]):
        return None
    # A later version must have a later time, whatever the clock says.
    version = now if before is None else max(now, before["version"] + timedelta(milliseconds=1))
    old = before["definition"] if before and not before["deleted"] else ""
    definition = _definition(rule) if rule else old
    alerting.add_rule_version(
        store, name=name, version=version, definition=definition, deleted=rule is None, author=author
    )
    return old, definition if rule else ""


def _write(store: Store, name: str, rule: Rule | None, author: str, now: datetime) -> None:
    changed = _add_version(store, name, rule, author, now)
    if changed is None:
        return
    alerting.add_audit(
        store,
        time=now,
        actor=author,
        action="alert_rule.save" if rule else "alert_rule.delete",
        target=name,
        before=changed[0],
        after=changed[1],
    )


def _definition(rule: Rule) -> str:
    return orjson.dumps(rule.definition(), option=orjson.OPT_SORT_KEYS).decode()


class RuleBook:
    """The rules in force, kept up to date with the table and the file."""

    def __init__(self, store: Store, rules_file: Path | None, channels: Mapping[str, object]) -> None:
        """Read the file, if there is one.

        Raises:
            RuleError: the file is wrong, or names a channel that is not configured.
        """
        self._store = store
        self._file = rules_file
        self._channels = channels
        self.entries: dict[str, Entry] = {}
        """Name to rule, deleted ones too."""
        self._broken: dict[str, datetime] = {}
        self._read_at: tuple[int, datetime] | None = None
        self._seen = self._loaded = _stamp(rules_file)
        self._pending: list[Rule] | None = self._read()

    def refresh(self, now: datetime) -> None:
        """Look at the file and at the table again. A file or row that has become wrong changes nothing."""
        self._look_at_file()
        if self._pending is not None and self._file is not None:
            sync_rules(self._store, self._pending, f"file:{self._file.name}", now)
            self._pending = None
        stamp = alerting.rules_stamp(self._store)
        if stamp == self._read_at:
            return
        for row in alerting.current_rules(self._store):
            known = self.entries.get(row["name"])
            if known is None or known.version != row["version"]:
                self._adopt(row)
        self._read_at = stamp

    def _look_at_file(self) -> None:
        stamp = _stamp(self._file)
        # Read only once it has rested, so that half a file is not taken for all of it.
        rested, self._seen = stamp == self._seen, stamp
        if not rested or stamp == self._loaded:
            return
        self._loaded = stamp
        try:
            self._pending = self._read()
        except RuleError as error:
            logger.error("the rules file has become wrong; the rules stay as they were: %s", error)

    def _read(self) -> list[Rule] | None:
        if self._file is None:
            return None
        rules = load_rules(self._file)
        configured = ", ".join(sorted(self._channels)) or "none"
        problems = [
            f"{self._file}: rule {rule.name!r}: channel {channel!r} is not configured; configured: {configured}"
            for rule in rules
            for channel in rule.channels
            if channel not in self._channels
        ]
        if problems:
            raise RuleError(problems)
        return rules

    def _adopt(self, row: Mapping[str, Any]) -> None:
        name, version = row["name"], row["version"]
        try:
            rule = parse_rule(orjson.loads(row["definition"]))
        except (RuleError, orjson.JSONDecodeError) as error:
            if self._broken.get(name) != version:
                logger.error("rule %r has a definition that this version does not accept: %s", name, error)
            self._broken[name] = version
            return
        self.entries[name] = Entry(rule, version, row["created"], bool(row["deleted"]), row["author"])


def _stamp(file: Path | None) -> tuple[int, int, int] | None:
    try:
        status = file.stat() if file else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None
