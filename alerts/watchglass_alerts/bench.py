"""How long a slot takes, for many rules over many calls, on a store of its own."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from watchglass_alerts.config import AlertsConfig
from watchglass_alerts.engine import Engine
from watchglass_alerts.rules_file import parse_rule
from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.queries.alerting_bench import MODELS, SCORE_NAMES, SERVICES, make_rollup, make_scores

RULES = (100, 1_000, 10_000)
CALLS, QUICK_CALLS = 10_000_000, 200_000
SLOTS, QUICK_SLOTS = 20, 5
SPAN = timedelta(hours=24)
"""Over which the calls are spread."""


def run(*, quick: bool, rules: Sequence[int] = RULES) -> list[dict[str, Any]]:
    """Measure the evaluation of whole slots: queries, decisions, the insert, and finding out whose it was.

    Args:
        quick: 200,000 calls instead of 10 million, and fewer slots.
        rules: how many, growing. They filter by service, model and operation in hundreds of combinations, over three
            windows; one in five groups by model, one in six reads scores, one in ten compares with an earlier window.

    Returns:
        For each number of rules `{rules, calls, slot_p95_s, slot_max_s}`, over slots after the first, which reads the
        rules.
    """
    calls = QUICK_CALLS if quick else CALLS
    results = []
    with (
        tempfile.TemporaryDirectory(prefix="watchglass-bench-") as folder,
        EmbeddedServer(StoreConfig(port=_free_port()), Path(folder)) as server,
    ):
        store = connect(server.config, Path(folder))
        migrate(store)
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        _say(f"{calls:,} calls and scores")
        for make in (make_rollup, make_scores):
            make(store, calls=calls, start=end - SPAN, seconds=int(SPAN.total_seconds()) + 3600)
        definitions = _definitions()
        known = 0
        for count in sorted(rules):
            _add_rules(store, list(islice(definitions, count - known)), end)
            known = count
            times = _slots(store, end, QUICK_SLOTS if quick else SLOTS)
            ordered = sorted(times)
            p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
            figures = {"slot_p95_s": round(p95, 3), "slot_max_s": round(ordered[-1], 3)}
            results.append({"rules": count, "calls": calls, **figures})
            _say(f"{count:,} rules: {p95:.3f} s")
            end += timedelta(minutes=len(times) + 2)
        store.close()
    return results


def _slots(store: Store, start: datetime, count: int) -> list[float]:
    """Seconds of each slot after the first."""
    now = start
    engine = Engine(store, AlertsConfig(settle_s=0), lambda: now)
    times = []
    for _ in range(count + 1):
        now += timedelta(minutes=1)
        started = time.perf_counter()
        engine.evaluate(now)
        times.append(time.perf_counter() - started)
    return times[1:]


def _definitions() -> Iterator[dict[str, Any]]:
    """Rules without end."""
    metrics = [("calls", ""), ("error_rate", ""), ("duration_s", "p95"), ("cost_usd", ""), ("duration_s", "mean")]
    number = 0
    while True:
        metric, statistic = metrics[number % len(metrics)]
        rule: dict[str, Any] = {
            "name": f"rule {number}",
            "metric": metric,
            "statistic": statistic,
            "filters": {"service_name": f"s{number % SERVICES}"},
            "window": ("5m", "10m", "1h")[number % 3],
            "interval": "1m",
            "condition": {"op": ">", "threshold": float(number % 7)},
            "channels": [],
        }
        if number % 6 == 0:
            rule |= {"metric": f"score:{SCORE_NAMES[number % len(SCORE_NAMES)]}", "statistic": "share"}
            rule |= {"share_of": {"above": 0.5 + number % 5 / 10}}
        elif number % 2:
            rule["filters"] |= {"operation_name": ("chat", "execute_tool")[number % 2]}
        if number % 5 == 0:
            rule["group_by"] = ["model"]
        else:
            rule["filters"] |= {"model": f"m{number // SERVICES % MODELS}"}
        if number % 10 == 3:
            rule["condition"] |= {"type": "change", "against": "6h"}
        yield rule
        number += 1


def _add_rules(store: Store, definitions: Sequence[dict[str, Any]], created: datetime) -> None:
    rows = [
        {
            "name": each["name"],
            "version": created,
            "definition": orjson.dumps(parse_rule(each).definition()).decode(),
            "author": "bench",
        }
        for each in definitions
    ]
    store.insert("alert_rules", rows)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
