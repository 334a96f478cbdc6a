"""The benchmark of the pages measures every page, on calls that look like calls."""

from pathlib import Path

import pytest

from watchglass_dashboards import bench
from watchglass_dashboards.pages import PAGES
from watchglass_store.queries.pages_bench import vocabulary
from watchglass_store.queries.pages_bench_rest import LARGE_SPANS, LARGE_TRACE, LONG_BYTES, LONG_CALL


@pytest.fixture
def filled(store, store_config):
    bench.fill(store, 1000)
    return store


def test_the_calls_it_makes_are_whole(filled):
    (row,) = filled.query(
        "SELECT count() AS n, countIf(usage_counted = 1) AS counted, sum(cost_usd) AS cost, "
        "uniqExact(trace_id) AS traces, countIf(prompt_text = '' AND operation_name = 'chat') AS silent FROM llm_calls "
        "WHERE prompt_name != ''"
    )
    assert (row["n"], row["counted"], row["traces"], row["silent"]) == (1000, 800, 200, 0)
    (rollup,) = filled.query("SELECT sum(calls) AS n, sum(cost_usd) AS cost FROM llm_calls_1m WHERE prompt_name != ''")
    assert rollup["n"] == 1000
    assert rollup["cost"] == pytest.approx(row["cost"])
    assert filled.query("SELECT count() AS n FROM scores")[0]["n"] == 800
    assert filled.query("SELECT count() AS n FROM llm_trace_pieces")[0]["n"] == 0
    assert len(set(vocabulary())) == 4200


def test_what_is_larger_than_usual_is_as_large_as_it_should_be(filled):
    sizes = filled.query(
        "SELECT count() AS spans, countIf(ParentSpanId = '') AS roots FROM otel_traces WHERE TraceId = {id:String}",
        {"id": LARGE_TRACE},
    )
    assert sizes == [{"spans": LARGE_SPANS, "roots": 1}]
    (call,) = filled.query(
        "SELECT length(prompt_text) AS n FROM llm_calls WHERE trace_id = {id:String}", {"id": LONG_CALL}
    )
    assert call["n"] == pytest.approx(LONG_BYTES, abs=22)


def test_every_page_is_measured(filled, store_config, tmp_path: Path):
    rows = {row["page"]: row for row in bench.measure(store_config, tmp_path, 1)}
    shown = {address for address, info in PAGES.items() if not info.is_hidden}
    assert set(rows) == shown | set(bench.QUERIES)
    assert all(0 < row["slowest_query_ms"] <= row["p50_ms"] <= row["p95_ms"] for row in rows.values())
