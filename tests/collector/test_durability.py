from watchglass_collector import install_views
from watchglass_collector.durability import set_durability
from watchglass_store import Store


def synced_tables(store: Store) -> set[str]:
    rows = store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND engine_full LIKE '%fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1%'"
    )
    return {row["name"] for row in rows}


def test_whatever_a_segment_ends_in_is_synced(store: Store) -> None:
    install_views(store)
    raw = {"otel_traces", "otel_logs", "otel_traces_trace_id_ts"}
    calls = {"llm_call_parts", "llm_figure_parts", "llm_calls_by_time", "llm_calls_1m"}
    assert {*raw, *calls, "scores"} <= synced_tables(store)
    assert set_durability(store, "power") == []


def test_durability_of_the_process_only_can_be_chosen_and_taken_back(store: Store) -> None:
    install_views(store)
    assert "otel_traces" in set_durability(store, "process")
    assert synced_tables(store) == set()
    assert set_durability(store, "process") == []
    assert "otel_traces" in set_durability(store, "power")
