"""One rule in one slot: observations become steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from watchglass_alerts.events import Labels
from watchglass_alerts.measurement import MAX_GROUPS, Measured, absent
from watchglass_alerts.message import Change
from watchglass_alerts.rules import Rule
from watchglass_alerts.slots import Slot
from watchglass_alerts.state import AlertState, Observation, Step, close, first_state, next_state

WHOLE_RULE: Labels = ()
"""The alert of a rule without groups; for a rule with groups, the one that says that the rule itself has trouble."""


def evaluate(rule: Rule, slot: Slot, states: Mapping[Labels, AlertState], measured: Measured | str) -> list[Change]:
    """What a slot does to each of a rule's alerts, those without any change included.

    Args:
        rule: as it stands.
        slot: the evaluation's time.
        states: the rule's alerts after the previous slot.
        measured: the query's answer, or why it was refused.
    """
    problem = measured if isinstance(measured, str) else _overflow(rule, measured)
    observations = {} if isinstance(measured, str) else dict(measured.observations)
    changes = []
    if rule.group_by and (problem or WHOLE_RULE in states):
        changes.append(_whole_rule(rule, slot, states.get(WHOLE_RULE), problem))
    elif problem:
        observations[WHOLE_RULE] = Observation(None, error=problem)
    # A refused query says nothing about the groups: they stay as they are, and the rule's own alert tells.
    known = [labels for labels in states if not (rule.group_by and labels == WHOLE_RULE)]
    groups = dict.fromkeys([*known, *observations]) if not isinstance(measured, str) or not rule.group_by else {}
    for labels in groups:
        before = states.get(labels) or first_state(slot.time)
        if {name for name, _ in labels} != set(rule.group_by):
            step = close(before, "the rule no longer groups this way", slot.time)
            observation = Observation(None)
        else:
            observation = observations.get(labels, absent(rule))
            step = next_state(rule, before, observation, slot.time)
        changes.append(Change(rule, dict(labels), before, step, observation, slot.time, slot.is_late))
    return changes


def end(rule: Rule, states: Mapping[Labels, AlertState], reason: str, slot: datetime) -> list[Change]:
    """Close what a deleted rule leaves open."""
    return [
        Change(rule, dict(labels), state, close(state, reason, slot), Observation(None), slot, False)
        for labels, state in states.items()
        if state.is_open
    ]


def _overflow(rule: Rule, measured: Measured) -> str:
    if measured.groups <= MAX_GROUPS:
        return ""
    fields = ", ".join(rule.group_by)
    return f"{measured.groups:,} groups by {fields}; only the {MAX_GROUPS:,} largest are watched"


def _whole_rule(rule: Rule, slot: Slot, state: AlertState | None, problem: str) -> Change:
    before = state or first_state(slot.time)
    observation = Observation(None, error=problem)
    if problem:
        step = next_state(rule, before, observation, slot.time)
    else:
        step = Step(AlertState(first_state(slot.time).status, slot.time), "the rule can be evaluated again")
        if before.status is step.state.status:
            step = Step(before, step.reason)
    return Change(rule, {}, before, step, observation, slot.time, slot.is_late)
