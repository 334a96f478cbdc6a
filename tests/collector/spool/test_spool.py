import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from watchglass_collector import CollectorConfig, SpoolLocked
from watchglass_collector.errors import TryAgain
from watchglass_collector.spool import Record, Spool

CONFIG = CollectorConfig(segment_bytes=4096, segment_age_s=30)


def record(number: int, size: int = 10) -> Record:
    return Record(number.to_bytes(16, "big"), 1, bytes(size))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path, ["traces", "logs"], CONFIG)
    yield opened
    opened.close()


def test_durable_before_the_future_resolves(spool: Spool, tmp_path: Path) -> None:
    assert spool.append("traces", record(1)).result() is True
    (file,) = (tmp_path / "traces").iterdir()
    assert record(1).digest in file.read_bytes()


def test_an_equal_request_is_acknowledged_and_not_stored_twice(spool: Spool) -> None:
    spool.append("traces", record(1)).result()
    assert spool.append("traces", record(1)).result() is False
    segment = spool.next_segment("traces", now=True)
    assert segment is not None
    assert segment.digests == (record(1).digest,)


def test_requests_that_come_together_are_synced_together(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    slow = threading.Event()
    real = os.fdatasync

    def counted(fd: int) -> None:
        syncs.append(fd)
        slow.wait(5)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", counted)
    first = spool.append("traces", record(0))
    while not syncs:
        pass
    rest = [spool.append("traces", record(number)) for number in range(1, 50)]
    slow.set()
    assert all(future.result() for future in [first, *rest])
    assert len(syncs) == 2


def test_sealed_by_size(spool: Spool) -> None:
    for number in range(3):
        spool.append("traces", record(number, 3000)).result()
    segment = spool.next_segment("traces")
    assert segment is not None
    assert len(segment.digests) == 2
    spool.remove(segment)
    assert spool.next_segment("traces") is None


@pytest.mark.parametrize(("took_s", "closing_s"), [(0, 30), (6, 30), (10, 50), (1000, 150)])
def test_sealed_by_age_and_later_where_inserts_take_long(tmp_path: Path, took_s: float, closing_s: float) -> None:
    now_s = [0.0]
    spool = Spool(tmp_path, ["traces"], CONFIG, monotonic=lambda: now_s[0])
    spool.append("traces", record(1)).result()
    assert spool.next_segment("traces", took_s=took_s) is None
    now_s[0] = closing_s - 1
    assert spool.next_segment("traces", took_s=took_s) is None
    now_s[0] = closing_s
    assert spool.next_segment("traces", took_s=took_s) is not None
    spool.close()


def test_full_means_try_again_and_room_means_go_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path, ["traces"], CollectorConfig(spool_max_bytes=1024**2))
    spool.append("traces", record(1, 1024**2 - 500)).result()
    with pytest.raises(TryAgain, match="full") as refused:
        spool.append("traces", record(2, 600))
    assert 1 <= refused.value.retry_after_s <= 5
    segment = spool.next_segment("traces", now=True)
    assert segment is not None
    spool.remove(segment)
    assert spool.append("traces", record(2, 600)).result()
    spool.close()


def test_a_failing_disk_means_try_again_and_nothing_half_written(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append("traces", record(1)).result()
    real = os.fdatasync

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(TryAgain):
        spool.append("traces", record(2)).result()
    monkeypatch.setattr(os, "fdatasync", real)
    assert spool.append("traces", record(2)).result() is True
    found = []
    while (segment := spool.next_segment("traces", now=True)) is not None:
        found += segment.load()[0]
        spool.remove(segment)
    assert [one.digest for one in found] == [record(1).digest, record(2).digest]


def test_one_process_at_a_time(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolLocked, match=str(tmp_path)):
        Spool(tmp_path, ["traces"], CONFIG)


def test_closing_commits_what_is_queued_and_refuses_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path, ["traces"], CONFIG)
    futures: list[Future[bool]] = [spool.append("traces", record(number)) for number in range(20)]
    spool.close()
    assert all(future.result() for future in futures)
    with pytest.raises(TryAgain, match="stopping"):
        spool.append("traces", record(99))


def test_damage_in_the_middle_never_blocks_the_start(tmp_path: Path) -> None:
    spool = Spool(tmp_path, ["traces"], CONFIG)
    for number in range(3):
        spool.append("traces", record(number, 100)).result()
    spool.close()
    (file,) = (tmp_path / "traces").iterdir()
    data = bytearray(file.read_bytes())
    data[8 + 132 + 50] ^= 0xFF
    file.write_bytes(data)
    (tmp_path / "traces" / "0-empty.segment").touch()
    reopened = Spool(tmp_path, ["traces"], CONFIG)
    assert reopened.pending_items() == 2
    empty = reopened.next_segment("traces")
    assert empty is not None
    assert empty.load() == ([], [])
    reopened.remove(empty)
    segment = reopened.next_segment("traces")
    assert segment is not None
    records, damage = segment.load()
    assert [one.digest for one in records] == [record(0).digest, record(2).digest]
    assert [region.offset for region in damage] == [8 + 132]
    reopened.close()
