import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import EmbeddedServer, Store, StoreConfig, StoreError, StoreRejected, StoreUnavailable, connect
from watchglass_store.address import Address

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TABLE = """
CREATE TABLE t (
    id UInt64, small Nullable(UInt32), name LowCardinality(Nullable(String)), at DateTime64(6), second DateTime,
    day Date, value Nullable(Float64), tags Array(String), labels Map(String, String),
    sent Array(Tuple(id String, channel String)), text String DEFAULT 'none'
) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100
"""
ROW: dict[str, Any] = {
    "id": 2**63,
    "small": None,
    "name": None,
    "at": AT,
    "second": AT.replace(microsecond=0),
    "day": AT.date(),
    "value": math.inf,
    "tags": ["a", "'\\\t\n"],
    "labels": {"k'": "v"},
    "sent": [{"id": "a", "channel": "slack"}],
}


@pytest.fixture
def filled(store: Store) -> Store:
    store.command(TABLE)
    store.insert("t", [ROW])
    return store


def test_rows_come_back_as_they_went_in(filled: Store, readonly_store: Store) -> None:
    assert filled.query("SELECT * FROM t") == [{**ROW, "text": "none"}]
    assert readonly_store.query("SELECT * FROM t") == [{**ROW, "text": "none"}]
    assert filled.query("SELECT * FROM t WHERE id = 0") == []


def test_datetimes_of_any_zone_are_stored_in_utc(filled: Store) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))
    filled.insert("t", [{"id": 5, "at": elsewhere, "second": elsewhere}])
    (row,) = filled.query("SELECT at, second, toString(at) AS text FROM t WHERE id = 5")
    assert row == {"at": AT, "second": AT.replace(microsecond=0), "text": "2026-01-02 03:04:05.678901"}
    assert row["at"].tzinfo == UTC
    (row,) = filled.query("SELECT count() AS c FROM t WHERE at = {at:DateTime64(6)}", {"at": elsewhere})
    assert row == {"c": 2}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's {x:String}\n\t\\ é ' OR 1=1 --"),
        ("String", ""),
        ("String", "\0"),
        ("Nullable(String)", None),
        ("Array(String)", ["a'", "\\\t\n", ""]),
        ("Array(String)", []),
        ("Array(Tuple(String, String))", [("a'", "\\"), ("b", "c")]),
        ("Map(String, String)", {"k'": "v\t\\"}),
        ("UInt64", 2**64 - 1),
        ("Int64", -1),
        ("Float64", 0.1),
        ("Float64", math.inf),
        ("Bool", True),
        ("Date", date(2026, 1, 2)),
        ("DateTime64(6)", AT),
        ("DateTime", AT.replace(microsecond=0)),
    ],
)
def test_values_are_bound_by_the_server(kind: str, value: object, store: Store, readonly_store: Store) -> None:
    for connected in (store, readonly_store):
        assert connected.query(f"SELECT {{x:{kind}}} AS x", {"x": value}) == [{"x": value}]


def test_tuples_are_lists_and_unused_parameters_are_harmless(store: Store) -> None:
    assert store.query("SELECT {x:Array(String)} AS x", {"x": ("a", "b")}) == [{"x": ["a", "b"]}]
    assert store.query("SELECT 'a%sb%(x)s' AS x", {"x": "y"}) == [{"x": "a%sb%(x)s"}]
    assert store.query("SELECT {x:String} LIKE '%y%' AS x", {"x": "xyz", "z": "'"}) == [{"x": 1}]


def test_frames_are_signed_and_in_utc(filled: Store) -> None:
    frame = filled.query_df("SELECT toUInt64(1) AS new, toUInt8(2) AS old, small, value, at, name FROM t")
    assert (frame["new"] - frame["old"]).tolist() == [-1]
    dtypes = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert dtypes == {
        "new": "int64",
        "old": "int64",
        "small": "Int64",
        "value": "float64",
        "at": "datetime64[us, UTC]",
        "name": "string",
    }


def test_empty_frames_have_the_columns_and_types_of_filled_ones(filled: Store, readonly_store: Store) -> None:
    for connected in (filled, readonly_store):
        full = connected.query_df("SELECT *, count() OVER () AS `how many` FROM t WHERE id > {x:UInt64}", {"x": 0})
        empty = connected.query_df("SELECT *, count() OVER () AS `how many` FROM t WHERE id < {x:UInt64}", {"x": 0})
        assert len(empty) == 0
        assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert list(filled.query_df("WITH 1 AS a SELECT a AS b, a + 1 AS c WHERE 0").columns) == ["b", "c"]


def test_settings_last_for_one_query(store: Store) -> None:
    ask = "SELECT getSetting('max_threads') AS n"
    assert store.query(ask, settings={"max_threads": 7}) == [{"n": 7}]
    assert store.query_df(ask, settings={"max_threads": 6})["n"].tolist() == [6]
    assert store.query(ask) != [{"n": 7}]


