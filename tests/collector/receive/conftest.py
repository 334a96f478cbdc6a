"""One collector for all tests of a module: they look at answers and counts, not at tables."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import EmbeddedServer, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, load_credentials

MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def collector(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A running collector that takes requests of up to 100,000 bytes."""
    password = load_credentials(server.data_dir).administrator
    address = Address("127.0.0.1", server.config.port, ADMINISTRATOR, password, f"test_{secrets.token_hex(6)}")
    store = connect(StoreConfig(url=address.url), Path())
    migrate(store)
    install_views(store)
    config = CollectorConfig(
        grpc_port=0, http_port=0, segment_age_s=0.02, max_request_bytes=MAX_BYTES, max_in_flight_bytes=108 * MAX_BYTES
    )
    running = Collector(config, store, tmp_path_factory.mktemp("collector"))
    running.start()
    yield running
    running.stop()
    store.close()
    cleaner = connect(StoreConfig(url=replace(address, database="default").url), Path())
    cleaner.command(f"DROP DATABASE {address.database} SYNC")
    cleaner.close()
