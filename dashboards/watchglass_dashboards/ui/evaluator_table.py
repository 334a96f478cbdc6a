"""The evaluators as one table: what is wanted of each, what it did, how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchglass_dashboards.ui.text import one_line
from watchglass_store.queries.evaluator_settings import EvaluatorSettings

JUDGE = "judge_"


@dataclass(frozen=True, slots=True)
class Evaluator:
    """One evaluator, with what is wanted of it and what it did. Names and filters are text that people typed."""

    name: str
    summary: str
    enabled: bool
    sample_rate: float
    filters: Mapping[str, Sequence[str]]
    origin: str
    """Who set it, or 'settings file'."""
    did: Mapping[str, Any] | None
    """Row of `pages_evaluators.activity`; None = nothing in that time."""
    behind: int | None
    """Calls that arrived after the last one it looked at; None where it looked at none."""

    @property
    def state(self) -> str:
        """What it is doing, in two words."""
        if not self.enabled:
            return "off"
        if self.did is None:
            return "not seen"
        return "waits" if self.did["waits_for"] else "runs"


def merged(
    installed: Mapping[str, Mapping[str, Any]],
    rows: Mapping[str, EvaluatorSettings],
    rubrics: Sequence[str],
    activity: Sequence[Mapping[str, Any]],
    behind: Mapping[str, int],
) -> list[Evaluator]:
    """All evaluators that are known from anywhere: those that are on first, then by name.

    Args:
        installed: `Installation.evaluators`.
        rows: Latest row of `evaluator_settings` by name; it comes before the settings file.
        rubrics: Names of stored rubrics.
        activity: Rows of `pages_evaluators.activity`.
        behind: Evaluator -> calls it has not looked at.
    """
    did = {row["evaluator"]: row for row in activity}
    names = dict.fromkeys([*installed, *rows, *(JUDGE + name for name in rubrics), *did])
    found = []
    for name in names:
        known, row = installed.get(name, {}), rows.get(name)
        found.append(
            Evaluator(
                name,
                str(known.get("summary", "")),
                row.enabled if row else bool(known.get("enabled", name in did)),
                row.sample_rate if row else float(known.get("sample_rate", 1.0)),
                row.filters if row else known.get("filters", {}),
                row.author if row else "settings file",
                did.get(name),
                behind.get(name),
            )
        )
    return sorted(found, key=lambda one: (not one.enabled, one.name))


def as_rows(evaluators: Sequence[Evaluator]) -> list[dict[str, Any]]:
    """As shown."""
    return [_row(one) for one in evaluators]


def filter_text(filters: Mapping[str, Sequence[str]]) -> str:
    """'service_name: shop, blog' for people."""
    return "; ".join(f"{column}: {', '.join(values)}" for column, values in filters.items() if values)


def _row(one: Evaluator) -> dict[str, Any]:
    did = one.did or {}
    scored = did.get("n_scored", 0)
    through = did.get("through_ms")
    return {
        "state": one.state,
        "evaluator": one_line(one.name.replace("_", " "), 60),
        "measures": one_line(one.summary.partition(": ")[2] or one.summary, 120) or None,
        "sample": one.sample_rate,
        "filters": one_line(filter_text(one.filters), 120) or None,
        "scored": scored,
        "unscored": did.get("n_unscored", 0),
        "errors": did.get("n_errors", 0) + did.get("n_quarantined", 0),
        "behind": one.behind,
        "ms": 1000 * did["busy_s"] / scored if scored else None,
        "cost": did.get("cost") or None,
        "through": datetime.fromtimestamp(through / 1000, UTC) if through else None,
        "waits": one_line(did.get("waits_for", ""), 160) or None,
    }
