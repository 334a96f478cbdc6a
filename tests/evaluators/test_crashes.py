"""kill -9 at every step: one visible score per call, none lost, none doubled, and a call that kills is given up."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import Store, StoreConfig

Seed = Callable[..., list[tuple[str, str]]]

SEEDS = int(os.environ.get("WATCHGLASS_EVALUATOR_SEEDS", "2"))
WORKER = Path(__file__).with_name("crash_worker.py")
STEPS = [
    ("evaluation_log", "start", "after"),  # before scoring
    ("scores", "", "before"),  # scored, not written
    ("scores", "", "after"),  # written, watermark not
    ("evaluation_log", "batch", "after"),  # all written
]


Work = Callable[..., int]


@pytest.fixture(scope="module")
def work() -> Iterator[Work]:
    """work(config, names, deaths, path=None): run lives of a worker until one comes to the end -> how many died."""
    command = [sys.executable, "-W", "error", str(WORKER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, answers = process.stdin, process.stdout

        def lives(config: StoreConfig, names: str, deaths: list[Any], path: Path | None = None) -> int:
            plan = {"url": config.url, "names": names.split(","), "deaths": deaths, "path": path and str(path)}
            to.write(json.dumps(plan) + "\n")
            to.flush()
            return int(answers.readline())

        yield lives
        to.close()


def rows(store: Store, name: str) -> list[dict[str, Any]]:
    return store.query("SELECT trace_id, span_id, value, error FROM scores FINAL WHERE name = {n:String}", {"n": name})


@pytest.mark.parametrize("seed_number", range(SEEDS))
def test_killed_at_two_random_steps(
    seed_number: int, store: Store, store_config: StoreConfig, clock: Any, seed: Seed, work: Work
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
    store: Store,
    store_config: StoreConfig,
    clock: Any,
    seed: Seed,
    install_evaluator: Callable[..., Path],
    work: Work,
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
