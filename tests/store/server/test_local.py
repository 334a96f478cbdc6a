"""Bytes inserted by the owner of the engine itself: the rows and errors of an insert over the wire."""

from collections.abc import Iterator
from typing import Any

import pytest

from watchglass_store import EmbeddedServer, Store, StoreRejected, connect
from watchglass_store.server.local import LocalEngine, local_engine, owned

LINES = b'{"id": 1, "s": "a"}\n{"id": 2, "s": "\xc3\xa4"}'


@pytest.fixture
def store(server: EmbeddedServer) -> Iterator[Store]:
    store = connect(server.config, server.data_dir)
    store.command("DROP TABLE IF EXISTS t")
    settings = "SETTINGS non_replicated_deduplication_window = 100"
    store.command(f"CREATE TABLE t (id UInt32, s String) ENGINE = MergeTree ORDER BY id {settings}")
    yield store
    store.command("DROP TABLE t")
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


def test_pieces_are_one_insert(store: Store) -> None:
    pieces = [memoryview(LINES)[:9], LINES[9:]]
    store.raw_insert("t", pieces, fmt="JSONEachRow", settings={"insert_deduplication_token": "one"})
    over_the_wire(store, "t", pieces, fmt="JSONEachRow", settings={"insert_deduplication_token": "one"})
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


def test_it_is_found_while_it_is_owned_and_closed_afterwards(store: Store, server: EmbeddedServer) -> None:
    here = local_engine(server.data_dir, server.config.port)
    assert here is not None
    # Behind another port is somebody else: a proxy, or another owner.
    assert local_engine(server.data_dir, server.config.port + 1) is None
    mine = LocalEngine(here._engine, "default")
    with owned(server.data_dir, server.config.port + 1, mine):
        found = local_engine(server.data_dir, server.config.port + 1)
        assert found is mine
        found.insert("t", LINES, fmt="JSONEachRow", settings={})
    assert local_engine(server.data_dir, server.config.port + 1) is None
    with pytest.raises(ConnectionError):
        mine.insert("t", LINES, fmt="JSONEachRow", settings={})
    assert store.query("SELECT count() AS n FROM t") == [{"n": 2}]
