"""What alert rules would have measured in many slots, in one query: for backtests and previews.

A range is read once, into one row for each bucket of time and combination of fields, and each bucket is then counted in
every slot whose window holds it. The numbers are those of `alerting_measures`, slot by slot.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries import alerting_measures as measures
from watchglass_store.queries.alerting_measures import CALL_FIELDS, LIMITS, SCORE_FIELDS, Filters, Line

_BY_SLOT = """
SELECT *, count() OVER (PARTITION BY slot_number) AS groups FROM (
    SELECT n AS slot_number, {fields} {sums}
    FROM ({scan}) AS b
    ARRAY JOIN range(
        greatest(intDiv((b.bucket + 1) * {{bucket_s:UInt64}} + {{offset_s:UInt64}} + {{interval_s:UInt64}} - 1,
            {{interval_s:UInt64}}), {{first:UInt64}}),
        least(intDiv(b.bucket * {{bucket_s:UInt64}} + {{offset_s:UInt64}} + {{window_s:UInt64}},
            {{interval_s:UInt64}}), {{last:UInt64}}) + 1
    ) AS n
    WHERE {accepts}
    GROUP BY {keys}
)
ORDER BY {order} LIMIT {{limit:UInt32}} BY slot_number
"""


@dataclass(frozen=True, slots=True)
class SlotRange:
    """Slots of one rule, and one of its windows."""

    first: datetime
    """The earliest slot, a multiple of the interval."""
    last: datetime
    """The latest slot."""
    interval_s: int
    window_s: int
    offset_s: int = 0
    """How long before the slot its window ends."""

    @property
    def bucket_s(self) -> int:
        """The longest stretch of time that no window cuts."""
        return math.gcd(self.interval_s, self.window_s, self.offset_s)

    @property
    def cost(self) -> int:
        """Windows that a bucket is counted in, at most: what a query costs for each of its rows."""
        return self.window_s // self.bucket_s

    def bound(self) -> dict[str, Any]:
        """The parameters of a query."""
        offset = timedelta(seconds=self.offset_s)
        return {
            "bucket_s": self.bucket_s,
            "offset_s": self.offset_s,
            "interval_s": self.interval_s,
            "window_s": self.window_s,
            "first": int(self.first.timestamp()) // self.interval_s,
            "last": int(self.last.timestamp()) // self.interval_s,
            "start": self.first - offset - timedelta(seconds=self.window_s),
            "end": self.last - offset,
        }


def call_measures_by_slot(
    store: Store, slots: SlotRange, *, filters: Filters, group_by: Sequence[str], limit: int, quantiles: bool
) -> list[dict[str, Any]]:
    """Every measure of the calls in the window of each slot, from the rollup.

    Args:
        store: where to ask.
        slots: whole minutes: interval, window and offset.
        filters: fields from `CALL_FIELDS`.
        group_by: fields from `CALL_FIELDS`.
        limit: most groups of a slot to return, those with most calls first.
        quantiles: the quantiles too.

    Returns:
        The rows of `alerting_measures.call_measures`, with `slot_number` (Unix time over the interval) for `member`. A
        slot without calls has no row.

    Raises:
        ValueError: a field is unknown, or the slots are not whole minutes.
    """
    if slots.bucket_s % 60:
        raise ValueError("windows that are not whole minutes are not in the rollup")
    dimensions = measures.dimensions_of([filters], group_by, CALL_FIELDS)
    scan = measures.MINUTES.format(
        dimensions="intDiv(toUnixTimestamp(t.minute), {bucket_s:UInt64}) AS bucket, "
        + "".join(f"t.{field} AS {field}, " for field in dimensions),
        group_by=_keys(dimensions),
        quantiles=measures.MINUTE_QUANTILES if quantiles else "",
    )
    sums = measures.CALL_SUMS + (measures.MERGED_QUANTILES if quantiles else "")
    return _ask(store, slots, scan, sums, filters=filters, group_by=group_by, limit=limit, size="calls")


def score_measures_by_slot(
    store: Store,
    slots: SlotRange,
    *,
    name: str,
    filters: Filters,
    line: Line | None,
    group_by: Sequence[str],
    limit: int,
) -> list[dict[str, Any]]:
    """Every measure of a score over the calls in the window of each slot.

    Args:
        store: where to ask.
        slots: whole seconds.
        name: the score.
        filters: fields from `SCORE_FIELDS`.
        line: what to count in `matching`.
        group_by: fields from `SCORE_FIELDS`.
        limit: most groups of a slot to return, those with most scores first.

    Returns:
        The rows of `alerting_measures.score_measures`, with `slot_number` for `member`, and `matching` a number.

    Raises:
        ValueError: a field is unknown.
    """
    dimensions = measures.dimensions_of([filters], group_by, SCORE_FIELDS)
    scan = measures.SCORES.format(
        dimensions="intDiv(toUnixTimestamp(toDateTime(t.call_time)), {bucket_s:UInt64}) AS bucket, "
        + "".join(f"t.{field} AS {field}, " for field in dimensions),
        columns=", ".join(("call_time", *dimensions)),
        version="evaluator_version," if "evaluator_version" in dimensions else "",
        group_by=_keys(dimensions),
        matching=f"[{measures.line_condition(line[0], 0) if line else 'toUInt64(0)'}]",
    )
    more: dict[str, Any] = {"wanted_names": [name]}
    if line:
        more |= {"line_0": line[1], "label_0": line[2]}
    rows = _ask(
        store,
        slots,
        scan,
        measures.SCORE_SUMS,
        filters=filters,
        group_by=group_by,
        limit=limit,
        size="scores",
        more=more,
    )
    return [{**row, "matching": row["matching"][0]} for row in rows]


def _keys(dimensions: Sequence[str]) -> str:
    return "GROUP BY " + ", ".join(("bucket", *(f"t.{field}" for field in dimensions)))


def _ask(
    store: Store,
    slots: SlotRange,
    scan: str,
    sums: str,
    *,
    filters: Filters,
    group_by: Sequence[str],
    limit: int,
    size: str,
    more: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    conditions = [f"has({{filter_{field}:Array(String)}}, toString(b.{field}))" for field in sorted(filters)]
    sql = _BY_SLOT.format(
        fields="".join(f"b.{field} AS {field}, " for field in group_by),
        sums=sums,
        scan=scan,
        accepts=" AND ".join(conditions) or "1",
        keys=", ".join(("slot_number", *(f"b.{field}" for field in group_by))),
        order=", ".join(("slot_number", f"{size} DESC", *group_by)),
    )
    bound = {f"filter_{field}": list(values) for field, values in filters.items()}
    return store.query(sql, {**bound, **slots.bound(), "limit": limit, **(more or {})}, settings=LIMITS)
