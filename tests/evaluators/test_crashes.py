"""kill -9 at every step: one visible score per call, none lost, none doubled, and a call that kills is given up."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import Store, StoreConfig

Seed = Callable[..., list[tuple[str, str]]]

WORKER = Path(__file__).with_name("crash_worker.py")
STEPS = [
    ("evaluation_log", "start", "after"),  # before scoring
    ("scores", "", "before"),  # scored, not written
    ("scores", "", "after"),  # written, watermark not
    ("evaluation_log", "batch", "after"),  # all written
]


def work(config: StoreConfig, names: str, deaths: list[tuple[str, str, str, int]], path: Path | None = None) -> int:
    """Run lives of a worker until one comes to the end; returns how many died."""
    places = [str(path)] if path else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*places, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-W", "error", str(WORKER), config.url, names, json.dumps(deaths)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def rows(store: Store, name: str) -> list[dict[str, Any]]:
    return store.query("SELECT trace_id, span_id, value, error FROM scores FINAL WHERE name = {n:String}", {"n": name})


@pytest.mark.parametrize("seed_number", range(5))
def test_killed_at_two_random_steps(
    seed_number: int, store: Store, store_config: StoreConfig, clock: Any, seed: Seed
) -> None:
    clock.advance(-60)
    ids = seed(90, reference_text="Answer")
    choice = random.Random(seed_number)
    deaths = [(*choice.choice(STEPS), choice.randint(1, 4)) for _ in range(2)]
    died = work(store_config, "rouge,refusal", deaths)
    assert died >= 1
    for name in ("rouge_1", "rouge_l", "refusal"):
        visible = rows(store, name)
        assert sorted((row["trace_id"], row["span_id"]) for row in visible) == sorted(ids)
        assert {row["error"] for row in visible} == {""}


def test_a_call_that_kills_the_worker_is_quarantined_after_three_starts(
    store: Store, store_config: StoreConfig, clock: Any, seed: Seed, install_evaluator: Callable[..., Path]
) -> None:
    path = install_evaluator("touchy", "if text == 'poison': os.kill(os.getpid(), signal.SIGKILL)")
    clock.advance(-60)
    ids = seed(130, response_text=lambda i: "poison" if i == 57 else "fine")
    assert work(store_config, "touchy,refusal", [], path) == 3
    visible = {(row["trace_id"], row["span_id"]): row for row in rows(store, "touchy")}
    assert visible.keys() == set(ids)
    poisoned = visible.pop(ids[57])
    assert poisoned["value"] is None
    assert poisoned["error"] == "quarantined: 3 workers died while they scored this call"
    assert {row["value"] for row in visible.values()} == {1.0}
    assert len(rows(store, "refusal")) == 130
    logged = store.query("SELECT trace_id, span_id FROM evaluation_log WHERE event = 'quarantine'")
    assert [(row["trace_id"], row["span_id"]) for row in logged] == [ids[57]]
    assert work(store_config, "touchy,refusal", [], path) == 0, "and it stays given up"
