"""Random faults, one after the other, under load; what the client was told is the truth.

A seed chooses the faults and their moments. WATCHGLASS_FAULTS_SEED is the first (a failure names its own, to be run
again), WATCHGLASS_FAULTS_SEEDS how many, WATCHGLASS_FAULTS_REPORT a Markdown file to write.
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .chaos_faults import FAULTS, FAULTS_PER_SEED, SEEDS_PER_ROUND, drawn_for
from .chaos_load import ClientLog, Load
from .chaos_oracle import check, settle
from .chaos_report import report
from .chaos_world import Damage, World, wait_until
from .fault_points import POINTS

# Read at import: an autouse fixture clears WATCHGLASS_* before each test.
FIRST_SEED = int(os.environ.get("WATCHGLASS_FAULTS_SEED", "1"))
SEEDS = int(os.environ.get("WATCHGLASS_FAULTS_SEEDS", "2"))
REPORT = os.environ.get("WATCHGLASS_FAULTS_REPORT", "")


def run_seed(world: World, seed: int) -> ClientLog:
    numbers = random.Random(seed)
    names = drawn_for(seed)
    about = f"seed {seed} ({', '.join(names)})"
    for proxy in (world.to_store, world.to_http, world.to_grpc):
        proxy.numbers = random.Random(seed)
    world.damage = Damage()
    with Load(seed, world.to_http.port, world.to_grpc.port, time.time_ns()) as load:
        world.load = load
        wait_until(lambda: load.log.acknowledged, f"something is acknowledged ({about})")
        for name in names:
            time.sleep(numbers.uniform(0, 0.3))
            world.drawn[name] += 1
            FAULTS[name](world, numbers)
        world.collector_answers()
        world.look()
    settle(world, about)
    check(world, load, world.damage, about)
    return load.log


@pytest.mark.timeout(7200)
def test_no_acknowledged_span_is_lost_or_doubled(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    started_s = time.monotonic()
    logs: dict[int, ClientLog] = {}
    with World(tmp_path, free_ports).running() as world:
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            logs[seed] = run_seed(world, seed)
            if REPORT:
                Path(REPORT).write_text(report(logs, world, time.monotonic() - started_s), encoding="utf-8")


def test_five_seeds_draw_every_fault() -> None:
    assert len(FAULTS) == FAULTS_PER_SEED * SEEDS_PER_ROUND
    for first in (1, 6, 196):
        assert sorted(name for seed in range(first, first + 5) for name in drawn_for(seed)) == sorted(FAULTS)
    assert len(set(POINTS)) == len(POINTS)
