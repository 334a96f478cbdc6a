"""The thread: one works, another stands by and takes over."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchglass_collector.assembly import service as service_module
from watchglass_collector.assembly.service import AssemblyService
from watchglass_collector.counters import Counters
from watchglass_store import Store
from watchglass_store.queries import assembly as queries


@pytest.fixture
def service(viewed: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AssemblyService]]:
    """service(name, counters) -> a running one; all are stopped at the end."""
    monkeypatch.setattr(service_module, "BEAT_S", 0.2)
    running = []

    def start(name: str, counters: Counters) -> AssemblyService:
        one = AssemblyService(viewed, tmp_path / name, 0.1, counters)
        one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.stop(30)


def wait(condition: Callable[[], Any]) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_one_works_the_other_stands_by_and_takes_over(
    service: Callable[..., AssemblyService],
    send: Callable[..., None],
    call: Callable[..., dict[str, Any]],
    calls: Callable[..., dict[str, dict[str, Any]]],
    viewed: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted, idle = Counters(), Counters()
    first = service("first", counted)
    wait(lambda: first.is_working)
    second = service("second", idle)
    wait(lambda: "traces are not assembled here" in caplog.text)
    send(("aa", "", call(5)))
    wait(lambda: calls()["aa"]["usage_counted"])
    wait(lambda: counted.get().get("assembled_calls", 0) >= 1)
    assert (first.is_working, second.is_working, idle.get()) == (True, False, {})
    assert len([one for one in queries.alive(viewed) if one["is_standing_by"]]) == 1
    first.stop(30)
    wait(lambda: second.is_working)
    send(("bb", "aa", call(5)))
    wait(lambda: calls().get("bb", {}).get("usage_counted"))
    assert calls()["aa"]["usage_counted"] == 0


def test_an_assembler_keeps_its_name(viewed: Store, tmp_path: Path) -> None:
    names = {AssemblyService(viewed, tmp_path, 1.0, Counters())._worker for _ in range(2)}
    assert len(names) == 1
