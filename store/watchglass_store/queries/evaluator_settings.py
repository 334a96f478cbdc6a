"""What people set for evaluators while they run: table `evaluator_settings`, append-only, the latest version wins."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from watchglass_store.client import Store
from watchglass_store.queries.alerting import add_audit

FILTER_COLUMNS: Final = (
    "service_name",
    "environment",
    "project",
    "model",
    "operation_name",
    "prompt_name",
    "prompt_version",
)
"""What a filter can look at; `model` is the one that answered, or else the one that was asked for."""


@dataclass(frozen=True, slots=True)
class EvaluatorSettings:
    """The latest version of one evaluator's settings."""

    evaluator: str
    """Its name."""
    version: datetime
    """When this version was made."""
    enabled: bool
    """Whether it runs."""
    sample_rate: float
    """Share of the traces (or sessions) that it scores, 0 to 1."""
    filters: Mapping[str, Sequence[str]]
    """Column -> values it may have; empty = every call."""
    author: str
    """Who made this version."""
    on_since: datetime | None
    """When it was last turned on; None where it was never off."""


def current_settings(store: Store) -> dict[str, EvaluatorSettings]:
    """The latest version for each evaluator that somebody set something for, by name."""
    rows = store.query(
        """
        SELECT evaluator, max(s.version) AS version, argMax(s.enabled, s.version) AS enabled,
            argMax(s.sample_rate, s.version) AS sample_rate, argMax(s.filters, s.version) AS filters,
            argMax(s.author, s.version) AS author, countIf(s.enabled = 0) AS times_off,
            minIf(s.version, s.version > s.off_at) AS on_since
        FROM (
            SELECT *, maxIf(version, enabled = 0) OVER (PARTITION BY evaluator) AS off_at FROM evaluator_settings
        ) AS s
        GROUP BY evaluator ORDER BY evaluator
        """
    )
    return {
        row["evaluator"]: EvaluatorSettings(
            evaluator=row["evaluator"],
            version=row["version"],
            enabled=bool(row["enabled"]),
            sample_rate=row["sample_rate"],
            filters=row["filters"],
            author=row["author"],
            on_since=row["on_since"] if row["enabled"] and row["times_off"] else None,
        )
        for row in rows
    }


def settings_history(store: Store, evaluator: str) -> list[dict[str, Any]]:
    """All versions for one evaluator, the newest first: version, enabled, sample_rate, filters and author."""
    return store.query(
        "SELECT version, enabled = 1 AS enabled, sample_rate, filters, author FROM evaluator_settings "
        "WHERE evaluator = {evaluator:String} ORDER BY version DESC",
        {"evaluator": evaluator},
    )


def change_settings(
    store: Store,
    evaluator: str,
    *,
    enabled: bool,
    sample_rate: float,
    filters: Mapping[str, Sequence[str]],
    author: str,
    now: datetime,
) -> None:
    """Add a version, which workers take up within seconds, and the row of `audit_log` that says so.

    Args:
        store: where to.
        evaluator: its name, judge_RUBRIC for a judge; not checked here, since plug-ins are installed where they run.
        enabled: whether it runs from now on.
        sample_rate: share of the traces (or sessions) that it scores, 0 to 1.
        filters: column, one of FILTER_COLUMNS -> values it may have; empty = every call.
        author: who changes it.
        now: the time.

    Raises:
        ValueError: a value that makes no sense; the message names it and what is allowed. Nothing was written.
    """
    before = current_settings(store).get(evaluator)
    kept = {column: list(values) for column, values in filters.items() if values}
    add_settings_version(
        store, evaluator, enabled=enabled, sample_rate=sample_rate, filters=kept, author=author, now=now
    )
    add_audit(
        store,
        time=now,
        actor=author,
        action="set evaluator",
        target=evaluator,
        before=_as_json(before.enabled, before.sample_rate, before.filters) if before else "",
        after=_as_json(enabled, sample_rate, kept),
    )


def add_settings_version(
    store: Store,
    evaluator: str,
    *,
    enabled: bool,
    sample_rate: float,
    filters: Mapping[str, Sequence[str]],
    author: str,
    now: datetime,
) -> None:
    """Add a version and nothing else; whoever calls this writes the audit log.

    Raises:
        ValueError: As `change_settings`.
    """
    check_settings(evaluator, sample_rate, filters)
    kept = {column: list(values) for column, values in filters.items() if values}
    row = {"evaluator": evaluator, "version": now, "enabled": int(enabled), "sample_rate": float(sample_rate)}
    store.insert("evaluator_settings", [row | {"filters": kept, "author": author}])


def check_settings(evaluator: str, sample_rate: float, filters: Mapping[str, Sequence[str]]) -> None:
    """Find what makes no sense.

    Raises:
        ValueError: the message names it and what is allowed.
    """
    if not evaluator:
        raise ValueError("the evaluator's name must not be empty")
    if not 0 <= sample_rate <= 1:
        raise ValueError(f"sample_rate {sample_rate}: a share of the traces, 0 to 1")
    for column in filters:
        if column not in FILTER_COLUMNS:
            raise ValueError(f"filter {column!r}: no such column; choose from {', '.join(FILTER_COLUMNS)}")


def _as_json(enabled: bool, sample_rate: float, filters: Mapping[str, Sequence[str]]) -> str:
    return json.dumps({"enabled": enabled, "sample_rate": sample_rate, "filters": dict(filters)}, sort_keys=True)
