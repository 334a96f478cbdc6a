"""What the Evaluators page needs to know about rubrics, from whoever knows it: as `rule_desk`, for the same reason."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from watchglass_dashboards.rule_desk import load_desk
from watchglass_store import Store

#: Carries 'module:Class' to the dashboard's process; without it rubrics are edited without a preview.
JUDGE_DESK_VARIABLE = "WATCHGLASS_DASHBOARD_JUDGE_DESK"


class JudgeDesk(Protocol):
    """Rubrics at work. A rubric is plain data: prompt, choices, direction, columns."""

    def shipped(self) -> Mapping[str, Mapping[str, Any]]:
        """The built-in rubrics that can be edited, by name."""
        ...

    def prompts(
        self, store: Store, name: str, rubric: Mapping[str, Any], calls: Sequence[tuple[str, str, str, int, int]]
    ) -> Sequence[Mapping[str, Any]]:
        """What the judge would be sent about some calls; one that is gone is left out.

        Args:
            store: Where the calls are.
            name: Of the rubric.
            rubric: A valid one.
            calls: (trace_id, span_id, key_project, when it began and when it arrived in Unix milliseconds), 10 at most.

        Returns:
            call (its id), messages (role, text), and lacks: why the judge would not be asked, '' = it would.
        """
        ...


def judge_desk() -> JudgeDesk | None:
    """The desk that this process was told of; None where it was told of none."""
    target = os.environ.get(JUDGE_DESK_VARIABLE, "")
    desk: JudgeDesk | None = load_desk(target) if target else None
    return desk
