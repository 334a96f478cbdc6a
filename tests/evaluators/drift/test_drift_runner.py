"""Monitors over a real store: windows, live detection, restarts."""

import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchglass_evaluators import EvaluatorsConfig
from watchglass_evaluators.drift import DriftRunner
from watchglass_store import Store


def _words(line: str) -> list[str]:
    return line.split()


WORDS = {
    "weather": _words("rain wind sunny cloud storm forecast degrees morning evening north coast humid warm cold front"),
    "bank": _words("account transfer balance card payment fee interest loan branch deposit credit limit statement"),
    "cooking": _words("oven butter flour onion garlic simmer recipe pan sugar whisk bake salt pepper dough slice"),
}


def text(rng: random.Random, topic: str) -> str:
    return " ".join(["the answer about", *rng.choices(WORDS[topic], k=rng.randint(8, 25))]) + "."


def mixed(rng: random.Random) -> str:
    return text(rng, rng.choice(["weather", "bank"]))


class World:
    """A store with calls spread over time."""

    def __init__(self, store: Store, clock: Any) -> None:
        self.store, self.clock, self.rng, self.number = store, clock, random.Random(7), 0

    def calls(
        self, count: int, start: datetime, end: datetime, make: Callable[[random.Random], str], **more: Any
    ) -> None:
        rows = []
        for k in range(count):
            self.number += 1
            at = start + (end - start) * (k / count)
            rows.append(
                {
                    "trace_id": f"{self.number * 0x9E3779B97F4A7C15 % 2**128:032x}",
                    "span_id": f"{self.number:016x}",
                    "received_at": at,
                    "start_time": at,
                    "duration_s": 0.5,
                    "operation_name": "chat",
                    "service_name": "shop",
                    "response_text": make(self.rng),
                    **more,
                }
            )
        self.store.insert("llm_call_parts", rows)

    def results(self, kind: str) -> list[dict[str, Any]]:
        return self.store.query(
            "SELECT * FROM drift_results WHERE kind = {kind:String} ORDER BY window_end, service_name", {"kind": kind}
        )

    def runner(self, **monitor: Any) -> DriftRunner:
        config = EvaluatorsConfig.model_validate(
            {"monitors": [{"name": "m", "sample": 400, "embedding": "words", **monitor}]}
        )
        return DriftRunner(self.store, config, clock=self.clock)


@pytest.fixture
def world(store: Store, clock: Any) -> World:
    # A window's randomness comes of its end: a fixed time gives the same in each run, and a late one outlives TTLs.
    clock.now = datetime(2050, 3, 1, 12, 30, tzinfo=UTC)
    return World(store, clock)


def hour(world: World, ago: int = 0) -> datetime:
    return world.clock.now.replace(minute=0) - timedelta(hours=ago)


def test_a_window_with_a_new_topic_is_an_alarm_that_names_it(world: World) -> None:
    world.calls(400, hour(world, 4), hour(world, 1), mixed)
    world.calls(200, hour(world, 1), hour(world), mixed)
    world.calls(60, hour(world, 1), hour(world), lambda rng: text(rng, "cooking"))
    runner = world.runner(window_s=3600, reference_s=10800, permutations=999)
    assert runner.run_once() == 1
    assert runner.run_once() == 0, "a window is judged once"
    assert world.runner(window_s=3600, reference_s=10800, permutations=999).run_once() == 0, "by a restarted one, too"
    (row,) = world.results("window")
    assert (row["alarm"], row["reference_calls"], row["current_calls"]) == (1, 400, 260)
    assert row["value"] <= 5 / 1000
    assert row["value_kind"] == "p_value"
    assert row["error"] == ""
    assert set(row["statistics"]) == {"embedding", "cluster", "word", "mean", "quantile"}
    changes = {change["kind"]: change for change in json.loads(row["changes"])}
    assert set(changes["word"]["name"].split()) <= {*WORDS["cooking"], "about"}
    assert changes["word"]["reference"] == 0
    # A topic may fall into several clusters, of which the two that grew most are told.
    clusters = [change for change in json.loads(row["changes"]) if change["kind"] == "cluster"]
    assert [cluster["reference"] for cluster in clusters] == [0] * len(clusters)
    assert sum(cluster["current"] for cluster in clusters) > 0.1
    for cluster in clusters:
        assert any(word in cluster["examples"][0]["text"] for word in WORDS["cooking"])
        assert len(cluster["examples"][0]["trace_id"]) == 32


def test_no_drift_no_alarm_and_too_few_is_unscored(world: World) -> None:
    world.calls(300, hour(world, 4), hour(world, 1), mixed)
    world.calls(150, hour(world, 1), hour(world), mixed)
    world.calls(15, hour(world, 1), hour(world), mixed, service_name="tiny")
    world.runner(window_s=3600, reference_s=10800, permutations=999, group_by=["service_name"]).run_once()
    shop, tiny = world.results("window")
    assert (shop["service_name"], shop["alarm"]) == ("shop", 0)
    assert shop["value"] > 0.01
    assert tiny["value"] is None
    assert tiny["error"] == "too few calls in the reference: 0, minimum 100"
    assert tiny["alarm"] == 0


