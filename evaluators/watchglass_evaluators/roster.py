"""Which evaluators a lane runs: follows `evaluator_settings` and `judge_rubrics` without a restart."""

from collections.abc import Callable, Mapping
from datetime import datetime

from watchglass_evaluators.config import EvaluatorOptions, EvaluatorsConfig
from watchglass_evaluators.evaluator import Evaluator
from watchglass_evaluators.journal import Journal
from watchglass_evaluators.judge.rubrics import PREFIX
from watchglass_evaluators.slot import Slot
from watchglass_evaluators.wanted import Wanted, everything_wanted
from watchglass_store import Store
from watchglass_store.queries.evaluator_settings import current_settings
from watchglass_store.queries.judge_rubrics import current_rubrics


class Roster:
    """The slots of one lane."""

    def __init__(
        self,
        store: Store,
        config: EvaluatorsConfig,
        journal: Journal,
        load: Callable[[str], Evaluator],
        serves: Callable[[Wanted], bool],
    ) -> None:
        """Start with nobody.

        Args:
            store: where the settings are.
            config: what holds for evaluators without settings there.
            journal: takes down what each evaluator was told to do.
            load: makes an evaluator by name.
            serves: whether this lane runs an evaluator.
        """
        self._store = store
        self._config = config
        self._journal = journal
        self._load = load
        self._serves = serves
        self._told: dict[str, Wanted] = {}
        self.slots: list[Slot] = []

    def refresh(self) -> None:
        """Take up what people changed since the last time.

        Raises:
            StoreUnavailable, StoreRejected: the settings cannot be read; everybody goes on as before.
        """
        rubrics: Mapping[str, datetime] = {row["name"]: row["version"] for row in current_rubrics(self._store)}
        everything = everything_wanted(self._config, current_settings(self._store), rubrics)
        wanted = {name: one for name, one in everything.items() if self._serves(one)}
        changed = [one for name, one in wanted.items() if self._told.get(name) != one]
        self._journal.settings([(one.name, one.as_json()) for one in changed])
        self._told = wanted
        running = {slot.name: slot for slot in self.slots}
        self.slots = [
            self._slot(one, running.get(one.name), rubrics.get(one.name.removeprefix(PREFIX)))
            for one in wanted.values()
            if one.enabled
        ]

    def _slot(self, wanted: Wanted, old: Slot | None, rubric: datetime | None) -> Slot:
        """Make a slot, or go on with the one that is there: its place stays, unless its evaluator is another now."""
        new = make_slot(wanted, self._config, self._load)
        new.definition = rubric if wanted.is_judge else None
        if old is not None and old.definition == new.definition and old.on_since == new.on_since:
            old.options = new.options
            return old
        return new


def make_slot(wanted: Wanted, config: EvaluatorsConfig, load: Callable[[str], Evaluator]) -> Slot:
    """Make the slot of an evaluator, with nothing loaded."""
    options = EvaluatorOptions.model_validate({"sample_rate": wanted.sample_rate, "filters": wanted.filters})
    return Slot(wanted.name, options, load, usual_operations=config.operations, on_since=wanted.on_since)
