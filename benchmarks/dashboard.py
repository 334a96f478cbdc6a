"""Pages on ten million calls while 1,000 spans/s come in: queries, click to idle in a browser, memory over 100 visits.

    python benchmarks/dashboard.py                  # makes the data set once, then measures; `make bench-dashboard`
    python benchmarks/dashboard.py --quick          # 100,000 calls: whether it works, no figures to quote
    python benchmarks/dashboard.py --data DIR       # keep the data set there, or use the one that is there

Prints `{calls, ingest_spans_per_s, pages: [{page, p50_ms, p95_ms, …, click_to_idle_ms}], opened_ms, rss_mb}`, opened_ms
being those of large_traces.py; progress on stderr.
Needs Chromium (Debian: apt-get install chromium) and the dev extra.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import large_traces
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.bench_payload import payloads
from watchglass_dashboards import DashboardConfig, Installation, bench, command
from watchglass_store import EmbeddedServer, StoreConfig, connect, migrate

SPANS_PER_S, SPANS_PER_REQUEST = 1_000, 100
REQUESTS = 50
CLICKS, QUICK_CLICKS = 5, 2
VISITS, QUICK_VISITS = 100, 10


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calls", type=int, help="how many; 10 million unless --quick")
    parser.add_argument("--data", type=Path, help="keep the data set in this directory")
    options = parser.parse_args()
    calls = options.calls or (bench.QUICK_CALLS if options.quick else bench.CALLS)
    with contextlib.ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watchglass-bench-")))
        ports = {name: free_port() for name in ("store", "http", "grpc", "dashboard")}
        config = StoreConfig(port=ports["store"])
        make_data_set(config, folder, calls)
        stack.enter_context(collecting(folder, ports))
        sent = stack.enter_context(load(ports["http"]))
        rounds = bench.QUICK_ROUNDS if options.quick else bench.ROUNDS
        traces = large_traces.send(ports["http"])
        started = time.monotonic()
        pages = bench.measure(config, folder, rounds)
        url = stack.enter_context(dashboard(config, folder, ports["dashboard"]))
        idle_ms, opened_ms, rss_mb = in_browser(url, traces, options.quick)
        rate = sent[0] / (time.monotonic() - started)
    for row in pages:
        row["click_to_idle_ms"] = idle_ms.get(row["page"])
    found = {"calls": calls, "ingest_spans_per_s": round(rate), "pages": pages, "opened_ms": opened_ms}
    print(json.dumps(found | {"rss_mb": rss_mb}, indent=2))


def make_data_set(config: StoreConfig, folder: Path, calls: int) -> None:
    """Fill the tables where they have fewer calls; the collector, which would assemble them, is not there yet."""
    with EmbeddedServer(config, folder), contextlib.closing(connect(config, folder)) as store:
        migrate(store)
        if store.query("SELECT count() AS n FROM llm_calls_by_time")[0]["n"] < calls:
            bench.fill(store, calls)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def collecting(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    """The process that owns the store and collects, as `watchglass up` starts it."""
    settings = {
        "WATCHGLASS_STORE__PORT": ports["store"],
        "WATCHGLASS_COLLECTOR__HTTP_PORT": ports["http"],
        "WATCHGLASS_COLLECTOR__GRPC_PORT": ports["grpc"],
    }
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    argv = [sys.executable, "-m", "watchglass_cli", "collect", "--data", str(folder)]
    process = subprocess.Popen(argv, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{ports['http']}/")
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait_for(url: str) -> None:
    """Until something answers there, whatever it says."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")


@contextlib.contextmanager
def load(port: int) -> Iterator[list[int]]:
    """1,000 spans a second until the end; gives a list whose element counts the acknowledged ones.

    What is sent is made before: making a request takes 60 ms of Python, which the pages that are measured would wait
    for, and a client is not on the machine of the store.
    """
    numbers = random.Random(5)
    made = [ExportTraceServiceRequest.FromString(body) for body in payloads(numbers, REQUESTS, SPANS_PER_REQUEST)]
    sent, stop = [0], threading.Event()

    def send() -> None:
        begun = time.monotonic()
        for number in itertools.count():
            body = as_of_now(made[number % REQUESTS], numbers)
            if stop.wait(max(0.0, begun + number * SPANS_PER_REQUEST / SPANS_PER_S - time.monotonic())):
                return
            with contextlib.suppress(urllib.error.HTTPError):
                large_traces.post(port, body)
                sent[0] += SPANS_PER_REQUEST

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield sent
    stop.set()
    thread.join()


