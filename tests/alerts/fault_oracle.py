"""What must have happened in a history, from its traffic alone, and whether it did."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from watchglass_alerts.measurement import absent
from watchglass_alerts.state import AlertState, Observation, first_state, next_state
from watchglass_alerts.statistics import wilson

from .conftest import T0
from .fault_world import INTERVAL, SETTLE_S, SLOTS, World

Turn = tuple[datetime, str, str]
"""(slot, model or '', 'opened' or 'closed')."""


def check(world: World) -> Counter[str]:
    """Hold the log and the receivers against the traffic; what was counted comes back.

    Raises:
        AssertionError: a slot missed or repeated, a transition missing, late copies, or one that nothing calls for.
    """
    slots = _slots(world)
    turns, still_open = expected(world, slots)
    rows = world.store.query(
        "SELECT slot, labels, state, previous_state, change, late, notifications FROM alert_events "
        "WHERE kind = 'transition' ORDER BY slot, toJSONString(labels), time"
    )
    told = [(row["slot"], row["labels"].get("model", ""), row["change"]) for row in rows if row["change"]]
    ends = [turn for turn in told if turn[0] > slots[-1] or turn not in turns]
    assert sorted(turn for turn in told if turn not in ends) == sorted(turns), "turns are those of the traffic"
    assert sorted((model, change) for _, model, change in ends) == sorted((model, "closed") for model in still_open)
    repeats = [row for row in rows if row["notifications"] and not row["change"]]
    assert all(row["state"] == row["previous_state"] == "firing" and not row["late"] for row in repeats)
    assert not repeats or world.rule.repeat_interval_s
    counts = Counter({"slots": len(slots), "transitions": len(told), "repetitions": len(repeats)})
    outcomes = _outcomes(world)
    for name, plan in world.plans.items():
        owed = {
            note["id"]: (row["slot"], row["labels"].get("model", ""), row["change"])
            for row in rows
            for note in row["notifications"]
            if note["channel"] == name
        }
        assert sorted(turn for turn in owed.values() if turn[2]) == sorted(told), "one notification for each turn"
        counts += _arrivals(name, plan, owed, outcomes)
    for plan in world.plans.values():
        counts += Counter({f"receiver: {fault}": number for fault, number in plan.counts.items()})
    return counts + world.counts


def _slots(world: World) -> list[datetime]:
    rows = world.store.query("SELECT slot, time FROM alert_events WHERE kind = 'slot' ORDER BY slot")
    found: list[datetime] = [row["slot"] for row in rows]
    assert len(set(found)) == len(found), "a slot was repeated"
    due = T0 + INTERVAL
    for row in rows:
        # Where clocks ran ahead by more than a day, slots older than that are not made up for.
        assert due == row["slot"] or due < row["time"] - timedelta(hours=24), f"slot {due} was missed"
        due = row["slot"] + INTERVAL
    assert len(found) >= SLOTS, "slots are missing at the end"
    assert found[-1].timestamp() <= world.clock.now.timestamp() - SETTLE_S
    return found


def expected(world: World, slots: list[datetime]) -> tuple[list[Turn], list[str]]:
    """The turns that the traffic calls for, and which alerts are still open after the last slot."""
    turns: list[Turn] = []
    states: dict[str, AlertState] = {}
    for slot in slots:
        seen = {model: _observed(*numbers) for model, numbers in world.traffic.get(slot, {}).items() if numbers[0]}
        if not world.is_grouped:
            seen = {"": seen.get("m1", absent(world.rule))}
        for model in dict.fromkeys([*states, *seen]):
            before = states.get(model) or first_state(slot)
            after = next_state(world.rule, before, seen.get(model, absent(world.rule)), slot).state
            if after.is_open != before.is_open:
                turns.append((slot, model, "opened" if after.is_open else "closed"))
            states[model] = after
    return turns, [model for model, state in states.items() if state.is_open]


def _observed(calls: int, errors: int) -> Observation:
    interval = wilson(errors, calls)
    return Observation(errors / calls, interval.low, interval.high, calls)


def _outcomes(world: World) -> dict[str, str]:
    rows = world.store.query(
        "SELECT notification_id AS id, groupUniqArray(outcome) AS outcomes, any(error) AS reason, "
        "date_diff('hour', any(slot), any(time)) AS hours FROM alert_events "
        "WHERE kind = 'delivery' AND outcome IN ('delivered', 'failed', 'dropped') GROUP BY id"
    )
    assert all(len(row["outcomes"]) == 1 for row in rows), "an outcome is final"
    late = {row["id"] for row in rows if row["reason"].startswith("given up after 24 hours") and row["hours"] >= 24}
    return {row["id"]: "given up" if row["id"] in late else row["outcomes"][0] for row in rows}


def _arrivals(name: str, plan: Any, owed: dict[str, Turn], outcomes: dict[str, str]) -> Counter[str]:
    """Each notification: delivered once, twice where an answer or a record was lost, or not for a stated cause."""
    copies = Counter(plan.taken)
    assert set(copies) <= set(owed), f"{name}: somebody was told what did not happen"
    counts: Counter[str] = Counter()
    for id, (_, model, change) in owed.items():
        outcome = outcomes[id]
        counts[f"notifications {outcome}"] += 1
        if outcome == "delivered":
            assert 1 <= copies[id] <= 1 + (id in plan.doubtful), (name, id, copies[id])
            counts["duplicates, same id"] += copies[id] - 1
        elif outcome == "failed":
            assert id in plan.refused, (name, id)
        elif outcome == "given up":
            assert copies[id] <= 1, (name, id)
        elif change:
            before = [other for other, turn in owed.items() if turn[1:] == (model, "opened") and turn < owed[id]]
            start = max(before, key=lambda other: owed[other])
            assert change == "closed", (name, id)
            assert outcomes[start] in ("failed", "given up", "dropped"), (
                "only an end whose start nobody was told of is dropped"
            )
    firsts = [id for id in dict.fromkeys(plan.taken) if outcomes[id] == "delivered"]
    for model in {turn[1] for turn in owed.values()}:
        order = [owed[id][0] for id in firsts if owed[id][1] == model]
        assert order == sorted(order), f"{name}: something overtook"
    return counts
