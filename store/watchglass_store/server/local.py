"""Inserts of bytes from the process that owns the engine: the same rows and errors, without a socket in between.

A collector's segments are by far the most bytes that reach the store, and `watchglass up` runs collector and store in
one process: sending them to itself over loopback took as long as decoding them.
"""

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from clickhouse_connect.driver.exceptions import DatabaseError

from watchglass_store.server.engine import Engine, Scope
from watchglass_store.server.problems import Problem
from watchglass_store.sql import quote_name

Data = bytes | Sequence[bytes | memoryview]
"""Bytes to insert, in one piece or in several."""


class LocalEngine:
    """An engine that this process owns. Thread-safe."""

    def __init__(self, engine: Engine, user: str) -> None:
        """Insert as this user."""
        self._engine = engine
        self._user = user
        self._idle = threading.Condition()
        self._running = 0
        self._is_closed = False

    def insert(self, table: str, data: Data, *, fmt: str, settings: Mapping[str, str]) -> None:
        """Insert bytes that the engine decodes itself.

        Raises:
            DatabaseError: As the driver has it, with ClickHouse's code and name.
            OSError: The store is stopped, or there is no place for the data.
        """
        scope = Scope(user=self._user, database=self._engine.database, settings=settings, frozen_settings={})
        with self._use():
            try:
                # As in `execution.Insert`, and for its reasons, the data wait in a file without a name.
                with self._engine.handle(scope) as handle, tempfile.TemporaryFile(dir=self._engine.directory) as file:
                    file.writelines([data] if isinstance(data, bytes) else data)
                    file.seek(0)
                    source = f"FROM INFILE '/dev/fd/{file.fileno()}' COMPRESSION 'none'"
                    handle.query(f"INSERT INTO {quote_name(table)} {source} FORMAT {fmt}")
            except RuntimeError as error:
                raise _driver_error(Problem.from_engine(error)) from None
            except Problem as problem:
                raise _driver_error(problem) from None

    def close(self) -> None:
        """Take no more; returns when what runs has ended."""
        with self._idle:
            self._is_closed = True
            self._idle.wait_for(lambda: not self._running)

    @contextmanager
    def _use(self) -> Iterator[None]:
        with self._idle:
            if self._is_closed:
                raise ConnectionError("the store is stopped")
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()


def _driver_error(problem: Problem) -> DatabaseError:
    error = DatabaseError(problem.text)
    error.code, error.name = problem.code, problem.name
    return error


_owned: dict[tuple[Path, int], LocalEngine] = {}


@contextmanager
def owned(data_dir: Path, port: int, local: LocalEngine) -> Iterator[None]:
    """Let `local_engine` find it until the block ends."""
    place = (data_dir.resolve(), port)
    _owned[place] = local
    try:
        yield
    finally:
        del _owned[place]
        local.close()


def local_engine(data_dir: Path, port: int) -> LocalEngine | None:
    """The engine of a data directory where this process owns it and serves it on this port, and not some proxy."""
    return _owned.get((data_dir.resolve(), port))
