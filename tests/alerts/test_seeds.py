"""Random histories: kills at each fault point, two engines, clocks that jump, a receiver and a file in trouble.

Whatever happens, each slot is evaluated once, what the log holds is what the state function makes of it, and each
notification arrives, at most one copy more for each kill between send and record, and none that was not decided.

`WATCHGLASS_SEEDS=200 pytest -m slow tests/alerts/test_seeds.py` widens the search.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine
from watchglass_alerts.rules_file import load_rules
from watchglass_alerts.state import AlertState, Observation, first_state, next_state
from watchglass_alerts.testing import WebhookServer, answer
from watchglass_store import Store

from .conftest import T0, Clock

SEEDS = int(os.environ.get("WATCHGLASS_SEEDS", "40"))
QUICK = 3
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MINUTES = 12
RULES = """\
rules:
  - name: errors
    metric: error_rate
    window: 1m
    interval: 1m
    for: {hold}m
    keep_firing_for: {keep}m
    repeat_interval: 5m
    condition: {{op: ">", threshold: 0.2, resolve_threshold: 0.1}}
    min_sample_size: 10
    channels: [ops]
    notify_on: [firing, resolved]
"""
BROKEN = ("rules: [\n", "", "rules:\n  - {name: errors, metrik: calls}\n")


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class Faults:
    """Kills the process before or after an insert of some kind, when armed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.armed: tuple[str, str] | None = None
        self.resends = 0
        real = Store.insert

        def insert(store: Store, table: str, rows: Any, **more: Any) -> None:
            kinds = {row.get("outcome") or row.get("kind") for row in rows} if table == "alert_events" else set()
            point = self.armed if self.armed and self.armed[1] in kinds else None
            if point and point[0] == "before":
                self._kill(point)
            real(store, table, rows, **more)
            if point:
                self._kill(point)

        monkeypatch.setattr(Store, "insert", insert)

    def _kill(self, point: tuple[str, str]) -> None:
        self.armed = None
        self.resends += point == ("before", "delivered")
        raise Killed


class World:
    """One history."""

    def __init__(self, seed: int, store: Store, webhook: WebhookServer, file: Path, faults: Faults) -> None:
        self.random = random.Random(seed)
        self.store, self.webhook, self.file, self.faults = store, webhook, file, faults
        self.clock = Clock()
        self.accepted: list[str] = []
        """Ids of notifications, as they arrived."""
        webhook.behaviour = self.accept
        self.text = RULES.format(hold=self.random.randint(0, 2), keep=self.random.randint(0, 2))
        file.write_text(self.text)
        self.rule = load_rules(file)[0]
        self.engines = [self.engine() for _ in range(self.random.randint(1, 2))]

    def engine(self) -> Engine:
        channels = {"ops": {"type": "slack", "url": self.webhook.url}}
        settings = {"settle_s": 5, "allow_loopback": True, "channels": channels, "rules_file": self.file}
        return Engine(self.store, AlertsConfig.model_validate(settings), self.clock)

    def accept(self, request: BaseHTTPRequestHandler) -> None:
        text: str = json.loads(self.webhook.received[-1].body)["blocks"][-1]["elements"][0]["text"]
        self.accepted.append(text.rpartition(" ")[2])
        answer(200, b"ok")(request)

    def step(self) -> None:
        chance = self.random.random()
        if chance < 0.2:
            outcomes = ["transition", "slot", "sending", "delivered"]
            self.faults.armed = self.random.choice(["before", "after"]), self.random.choice(outcomes)
        elif chance < 0.3:
            self.webhook.behaviour = self.random.choice([self.accept, answer(429), answer(500), answer(503)])
        elif chance < 0.35:
            self.file.write_text(self.random.choice([*BROKEN, self.text, self.text]))
        elif chance < 0.4:
            self.clock.forward(self.random.choice([-3600, 3600]))
        for index, engine in enumerate(self.engines):
            try:
                engine.run_once()
            except Killed:
                self.file.write_text(self.text)
                self.engines[index] = self.engine()

    def finish(self) -> None:
        """All is well again, for long enough; then the rule is deleted."""
        self.faults.armed = None
        self.webhook.behaviour = self.accept
        for text in (self.text, RULES.splitlines()[0] + " []\n"):
            self.file.write_text(text)
            for _ in range(12):
                self.clock.forward(400)
                for engine in self.engines:
                    engine.run_once()


