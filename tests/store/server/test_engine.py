"""Whose connections are kept for the next statement, and whose are not."""

from dataclasses import replace
from typing import Any

import pytest

from watchglass_store import EmbeddedServer
from watchglass_store.server.engine import MAX_KEPT_HANDLES, Engine, Scope
from watchglass_store.server.guard import LIMITS
from watchglass_store.server.local import LocalEngine, local_engine

READER = Scope(user="readonly", database="default", settings={}, frozen_settings=LIMITS)
WRITER = Scope(user="default", database="default", settings={"max_threads": "1"}, frozen_settings={})


@pytest.fixture
def engine(server: EmbeddedServer) -> Engine:
    """The engine of this process, without connections that other tests left."""
    local = local_engine(server.data_dir, server.config.port)
    assert isinstance(local, LocalEngine)
    found: Engine = local._engine
    for _, handle in found._kept:
        handle.close()
    found._kept.clear()
    return found


def lent(engine: Engine, scope: Scope, sql: str = "SELECT 1", **how: bool) -> Any:
    with engine.handle(scope, **how) as handle:
        handle.query(sql)
    return handle


def test_a_reader_gets_the_connection_that_a_reader_had_with_its_limits(engine: Engine) -> None:
    first = lent(engine, READER)
    with engine.handle(READER) as handle:
        assert handle is first
        answer = handle.query("SELECT getSetting('readonly'), getSetting('max_execution_time'), currentDatabase()")
        assert answer.bytes() == b'1,30,"default"\n'
        with engine.handle(READER) as other:
            assert other is not handle, "one statement at a time"


def test_nobody_else_does(engine: Engine) -> None:
    first = lent(engine, READER)
    assert lent(engine, replace(READER, database="system")) is not first
    assert lent(engine, replace(READER, user="editor")) is not first
    assert lent(engine, WRITER) is not lent(engine, WRITER)
    assert [scope.user for scope, _ in engine._kept].count("default") == 0


def test_a_connection_is_not_kept_after_an_error_or_a_stream(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="UNKNOWN_TABLE"):
        lent(engine, READER, "SELECT * FROM nothing_of_the_kind")
    lent(engine, READER, streams=True)
    assert engine._kept == []


def test_no_more_are_kept_than_readers_run_at_once(engine: Engine) -> None:
    def nested(depth: int) -> None:
        if depth:
            with engine.handle(READER):
                nested(depth - 1)

    nested(MAX_KEPT_HANDLES + 3)
    assert len(engine._kept) == MAX_KEPT_HANDLES
    lent(engine, replace(READER, database="system"))
    assert len(engine._kept) == MAX_KEPT_HANDLES
    assert engine._kept[-1][0].database == "system", "the newest stays"
