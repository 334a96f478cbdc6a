import random
from pathlib import Path
from typing import Any

import pytest

from watchglass_collector import bench, bench_growth
from watchglass_collector.bench_payload import payloads
from watchglass_collector.bench_python import python_rows
from watchglass_collector.bench_server import serving
from watchglass_collector.inbox import TRACES
from watchglass_store import Store

TIMES = ("Timestamp", "received_at", "start_time", "duration_s")
"""Of these Python's datetime and floats lose the last digits."""


def test_the_path_in_python_makes_the_rows_that_the_views_make(viewed_store: Store) -> None:
    (body,) = payloads(random.Random(1), 1, 50)
    rows = dict(zip(("otel_traces", "llm_call_parts"), python_rows(body), strict=True))

    def stored(table: str, key: str) -> list[dict[str, Any]]:
        columns = [column for column in rows[table][0] if column not in TIMES]
        return viewed_store.query(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {key}")

    viewed_store.raw_insert(TRACES.table, body, fmt="ProtobufSingle", settings=TRACES.settings())
    by_the_views = stored("otel_traces", "SpanId"), stored("llm_call_parts", "span_id")
    for table, in_python in rows.items():
        viewed_store.command(f"CREATE TABLE twin_of_{table} AS {table}")
        viewed_store.insert(f"twin_of_{table}", in_python)
        viewed_store.command(f"EXCHANGE TABLES twin_of_{table} AND {table}")
    assert (stored("otel_traces", "SpanId"), stored("llm_call_parts", "span_id")) == by_the_views
    assert [len(found) for found in by_the_views] == [50, 50]


def test_the_benchmark_measures_every_path_and_prints_what_was_promised(tmp_path: Path) -> None:
    with serving(tmp_path, settle_s=0.2) as server:
        sizes = bench.Sizes(requests=2, rounds=1, paced_s=0.2)
        found = bench.measured(server, sizes, random.Random(4))
        assert server.rows("otel_traces") >= 3 * 2 * 512
        found["peak_rss_mb"] = bench.peak_rss_mb(
            server, bench.Sizes(requests=1, rounds=1, paced_s=0.2), random.Random(5)
        )
    transport = {"spans_per_s", "mb_per_s", "spans_per_cpu_s", "ack_p50_ms", "ack_p99_ms"}
    assert found["http"].keys() == found["grpc"].keys() == transport
    bounds = {"bound_spans_per_cpu_s", "bound_in_segments_spans_per_cpu_s"}
    single = {*bounds, "python_spans_per_cpu_s", "peak_rss_mb", "bytes_per_span", "bytes_per_otlp_byte"}
    assert found.keys() == {"http", "grpc", *single}
    assert all(value > 0 for value in (*found["http"].values(), *found["grpc"].values()))
    assert all(found[name] > 0 for name in single)


@pytest.mark.slow
def test_tables_are_filled_with_other_spans_before_it_is_measured_again(tmp_path: Path) -> None:
    found = bench_growth.run([4000], tmp_path, requests=2, rounds=1, settle_s=0.2)
    assert [row["to_empty"] > 0 for row in found] == [True, True]
    # What was sent before: 4 requests of 512 spans. Copying is by whole tables.
    assert found[0]["spans"] == 2 * 512
    assert found[1]["spans"] == 2 * (2 + 2) * 512


def test_a_full_segment_is_stored_without_a_file_for_each_column(viewed_store: Store) -> None:
    segment = b"".join(payloads(random.Random(2), 8, 512))
    viewed_store.raw_insert(TRACES.table, segment, fmt="ProtobufSingle", settings=TRACES.settings())
    kinds = viewed_store.query(
        "SELECT table, any(part_type) AS kind, sum(data_uncompressed_bytes) > 10485760 AS is_large FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table IN ('otel_traces', 'llm_call_parts') GROUP BY table"
    )
    assert [(row["kind"], row["is_large"]) for row in kinds] == [("Compact", 1)] * 2
