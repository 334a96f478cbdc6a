"""Bytes inserted by the owner of the engine itself: the rows and errors of an insert over the wire."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import EmbeddedServer, Store, StoreConfig, StoreRejected, StoreUnavailable, connect
from watchglass_store.server.local import local_engine

LINES = b'{"id": 1, "s": "a"}\n{"id": 2, "s": "\xc3\xa4"}'


@pytest.fixture
def config(free_ports: Callable[[], int]) -> StoreConfig:
    return StoreConfig(port=free_ports())


@pytest.fixture
def server(config: StoreConfig, tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(config, tmp_path) as server:
        yield server


@pytest.fixture
def store(server: EmbeddedServer, config: StoreConfig, tmp_path: Path) -> Iterator[Store]:
    store = connect(config, tmp_path)
    settings = "SETTINGS non_replicated_deduplication_window = 100"
    store.command(f"CREATE TABLE t (id UInt32, s String) ENGINE = MergeTree ORDER BY id {settings}")
    yield store
    store.close()


def over_the_wire(store: Store, *arguments: Any, **named: Any) -> None:
    data_dir, store._data_dir = store._data_dir, None
    try:
        store.raw_insert(*arguments, **named)
    finally:
        store._data_dir = data_dir


def test_the_owner_sends_itself_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store._client, "raw_insert", None)
        store.raw_insert("t", LINES, fmt="JSONEachRow", settings={"insert_deduplication_token": "one"})
        with pytest.raises(TypeError):
            over_the_wire(store, "t", LINES, fmt="JSONEachRow")
    # The token is known, whichever way it comes.
    over_the_wire(store, "t", LINES, fmt="JSONEachRow", settings={"insert_deduplication_token": "one"})
    assert store.query("SELECT * FROM t ORDER BY id") == [{"id": 1, "s": "a"}, {"id": 2, "s": "ä"}]


@pytest.mark.parametrize(
    ("table", "data", "fmt"),
    [
        ("t", b'{"id": "hunter2"}', "JSONEachRow"),
        ("t", b"", "Nope"),
        ("absent", b"", "JSONEachRow"),
        ("t", b"\x0a", "x"),
    ],
)
def test_errors_are_those_of_the_wire(store: Store, table: str, data: bytes, fmt: str) -> None:
    with pytest.raises(StoreRejected) as here:
        store.raw_insert(table, data, fmt=fmt)
    with pytest.raises(StoreRejected) as there:
        over_the_wire(store, table, data, fmt=fmt)
    assert (here.value.code, here.value.name, str(here.value)) == (
        there.value.code,
        there.value.name,
        str(there.value),
    )


def test_a_stopped_store_is_unavailable_and_found_again(
    store: Store, server: EmbeddedServer, config: StoreConfig, tmp_path: Path
) -> None:
    engine = local_engine(tmp_path, config.port)
    assert engine is not None
    server.stop()
    with pytest.raises(ConnectionError):
        engine.insert("t", LINES, fmt="JSONEachRow", settings={})
    with pytest.raises(StoreUnavailable):
        store.raw_insert("t", LINES, fmt="JSONEachRow")
    server.start()
    store.raw_insert("t", LINES, fmt="JSONEachRow")
    assert store.query("SELECT count() AS n FROM t") == [{"n": 2}]


def test_behind_another_port_is_somebody_else(server: EmbeddedServer, config: StoreConfig, tmp_path: Path) -> None:
    assert local_engine(tmp_path, config.port + 1) is None
    assert local_engine(tmp_path / "other", config.port) is None
