from dataclasses import replace
from pathlib import Path

import pytest

from watchglass_store import Migration, Store, StoreConfig, StoreError, connect, migrate, migrations
from watchglass_store.migrations import Applied, applied_migrations, known_migrations, pending

ONE = Migration.read(
    "0001_one.sql", "CREATE TABLE one (x Int8) ENGINE = Memory; CREATE TABLE two (x Int8) ENGINE = Memory;"
)
TWO = Migration.read("0002_two.sql", "-- a comment; here\nCREATE TABLE three (x Int8) ENGINE = Memory")


def applied(migration: Migration, done: int | None = None) -> Applied:
    total = len(migration.statements)
    return Applied(migration.number, migration.name, migration.sha256, total if done is None else done, total)


@pytest.fixture
def empty(store_config: StoreConfig) -> Store:
    store = connect(store_config, Path())
    yield store
    store.close()


@pytest.fixture
def two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "known_migrations", lambda: [ONE, TWO])


def tables(store: Store) -> set[str]:
    return {row["name"] for row in store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")}


def test_files_are_numbered_without_gaps() -> None:
    known = known_migrations()
    assert [migration.number for migration in known] == list(range(1, len(known) + 1))
    assert all(migration.statements for migration in known)


@pytest.mark.parametrize("name", ["1_a.sql", "0001.sql", "0001_A.sql", "0001_a.sql.bak", "a.sql"])
def test_a_file_has_a_number_and_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="NNNN_name"):
        Migration.read(name, "SELECT 1")


def test_an_empty_database_gets_everything_once(empty: Store) -> None:
    would = migrate(empty, dry_run=True)
    assert would == known_migrations()
    assert tables(empty) == set()
    assert migrate(empty) == would
    assert {"otel_traces", "llm_calls", "scores", "alert_events", "schema_migrations"} <= tables(empty)
    assert migrate(empty) == migrate(empty, dry_run=True) == []
    assert applied_migrations(empty) == [applied(migration) for migration in known_migrations()]


def test_a_newer_version_brings_only_what_is_new(
    empty: Store, two_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "known_migrations", lambda: [ONE])
    assert migrate(empty) == [ONE]
    empty.insert("one", [{"x": 1}])
    monkeypatch.setattr(migrations, "known_migrations", lambda: [ONE, TWO])
    assert migrate(empty, dry_run=True) == [TWO]
    assert migrate(empty) == [TWO]
    assert empty.query("SELECT x FROM one") == [{"x": 1}]
    assert tables(empty) == {"one", "two", "three", "schema_migrations"}


def test_an_edited_migration_is_refused(empty: Store, two_files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(empty)
    edited = Migration.read("0002_two.sql", "CREATE TABLE three (x Int16) ENGINE = Memory")
    monkeypatch.setattr(migrations, "known_migrations", lambda: [ONE, edited])
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=r"0002_two\.sql was edited after it was applied .* new migration"):
            migrate(empty, dry_run=dry_run)


def test_a_newer_database_is_refused(empty: Store, two_files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(empty)
    monkeypatch.setattr(migrations, "known_migrations", lambda: [ONE])
    with pytest.raises(StoreError, match=r"has migration 0002_two\.sql, .* up to 0001: upgrade Watchglass"):
        migrate(empty)


@pytest.mark.parametrize("recorded", [True, False], ids=["after its record", "before its record"])
def test_a_run_that_was_cut_off_is_taken_up(
    recorded: bool, empty: Store, two_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies behind the first of two statements, before or after that was written down."""
    record = migrations._record

    def dying(store: Store, migration: Migration, done: int) -> None:
        if done == 1 and not recorded:
            raise KeyboardInterrupt
        record(store, migration, done)
        if done == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(migrations, "_record", dying)
    with pytest.raises(KeyboardInterrupt):
        migrate(empty)
    assert tables(empty) == {"one", "schema_migrations"}
    monkeypatch.setattr(migrations, "_record", record)
    assert migrate(empty, dry_run=True) == [ONE, TWO]
    assert migrate(empty) == [ONE, TWO]
    assert tables(empty) == {"one", "two", "three", "schema_migrations"}
    assert applied_migrations(empty) == [applied(ONE), applied(TWO)]


def test_a_foreign_table_in_the_way_is_not_taken_for_ours(empty: Store, two_files: None) -> None:
    empty.command("CREATE TABLE two (y String) ENGINE = Memory")
    with pytest.raises(StoreError, match=r"0001_one\.sql, statement 2: .*TABLE_ALREADY_EXISTS"):
        migrate(empty)


def test_a_statement_that_fails_is_named(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Migration.read("0001_bad.sql", "SELECT 1; CREATE TABLE x (y Nope) ENGINE = Memory")
    monkeypatch.setattr(migrations, "known_migrations", lambda: [bad])
    with pytest.raises(StoreError, match=r"0001_bad\.sql, statement 2: .*UNKNOWN_TYPE"):
        migrate(empty)


def test_what_is_left_is_decided_without_a_database() -> None:
    assert pending([ONE, TWO], []) == [(ONE, 0), (TWO, 0)]
    assert pending([ONE, TWO], [applied(ONE)]) == [(TWO, 0)]
    assert pending([ONE, TWO], [applied(ONE, done=1)]) == [(ONE, 1), (TWO, 0)]
    assert pending([ONE, TWO], [applied(ONE), applied(TWO)]) == []
    with pytest.raises(StoreError, match="edited"):
        pending([ONE], [replace(applied(ONE, done=1), sha256="0" * 64)])
    with pytest.raises(StoreError, match="up to 0000"):
        pending([], [applied(ONE)])


def test_the_database_itself_is_made_when_absent(store_config: StoreConfig) -> None:
    store = connect(store_config, Path())
    store.command(f"DROP DATABASE {store.database} SYNC")
    store.close()
    store = connect(store_config, Path())
    assert migrate(store) == known_migrations()
    store.close()