def test_insert_wants_rows_of_one_shape(store: Store) -> None:
    store.insert("scores", [])
    with pytest.raises(ValueError, match="rows for scores must all have the columns name, label"):
        store.insert("scores", [{"name": "a", "label": "b"}, {"name": "a", "labels": "b"}])


def test_types_of_columns_are_asked_for_once_and_may_change(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = filled._client.create_insert_context

    def counted(
        table: str, columns: list[str], database: Any = None, types: Any = None, *more: Any, **rest: Any
    ) -> Any:
        asked.extend([table] if types is None else [])
        return ask(table, columns, database, types, *more, **rest)

    monkeypatch.setattr(filled._client, "create_insert_context", counted)
    filled.insert("t", [{"id": 1, "small": 1}])
    asked.clear()
    filled.insert("t", [{"id": 2, "small": 2}])
    filled.command("ALTER TABLE t MODIFY COLUMN small Nullable(UInt64)")
    filled.insert("t", [{"id": 3, "small": 3}])
    assert asked == []
    assert filled.query("SELECT small FROM t WHERE id < 4 ORDER BY id") == [{"small": 1}, {"small": 2}, {"small": 3}]
    with pytest.raises(StoreRejected):
        filled.insert("t", [{"id": 4, "small": "x"}])
    filled.insert("t", [{"id": 5, "small": 2**40}])
    assert filled.query("SELECT small FROM t WHERE id = 5") == [{"small": 2**40}]
    assert asked == ["t"], "after a failure it is asked again"


def test_a_table_may_have_any_name(store: Store) -> None:
    store.insert("references", [{"prompt_hash": 1, "reference_text": "x"}])
    store.raw_insert("references", b'{"prompt_hash": 2}', fmt="JSONEachRow")
    assert store.query("SELECT count() AS c FROM `references`") == [{"c": 2}]


def test_a_token_is_stored_once(filled: Store) -> None:
    for token in ("a", "a", "b", "a", "b"):
        filled.insert("t", [{"id": 1}], deduplication_token=token)
        filled.raw_insert("t", b'{"id": 2}', fmt="JSONEachRow", settings={"insert_deduplication_token": token + "raw"})
    assert filled.query("SELECT id, count() AS c FROM t WHERE id < 9 GROUP BY id ORDER BY id") == [
        {"id": 1, "c": 2},
        {"id": 2, "c": 2},
    ]


def test_a_token_is_stored_once_behind_a_chain_of_views(store: Store) -> None:
    window = "SETTINGS non_replicated_deduplication_window = 100"
    for statement in (
        "CREATE TABLE inbox (n UInt64) ENGINE = Null",
        f"CREATE TABLE rows_ (n UInt64) ENGINE = MergeTree ORDER BY n {window}",
        f"CREATE TABLE halves (half UInt64, n UInt64) ENGINE = MergeTree ORDER BY n {window}",
        "CREATE TABLE sums (half UInt64, total SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree "
        f"ORDER BY half {window}",
        "CREATE MATERIALIZED VIEW a TO rows_ AS SELECT n FROM inbox",
        "CREATE MATERIALIZED VIEW b TO halves AS SELECT intDiv(n, 2) AS half, n FROM rows_",
        "CREATE MATERIALIZED VIEW c TO sums AS SELECT half, sum(n) AS total FROM halves GROUP BY half",
    ):
        store.command(statement)
    for token in ("x", "x", "y", "x", "y", "x"):
        store.insert("inbox", [{"n": n} for n in range(1000)], deduplication_token=token)
    for table, total in (("rows_", "sum(n)"), ("halves", "sum(n)"), ("sums", "sum(total)")):
        assert store.query(f"SELECT {total} AS total FROM {table}") == [{"total": 2 * 499500}]
    assert store.query("SELECT count() AS c FROM rows_") == [{"c": 2000}]


@pytest.mark.parametrize(
    ("act", "code", "name"),
    [
        (lambda s: s.query("SELECT nope FROM scores WHERE name = 'hunter2'"), 47, "UNKNOWN_IDENTIFIER"),
        (lambda s: s.query("SELEC 'hunter2'"), 62, "SYNTAX_ERROR"),
        (lambda s: s.query("SELECT 'hunter2' + 1"), 43, "ILLEGAL_TYPE_OF_ARGUMENT"),
        (lambda s: s.query("SELECT throwIf(1, 'hunter2')"), 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        (lambda s: s.query("SELECT {x:UInt8}", {"x": "hunter2"}), 457, "BAD_QUERY_PARAMETER"),
        (lambda s: s.query("SELECT {x:UInt8}"), 456, "UNKNOWN_QUERY_PARAMETER"),
        (lambda s: s.query_df("SELECT * FROM nope WHERE x = 'hunter2'"), 60, "UNKNOWN_TABLE"),
        (lambda s: s.command("DROP TABLE nope"), 60, "UNKNOWN_TABLE"),
        (lambda s: s.insert("nope", [{"x": "hunter2"}]), 60, "UNKNOWN_TABLE"),
        (lambda s: s.insert("scores", [{"nope": "hunter2"}]), 36, "BAD_ARGUMENTS"),
        (lambda s: s.insert("scores", [{"value": "hunter2"}]), 53, "TYPE_MISMATCH"),
        (lambda s: s.insert("scores", [{"call_time": "hunter2"}]), 53, "TYPE_MISMATCH"),
        (lambda s: s.insert("evaluation_log", [{"calls": -1}]), 53, "TYPE_MISMATCH"),
        (lambda s: s.raw_insert("scores", b'{"value": "hunter2"}', fmt="JSONEachRow"), 72, "CANNOT_PARSE_NUMBER"),
        (lambda s: s.raw_insert("scores", b"hunter2", fmt="Nope"), 73, "UNKNOWN_FORMAT"),
    ],
)
def test_what_will_always_fail_is_rejected_without_a_value(
    act: Callable[[Store], object], code: int, name: str, store: Store
) -> None:
    with pytest.raises(StoreRejected) as caught:
        act(store)
    assert (caught.value.code, caught.value.name) == (code, name)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert str(code) in str(caught.value) or name in ("TYPE_MISMATCH", "BAD_ARGUMENTS")


def test_messages_say_what_is_wrong_with_names(store: Store, readonly_store: Store) -> None:
    with pytest.raises(StoreRejected, match="Unknown expression identifier `nope`"):
        store.query("SELECT nope FROM scores")
    with pytest.raises(StoreRejected, match="Unrecognized column 'nope' in table scores"):
        store.insert("scores", [{"nope": 1}])
    with pytest.raises(StoreRejected, match=r"READONLY.*may not use `file`"):
        readonly_store.query("SELECT file('hunter2')")


HEAVY = "SELECT uniqExact(number) FROM numbers(10000000000)"


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"max_memory_usage": 10_000_000}, "MEMORY_LIMIT_EXCEEDED"), ({"max_execution_time": 0.2}, "TIMEOUT_EXCEEDED")],
)
def test_a_limit_rejects_a_question_and_puts_off_a_write(settings: dict[str, Any], name: str, store: Store) -> None:
    with pytest.raises(StoreRejected) as caught:
        store.query(HEAVY, settings=settings)
    assert caught.value.name == name
    clause = ", ".join(f"{key} = {value}" for key, value in settings.items())
    with pytest.raises(StoreUnavailable, match=name):
        store.command(f"INSERT INTO `references` (prompt_hash) {HEAVY} SETTINGS {clause}")


