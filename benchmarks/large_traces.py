"""A trace of 25,000 spans and a prompt of 5 MB, sent over OTLP and opened in Chromium: milliseconds until idle.

    python benchmarks/dashboard.py    # measures them with the pages

"Idle" is when the page's script has run and all that it draws is there; loading Streamlit itself is in it.
"""

import json
import random
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.bench_payload import set_attributes

SPANS, SPANS_PER_REQUEST = 25_000, 2_500
PROMPT_BYTES = 5_000_000


def send(http_port: int) -> dict[str, tuple[str, str]]:
    """Send both; returns what each is called -> its trace id, and a text that its page shows."""
    numbers = random.Random(time.time_ns())
    tree, prompt = numbers.randbytes(16), numbers.randbytes(16)
    for body in (*_tree(numbers, tree), _prompt(numbers, prompt)):
        post(http_port, body)
    return {
        f"trace of {SPANS:,} spans": (tree.hex(), f"{SPANS:,}"),
        f"prompt of {PROMPT_BYTES:,} bytes": (prompt.hex(), "quick brown fox"),
    }


def post(http_port: int, body: bytes) -> None:
    """Send one request of traces.

    Raises:
        urllib.error.URLError: it was not taken.
    """
    headers = {"Content-Type": "application/x-protobuf"}
    request = urllib.request.Request(f"http://127.0.0.1:{http_port}/v1/traces", body, headers)
    urllib.request.urlopen(request, timeout=60).close()


def _tree(numbers: random.Random, trace_id: bytes) -> Iterator[bytes]:
    """An agent's trace: each step has ten spans below it, every third one a call."""
    begin_ns = time.time_ns() - 10**11
    ids = [numbers.randbytes(8) for _ in range(SPANS)]
    for first in range(0, SPANS, SPANS_PER_REQUEST):
        request, spans = _request()
        for at in range(first, first + SPANS_PER_REQUEST):
            start_ns = begin_ns + at * 10**6
            span = spans.add(
                trace_id=trace_id, span_id=ids[at], parent_span_id=ids[(at - 1) // 10] if at else b"",
                name=f"step {at}", start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**9,
            )  # fmt: skip
            if at % 3 == 0:
                _say(span, f"What is step {at}?")
        yield request.SerializeToString()


def _prompt(numbers: random.Random, trace_id: bytes) -> bytes:
    request, spans = _request()
    start_ns = time.time_ns() - 10**10
    span = spans.add(
        trace_id=trace_id, span_id=numbers.randbytes(8), name="chat",
        start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**9,
    )  # fmt: skip
    line = "The quick brown fox jumps over the lazy dog, and nobody asks it why. "
    _say(span, line * (PROMPT_BYTES // len(line)))
    return request.SerializeToString()


def _request() -> tuple[ExportTraceServiceRequest, Any]:
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    set_attributes(envelope.resource.attributes, {"service.name": "large"})
    return request, envelope.scope_spans.add().spans


def _say(span: Any, text: str) -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    set_attributes(span.attributes, {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.input.messages": json.dumps(messages),
    })  # fmt: skip


def opened(
    page: Any, url: str, traces: dict[str, tuple[str, str]], idle: Callable[[Any], None], times: int
) -> dict[str, int]:
    """Median milliseconds until each is open; the first time is not counted."""
    found: dict[str, int] = {}
    for name, (trace_id, text) in traces.items():
        took = []
        for _ in range(times + 1):
            page.goto("about:blank")
            started = time.perf_counter()
            page.goto(f"{url}/trace?id={trace_id}")
            idle(page)
            took.append(1000 * (time.perf_counter() - started))
            if text not in page.inner_text("body"):
                raise SystemExit(f"the {name} is not on its page")
        found[name] = round(statistics.median(took[1:]))
    return found
