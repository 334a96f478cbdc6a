"""Rubrics for whoever edits them outside this part: what is shipped, and what a judge would be sent.

The dashboard's Evaluators page works with this through the protocol `judge_desk.JudgeDesk` of its own, in plain data.
It reads the store and connects to nothing else.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.judge.preview import Place, calls_at, lacks, rubric_from
from watchglass_evaluators.judge.prompt import build, texts_of
from watchglass_evaluators.judge.rubrics import BUILTIN, Rubric
from watchglass_store import Store


class Desk:
    """Everything that an editor of rubrics asks for."""

    def shipped(self) -> dict[str, dict[str, Any]]:
        """The built-in rubrics as people would write them; those that compare two answers cannot be written so."""
        return {name: _as_written(rubric) for name, rubric in BUILTIN.items() if not rubric.is_pairwise}

    def prompts(
        self, store: Store, name: str, rubric: Mapping[str, Any], calls: Sequence[Place]
    ) -> list[dict[str, Any]]:
        """What the judge would be sent about some calls: call (its id), messages (role, text), and `lacks`."""
        asked = rubric_from(name, rubric)
        found = []
        for call in calls_at(store, EvaluatorsConfig(), asked, calls):
            prompt = build(asked, texts_of(asked, call, swapped=False), lambda: secrets.token_hex(8))
            messages = [(message["role"], message["content"]) for message in prompt.messages]
            found.append({"call": call.id, "messages": messages, "lacks": lacks(asked, call)})
        return found


def _as_written(rubric: Rubric) -> dict[str, Any]:
    meanings = "\n".join(f"{choice.name}: {choice.meaning}." for choice in rubric.choices if choice.meaning)
    return {
        "prompt": f"{rubric.question}\n\n{meanings}",
        "choices": rubric.values,
        "direction": rubric.direction,
        "columns": rubric.columns,
    }
