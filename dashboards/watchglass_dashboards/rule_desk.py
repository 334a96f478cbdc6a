"""What the Alerts page needs to know about rules, from whoever knows it.

Parts do not import each other, and schema, validator and evaluation of rules belong to the alerts. So whoever starts
the dashboard names a class that does the work (`module:Class`), and this is what it must be. See design/0016.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

from watchglass_store import Store

#: Carries 'module:Class' to the dashboard's process; without it rules can be read, and neither tried nor changed.
RULE_DESK_VARIABLE = "WATCHGLASS_DASHBOARD_RULE_DESK"


class RuleDesk(Protocol):
    """The schema of rules at work. A definition is a rule as plain data, as the table holds it."""

    def catalogue(self) -> Sequence[Mapping[str, Any]]:
        """What can be watched.

        Keys: metric ('score:NAME' and 'drift:NAME' stand for any), statistic, kind ('count', 'share', 'mean',
        'quantile' or 'gauge'), unit ('%' = values are 0 to 1), description, and fields: what it filters and groups by.
        """
        ...

    def problems(self, definition: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """What is wrong with a rule: (field, '' = the whole; what and what is allowed). Empty = it is valid."""
        ...

    def preview(self, store: Store, definition: Mapping[str, Any], until: datetime) -> Mapping[str, Any]:
        """What a valid rule would have done in the week before a time, or as much of it as can be told in seconds.

        Keys: since, until, slots, fired (how often), turns (slot, labels, kind 'fired' or 'resolved', reason), alerts
        (labels, and points: time_ms, value, low, high, sample_size, is_open), unit, threshold, is_bad_above.
        """
        ...

    def add_version(self, store: Store, definition: Mapping[str, Any], author: str, now: datetime) -> None:
        """Write a valid rule as the latest version of its name."""
        ...

    def delete(self, store: Store, name: str, author: str, now: datetime) -> None:
        """Delete a rule; what it has open resolves."""
        ...


def rule_desk() -> RuleDesk | None:
    """The desk that this process was told of; None where it was told of none."""
    target = os.environ.get(RULE_DESK_VARIABLE, "")
    desk: RuleDesk | None = load_desk(target) if target else None
    return desk


@lru_cache(maxsize=4)
def load_desk(target: str) -> Any:
    """An object of the class 'module:Class'."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()
