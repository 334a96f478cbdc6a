"""What the editor may and may not write, at the endpoint where an attacker would try it."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from watchglass_store import Editor, Store, StoreConfig, StoreRejected, connect_editor
from watchglass_store.queries import alerting
from watchglass_store.server import editing

Wire = Any  # tests/store/conftest.py
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def native(**columns: str) -> bytes:
    """One row of String columns as ClickHouse's Native format."""

    def text(value: str) -> bytes:
        return struct.pack("B", len(value)) + value.encode()

    body = b"".join(text(name) + text("String") + text(value) for name, value in columns.items())
    return struct.pack("BB", len(columns), 1) + body


ROW = native(name="rule", definition="{}", author="ada")

REFUSED = [
    # other tables, however they are written
    "INSERT INTO scores (name) FORMAT Native",
    "INSERT INTO otel_traces FORMAT Native",
    "INSERT INTO alert_events (rule) FORMAT Native",
    "INSERT INTO llm_call_parts FORMAT Native",
    "INSERT INTO schema_migrations FORMAT Native",
    "INSERT INTO ALERT_RULES (name, definition, author) FORMAT Native",
    "INSERT INTO `alert_rules\\`` FORMAT Native",
    "INSERT INTO system.alert_rules FORMAT Native",
    "INSERT INTO default.alert_rules (name, definition, author) FORMAT Native",
    "INSERT INTO other.alert_rules (name, definition, author) FORMAT Native",
    "INSERT INTO `other.alert_rules` FORMAT Native",
    "INSERT INTO {x:Identifier} FORMAT Native",
    # functions and files
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'name String, definition String, author String') FORMAT Native",
    "INSERT INTO TABLE FUNCTION file('{out}', 'Native') FORMAT Native",
    "INSERT INTO FUNCTION remote('127.0.0.1:9', 'db', 't') FORMAT Native",
    "INSERT INTO alert_rules FROM INFILE '{secret}' FORMAT Native",
    "INSERT INTO alert_rules (name, definition, author) FROM INFILE '{secret}' COMPRESSION 'none' FORMAT Native",
    "INSERT INTO alert_rules (name) SELECT file('{secret}') FORMAT Native",
    # more than names behind the table
    "INSERT INTO alert_rules (* EXCEPT (author)) FORMAT Native",
    "INSERT INTO alert_rules (name definition, author) FORMAT Native",
    "INSERT INTO alert_rules (name, definition, author) (x) FORMAT Native",
    "INSERT INTO alert_rules ((name)) FORMAT Native",
    "INSERT INTO alert_rules (name,, author) FORMAT Native",
    "INSERT INTO alert_rules PARTITION BY name FORMAT Native",
    # settings and formats
    "INSERT INTO alert_rules (name, definition, author) SETTINGS async_insert = 1 FORMAT Native",
    "INSERT INTO alert_rules (name, definition, author) SETTINGS max_memory_usage = 0 FORMAT Native",
    "INSERT INTO alert_rules (name, definition, author) FORMAT CSV",
    "INSERT INTO alert_rules (name, definition, author) FORMAT JSONEachRow",
    "INSERT INTO alert_rules (name, definition, author) FORMAT Template",
    "INSERT INTO alert_rules (name, definition, author) FORMAT Protobuf",
    # other statements
    "INSERT INTO alert_rules (name) VALUES ('x')",
    "INSERT INTO alert_rules (name) SELECT 'x'",
    "ALTER TABLE alert_rules DELETE WHERE 1",
    "DELETE FROM audit_log WHERE 1",
    "UPDATE audit_log SET actor = 'x' WHERE 1",
    "TRUNCATE TABLE audit_log",
    "DROP TABLE audit_log",
    "OPTIMIZE TABLE audit_log FINAL",
    "CREATE TABLE mine (x Int8) ENGINE = Memory",
    "CREATE USER mine",
    "GRANT ALL ON *.* TO editor",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "SELECT file('{secret}')",
    "SELECT * FROM system.processes",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1; INSERT INTO alert_rules (name) VALUES ('x')",
]  # fmt: skip


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("host") / "secret.txt"
    path.write_bytes(ROW)
    return path


