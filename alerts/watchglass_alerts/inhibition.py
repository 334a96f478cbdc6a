"""Inhibition: while one alert is open, nobody is told of those that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from watchglass_alerts.events import Labels, identity


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that is firing, and what it can be matched by."""

    rule: str
    labels: Labels
    names: Mapping[str, str]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> OpenAlert:
        """From `alerting.open_alerts`."""
        definition = orjson.loads(row["definition"] or "{}")
        filters = definition.get("filters", {})
        single = {name: values[0] for name, values in filters.items() if len(values) == 1}
        fixed = {"rule": row["rule"], "severity": row["severity"]}
        return cls(row["rule"], identity(row["labels"]), single | definition.get("labels", {}) | row["labels"] | fixed)


class Inhibition(BaseModel):
    """While an alert that matches `source` is open, alerts that match `target` are not told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: dict[str, str] = Field(min_length=1, description="Label to value of the alert that says it all.")
    target: dict[str, str] = Field(min_length=1, description="Label to value of the alerts that need not be told.")
    equal: tuple[str, ...] = Field((), description="Labels that must be the same in both, such as `service_name`.")

    def applies(self, alert: OpenAlert, target: tuple[str, Labels], names: Mapping[str, str]) -> bool:
        """Whether this open alert makes it needless to tell of another. Nothing inhibits itself.

        Args:
            alert: which is open.
            target: rule and labels of the other.
            names: what the other can be matched by.
        """
        return (
            (alert.rule, alert.labels) != target
            and all(alert.names.get(name) == value for name, value in self.source.items())
            and all(names.get(name) == value for name, value in self.target.items())
            and all(alert.names.get(name, "") == names.get(name, "") for name in self.equal)
        )