def as_of_now(request: ExportTraceServiceRequest, numbers: random.Random) -> bytes:
    """The same texts under other ids, ended in the last seconds; calls of one trace stay together."""
    key, now_ns = numbers.getrandbits(64), time.time_ns()
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id = (int.from_bytes(span.trace_id) ^ key).to_bytes(16)
        span.span_id = (int.from_bytes(span.span_id) ^ key).to_bytes(8)
        span.parent_span_id = (int.from_bytes(span.parent_span_id) ^ key).to_bytes(8)
        took_ns = span.end_time_unix_nano - span.start_time_unix_nano
        span.end_time_unix_nano = now_ns - numbers.randrange(10**9)
        span.start_time_unix_nano = span.end_time_unix_nano - took_ns
    return request.SerializeToString()


@contextlib.contextmanager
def dashboard(config: StoreConfig, folder: Path, port: int) -> Iterator[str]:
    argv, environment = command(Installation(DashboardConfig(port=port)), config, folder)
    process = subprocess.Popen(argv, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def in_browser(
    url: str, traces: dict[str, tuple[str, str]], quick: bool
) -> tuple[dict[str, float], dict[str, int], dict[str, float]]:
    """Median ms from the click on a page's link until it is idle, those of large traces, and the tab's memory."""
    from playwright.sync_api import sync_playwright

    clicks = QUICK_CLICKS if quick else CLICKS
    times: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1480, "height": 1000})
        page.goto(f"{url}/?range=24h")
        idle(page)
        links = page.locator('[data-testid="stSidebarNavLink"]')
        turn_to(page, links.last)
        for number in range(clicks + 1):
            for at in range(links.count()):
                name = links.nth(at).get_attribute("href").rstrip("/").rsplit("/", 1)[-1].split("?")[0]
                started = time.perf_counter()
                turn_to(page, links.nth(at))
                if number:
                    times.setdefault(name if name in bench.pages.PAGES else "overview", []).append(
                        1000 * (time.perf_counter() - started)
                    )
        opened_ms = large_traces.opened(page, url, traces, idle, clicks)
        page.goto(f"{url}/?range=24h")
        idle(page)
        before = heap_mb(page)
        for number in range(QUICK_VISITS if quick else VISITS):
            turn_to(page, links.nth((number + 1) % links.count()))
        memory = {"tab_heap_before": before, "tab_heap_after": heap_mb(page)}
        chromium.close()
    memory["this_process_peak"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return {name: round(statistics.median(each)) for name, each in times.items()}, opened_ms, memory


def turn_to(page: Any, link: Any) -> None:
    """Click on a link to another page and wait until it is there, heading first: the script starts when it likes."""
    heading = '[data-testid="stHeading"]'
    before = page.locator(heading).first.inner_text()
    link.click()
    page.wait_for_function(
        "([heading, before]) => ![null, undefined, before].includes(document.querySelector(heading)?.innerText)",
        arg=[heading, before],
        timeout=120_000,
    )
    idle(page)


def heap_mb(page: Any) -> float:
    return round(page.evaluate("performance.memory.usedJSHeapSize") / 1e6, 1)


def idle(page: Any) -> None:
    """Until the script has run and its elements are drawn."""
    page.wait_for_timeout(50)
    page.wait_for_function(
        """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
              && !document.querySelector('[data-stale="true"], [data-testid^="stSkeleton"]')
              && [...document.querySelectorAll('[data-testid$="Chart"]')]
                   .every(chart => chart.querySelector('canvas, svg'))""",
        timeout=120_000,
    )


if __name__ == "__main__":
    main()
