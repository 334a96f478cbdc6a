"""The cluster's DDL: rewritten from the one schema, and read by the engine's own parser."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from watchglass_collector.conventions import views
from watchglass_collector.inbox import keep
from watchglass_collector.signals import SIGNALS
from watchglass_store import Store, StoreConfig, StoreRejected, connect
from watchglass_store.cluster import cluster
from watchglass_store.migrations import _TABLE, known_migrations

HERE = cluster("main", "watchglass")
SCHEMA = [statement for migration in known_migrations() for statement in migration.statements]
INBOXES = [signal.inbox for signal in SIGNALS]
VIEWS = [inbox.ddl for inbox in INBOXES]
VIEWS += [view.statement for inbox in INBOXES for view in inbox.views(keep)] + [statement for _, statement in views()]


def parsed(store: Store, statement: str) -> str:
    """The statement as the engine understands it; raises where it does not."""
    return str(store.query("SELECT formatQuerySingleLine({sql:String}) AS text", {"sql": statement})[0]["text"])


def test_the_engine_reads_every_statement(store: Store) -> None:
    for statement in [_TABLE, *SCHEMA, *VIEWS]:
        for rendered in HERE.rendered(statement):
            text = parsed(store, rendered)
            assert "ON CLUSTER main" in text or statement.startswith("INSERT"), (
                "rows are spread by the tables themselves"
            )
            assert " MergeTree" not in text, "each table is replicated"
            assert "non_replicated" not in text


def test_what_is_big_is_spread_by_trace() -> None:
    raw, calls = {"otel_traces", "otel_traces_trace_id_ts", "otel_logs"}, {"llm_call_parts", "llm_figure_parts"}
    by_trace = {*raw, *calls, "llm_calls_by_time", "scores"}
    for name in by_trace:
        assert HERE.sharded[name] in ("cityHash64(TraceId)", "cityHash64(trace_id)")
    assert HERE.sharded["llm_calls_1m"] == HERE.sharded["otel_metrics_sum"] == "rand()"
    assert not HERE.sharded.keys() & {"alert_rules", "alert_events", "audit_log", "api_keys", "collector_ledger"}


def test_a_table_becomes_one_on_each_shard_and_one_over_them(store: Store) -> None:
    (statement,) = [statement for statement in SCHEMA if statement.startswith("CREATE TABLE scores")]
    local, over = (parsed(store, rendered) for rendered in HERE.rendered(statement))
    assert local.startswith("CREATE TABLE scores_local ON CLUSTER main")
    path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}', created_at"
    assert f"ENGINE = ReplicatedReplacingMergeTree({path})" in local
    assert over == (
        "CREATE TABLE scores ON CLUSTER main AS scores_local "
        "ENGINE = Distributed('main', 'watchglass', 'scores_local', cityHash64(trace_id))"
    )


def test_a_small_table_is_on_every_node() -> None:
    (statement,) = [statement for statement in SCHEMA if statement.startswith("CREATE TABLE audit_log")]
    (rendered,) = HERE.rendered(statement)
    assert "ReplicatedMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')" in rendered


@pytest.mark.parametrize(
    ("statement", "rendered"),
    [
        (
            "CREATE MATERIALIZED VIEW v TO scores AS SELECT * FROM otel_logs",
            ["CREATE MATERIALIZED VIEW v ON CLUSTER main TO scores_local AS SELECT * FROM otel_logs_local"],
        ),
        (
            "CREATE MATERIALIZED VIEW v TO otel_logs AS SELECT * FROM otel_inbox_logs",
            ["CREATE MATERIALIZED VIEW v ON CLUSTER main TO otel_logs AS SELECT * FROM otel_inbox_logs"],
        ),
        (
            "CREATE VIEW v AS SELECT * FROM scores FINAL",
            ["CREATE VIEW v ON CLUSTER main AS SELECT * FROM scores FINAL"],
        ),
        ("DROP TABLE IF EXISTS v SYNC", ["DROP TABLE IF EXISTS v ON CLUSTER main SYNC"]),
        (
            "ALTER TABLE scores MODIFY SETTING fsync_after_insert = 1",
            ["ALTER TABLE scores_local ON CLUSTER main (MODIFY SETTING fsync_after_insert = 1)"],
        ),
        (
            "ALTER TABLE scores ADD COLUMN n UInt8",
            [
                "ALTER TABLE scores_local ON CLUSTER main (ADD COLUMN `n` UInt8)",
                "ALTER TABLE scores ON CLUSTER main (ADD COLUMN `n` UInt8)",
            ],
        ),
        ("INSERT INTO scores SELECT 1", None),
    ],
)
def test_statements(store: Store, statement: str, rendered: list[str] | None) -> None:
    found = HERE.rendered(statement)
    assert found == [statement] if rendered is None else [parsed(store, one) for one in found] == rendered


def test_a_store_of_a_cluster_sends_what_is_rendered(store_config: StoreConfig) -> None:
    store = connect(store_config.model_copy(update={"cluster": "nowhere"}), Path())
    with pytest.raises(StoreRejected, match="CLUSTER"):
        store.command("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
    assert store.query("SELECT 1 AS n") == [{"n": 1}]
    store.close()


def test_a_cluster_needs_an_address() -> None:
    with pytest.raises(ValidationError, match="cluster = 'main'"):
        StoreConfig(cluster="main")
