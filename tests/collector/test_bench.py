import random
from typing import Any

from watchglass_collector.bench_payload import payloads, python_rows
from watchglass_collector.inbox import TRACES
from watchglass_store import Store


def test_the_path_in_python_makes_the_rows_that_the_view_makes(viewed_store: Store) -> None:
    (body,) = payloads(random.Random(1), 1, 50)
    in_python = list(python_rows(body))
    columns = [column for column in in_python[0] if column != "Timestamp"]

    def stored() -> list[dict[str, Any]]:
        return viewed_store.query(f"SELECT {', '.join(columns)} FROM otel_traces ORDER BY SpanId")

    viewed_store.raw_insert(TRACES.table, body, fmt="ProtobufSingle", settings=TRACES.settings())
    by_the_view = stored()
    viewed_store.command("TRUNCATE TABLE otel_traces")
    viewed_store.insert("otel_traces", in_python)
    assert stored() == by_the_view
    assert len(by_the_view) == 50


def test_a_full_segment_is_stored_without_a_file_for_each_column(viewed_store: Store) -> None:
    segment = b"".join(payloads(random.Random(2), 8, 512))
    viewed_store.raw_insert(TRACES.table, segment, fmt="ProtobufSingle", settings=TRACES.settings())
    kinds = viewed_store.query(
        "SELECT table, any(part_type) AS kind, sum(data_uncompressed_bytes) > 10485760 AS is_large FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table IN ('otel_traces', 'llm_call_parts') GROUP BY table"
    )
    assert [(row["kind"], row["is_large"]) for row in kinds] == [("Compact", 1)] * 2