def test_missed_windows_are_made_up_for(world: World) -> None:
    world.calls(700, hour(world, 7), hour(world), mixed)
    runner = world.runner(window_s=3600, reference_s=10800, permutations=99, alpha=0.05)
    world.clock.now -= timedelta(hours=2)
    runner.run_once()
    world.clock.now += timedelta(hours=2)
    runner.run_once()
    ends = [row["window_end"] for row in world.results("window")]
    assert ends == [hour(world, 2), hour(world, 1), hour(world)]


@pytest.mark.parametrize("method", ["psi", "ks", "wasserstein"])
def test_named_methods(world: World, method: str) -> None:
    world.calls(300, hour(world, 4), hour(world, 1), mixed)
    world.calls(200, hour(world, 1), hour(world), lambda rng: mixed(rng) + " " + mixed(rng))
    world.runner(window_s=3600, reference_s=10800, method=method).run_once()
    (row,) = world.results("window")
    assert row["alarm"] == 1
    assert row["method"] == method
    assert row["value_kind"] == ("p_value" if method == "ks" else "distance")


def test_evidently_that_is_missing_says_its_pip_line(world: World) -> None:
    world.calls(300, hour(world, 4), hour(world), mixed)
    world.runner(window_s=3600, reference_s=10800, minimum=20, method="evidently").run_once()
    (row,) = world.results("window")
    assert row["value"] is None
    assert "pip install 'evidently" in row["error"]


def test_scores_are_watched(world: World) -> None:
    def scores(count: int, start: datetime, end: datetime, level: float) -> None:
        rows = []
        for k in range(count):
            world.number += 1
            at = start + (end - start) * (k / count)
            value = level + world.rng.gauss(0, 0.1)
            ids = {"trace_id": f"{world.number:032x}", "span_id": f"{world.number:016x}"}
            row = {"name": "toxicity", "evaluator": "e", "evaluator_version": "1", "value": value, "call_time": at}
            rows.append(ids | row | {"created_at": at})
        world.store.insert("scores", rows)

    scores(400, hour(world, 4), hour(world, 1), 0.3)
    scores(200, hour(world, 1), hour(world), 0.36)
    world.runner(target="score:toxicity", window_s=3600, reference_s=10800, permutations=999).run_once()
    (row,) = world.results("window")
    assert row["alarm"] == 1
    (change, *_) = json.loads(row["changes"])
    assert (change["kind"], change["name"]) == ("mean", "toxicity")
    assert change["effect_sd"] == pytest.approx(0.6, abs=0.3)


def live(world: World, **more: Any) -> DriftRunner:
    return world.runner(engine="live", reference_s=86400, false_alarm_every=2000, every_s=1, **more)


def stream(world: World, runner: DriftRunner, counts: list[int], make: Callable[[random.Random], str]) -> None:
    for count in counts:
        start = world.clock.now
        world.calls(count, start, start + timedelta(seconds=20), make)
        world.clock.now = start + timedelta(seconds=30)
        runner.run_once()


def test_a_live_monitor_raises_an_alarm_soon_after_the_change(world: World) -> None:
    world.calls(600, hour(world, 4), hour(world), mixed)
    runner = live(world)
    runner.run_once()
    stream(world, runner, [100, 100], mixed)
    assert [row["alarm"] for row in world.results("live")] == [0, 0]
    assert [row["reference_calls"] for row in world.results("baseline")] == [0, 600]
    stream(world, runner, [60] * 3, lambda rng: text(rng, "cooking" if rng.random() < 0.6 else "bank"))
    rows = world.results("live")
    assert [row["alarm"] for row in rows][-1] == 1
    first = next(row for row in rows if row["alarm"])
    assert first["value"] >= first["threshold"] == 2000
    assert max(first["statistics"], key=first["statistics"].get) == "novelty"
    assert any(word in first["changes"] for word in WORDS["cooking"])


def test_a_restart_changes_nothing(world: World) -> None:
    world.calls(600, hour(world, 4), hour(world), mixed)
    steady = live(world, name="steady")
    steady.run_once()
    live(world, name="restarted").run_once()
    for number, count in enumerate([80, 50, 40, 60, 30, 40]):
        make = (lambda rng: text(rng, "cooking")) if number >= 3 else mixed
        world.calls(count, world.clock.now, world.clock.now + timedelta(seconds=20), make)
        world.clock.now += timedelta(seconds=30)
        steady.run_once()
        live(world, name="restarted").run_once()
    seen: dict[str, list[Any]] = {"steady": [], "restarted": []}
    for row in world.results("live"):
        seen[row["monitor"]].append(
            (row["window_end"], row["value"], row["alarm"], row["current_calls"], row["statistics"])
        )
    assert [row[3] for row in seen["steady"]] == [80, 50, 40, 60, 30, 40]
    assert [row[2] for row in seen["steady"]] == [0, 0, 0, 1, 1, 1]
    assert seen["steady"] == seen["restarted"]


def test_a_live_monitor_without_a_reference_says_so_once_an_hour(world: World) -> None:
    runner = live(world)
    runner.run_once()
    stream(world, runner, [30, 30, 30], mixed)
    (row,) = world.results("live")
    assert row["value"] is None
    assert row["error"] == "too few calls in the reference: 0, minimum 200"


def test_it_runs_until_it_is_told_to_stop(world: World) -> None:
    stop = threading.Event()
    world.calls(300, hour(world, 4), hour(world), mixed)
    runner = world.runner(window_s=3600, reference_s=10800, permutations=99, alpha=0.05, minimum=20)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    for _ in range(200):
        if world.results("window"):
            break
        stop.wait(0.05)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(world.results("window")) == 1
