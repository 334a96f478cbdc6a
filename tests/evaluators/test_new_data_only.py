"""The cost of a look grows with what is new, not with the table: by the rows that the engine says it read."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchglass_evaluators import EvaluatorsConfig, Runner
from watchglass_store import Store
from watchglass_store.queries.evaluation_bench import make_calls

SIZES = [int(size) for size in os.environ.get("WATCHGLASS_READ_SIZES", "10000,60000").split(",")]
NEW = 100
GRANULE = 8192


def test_rows_read_for_a_hundred_new_calls(
    store: Store, clock: Any, install_evaluator: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_evaluator("steps", "return Score('steps', len(steps) / 1000)", level="trace")
    read = {"rows": 0, "queries": 0}
    query = store._client.query

    def counted(*args: Any, **options: Any) -> Any:
        result = query(*args, **options)
        read["rows"] += int(result.summary["read_rows"])
        read["queries"] += 1
        return result

    config = EvaluatorsConfig(enabled=("refusal", "response_length", "steps"), lookback_s=600)
    runner = Runner(store, config, clock=clock)
    cost: dict[int, int] = {}
    stored = 0
    for size in SIZES:
        # Same day and hours as the new ones: other days are other partitions, which would be too easy.
        make_calls(store, calls=size - stored, start=clock() - timedelta(hours=8), seconds=6 * 3600, first=stored)
        stored = size
        runner.run_once()
        clock.advance(120)
        runner.run_once()
        make_calls(store, calls=NEW, start=clock(), seconds=5, first=10**9 + size)
        clock.advance(100)
        with monkeypatch.context() as patch:
            patch.setattr(store._client, "query", counted)
            read.update(rows=0, queries=0)
            reports = {one.name: one for one in runner.run_once().evaluators}
        assert {name: one.scored for name, one in reports.items()} == dict.fromkeys(config.enabled, NEW)
        cost[size] = read["rows"]
        print(f"{size} calls stored: {NEW} new ones read {read['rows']} rows in {read['queries']} queries")  # noqa: T201
    # A question may read the granule (8,192 rows) at the border between old and new, whatever lies before it.
    assert cost[SIZES[-1]] < cost[SIZES[0]] + 4 * GRANULE, cost
