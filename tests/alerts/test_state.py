"""The state function, case by case, and against a model that looks at the whole history each time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import parse_rule
from watchglass_alerts.state import FORGET_AFTER, AlertState, Observation, Status, first_state, next_state

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BAD, MIDDLE, GOOD = Observation(0.5, 0.4, 0.6, 100), Observation(0.15, 0.1, 0.2, 100), Observation(0.0, 0.0, 0.1, 100)
FEW = Observation(0.9, 0.5, 1.0, 3)
NOTHING = Observation(None)
REFUSED = Observation(None, error="query failed: MEMORY_LIMIT")

MakeRule = Callable[..., Rule]


def run(rule: Rule, observations: Sequence[Observation]) -> list[AlertState]:
    state, states = first_state(NOON), []
    for index, observation in enumerate(observations, 1):
        state, reason = next_state(rule, state, observation, NOON + index * MINUTE)
        assert reason
        states.append(state)
    return states


def statuses(rule: Rule, *observations: Observation) -> list[str]:
    return [state.status.value for state in run(rule, observations)]


def test_fires_at_once_without_for(make_rule: MakeRule) -> None:
    assert statuses(make_rule(), GOOD, BAD, BAD, GOOD) == ["inactive", "firing", "firing", "inactive"]


def test_for_must_pass_in_one_piece(make_rule: MakeRule) -> None:
    rule = make_rule(**{"for": "2m"})
    assert statuses(rule, BAD, BAD, GOOD, BAD, BAD, BAD) == ["pending"] * 2 + ["inactive"] + ["pending"] * 2 + [
        "firing"
    ]


def test_keep_firing_for_starts_anew_with_each_breach(make_rule: MakeRule) -> None:
    rule = make_rule(keep_firing_for="2m")
    found = statuses(rule, BAD, GOOD, GOOD, BAD, GOOD, GOOD, GOOD)
    assert found == ["firing"] * 6 + ["inactive"]


def test_hysteresis(make_rule: MakeRule) -> None:
    rule = make_rule(condition={"op": ">", "threshold": 0.2, "resolve_threshold": 0.1})
    assert statuses(rule, MIDDLE, BAD, MIDDLE, GOOD, MIDDLE) == ["inactive", "firing", "firing", "inactive", "inactive"]


def test_a_bound_needs_certainty(make_rule: MakeRule) -> None:
    unsure = Observation(0.25, 0.15, 0.4, 100)
    assert statuses(make_rule(), unsure) == ["firing"]
    assert statuses(make_rule(confidence="bound"), unsure, BAD) == ["inactive", "firing"]
    low = make_rule(condition={"op": "<", "threshold": 0.3}, confidence="bound")
    assert statuses(low, unsure, GOOD) == ["inactive", "firing"]
    assert statuses(make_rule(confidence="bound"), Observation(0.5, None, None, 100)) == ["no_data"]


@pytest.mark.parametrize(("observation", "status"), [(FEW, "no_data"), (NOTHING, "no_data"), (REFUSED, "error")])
def test_missing_data_is_a_state_and_no_recovery(make_rule: MakeRule, observation: Observation, status: str) -> None:
    before, during, after = run(make_rule(), [BAD, observation, BAD])
    assert (before.status, during.status, after.status) == (Status.FIRING, Status(status), Status.FIRING)
    assert before.open_since == during.open_since == after.open_since == NOON + MINUTE
    assert run(make_rule(), [observation])[0] == AlertState(Status(status), NOON + MINUTE)


def test_an_open_alert_without_data_for_a_day_is_closed_and_says_so(make_rule: MakeRule) -> None:
    state = AlertState(Status.NO_DATA, NOON, open_since=NOON - MINUTE)
    held, _ = next_state(make_rule(), state, NOTHING, NOON + FORGET_AFTER - MINUTE)
    closed, reason = next_state(make_rule(), held, NOTHING, NOON + FORGET_AFTER)
    assert held.is_open
    assert not closed.is_open
    assert "not seen to recover" in reason


def test_reasons_name_the_numbers(make_rule: MakeRule) -> None:
    rule = make_rule(**{"for": "2m"})
    state, reason = next_state(rule, first_state(NOON), BAD, NOON)
    assert reason == "50 % is > 20 %; fires if it stays so for 2m"
    assert next_state(rule, state, BAD, NOON + 2 * MINUTE).reason == "50 % is > 20 % for 2m"
    assert next_state(rule, first_state(NOON), FEW, NOON).reason == "3 samples in the window; the rule asks for 10"


OBSERVATIONS = st.lists(st.sampled_from([BAD, MIDDLE, GOOD, FEW, NOTHING, REFUSED]), min_size=1, max_size=40)


@settings(max_examples=400)
@given(OBSERVATIONS, st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_agrees_with_a_model_that_remembers_everything(
    observations: list[Observation], for_minutes: int, keep_minutes: int, has_hysteresis: bool
) -> None:
    condition = {"op": ">", "threshold": 0.2} | ({"resolve_threshold": 0.1} if has_hysteresis else {})
    fields = {"name": "x", "metric": "error_rate", "window": "1m", "interval": "1m", "min_sample_size": 10}
    more = {"for": f"{for_minutes}m", "keep_firing_for": f"{keep_minutes}m", "channels": []}
    rule = parse_rule(fields | more | {"condition": condition})
    states = run(rule, observations)
    resolve = 0.1 if has_hysteresis else 0.2
    opened = model(observations, for_minutes, keep_minutes, resolve)
    assert [state.is_open for state in states] == opened
    for index, (state, observation) in enumerate(zip(states, observations, strict=True)):
        if observation is REFUSED:
            assert state.status is Status.ERROR
        elif observation in (FEW, NOTHING):
            assert state.status is Status.NO_DATA
        else:
            assert (state.status is Status.FIRING) == opened[index]
            is_pending = not opened[index] and observation is BAD
            assert (state.status is Status.PENDING) == is_pending
        assert state.since <= NOON + (index + 1) * MINUTE


def model(observations: Sequence[Observation], for_slots: int, keep_slots: int, resolve: float) -> list[bool]:
    """Whether the alert is open after each slot, from the words of docs/rules.md and nothing else."""
    opened: list[bool] = []
    for end in range(len(observations)):
        is_open = bool(opened) and opened[-1]
        recent = observations[: end + 1]
        if not is_open:
            needed = recent[-(for_slots + 1) :]
            opened.append(len(needed) == for_slots + 1 and all(each is BAD for each in needed))
            continue
        needed = recent[-(keep_slots + 1) :]
        since_opened = len(opened) - 1 - max((i for i, was in enumerate(opened) if not was), default=-1)
        calm = [each in (GOOD, MIDDLE) and each.value is not None and each.value <= resolve for each in needed]
        opened.append(not (len(needed) == keep_slots + 1 and all(calm) and since_opened >= keep_slots))
    return opened
