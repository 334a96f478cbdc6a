"""Reads what monitors compare: random samples of a stretch of time, and answers as they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from watchglass_evaluators.drift.monitors import Monitor
from watchglass_store import Store
from watchglass_store.queries import drift, evaluation

_FETCH = 500
_LONGEST_TEXT = 20_000
_WASTE = 3
"""So many times the calls that are wanted are looked at, since some failed, are empty or are filtered out."""
_MOST = 60_000

Place = tuple[datetime, str, str, str]
"""(received_at, trace_id, span_id, project of the API key): everything up to here was seen."""


@dataclass(frozen=True, slots=True)
class Item:
    """One answer, prompt or score."""

    call: evaluation.CallId
    received_at: datetime
    service_name: str
    model: str
    prompt_version: str
    text: str = ""
    """'' for scores."""
    value: float = 0.0
    """0 for texts."""


def hours_of_week(start: datetime, end: datetime) -> list[int]:
    """Hours of the week that a stretch of time touches, 0 = Monday 00 to 01 UTC; none when it touches all."""
    first = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    count = -(-(end - first) // timedelta(hours=1))
    if count >= 168:
        return []
    return sorted((hour_of_week(first) + k) % 168 for k in range(count))


def hour_of_week(moment: datetime) -> int:
    """Hour of the week, 0 = Monday 00 to 01 UTC."""
    moment = moment.astimezone(UTC)
    return moment.weekday() * 24 + moment.hour


class Samples:
    """Reads for monitors."""

    def __init__(self, store: Store, operations: Sequence[str]) -> None:
        self._store = store
        self._operations = operations

    def between(self, monitor: Monitor, since: datetime, until: datetime, hours: Sequence[int] = ()) -> list[Item]:
        """Draw what a monitor watches from [since, until): random, but always the same calls."""
        wanted = min(_MOST, monitor.sample * (min(monitor.groups, 10) if monitor.group_by else 1))
        if monitor.score:
            rows = drift.sample_scores(
                self._store,
                monitor.score,
                since=since,
                until=until,
                services=monitor.services,
                models=monitor.models,
                prompt_versions=monitor.prompt_versions,
                hours=hours,
                limit=wanted,
            )
            return [_item(row) for row in rows]
        ids = drift.sample_ids(
            self._store,
            since=since,
            until=until,
            operations=self._operations,
            services=monitor.services,
            hours=hours,
            limit=min(_MOST, wanted * _WASTE),
        )
        items: list[Item] = []
        for start in range(0, len(ids), _FETCH):
            items += self._texts(monitor, ids[start : start + _FETCH])
            if len(items) >= wanted:
                break
        return items[:wanted]

    def rate_per_day(self, since: datetime, until: datetime) -> float:
        """Calls a day of the operations that are watched, all services together."""
        calls = drift.count_calls(self._store, since=since, until=until, operations=self._operations)
        return calls / max((until - since) / timedelta(days=1), 1e-9)

    def arrivals(self, monitor: Monitor, after: Place, until: datetime) -> Iterator[tuple[list[Item], Place, bool]]:
        """Yield what arrived behind a place, page by page, where the page ends, and whether it is the last."""
        while True:
            if monitor.score:
                rows = drift.new_scores(
                    self._store, monitor.score, since=after[0], until=until, after=after[1:], limit=_FETCH
                )
                items = [
                    i for row in rows if monitor.watches((i := _item(row)).service_name, i.model, i.prompt_version)
                ]
            else:
                rows = evaluation.arrivals(
                    self._store,
                    since=after[0],
                    until=until,
                    after=after[1:],
                    operations=self._operations,
                    shard=0,
                    shards=1,
                    limit=_FETCH,
                )
                # A call that comes in pieces is taken with its last one.
                last = {_call(row): row["received_at"] for row in rows}
                found = self._texts(monitor, rows, in_order=True)
                items = [item for item in found if last[item.call] >= item.received_at]
            is_last = len(rows) < _FETCH
            if rows:
                after = (rows[-1]["received_at"], *_call(rows[-1]))
            yield items, after, is_last
            if is_last:
                return

    def _texts(self, monitor: Monitor, ids: Sequence[dict[str, Any]], *, in_order: bool = False) -> list[Item]:
        if not ids:
            return []
        calls = list(dict.fromkeys(_call(row) for row in ids))
        keys = {
            key for row in ids for key in evaluation.storage_keys(_call(row), row["start_time"], row["received_at"])
        }
        rows = drift.call_texts(self._store, sorted(keys), column=monitor.target, longest=_LONGEST_TEXT)
        items = [
            item for row in rows if monitor.watches((item := _item(row)).service_name, item.model, item.prompt_version)
        ]
        if in_order:
            return sorted(items, key=lambda item: (item.received_at, item.call))
        place = {call: number for number, call in enumerate(calls)}
        return sorted(items, key=lambda item: place[item.call])


def _call(row: dict[str, Any]) -> evaluation.CallId:
    return row["trace_id"], row["span_id"], row["project"]


def _item(row: dict[str, Any]) -> Item:
    return Item(
        _call(row),
        row["received_at"],
        row["service_name"],
        row["model"],
        row["prompt_version"],
        row.get("text", ""),
        row.get("value", 0.0),
    )
