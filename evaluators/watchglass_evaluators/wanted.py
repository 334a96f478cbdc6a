"""What is wanted of each evaluator: the settings file's word, or the latest row of `evaluator_settings`. No store."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchglass_evaluators import registry
from watchglass_evaluators.config import EvaluatorOptions, EvaluatorsConfig
from watchglass_evaluators.judge.rubrics import BUILTIN, PREFIX
from watchglass_store.queries.evaluator_settings import EvaluatorSettings

FILE = "settings file"
"""Origin of settings that nobody changed since the start."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one evaluator shall do."""

    name: str
    """Its name; judge_RUBRIC for a judge."""
    enabled: bool
    """Whether it runs."""
    sample_rate: float
    """Share of the traces or sessions that it scores."""
    filters: Mapping[str, tuple[str, ...]]
    """Column -> values that a call may have; empty = every call."""
    origin: str = FILE
    """Whose word it is: FILE, or the author of the row."""
    on_since: datetime | None = None
    """When it was turned on again; calls that arrived before are left alone. None where it was never off."""

    @property
    def is_judge(self) -> bool:
        """Whether it is a rubric."""
        return self.name.startswith(PREFIX)

    def as_json(self) -> str:
        """What the log says about it."""
        filters = {column: list(values) for column, values in self.filters.items()}
        return json.dumps(
            {
                "enabled": self.enabled,
                "sample_rate": self.sample_rate,
                "filters": filters,
                "origin": self.origin,
            },
            sort_keys=True,
            ensure_ascii=False,
        )


def everything_wanted(
    config: EvaluatorsConfig, rows: Mapping[str, EvaluatorSettings], stored_rubrics: Iterable[str] = ()
) -> dict[str, Wanted]:
    """Work out what is wanted of every evaluator there is, those that are off included, by name.

    Args:
        config: the settings file.
        rows: the latest row for each evaluator that has one; those of an unknown evaluator count too, so that it can
            say why it does not run.
        stored_rubrics: names in `judge_rubrics`.
    """
    rubrics = dict.fromkeys((*config.judge.rubrics, *BUILTIN, *config.judge.custom, *stored_rubrics))
    names = dict.fromkeys((*config.enabled, *registry.names(), *(PREFIX + rubric for rubric in rubrics), *rows))
    running = {*config.enabled, *(PREFIX + rubric for rubric in config.judge.rubrics)}
    wanted = {}
    for name in names:
        row = rows.get(name)
        if row is None:
            options = config.options.get(name, EvaluatorOptions())
            filters: dict[str, tuple[str, ...]] = {c: values for c, values in options.filters.items() if values}
            wanted[name] = Wanted(name, name in running, options.sample_rate, filters)
        else:
            filters = {column: tuple(values) for column, values in row.filters.items() if values}
            wanted[name] = Wanted(name, row.enabled, row.sample_rate, filters, row.author, row.on_since)
    return wanted
