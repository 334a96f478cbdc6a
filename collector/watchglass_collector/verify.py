"""Received = stored + pending + quarantined + rejected, hour by hour, and the tables agree."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from watchglass_collector.signals import SIGNALS
from watchglass_collector.spool.segment import SUFFIX, Segment, reopen
from watchglass_store import Store
from watchglass_store.queries import verify as books


@dataclass(frozen=True, slots=True)
class Hour:
    """What arrived in one hour (UTC) and what became of it; spans, log records or data points."""

    hour: datetime
    signal: str
    received: int = 0
    stored: int = 0
    pending: int = 0
    quarantined: int = 0
    rejected: int = 0
    damaged_regions: int = 0

    @property
    def gap(self) -> int:
        """What is unaccounted for; 0 where nothing is."""
        return self.received - self.stored - self.pending - self.quarantined - self.rejected


@dataclass(frozen=True, slots=True)
class Report:
    """The books, and where they do not agree with the tables."""

    hours: tuple[Hour, ...]
    gaps: tuple[str, ...]
    """One sentence each; none where everything is accounted for."""


def verify(store: Store, spool: Path) -> Report:
    """Compare the books with the spool and the tables; also while the collector runs.

    Args:
        store: the collector's.
        spool: the `spool` folder in its data directory.

    Raises:
        StoreError: the store cannot be read.
    """
    hours = {(row["hour"], row["signal"]): Hour(**{name: row[name] for name in row}) for row in books.hours(store)}
    pending = list(_pending(spool))
    known = books.entered(store, [segment.name for segment in pending])
    for segment in pending:
        if segment.name not in known:
            key = (segment.hour, segment.signal)
            line = hours.get(key, Hour(*key))
            items = segment.items
            hours[key] = replace(line, received=line.received + items, pending=line.pending + items)
    lines = tuple(hours[key] for key in sorted(hours))
    return Report(lines, tuple(_gaps(store, lines)))


def _pending(spool: Path) -> Iterator[Segment]:
    for signal in SIGNALS:
        for path in sorted((spool / signal.name).glob(f"*{SUFFIX}")):
            try:
                yield reopen(signal.name, path)
            except FileNotFoundError:  # Stored meanwhile, and then it is in the books.
                continue


def _gaps(store: Store, lines: tuple[Hour, ...]) -> Iterator[str]:
    for line in lines:
        when = f"{line.hour.astimezone(UTC):%Y-%m-%d %H:00} UTC"
        if line.gap:
            yield f"{line.signal}, {when}: {line.gap} received and unaccounted for"
        if line.damaged_regions:
            yield f"{line.signal}, {when}: {line.damaged_regions} damaged regions of the spool, kept in quarantine"
    stored: dict[str, int] = defaultdict(int, books.stored_in_retention(store))
    for signal in SIGNALS:
        rows = books.rows_in_tables(store, signal.name)
        if rows < stored[signal.name]:
            yield f"{signal.name}: {stored[signal.name] - rows} stored by the books are not in the tables"
    doubled = books.doubled_spans(store)
    if doubled:
        yield f"traces: {doubled} spans are in otel_traces more than once"
