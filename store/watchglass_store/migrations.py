"""Numbered SQL files, applied once each and in order."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from watchglass_store.client import Store
from watchglass_store.errors import StoreError, StoreRejected
from watchglass_store.sql import split_statements

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number UInt32,
    name String,
    sha256 String COMMENT 'of the file',
    done UInt32 COMMENT 'statements applied so far; the highest wins',
    statements UInt32 COMMENT 'statements in the file',
    applied_at DateTime64(3)
) ENGINE = MergeTree ORDER BY (number, done)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `schema/`."""

    number: int
    name: str
    """File name, for example 0002_llm_calls.sql."""
    sha256: str
    """Of the file's text."""
    statements: tuple[str, ...]

    @classmethod
    def read(cls, name: str, text: str) -> "Migration":
        """Make a migration from a file's name and text.

        Raises:
            ValueError: The name is not NNNN_name.sql.
        """
        match = _FILE_NAME.match(name)
        if match is None:
            raise ValueError(f"schema/{name}: a migration is named NNNN_name.sql")
        return cls(int(match[1]), name, hashlib.sha256(text.encode()).hexdigest(), tuple(split_statements(text)))


@dataclass(frozen=True, slots=True)
class Applied:
    """What the database remembers of a migration."""

    number: int
    name: str
    sha256: str
    done: int
    statements: int


def known_migrations() -> list[Migration]:
    """Return the migrations that this version of the code has, in order."""
    files = (resources.files("watchglass_store") / "schema").iterdir()
    found = [
        Migration.read(file.name, file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.number)


def pending(known: Sequence[Migration], applied: Sequence[Applied]) -> list[tuple[Migration, int]]:
    """Return what is left to do: migrations, each with the number of its statements that are already done.

    Raises:
        StoreError: An applied file was edited since, or the database is newer than the code.
    """
    by_number = {migration.number: migration for migration in known}
    for entry in applied:
        migration = by_number.get(entry.number)
        if migration is None:
            raise StoreError(
                f"the database has migration {entry.name}, and this version of Watchglass knows migrations up to "
                f"{max(by_number, default=0):04d}: upgrade Watchglass"
            )
        if migration.sha256 != entry.sha256:
            raise StoreError(
                f"migration {migration.name} was edited after it was applied ({entry.sha256[:12]} then, "
                f"{migration.sha256[:12]} now): undo the edit and put the change into a new migration"
            )
    done = {entry.number: entry.done for entry in applied}
    finished = {entry.number for entry in applied if entry.done >= entry.statements}
    return [(migration, done.get(migration.number, 0)) for migration in known if migration.number not in finished]


def migrate(store: Store, *, dry_run: bool = False) -> list[Migration]:
    """Bring the tables of the store's database up to date.

    A run that was cut off is taken up where it stopped.

    Args:
        store: Connected as a user who may create tables.
        dry_run: Only say what would be applied.

    Returns:
        The migrations that were applied (or would be), in order.

    Raises:
        StoreError: An applied file was edited since, or the database is newer than the code.
    """
    todo = pending(known_migrations(), applied_migrations(store))
    if not dry_run and todo:
        store.command(_TABLE)
        for migration, done in todo:
            _apply(store, migration, done)
    return [migration for migration, _ in todo]


def applied_migrations(store: Store) -> list[Applied]:
    """Return what the database remembers, in order; nothing for an empty database."""
    exists = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"
    if not store.query(exists):
        return []
    rows = store.query(
        "SELECT number, argMax(name, t.done) AS name, argMax(sha256, t.done) AS sha256, max(t.done) AS done, "
        "argMax(statements, t.done) AS statements FROM schema_migrations AS t GROUP BY number ORDER BY number"
    )
    return [Applied(**row) for row in rows]


def _apply(store: Store, migration: Migration, done: int) -> None:
    resumed = _is_recorded(store, migration)
    if not resumed:
        _record(store, migration, 0)
    for index, statement in enumerate(migration.statements[done:], start=done + 1):
        try:
            store.command(statement)
        except StoreRejected as error:
            # The run before may have been cut off between this statement and its record.
            if not (resumed and index == done + 1 and error.name == "TABLE_ALREADY_EXISTS"):
                raise StoreError(f"{migration.name}, statement {index}: {error}") from None
        _record(store, migration, index)


def _is_recorded(store: Store, migration: Migration) -> bool:
    sql = "SELECT 1 FROM schema_migrations WHERE number = {number:UInt32} LIMIT 1"
    return bool(store.query(sql, {"number": migration.number}))


def _record(store: Store, migration: Migration, done: int) -> None:
    row = {
        "number": migration.number,
        "name": migration.name,
        "sha256": migration.sha256,
        "done": done,
        "statements": len(migration.statements),
        "applied_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    }
    store.raw_insert("schema_migrations", json.dumps(row).encode(), fmt="JSONEachRow")
