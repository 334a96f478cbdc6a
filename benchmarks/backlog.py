"""A backlog drained by two workers of which one is killed every minute, as JSON: `python benchmarks/backlog.py`.

Prints calls scored in each minute, and whether every call has exactly one score from each evaluator at the end.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.queries.evaluation_bench import make_calls, rows_written, visible_scores

EVALUATORS = ("refusal", "response_length")
WORKERS = 2


class Workers:
    """`watchglass evaluate`, one process for each shard."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self._environment = os.environ | {
            "WATCHGLASS_STORE__PORT": str(port),
            "WATCHGLASS_EVALUATORS__ENABLED": json.dumps(EVALUATORS),
            "WATCHGLASS_EVALUATORS__LOOKBACK_S": str(40 * 86_400),
        }
        self._data_dir = data_dir
        self.kills = 0
        self._running = [self._start(i) for i in range(WORKERS)]

    def _start(self, shard: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "watchglass_cli", "evaluate", "--data", str(self._data_dir)]
        return subprocess.Popen([*command, "--shard", f"{shard}/{WORKERS}"], env=self._environment)

    def kill_one(self) -> None:
        """Kill -9, in turn, and start a successor at once."""
        shard = self.kills % WORKERS
        self._running[shard].send_signal(signal.SIGKILL)
        self._running[shard].wait()
        self.kills += 1
        self._running[shard] = self._start(shard)

    def close(self) -> None:
        """End all."""
        for process in self._running:
            process.kill()
            process.wait()


def drain(store: Store, workers: Workers, calls: int, kill_every_s: float, give_up_s: float) -> list[dict[str, Any]]:
    """Wait until everything is scored, killing a worker now and then; returns what was scored in each minute."""
    minutes: list[dict[str, Any]] = []
    started_s = minute_s = time.monotonic()
    before = 0
    while True:
        time.sleep(2)
        now_s = time.monotonic()
        scored = rows_written(store, EVALUATORS[-1])
        is_over = scored >= calls and visible_scores(store, EVALUATORS[-1])[0] >= calls
        if is_over or now_s - minute_s >= kill_every_s:
            rate = (scored - before) / (now_s - minute_s) * 60
            minutes.append({"minute": len(minutes) + 1, "scored": scored, "calls_per_min": round(rate)})
            sys.stderr.write(f"{minutes[-1]}\n")
            minute_s, before = now_s, scored
            if is_over or now_s - started_s > give_up_s:
                return minutes
            workers.kill_one()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--kill-every-s", type=float, default=60.0)
    parser.add_argument("--give-up-s", type=float, default=7200.0)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        server = stack.enter_context(EmbeddedServer(StoreConfig(port=port), data_dir))
        store = stack.enter_context(contextlib.closing(connect(server.config, data_dir)))
        migrate(store)
        start = datetime.now(UTC) - timedelta(hours=6)
        make_calls(store, calls=given.calls, start=start, seconds=5 * 3600)
        workers = Workers(data_dir, port)
        stack.callback(workers.close)
        started_s = time.monotonic()
        minutes = drain(store, workers, given.calls, given.kill_every_s, given.give_up_s)
        took_s = time.monotonic() - started_s
        rates = [minute["calls_per_min"] for minute in minutes[1:-1]] or [minutes[0]["calls_per_min"]]
        shown = {name: visible_scores(store, name) for name in EVALUATORS}
        print(
            json.dumps(
                {
                    "calls": given.calls,
                    "took_s": round(took_s),
                    "kills": workers.kills,
                    "minutes": minutes,
                    "median_calls_per_min": statistics.median(rates),
                    "slowest_to_median": round(min(rates) / max(1, statistics.median(rates)), 2),
                    "visible_scores": {name: count for name, (count, _) in shown.items()},
                    "exactly_one_each": all(pair == (given.calls, given.calls) for pair in shown.values()),
                },
                indent=2,
            )
        )


if __name__ == "__main__":
    main()
