"""How long the queries of each page take on a large store, as the page itself asks them."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from watchglass_dashboards import pages
from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.installation import INSTALLATION_VARIABLE, Installation
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.queries.pages_bench import make

CALLS, QUICK_CALLS = 10_000_000, 50_000
ROUNDS, QUICK_ROUNDS = 20, 3
SPAN = timedelta(days=14)
#: Pages with more than their address, as people use them.
QUERIES: dict[str, dict[str, str]] = {
    "traces (search)": {"q": "refund clause"},
    "traces (slowest)": {"sort": "Slowest"},
}


def run(*, quick: bool) -> dict[str, Any]:
    """Make the data set in a store of its own and measure every page: `{calls, pages: [...]}` as `measure` has them."""
    calls, rounds = (QUICK_CALLS, QUICK_ROUNDS) if quick else (CALLS, ROUNDS)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        config = StoreConfig(port=int(probe.getsockname()[1]))
    with tempfile.TemporaryDirectory(prefix="watchglass-bench-") as folder, EmbeddedServer(config, Path(folder)):
        with contextlib.closing(connect(config, Path(folder))) as store:
            migrate(store)
            fill(store, calls)
        return {"calls": calls, "pages": measure(config, Path(folder), rounds)}


def fill(store: Store, calls: int) -> None:
    """Make the data set: `calls` calls over 14 days up to now."""
    end = datetime.now(UTC)
    for done in make(store, calls=calls, start=end - SPAN, end=end):
        _say(f"{done:,} of {calls:,} calls")


def measure(source: StoreConfig, data_dir: Path, rounds: int) -> list[dict[str, Any]]:
    """Open every page `rounds` times, nothing cached, and time what it asks the store.

    Args:
        source: The store, as the read-only user.
        data_dir: Its data directory.
        rounds: Visits of each page; pages take turns, so that a burst of other work meets all of them.

    Returns:
        For each page `{page, p50_ms, p95_ms, queries, slowest_query_ms}`: milliseconds of all its queries together
        (median, and 95th percentile over the visits), how many there are, and the median of the slowest one.
    """
    visits: list[tuple[str, str, dict[str, str]]] = [
        (address, address, {}) for address, info in pages.PAGES.items() if not info.is_hidden
    ]
    visits += [(title, title.split(" ")[0], query) for title, query in QUERIES.items()]
    taken: dict[str, list[list[float]]] = {title: [] for title, _, _ in visits}
    told = {
        SOURCE_VARIABLE: Source(source, data_dir).to_json(),
        INSTALLATION_VARIABLE: Installation(DashboardConfig()).to_json(),
    }
    with patch.dict(os.environ, told):
        for number in range(rounds + 1):
            for title, address, query in visits:
                seconds = _visit(address, query)
                if number:  # the first visit imports and connects
                    taken[title].append(seconds)
    return [_figures(title, each) for title, each in taken.items()]


def _visit(address: str, query: dict[str, str]) -> list[float]:
    import streamlit as st
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    st.cache_data.clear()
    with _timed() as seconds:
        test = AppTest.from_file(str(Path(__file__).parent / "app.py"), default_timeout=120)
        test._page_hash = calc_hash("" if address == next(iter(pages.PAGES)) else address)
        for name, value in {"range": "24h", **query}.items():
            test.query_params[name] = value
        test.run()
    if test.exception or test.error:
        raise RuntimeError(f"page {address} failed: {(test.exception or test.error)[0].value}")
    return seconds


@contextlib.contextmanager
def _timed() -> Iterator[list[float]]:
    seconds: list[float] = []
    ask = Store.query

    def query(self: Store, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return ask(self, *args, **kwargs)
        finally:
            seconds.append(time.perf_counter() - started)

    with patch.object(Store, "query", query):
        yield seconds


def _figures(title: str, visits: Sequence[Sequence[float]]) -> dict[str, Any]:
    totals = sorted(sum(seconds) for seconds in visits)
    p95 = totals[min(len(totals) - 1, round(0.95 * len(totals)))]
    return {
        "page": title,
        "p50_ms": round(1000 * statistics.median(totals), 1),
        "p95_ms": round(1000 * p95, 1),
        "queries": len(visits[0]),
        "slowest_query_ms": round(1000 * statistics.median(max(seconds, default=0.0) for seconds in visits), 1),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
