from pathlib import Path

import pytest

from watchglass_store import LateStore, Store, StoreConfig, StoreUnavailable, connect


def test_it_is_opened_when_it_is_there_and_once(store_config: StoreConfig) -> None:
    opened: list[Store] = []
    addresses = ["clickhouse://127.0.0.1:1", store_config.url]

    def open_store() -> Store:
        opened.append(connect(StoreConfig(url=addresses.pop(0)), Path()))
        return opened[-1]

    late = LateStore(open_store)
    with pytest.raises(StoreUnavailable):
        late.query("SELECT 1 AS n")
    assert late.query("SELECT 1 AS n") == [{"n": 1}]
    late.command("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
    late.insert("t", [{"n": 1}])
    late.raw_insert("t", b'{"n":2}', fmt="JSONEachRow")
    assert late.query_df("SELECT n FROM t ORDER BY n")["n"].tolist() == [1, 2]
    assert len(opened) == 1
    late.close()
    late.close()


def test_one_that_was_never_opened_can_be_closed() -> None:
    LateStore(lambda: connect(StoreConfig(url="clickhouse://127.0.0.1:1"), Path())).close()
