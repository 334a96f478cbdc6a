"""What the SDK costs the application that it observes. Prints one JSON object; takes a few seconds.

    python benchmarks/sdk.py

Microseconds per call on top of the bare function, best of several rounds, while the collector is there, while it is
away and while the queue is full; beside them, what OpenTelemetry alone takes for an empty span on the same machine in
the same run.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALLS = 2000
ROUNDS = 7
DEAD_URL = "http://127.0.0.1:9"


class Accept(BaseHTTPRequestHandler):
    """Takes everything and looks at nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


def best_us(run: Callable[[], object]) -> float:
    """Microseconds per call of the fastest round; run does CALLS calls."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        rounds.append((time.perf_counter() - start) / CALLS * 1e6)
    return min(rounds)


def import_ms() -> float:
    """Milliseconds of `import watchglass` in a fresh interpreter, best of five."""
    code = "import time; t = time.perf_counter(); import watchglass; print((time.perf_counter() - t) * 1e3)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)


def overheads_us() -> dict[str, float]:
    """Microseconds that `observe` adds to a call, by sort of function and size of its arguments."""
    import watchglass

    def plain(question: str) -> str:
        return question

    async def coroutine(question: str) -> str:
        return question

    def stream(question: str) -> object:
        yield question

    async def awaited(function: Callable[[str], object]) -> None:
        for _ in range(CALLS):
            await function("Will it rain?")  # type: ignore[misc]  # both are coroutine functions

    def calls(function: Callable[[str], object], argument: str = "Will it rain?") -> Callable[[], None]:
        def run() -> None:
            for _ in range(CALLS):
                function(argument)

        return run

    def streams(function: Callable[[str], object]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(CALLS):
                list(function("Will it rain?"))  # type: ignore[call-overload]  # both are generators

        return run

    observed = watchglass.observe(plain)
    bare_us = best_us(calls(plain))
    async_us = best_us(lambda: asyncio.run(awaited(watchglass.observe(coroutine))))
    return {
        "function": best_us(calls(observed)) - bare_us,
        "function_10_kb": best_us(calls(observed, "word " * 2000)) - bare_us,
        "function_without_content": best_us(
            calls(watchglass.observe(capture_input=False, capture_output=False)(plain))
        ) - bare_us,
        "coroutine": async_us - best_us(lambda: asyncio.run(awaited(coroutine))),
        "generator": best_us(streams(watchglass.observe(stream))) - best_us(streams(stream)),
    }  # fmt: skip


def empty_opentelemetry_span_us() -> float:
    """Microseconds of a span of the OpenTelemetry SDK alone, made current and ended, with no processor."""
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("bench")

    def run() -> None:
        for _ in range(CALLS):
            with tracer.start_as_current_span("work"):
                pass

    return best_us(run)


def scenario(url: str, **settings: int) -> dict[str, float]:
    """The overheads with the SDK pointed at a URL."""
    import watchglass

    watchglass.init(url, "bench", instrument=False, **settings)  # type: ignore[arg-type]  # numbers only
    try:
        return {name: round(value, 1) for name, value in overheads_us().items()}
    finally:
        watchglass.shutdown(timeout_s=1)


def main() -> None:
    """Run everything and print the figures."""
    logging.disable(logging.WARNING)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Accept)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    figures = {
        "cpus": os.cpu_count(),
        "python": sys.version.split()[0],
        "import_ms": round(import_ms(), 1),
        "not_started_us": {name: round(value, 2) for name, value in overheads_us().items()},
        "collector_there_us": scenario(f"http://127.0.0.1:{server.server_address[1]}"),
        "collector_away_us": scenario(DEAD_URL, queue_size=10**6),
        "queue_full_us": scenario(DEAD_URL, queue_size=1),
        "empty_opentelemetry_span_us": round(empty_opentelemetry_span_us(), 1),
    }
    server.shutdown()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
