"""What every test may use: a real embedded store, ports, and an environment without WATCHGLASS_* in it."""

import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, EDITOR, READONLY, load_credentials

# No timed tests: an example that is slow on a busy machine is not wrong.
settings.register_profile("watchglass", deadline=None)
settings.load_profile("watchglass")


IN_MEMORY: Final = Path("/dev/shm")
ROOM_BYTES: Final = 4 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Temporary files in memory where there is room, unless TMPDIR says where: most of a small insert is its files.

    And bytecode there, where Python is told to keep none: each process would compile all that it imports.
    """
    is_apart = "TMPDIR" not in os.environ and IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES
    if not is_apart and not sys.dont_write_bytecode:
        return
    folder = tempfile.mkdtemp(prefix="wg-", dir=IN_MEMORY if is_apart else None)

    def remove() -> None:
        sys.dont_write_bytecode = True  # what is imported at the very end would make it again
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(remove)
    if is_apart:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
    if sys.dont_write_bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = f"{folder}/bytecode"
        sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with few tests first: those that start processes are such, and would keep one worker busy at the end."""
    tests_in = Counter(item.path for item in items)
    items.sort(key=lambda item: tests_in[item.path])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def free_ports() -> Callable[[], int]:
    """free_ports() -> a port on 127.0.0.1 on which nobody listens."""
    return _free_port


@pytest.fixture(autouse=True)
def _no_watchglass_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever configures logging last in this process may turn it on again, and tests of our own log would see it.
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    for name in [name for name in os.environ if name.startswith("WATCHGLASS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's Chromium; where it is missing the tests say how to get it, and in CI, which installs it, they fail."""
    path = Path("/usr/bin/chromium")
    if not path.exists():
        missing = "the browser tests need Chromium: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The embedded store of this test process; chDB allows one."""
    with EmbeddedServer(StoreConfig(port=_free_port()), tmp_path_factory.mktemp("data")) as running:
        yield running


Prepare = Callable[[Store, Callable[[Store], object]], None]
_PREPARED: Final = frozenset({"viewed_store", "converted", "export"})
"""Fixtures that do something lasting to the tables of `store`: a database is for tests that use the same of them."""


@dataclass
class Database:
    """A database of a test, and what lasts in it."""

    name: str
    kind: frozenset[str] | None
    """Which of `_PREPARED` its tests use; None = it is empty, and thrown away."""
    definition: dict[str, str] = field(default_factory=dict)
    """Each table and its CREATE statement, as they were when it was ready; empty = nobody had it yet."""


class Databases:
    """Databases with all tables: making one takes two seconds of CPU, so a test gets one that another had, emptied."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._address = Address(
            host="127.0.0.1",
            port=server.config.port,
            username=ADMINISTRATOR,
            password=load_credentials(server.data_dir).administrator,
            database="default",
        )
        self._store = Store(self._address)
        self._free: list[Database] = []

    def config(self, database: Database) -> StoreConfig:
        return StoreConfig(url=replace(self._address, database=database.name).url)

    def take(self, kind: frozenset[str] | None) -> Database:
        for database in self._free:
            if database.kind == kind:
                self._free.remove(database)
                return database
        database = Database(f"test_{secrets.token_hex(6)}", kind)
        connect(self.config(database), Path()).close()
        return database

    def give_back(self, database: Database) -> None:
        """Empty it and drop what a test has added; drop it all where a test has changed tables that were there."""
        if database.kind is not None and database.definition and self._is_restored(database):
            filled = "SELECT name FROM system.tables WHERE database = {name:String} AND total_rows > 0"
            for table in self._store.query(filled, {"name": database.name}):
                if table["name"] != "schema_migrations":
                    self._store.command(f"TRUNCATE TABLE {database.name}.`{table['name']}`")
            self._free.append(database)
        else:
            self._store.command(f"DROP DATABASE IF EXISTS {database.name} SYNC")

    def _is_restored(self, database: Database) -> bool:
        found = self.definition(database)
        if not found.items() >= database.definition.items():
            return False
        added = [(not query.startswith("CREATE MATERIALIZED VIEW"), name) for name, query in found.items()]
        for _, name in sorted(place for place in added if place[1] not in database.definition):
            self._store.command(f"DROP TABLE IF EXISTS {database.name}.`{name}` SYNC")
        return True

    def definition(self, database: Database) -> dict[str, str]:
        """Each table and its CREATE statement."""
        sql = "SELECT name, create_table_query FROM system.tables WHERE database = {name:String}"
        rows = self._store.query(sql, {"name": database.name})
        return {row["name"]: row["create_table_query"] for row in rows}

    def close(self) -> None:
        self._store.close()


@pytest.fixture(scope="session")
def databases(server: EmbeddedServer) -> Iterator[Databases]:
    """Where tests have their databases from."""
    made = Databases(server)
    yield made
    made.close()


@pytest.fixture
def database(databases: Databases, request: pytest.FixtureRequest) -> Iterator[Database]:
    """The database of the test; one that has all tables, where it asks for `store`."""
    names = frozenset(request.fixturenames)
    taken = databases.take(names & _PREPARED if "store" in names else None)
    yield taken
    databases.give_back(taken)


@pytest.fixture
def store_config(databases: Databases, database: Database) -> StoreConfig:
    """Settings that lead to an empty database as its administrator; also good for a child process."""
    return databases.config(database)


@pytest.fixture
def prepare(databases: Databases, database: Database) -> Prepare:
    """prepare(store, step): do something lasting to the tables, where no test before did."""
    is_new = not database.definition

    def once(store: Store, step: Callable[[Store], object]) -> None:
        if is_new:
            step(store)
            database.definition = databases.definition(database)

    return once


@pytest.fixture(scope="module")
def module_database(databases: Databases) -> Iterator[Database]:
    """A database that the tests of a file share."""
    taken = databases.take(frozenset())
    yield taken
    databases.give_back(taken)


@pytest.fixture(scope="module")
def module_config(databases: Databases, module_database: Database) -> StoreConfig:
    """Settings that lead to it."""
    return databases.config(module_database)


@pytest.fixture(scope="module")
def module_store(databases: Databases, module_database: Database, module_config: StoreConfig) -> Iterator[Store]:
    """A database with all tables that the tests of a file share."""
    opened = connect(module_config, Path())
    if not module_database.definition:
        migrate(opened)
        module_database.definition = databases.definition(module_database)
    yield opened
    opened.close()


@pytest.fixture
def store(store_config: StoreConfig, prepare: Prepare) -> Iterator[Store]:
    """A database with all tables, and no row in them."""
    opened = connect(store_config, Path())
    prepare(opened, migrate)
    yield opened
    opened.close()


@pytest.fixture
def readonly_config(store_config: StoreConfig, store: Store, server: EmbeddedServer) -> StoreConfig:
    """Settings that lead to the database of `store` as the read-only user."""
    password = load_credentials(server.data_dir).readonly
    return StoreConfig(url=replace(Address.parse(store_config.url), username=READONLY, password=password).url)


@pytest.fixture
def editor_config(store_config: StoreConfig, store: Store, server: EmbeddedServer) -> StoreConfig:
    """Settings that lead to the database of `store` as the editor."""
    password = load_credentials(server.data_dir).editor
    return StoreConfig(url=replace(Address.parse(store_config.url), username=EDITOR, password=password).url)


@pytest.fixture
def readonly_store(readonly_config: StoreConfig) -> Iterator[Store]:
    """The database of `store`, as the read-only user."""
    opened = connect(readonly_config, Path())
    yield opened
    opened.close()
