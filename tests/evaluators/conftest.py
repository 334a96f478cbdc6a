"""Calls in a real store, and a clock that stands still until it is told to move."""

import itertools
import secrets
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import Store

Seed = Callable[..., list[tuple[str, str]]]


class Clock:
    """A settable clock."""

    def __init__(self) -> None:
        # Not a fixed date: the tables drop what is older than their retention period. Nor that of the import: a run may
        # pass midnight.
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seed(store: Store, clock: Clock) -> Seed:
    """seed(n, **columns) -> ids: stores n calls that arrive now; a column may be a function of the call's number."""
    numbers: Iterator[int] = itertools.count(1)

    def insert(count: int = 1, **columns: Any) -> list[tuple[str, str]]:
        rows = []
        for i in range(count):
            number = next(numbers)
            own = {name: value(i) if callable(value) else value for name, value in columns.items()}
            start = own.get("start_time", clock.now - timedelta(seconds=1))
            rows.append(
                {
                    "trace_id": f"{number * 0x9E3779B97F4A7C15 % 2**128:032x}",
                    "span_id": f"{number:016x}",
                    "received_at": clock.now,
                    "start_time": start,
                    "duration_s": 0.5,
                    "operation_name": "chat",
                    "service_name": "shop",
                    "prompt_text": f"Question {number}?",
                    "response_text": f"Answer {number}.",
                    **own,
                }
            )
        store.insert("llm_call_parts", rows)
        return [(row["trace_id"], row["span_id"]) for row in rows]

    return insert


PLUGIN = """
import math, os, signal
from watchglass_evaluators import EvaluatorSpec, EvaluatorUnavailable, Score, ScoreSpec


class Plugin:
    spec = EvaluatorSpec(
        name={name!r}, version={version!r}, columns=("response_text",), batch_size=64, level={level!r},
        scores=(ScoreSpec({name!r}, "higher_is_better", 0.0, 1.0, "share"),),
    )

    def score(self, calls):
        return [[self.one(call)] for call in calls]

    def one(self, call):
        text, steps = call.response_text, call.steps
{body}
        return Score({name!r}, 1.0)
"""


@pytest.fixture
def install_evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """install_evaluator(name, body) -> folder: an installed third party's evaluator, found by its entry point.

    The body is the middle of a function of `text`, and of the `steps` of a trace or session, that returns a Score,
    raises, or kills.
    """

    def install(name: str, body: str = "pass", *, version: str = "1", level: str = "call") -> Path:
        folder = tmp_path / f"site-{name}-{version}"
        module = f"wg_{name}_{secrets.token_hex(4)}"
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        indented = textwrap.indent(textwrap.dedent(body), " " * 8)
        source = PLUGIN.format(name=name, version=version, level=level, body=indented)
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[watchglass_evaluators]\n{name} = {module}:Plugin\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))
        return folder

    return install
