from datetime import UTC, datetime

from watchglass_store import Store


def test_smoke(store: Store, readonly_store: Store) -> None:
    now = datetime.now(UTC)
    store.insert(
        "llm_call_parts",
        [{"day": now.date(), "start_time": now, "trace_id": "a", "span_id": "b", "operation_name": "chat"}],
        deduplication_token="x",
    )
    assert readonly_store.query("SELECT trace_id FROM llm_calls") == [{"trace_id": "a"}]


def test_more(store: Store, readonly_store: Store) -> None:
    assert len(readonly_store.query_df("SELECT * FROM llm_calls")) == 0
