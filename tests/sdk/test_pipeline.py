"""The queue by itself: bounds, batches, order, waiting and giving up."""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from watchglass._internal.pipeline import BatchPipeline, Counts, Limits, backoff_s
from watchglass._internal.sender import Verdict

SENT = Verdict("sent")


class ScriptedTransport:
    """Answers as told, 'sent' afterwards; `hold` keeps a request waiting."""

    url = "http://scripted"

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)
        self.bodies: list[bytes] = []
        self.hold = threading.Event()
        self.hold.set()

    def post(self, body: bytes, timeout_s: float | None = None) -> Verdict:
        assert self.hold.wait(30)
        self.bodies.append(body)
        return self.verdicts.pop(0) if self.verdicts else SENT


def encode(records: Sequence[Any]) -> bytes:
    return ",".join(records).encode()


class Pipelines:
    def __init__(self) -> None:
        self.made: list[BatchPipeline] = []
        self.starts: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __call__(self, transport: ScriptedTransport, **limits: Any) -> BatchPipeline:
        sizes = {"queue_size": 1000, "queue_bytes": 10**9, "batch_size": 10, "interval_s": 0.01, **limits}
        start = lambda: self.starts.put(threading.current_thread().name)  # noqa: E731  # shorter
        self.made.append(BatchPipeline("things", encode, int, transport, Limits(**sizes), start))
        return self.made[-1]


@pytest.fixture
def pipelines() -> Iterator[Pipelines]:
    factory = Pipelines()
    yield factory
    for pipeline in factory.made:
        pipeline.close(5)


def test_records_go_in_order_and_in_batches(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    pipeline = pipelines(transport, interval_s=60)
    for number in range(25):
        pipeline.put(str(number), 1)
    assert pipeline.flush(10)
    assert b",".join(transport.bodies).decode() == ",".join(map(str, range(25)))
    assert max(len(body.split(b",")) for body in transport.bodies) <= 10
    assert pipeline.counts == Counts(25, 25, 0)


def test_a_full_batch_does_not_wait_for_the_interval(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    pipeline = pipelines(transport, interval_s=3600)
    for _ in range(10):
        pipeline.put("x", 1)
    deadline = time.monotonic() + 20
    while not transport.bodies and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(transport.bodies) == 1


@pytest.mark.parametrize(("limits", "size"), [({"queue_size": 5}, 1), ({"queue_bytes": 50}, 10)])
def test_a_full_queue_drops_what_comes_next(pipelines: Pipelines, limits: dict[str, int], size: int) -> None:
    transport = ScriptedTransport()
    transport.hold.clear()
    pipeline = pipelines(transport, interval_s=3600, **limits)
    for number in range(8):
        pipeline.put(str(number), size)
    assert pipeline.counts == Counts(8, 0, 3)
    transport.hold.set()
    assert pipeline.flush(10)
    assert transport.bodies == [b"0,1,2,3,4"]


def test_put_never_waits_for_the_network(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    transport.hold.clear()
    pipeline = pipelines(transport, batch_size=1)
    for _ in range(2000):  # would wait for 30 s each if any waited
        pipeline.put("x", 1)
    assert pipeline.counts.sent == 0
    transport.hold.set()


def test_big_records_go_in_smaller_batches(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    pipeline = pipelines(transport, interval_s=3600)
    for size in (3_000_000, 3_000_000, 50_000_000):
        pipeline.put("x", size)
    assert pipeline.flush(10)
    assert transport.bodies == [b"x", b"x", b"x"]


def test_temporary_failures_are_tried_until_it_works(pipelines: Pipelines) -> None:
    transport = ScriptedTransport(Verdict("retry", "x", 0.0), Verdict("retry", "x", 0.0))
    pipeline = pipelines(transport)
    pipeline.put("a", 1)
    assert pipeline.flush(10)
    assert transport.bodies == [b"a"] * 3


def test_what_cannot_be_encoded_is_left_out(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    pipeline = pipelines(transport, interval_s=3600)
    for record in ("a", 1, "b"):
        pipeline.put(record, 1)
    assert not pipeline.flush(10)
    assert transport.bodies == [b"a,b"]
    assert pipeline.counts == Counts(3, 2, 1)
    pipeline.put(None, 1)
    assert not pipeline.flush(10)


def test_an_answer_that_makes_no_sense_stops_nothing(pipelines: Pipelines) -> None:
    transport = ScriptedTransport(Verdict("sent", answer=b"garbage"))
    pipeline = pipelines(transport)
    pipeline.put("a", 1)
    assert pipeline.flush(10)
    pipeline.put("b", 1)
    assert pipeline.flush(10)
    assert transport.bodies == [b"a", b"b"]


def test_close_gives_a_dead_server_two_attempts_for_all(pipelines: Pipelines) -> None:
    transport = ScriptedTransport(*[Verdict("retry", "dead")] * 100)
    pipeline = pipelines(transport, interval_s=3600, batch_size=1000)
    for _ in range(500):
        pipeline.put("x", 1)
    assert not pipeline.close(60)
    assert len(transport.bodies) <= 3
    assert pipeline.counts == Counts(500, 0, 500)
    pipeline.put("late", 1)
    assert pipeline.counts == Counts(501, 0, 501)
    pipeline.close(60)


def test_close_ends_at_its_timeout(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    transport.hold.clear()
    pipeline = pipelines(transport)
    pipeline.put("x", 1)
    assert not pipeline.close(0.05)
    transport.hold.set()


def test_the_thread_ends_after_close_and_starts_once(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    pipeline = pipelines(transport)
    assert pipelines.starts.empty()
    pipeline.put("x", 1)
    thread = pipeline._thread
    assert thread is not None
    pipeline.close(10)
    thread.join(10)
    assert not thread.is_alive()
    assert pipelines.starts.qsize() == 1


def test_many_threads_lose_nothing(pipelines: Pipelines) -> None:
    transport = ScriptedTransport()
    pipeline = pipelines(transport, queue_size=100_000, batch_size=64)

    def work() -> None:
        for _ in range(1000):
            pipeline.put("x", 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.flush(30)
    assert pipeline.counts == Counts(8000, 8000, 0)


def test_a_finalizer_may_put_while_its_thread_is_inside_put(pipelines: Pipelines) -> None:
    """A span may end in a garbage collection that strikes anywhere, also inside the lock."""
    pipeline = pipelines(ScriptedTransport())

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            pipeline.put("from a finalizer", 1)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Cycle()
            pipeline.put("x", 1)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert pipeline.flush(20)
    assert pipeline.counts.accepted == 400


@pytest.mark.parametrize(
    ("attempt", "retry_after", "jitter", "expected"),
    [
        (1, None, 0.0, 0.375),
        (1, None, 1.0, 0.625),
        (3, None, 0.5, 2.0),
        (50, None, 0.5, 30.0),
        (1, 5.0, 0.0, 5.0),
        (1, 5.0, 1.0, 5.5),
        (1, 9999.0, 0.0, 60.0),
        (1, 0.0, 1.0, 0.0),
    ],
)
def test_backoff(attempt: int, retry_after: float | None, jitter: float, expected: float) -> None:
    assert backoff_s(attempt, retry_after, jitter) == pytest.approx(expected)
