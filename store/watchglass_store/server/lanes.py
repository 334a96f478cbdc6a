"""Threads for statements, apart for each user, so that readers cannot take the writers' turn."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from watchglass_store.server.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """A number of threads and a bounded queue before them. Used from one event loop."""

    def __init__(self, name: str, *, threads: int, requests: int) -> None:
        """Make a lane.

        Args:
            name: Of its threads.
            threads: How many statements run at once.
            requests: How many may be under way, waiting ones included; more are refused.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._requests = requests
        self._under_way = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request as under way; Problem 202 when there are too many."""
        if self._under_way >= self._requests:
            message = f"Too many simultaneous queries. Maximum: {self._requests}."
            raise Problem(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
        """Do some work on a thread of this lane."""
        return asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *args, **kwargs))

    def close(self) -> None:
        """Wait for the threads to end."""
        self._pool.shutdown()
