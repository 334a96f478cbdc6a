"""What must be true once a seed is over, by the client's log (I1 to I4, I7, I8, I10)."""

from typing import Any

from watchglass_collector.verify import verify
from watchglass_store import Store
from watchglass_store.queries import verify as books

from .chaos_load import SECRET, ClientLog, Load
from .chaos_world import Damage, World, wait_until

MAX_RSS_BYTES = 400 * 1024**2
MAX_DESCRIPTORS = 250
MAX_THREADS = 120
MAX_SPOOL_BYTES = 4 * 1024**2
"""Twice the limit: digests and what quarantine keeps are beside the segments."""


def settle(world: World, about: str) -> None:
    """Wait until everything that is spooled is stored."""
    wait_until(lambda: not world.segments(), f"the spool is empty ({about})")


def check(world: World, load: Load, damage: Damage, about: str) -> None:
    """Compare the store with what the client was told.

    Args:
        world: settled.
        load: stopped.
        damage: done in this seed.
        about: seed and faults, for the message.
    """
    store = world.store()
    try:
        numbers = _check_spans(store, load, damage, about)
        _check_calls(store, load.seed, sum(len(load.body(number).spans()) for number in numbers), about)
        report = verify(store, world.spool)
        rows, entered = books.rows_in_tables(store, "traces"), books.stored_in_retention(store).get("traces", 0)
    finally:
        store.close()
    assert [gap for gap in report.gaps if "damaged" not in gap] == [], about
    assert rows == entered, f"{about}: {rows} rows, {entered} by the books"
    assert not load.log.unexpected, f"{about}: answers {load.log.unexpected}"
    _check_quarantine(world, damage, about)
    _check_ceilings(world, about)


def _check_spans(store: Store, load: Load, damage: Damage, about: str) -> set[int]:
    log: ClientLog = load.log
    rows = store.query(
        "SELECT reinterpretAsUInt64(reverse(substring(unhex(TraceId), 9))) - 1 AS number, groupArray((SpanId, "
        "ParentSpanId, SpanName, toUnixTimestamp64Nano(Timestamp), SpanAttributes['text'])) AS spans "
        "FROM otel_traces WHERE ServiceName = {service:String} GROUP BY number",
        {"service": f"seed-{load.seed}"},
    )
    stored: dict[int, list[Any]] = {row["number"]: row["spans"] for row in rows}
    lost = log.acknowledged - damage.excused - stored.keys()
    assert not lost, f"{about}: {len(lost)} acknowledged requests are lost: {sorted(lost)[:5]}"
    assert not log.refused & stored.keys(), f"{about}: refused requests are stored"
    assert stored.keys() <= log.sent, f"{about}: stored and never sent"
    for number, spans in stored.items():
        wanted = load.body(number).spans()
        assert len(spans) == len(wanted), f"{about}: request {number} has {len(spans)} rows, not {len(wanted)}"
        assert sorted(tuple(span) for span in spans) == sorted(wanted), f"{about}: request {number} was changed"
    return set(stored)


def _check_calls(store: Store, seed: int, spans: int, about: str) -> None:
    (row,) = store.query(
        "SELECT (SELECT count() FROM llm_calls WHERE service_name = {service:String}) AS calls, "
        "(SELECT sum(calls) FROM llm_calls_1m WHERE service_name = {service:String}) AS counted",
        {"service": f"seed-{seed}"},
    )
    assert row == {"calls": spans, "counted": spans}, f"{about}: {spans} spans, {row}"


def _check_quarantine(world: World, damage: Damage, about: str) -> None:
    folder = world.spool / "quarantine"
    kept = [path.read_bytes() for path in folder.glob("*.damaged")]
    for piece in damage.kept:
        assert any(piece in data for data in kept), f"{about}: damaged bytes are not in quarantine"
    assert not list(folder.glob("*.segment")), f"{about}: a good request is in quarantine"


def _check_ceilings(world: World, about: str) -> None:
    peaks = world.peaks
    assert peaks.rss_bytes < MAX_RSS_BYTES, f"{about}: {peaks}"
    assert peaks.descriptors < MAX_DESCRIPTORS, f"{about}: {peaks}"
    assert peaks.threads < MAX_THREADS, f"{about}: {peaks}"
    assert peaks.spool_bytes < MAX_SPOOL_BYTES, f"{about}: {peaks}"
    for role in ("store", "collector"):
        log = world.data_dir / f"{role}.log"
        assert SECRET.encode() not in log.read_bytes(), f"{about}: a prompt is in {log}"