def test_nobody_there_is_unavailable(free_ports: Callable[[], int]) -> None:
    config = StoreConfig(url=f"clickhouse://u:hunter2@127.0.0.1:{free_ports()}/d")
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        connect(config, Path())
    assert "hunter2" not in str(caught.value)


def test_a_wrong_password_is_told_without_it(store_config: StoreConfig) -> None:
    address = replace(Address.parse(store_config.url), password="hunter2")
    with pytest.raises(StoreUnavailable, match="AUTHENTICATION_FAILED") as caught:
        connect(StoreConfig(url=address.url), Path())
    assert "hunter2" not in str(caught.value)


def test_connecting_to_a_server_read_only_asks_it_for_limits(store_config: StoreConfig, store: Store) -> None:
    careful = connect(store_config, Path(), readonly=True)
    settings = careful.query("SELECT name, value FROM system.settings WHERE name IN ('readonly', 'max_execution_time')")
    assert {row["name"]: row["value"] for row in settings} == {"readonly": "1", "max_execution_time": "30"}
    with pytest.raises(StoreRejected, match="READONLY"):
        careful.command("DROP TABLE scores")
    careful.close()


def test_connecting_read_only_never_makes_a_database(store_config: StoreConfig) -> None:
    config = StoreConfig(url=replace(Address.parse(store_config.url), database="absent").url)
    with pytest.raises(StoreRejected, match="UNKNOWN_DATABASE"):
        connect(config, Path(), readonly=True)


def test_the_embedded_store_is_found_by_its_directory(server: EmbeddedServer) -> None:
    for readonly in (False, True):
        store = connect(server.config, server.data_dir, readonly=readonly)
        assert store.query("SELECT currentDatabase() AS d") == [{"d": "watchglass"}]
        store.close()
        store.close()


def test_threads_share_a_store(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda n: store.query("SELECT {n:UInt32} AS n", {"n": n})[0]["n"], range(200))
        assert list(answers) == list(range(200))


def test_every_error_is_a_store_error() -> None:
    assert issubclass(StoreUnavailable, StoreError)
    assert issubclass(StoreRejected, StoreError)
    error = StoreRejected("text", code=60, name="UNKNOWN_TABLE")
    assert (error.code, error.name, str(error)) == (60, "UNKNOWN_TABLE", "text")
