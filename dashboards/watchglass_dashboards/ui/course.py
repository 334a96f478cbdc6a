"""What a store's rows by bucket are over a whole range: one value for each bucket, also where there is no row."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any


def buckets(start_s: int, end_s: int, bucket_s: int) -> list[int]:
    """Starts of the buckets that cover a range, Unix seconds."""
    return list(range(start_s - start_s % bucket_s, end_s, bucket_s))


def column(
    course: Sequence[Mapping[str, Any]], times: Sequence[int], name: str, at: int | None = None
) -> list[float | None]:
    """One measure over all buckets, None where a bucket has no value.

    Args:
        course: Rows with `bucket`, a start in Unix seconds, and the measure.
        times: Bucket starts.
        name: The measure.
        at: Which quantile, for a measure that has several.
    """
    by_time = {row["bucket"]: row for row in course}
    values: list[float | None] = []
    for time in times:
        value = by_time[time][name] if time in by_time else None
        if value is not None and at is not None:
            value = quantile(value, at)
        values.append(value)
    return values


def quantile(quantiles: Sequence[float], at: int) -> float | None:
    """One of several, [p50, p95, …]; None where nothing was measured, which the store says as an empty list or NaN."""
    value = quantiles[at] if quantiles else None
    return None if value is None or value != value else float(value)


def by_time(times: Sequence[int], lines: Mapping[str, Sequence[float | None]]) -> list[dict[str, Any]]:
    """The lines of a chart as rows for a file, in the units of the store; `time` is a bucket's start."""
    starts = [datetime.fromtimestamp(time, UTC) for time in times]
    return [
        {"time": at, **dict(zip(lines, values, strict=True))}
        for at, *values in zip(starts, *lines.values(), strict=True)
    ]
