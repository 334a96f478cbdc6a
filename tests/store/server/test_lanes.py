import asyncio
import threading
from collections.abc import Iterator

import pytest

from watchglass_store.server.lanes import Lane
from watchglass_store.server.problems import Problem


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("test-lane", threads=2, requests=3)
    yield made
    made.close()


def test_work_is_done_on_the_lanes_threads(lane: Lane) -> None:
    def work(value: int, *, plus: int) -> tuple[int, str]:
        return value + plus, threading.current_thread().name

    async def ask() -> tuple[int, str]:
        return await lane.run(work, 1, plus=2)

    result, thread = asyncio.run(ask())
    assert result == 3
    assert thread.startswith("test-lane")


def test_an_error_comes_back(lane: Lane) -> None:
    async def ask() -> None:
        await lane.run(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(ask())


def test_too_many_requests_are_told_to_come_back(lane: Lane) -> None:
    with lane.admitted(), lane.admitted():
        with lane.admitted():
            with pytest.raises(Problem) as caught:
                lane.admitted().__enter__()
            assert (caught.value.code, caught.value.status) == (202, 503)
        with lane.admitted():
            pass
