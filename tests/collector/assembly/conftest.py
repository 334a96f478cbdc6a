"""Spans of an application, and an assembler over a real store."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from watchglass_collector import install_views
from watchglass_collector.assembly.assembler import Assembler
from watchglass_store import Store

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def viewed(module_store: Store) -> Store:
    """A store with the collector's views, shared by a file's tests: they use traces of their own."""
    install_views(module_store)
    return module_store


@pytest.fixture
def trace_id() -> str:
    """A trace that nobody else has."""
    return f"{next(_numbers):032x}"


@pytest.fixture
def send(viewed: Store, trace_id: str) -> Callable[..., None]:
    """send((span_id, parent, {attributes}), ..., trace=None): spans of the test's trace, in one insert.

    A span that is sent again has the start that it had.
    """
    begun_ns = time.time_ns()

    def insert(*spans: tuple[str, str, dict[str, Any]], trace: str = trace_id, ago_s: float = 0.0) -> None:
        now_ns = begun_ns - round(ago_s * 1e9)
        rows = [
            {
                "Timestamp": f"{now_ns // 10**9}.{now_ns % 10**9:09d}",
                "TraceId": trace,
                "SpanId": span.rjust(16, "0"),
                "ParentSpanId": parent and parent.rjust(16, "0"),
                "SpanName": span,
                "ServiceName": "shop",
                "Duration": 10**9,
                "SpanAttributes": {key: str(value) for key, value in attributes.items()},
            }
            for span, parent, attributes in spans
        ]
        viewed.raw_insert("otel_traces", b"\n".join(map(orjson.dumps, rows)), fmt="JSONEachRow")

    return insert


def model_call(tokens: int, **more: Any) -> dict[str, Any]:
    """Attributes of a call of gpt-4o-mini."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": 10,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


@pytest.fixture
def call() -> Callable[..., dict[str, Any]]:
    """call(tokens, user__id="ann") -> attributes of a call of gpt-4o-mini."""
    return model_call


@pytest.fixture
def assemble(viewed: Store) -> Callable[..., Assembler]:
    """assemble(worker="one") looks at everything that came, as a new life of that assembler."""

    def work(worker: str = "one", assembler: Assembler | None = None) -> Assembler:
        if assembler is None:
            assembler = Assembler(viewed, worker, 0.0)
            assembler.resume()
        while assembler.cycle().is_behind or assembler.waiting:
            pass
        return assembler

    return work


@pytest.fixture
def calls(viewed: Store, trace_id: str) -> Callable[..., dict[str, dict[str, Any]]]:
    """calls() -> the test's trace in llm_calls, by the last letters of the span id."""

    def read(trace: str = trace_id) -> dict[str, dict[str, Any]]:
        rows = viewed.query("SELECT * FROM llm_calls WHERE trace_id = {trace:String}", {"trace": trace})
        return {row["span_id"].lstrip("0"): row for row in rows}

    return read


@pytest.fixture
def totals(viewed: Store) -> Callable[[], tuple[dict[str, Any], dict[str, Any]]]:
    """totals() -> what calls and what the rollup say was used in all."""

    def read() -> tuple[dict[str, Any], dict[str, Any]]:
        (calls,) = viewed.query(
            "SELECT sum(usage_input_tokens) AS input, countIf(cost_usd IS NULL) AS unpriced, "
            "round(sum(cost_usd), 9) AS cost FROM llm_calls WHERE usage_counted = 1"
        )
        (rollup,) = viewed.query(
            "SELECT sum(input_tokens) AS input, sum(unpriced_calls) AS unpriced, round(sum(cost_usd), 9) AS cost "
            "FROM llm_calls_1m"
        )
        return calls, rollup

    return read
