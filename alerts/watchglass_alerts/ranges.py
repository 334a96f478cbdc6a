"""What one rule would have measured in many slots, with few questions: for backtests and previews."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from watchglass_alerts.measurement import MAX_GROUPS, Measured, SlotMeasures, measured
from watchglass_alerts.metrics import Kind, Source
from watchglass_alerts.rules import Rule
from watchglass_alerts.scans import Answer, line_of
from watchglass_store import Store, StoreRejected
from watchglass_store.queries import alerting_ranges
from watchglass_store.queries.alerting_ranges import SlotRange

_ANY = datetime.fromtimestamp(0, UTC)
SLOTS_AT_ONCE = 500
"""In one question."""
MOST_COST = 300
"""Windows that a stretch of time may be counted in; beyond that a question for each slot is cheaper."""


def measure_slots(store: Store, rule: Rule, times: Sequence[datetime]) -> Iterator[tuple[datetime, Measured | str]]:
    """What was measured in each slot, or why nothing could be, in order.

    Args:
        store: where to ask.
        rule: in the table or not.
        times: slots of the rule, one interval apart.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    if not is_asked_together(rule):
        yield from ((time, _alone(store, rule, time)) for time in times)
        return
    for start in range(0, len(times), SLOTS_AT_ONCE):
        chunk = times[start : start + SLOTS_AT_ONCE]
        try:
            windows = [_answers(store, rule, chunk, offset, length) for offset, length in rule.windows]
        except StoreRejected as error:
            yield from ((time, _refused(error)) for time in chunk)
            continue
        nothing = Answer([], 0)
        for time in chunk:
            number = int(time.timestamp()) // rule.interval_s
            yield time, measured(rule, [answers.get(number, nothing) for answers in windows])


def is_asked_together(rule: Rule) -> bool:
    """Whether many slots are one question: for calls by the minute and for scores, unless windows overlap too often."""
    ranges = [_range(rule, _ANY, _ANY, offset, length) for offset, length in rule.windows]
    if rule.measure.source is Source.CALLS:
        is_known = all(each.bucket_s % 60 == 0 for each in ranges)
    else:
        is_known = rule.measure.source is Source.SCORES
    return is_known and all(each.cost <= MOST_COST for each in ranges)


def _range(rule: Rule, first: datetime, last: datetime, offset_s: int, length_s: int) -> SlotRange:
    return SlotRange(first, last, rule.interval_s, length_s, offset_s)


def _answers(store: Store, rule: Rule, times: Sequence[datetime], offset_s: int, length_s: int) -> dict[int, Answer]:
    slots = _range(rule, times[0], times[-1], offset_s, length_s)
    common: dict[str, Any] = {"filters": rule.filters, "group_by": rule.group_by, "limit": MAX_GROUPS}
    if rule.is_on_scores:
        rows = alerting_ranges.score_measures_by_slot(store, slots, name=rule.subject, line=line_of(rule), **common)
    else:
        is_quantile = rule.measure.kind is Kind.QUANTILE
        rows = alerting_ranges.call_measures_by_slot(store, slots, quantiles=is_quantile, **common)
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(int(row["slot_number"]), []).append(row)
    return {number: Answer([*of_slot], int(of_slot[0]["groups"])) for number, of_slot in found.items()}


def _alone(store: Store, rule: Rule, time: datetime) -> Measured | str:
    try:
        return SlotMeasures(store, time).measure(rule)
    except StoreRejected as error:
        return _refused(error)


def _refused(error: StoreRejected) -> str:
    return f"query failed: {error.name}: {error}"
