"""What every test may use: a real embedded store, ports, and an environment without WATCHGLASS_* in it."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, EDITOR, READONLY, load_credentials

# No timed tests: an example that is slow on a busy machine is not wrong.
settings.register_profile("watchglass", deadline=None)
settings.load_profile("watchglass")


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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The embedded store of this test process; chDB allows one."""
    with EmbeddedServer(StoreConfig(port=_free_port()), tmp_path_factory.mktemp("data")) as running:
        yield running


@contextmanager
def _database(server: EmbeddedServer) -> Iterator[StoreConfig]:
    address = Address(
        host="127.0.0.1",
        port=server.config.port,
        username=ADMINISTRATOR,
        password=load_credentials(server.data_dir).administrator,
        database=f"test_{secrets.token_hex(6)}",
    )
    config = StoreConfig(url=address.url)
    connect(config, Path()).close()
    yield config
    cleaner = Store(replace(address, database="default"))
    cleaner.command(f"DROP DATABASE IF EXISTS {address.database} SYNC")
    cleaner.close()


@pytest.fixture
def store_config(server: EmbeddedServer) -> Iterator[StoreConfig]:
    """Settings that lead to a fresh, empty database as its administrator; also good for a child process."""
    with _database(server) as config:
        yield config


@pytest.fixture(scope="module")
def module_config(server: EmbeddedServer) -> Iterator[StoreConfig]:
    """Settings that lead to a database that the tests of a file share."""
    with _database(server) as config:
        yield config


@pytest.fixture(scope="module")
def module_store(module_config: StoreConfig) -> Iterator[Store]:
    """A database with all tables that the tests of a file share."""
    opened = connect(module_config, Path())
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def store(store_config: StoreConfig) -> Iterator[Store]:
    """A fresh database with all tables."""
    opened = connect(store_config, Path())
    migrate(opened)
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