def play(
    seed: int, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_calls: Callable[..., None]
) -> None:
    with WebhookServer() as webhook:
        world = World(seed, store, webhook, tmp_path / "rules.yaml", Faults(monkeypatch))
        for minute in range(MINUTES):
            calls = world.random.choice([0, 20, 20, 20, 20])
            add_calls(T0 + minute * MINUTE, calls, errors=world.random.choice([0, 3, 10, 10]) if calls else 0)
        for _ in range(MINUTES * 2):
            world.clock.forward(world.random.choice([10, 30, 60]))
            world.step()
        world.finish()
        check(world)


def check(world: World) -> None:
    slots = world.store.query(
        "SELECT slot, value, value_low, value_high, sample_size FROM alert_events WHERE kind = 'slot' ORDER BY slot"
    )
    times = [row["slot"] for row in slots]
    assert times == [times[0] + index * MINUTE for index in range(len(times))], "a slot was missed or repeated"
    transitions = world.store.query("SELECT * FROM alert_events WHERE kind = 'transition' ORDER BY slot, time")
    repeats = [row for row in transitions if row["notifications"] and not row["change"]]
    assert all(row["state"] == row["previous_state"] == "firing" for row in repeats)
    told = [(row["slot"], row["state"], row["change"]) for row in transitions if row not in repeats]
    wanted = expected(world, slots)
    if is_open := [turn for _, _, turn in wanted if turn][-1:] == ["opened"]:
        assert told.pop()[1:] == ("inactive", "closed"), "the deleted rule leaves nothing open"
    assert told == wanted, is_open
    owed = {each["id"]: row["slot"] for row in transitions for each in row["notifications"]}
    dropped = world.store.query("SELECT notification_id AS id FROM alert_events WHERE outcome = 'dropped'")
    copies = Counter(world.accepted)
    assert set(copies) == set(owed) - {row["id"] for row in dropped}
    assert sum(copies.values()) - len(copies) <= world.faults.resends
    first = list(dict.fromkeys(world.accepted))
    assert first == sorted(first, key=lambda id: owed[id]), "something overtook"


def expected(world: World, slots: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the state function makes of the values in the log, and the end by the deleted rule."""
    found: list[tuple[Any, ...]] = []
    state: AlertState | None = None
    for row in slots:
        before = state or first_state(row["slot"])
        seen = Observation(row["value"], row["value_low"], row["value_high"], row["sample_size"])
        after = next_state(world.rule, before, seen, row["slot"]).state
        if state is None or after != before:
            turn = "" if after.is_open == before.is_open else "opened" if after.is_open else "closed"
            found.append((row["slot"], after.status.value, turn))
        state = after
    return found


@pytest.fixture
def histories(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_calls: Callable[..., None]
) -> Callable[[int], None]:
    return lambda seed: play(seed, store, tmp_path, monkeypatch, add_calls)


@pytest.mark.parametrize("seed", range(QUICK))
def test_a_random_history(seed: int, histories: Callable[[int], None]) -> None:
    histories(seed)


@pytest.mark.slow
@pytest.mark.skipif("WATCHGLASS_SEEDS" not in os.environ, reason="set WATCHGLASS_SEEDS, 200 for all")
@pytest.mark.parametrize("seed", range(QUICK, SEEDS))
def test_many_random_histories(seed: int, histories: Callable[[int], None]) -> None:
    histories(seed)
