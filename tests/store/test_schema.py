"""The tables themselves, and that docs/schema.md has a heading for each and a line for each column."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import watchglass_store
from watchglass_store import Store

DOCS = Path(__file__).parents[2] / "docs" / "schema.md"
CALL = {"trace_id": "t", "span_id": "s"}
HELPERS = ("_mv",)


@pytest.fixture
def columns(store: Store) -> dict[str, list[str]]:
    rows = store.query(
        "SELECT table, groupArray(name) AS names FROM (SELECT * FROM system.columns WHERE database = currentDatabase() "
        "ORDER BY position) GROUP BY table"
    )
    return {row["table"]: row["names"] for row in rows if not row["table"].endswith(HELPERS)}


def sections() -> dict[str, str]:
    parts = re.split(r"^## `(\w+)`$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_table_has_a_heading(columns: dict[str, list[str]]) -> None:
    assert sorted(sections()) == sorted(columns)


def test_every_column_is_explained(columns: dict[str, list[str]]) -> None:
    documented = {table: set(re.findall(r"`([\w.]+)`", text)) for table, text in sections().items()}
    documented["llm_call_parts"] |= documented["llm_calls"]
    documented["scores_by_day"] |= documented["scores"]
    missing = {table: [name for name in names if name not in documented[table]] for table, names in columns.items()}
    assert {table: names for table, names in missing.items() if names} == {}


def test_tables_of_telemetry_drop_repeated_blocks_and_old_days(store: Store) -> None:
    rows = store.query(
        "SELECT name, create_table_query AS sql FROM system.tables WHERE database = currentDatabase() "
        "AND engine LIKE '%MergeTree' AND name NOT IN "
        "('schema_migrations', 'references', 'alert_rules', 'silences', 'audit_log', 'api_keys', 'dashboard_users', "
        "'saved_views', 'evaluator_settings', 'judge_rubrics', 'prices', 'deletions', 'deleted_traces')"
    )
    for row in rows:
        assert "non_replicated_deduplication_window = 10000" in row["sql"], row["name"]
        assert "ttl_only_drop_parts = 1" in row["sql"], row["name"]
        assert " TTL " in row["sql"], row["name"]


def test_a_call_in_pieces_is_one_call(store: Store, readonly_store: Store) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    hour = now.replace(minute=0, second=0)
    span = CALL | {
        "hour": hour,
        "start_time": now,
        "received_at": now,
        "operation_name": "chat",
        "duration_s": 1.5,
    }
    event = CALL | {"hour": hour, "received_at": now + timedelta(seconds=1), "response_text": "hello"}
    for piece in (event, span, event):
        store.insert("llm_call_parts", [piece])
    rows = readonly_store.query("SELECT trace_id, duration_s, response_text, prompt_text, error_type FROM llm_calls")
    frame = readonly_store.query_df("SELECT * FROM llm_calls")
    nothing = readonly_store.query_df("SELECT * FROM llm_calls WHERE trace_id = 'absent'")
    assert nothing.dtypes.to_dict() == frame.dtypes.to_dict()
    assert rows == [{"trace_id": "t", "duration_s": 1.5, "response_text": "hello", "prompt_text": "", "error_type": ""}]
    assert readonly_store.query("SELECT sum(calls) AS c FROM llm_calls_1m") == [{"c": 1}]
    assert readonly_store.query("SELECT count() AS c FROM llm_calls_by_time") == [{"c": 1}]


def test_a_score_written_twice_shows_once(store: Store, readonly_store: Store) -> None:
    now = datetime.now(UTC)
    score = CALL | {"name": "bleu", "evaluator": "bleu", "evaluator_version": "1", "call_time": now}
    store.insert("scores", [score | {"value": 0.1, "created_at": now}])
    store.insert("scores", [score | {"value": 0.2, "created_at": now + timedelta(seconds=1)}])
    assert readonly_store.query("SELECT value FROM scores FINAL") == [{"value": 0.2}]


def test_exported_names_are_the_api() -> None:
    exported = {name for name in vars(watchglass_store) if not name.startswith("_")}
    modules = {name for name in exported if type(getattr(watchglass_store, name)).__name__ == "module"}
    assert exported - modules == set(watchglass_store.__all__)
    assert watchglass_store.__all__ == sorted(watchglass_store.__all__)
    assert (Path(watchglass_store.__file__).parent / "py.typed").exists()