def refused(wire: Wire, answer: httpx.Response, secret: Path, codes: tuple[str, ...] = ("164", "62")) -> None:
    assert answer.headers.get("x-clickhouse-exception-code") in codes, answer.text
    assert [path.name for path in secret.parent.iterdir()] == [secret.name]
    assert wire.send("default", "SELECT count() FROM alert_rules").text == "0\n"
    assert wire.send("default", "SELECT count() FROM audit_log").text == "0\n"


@pytest.mark.parametrize("attempt", REFUSED)
def test_refused(attempt: str, wire: Wire, secret: Path) -> None:
    head = attempt.replace("{out}", str(secret.parent / "out")).replace("{secret}", str(secret))
    refused(wire, wire.send("editor", f"{head}\n".encode() + ROW, param_x="alert_rules"), secret)


@pytest.mark.parametrize(
    "values",
    [
        {"async_insert_busy_timeout_ms": 1},
        {"readonly": 0},
        {"input_format_allow_errors_num": 9},
        {"format_schema": "x"},
        {"max_memory_usage = 0, readonly": 0},
        {"insert_deduplication_token": "x"},
        {"database": "system"},
        {"database": "default"},
    ],
)
def test_parameters_are_guarded(values: dict[str, object], wire: Wire, secret: Path) -> None:
    sql = b"INSERT INTO alert_rules (name, definition, author) FORMAT Native\n"
    refused(wire, wire.send("editor", sql + ROW, **values), secret)


def test_the_statement_in_the_url_is_guarded_as_well(wire: Wire, secret: Path) -> None:
    refused(wire, wire.send("editor", ROW, query="INSERT INTO scores FORMAT Native"), secret)
    refused(wire, wire.send("editor", ROW, query="INSERT INTO alert_rules SETTINGS readonly = 0 FORMAT Native"), secret)


def test_a_large_insert_is_refused(wire: Wire, secret: Path) -> None:
    body = b"INSERT INTO alert_rules (name) FORMAT Native\n" + b"\1" * (editing.MAX_BYTES + 1)
    refused(wire, wire.send("editor", body), secret, codes=("307",))


def test_the_readonly_user_still_writes_nothing(wire: Wire, secret: Path) -> None:
    sql = b"INSERT INTO alert_rules (name, definition, author) FORMAT Native\n"
    refused(wire, wire.send("readonly", sql + ROW), secret)


def test_the_tables_of_settings_exist(wire: Wire) -> None:
    names = ", ".join(f"'{name}'" for name in editing.TABLES)
    sql = (
        f"SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ({names}) AND engine != 'View'"
    )
    found = set(wire.send("editor", sql).text.split())
    assert {"alert_rules", "api_keys", "audit_log", "dashboard_users", "references", "saved_views", "silences"} <= found


@pytest.fixture
def editor(editor_config: StoreConfig) -> Iterator[Editor]:
    opened = connect_editor(editor_config, Path())
    yield opened
    opened.close()


def test_the_driver_writes_through_it(editor: Editor, store: Store) -> None:
    text = '{"x": "\\u0000\\n"}'
    alerting.add_rule_version(editor, name="a", version=NOW, definition=text, deleted=False, author="ada")
    alerting.add_audit(editor, time=NOW, actor="ada", action="rule.save", target="a", before="", after="{}")
    assert [row["name"] for row in alerting.current_rules(store)] == ["a"]
    assert store.query("SELECT actor, action, object FROM audit_log") == [
        {"actor": "ada", "action": "rule.save", "object": "a"}
    ]
    assert editor.query("SELECT count() AS n FROM alert_rules") == [{"n": 1}]


def test_the_client_is_a_second_wall(editor: Editor) -> None:
    with pytest.raises(StoreRejected, match="scores"):
        editor.insert("scores", [{"name": "x"}])
    with pytest.raises(StoreRejected):
        editor.raw_insert("alert_rules", b"{}", fmt="JSONEachRow")
    with pytest.raises(StoreRejected):
        editor.command("SELECT 1")


def test_in_place_of_the_client_the_server_refuses(editor: Editor) -> None:
    with pytest.raises(StoreRejected, match="may not write"):
        Store.insert(editor, "scores", [{"name": "x"}])
