"""One random history: rules, traffic, engines that die, are doubled and have wrong clocks, receivers in trouble."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts import AlertsConfig, Engine
from watchglass_alerts.rules_file import load_rules
from watchglass_alerts.testing import WebhookServer
from watchglass_store import Store

from .conftest import T0, Certificate, Clock
from .fault_receivers import LOST, Mailbox, Plan, Tls, of_slack, of_webhook, respond

INTERVAL = timedelta(minutes=10)
SETTLE_S = 5
SLOTS = 10
"""That hold traffic."""
STEPS = 15
POINTS = ("transition", "slot", "sending", "delivered")
CHANNELS = ("chat", "hook", "well", "mail")
RULE = """\
rules:
  - name: errors {seed}
    metric: error_rate
    window: 10m
    interval: 10m
    for: {hold}m
    keep_firing_for: {keep}m
    repeat_interval: {repeat}m
    group_by: [{group}]
    condition: {{op: ">", threshold: 0.2, resolve_threshold: 0.1}}
    min_sample_size: 10
    channels: [chat, hook, well, mail]
    notify_on: [firing, resolved]
"""
NO_RULE = "rules: []\n"
BROKEN = ("rules: [\n", "", "rules:\n  - {name: errors, metrik: calls}\n")
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class World:
    """One history. `play` runs it; the oracle then looks at what is left."""

    def __init__(self, seed: int, store: Store, folder: Path, certificate: Certificate, port: int) -> None:
        self.dice = random.Random(seed)
        self.store, self.clock = store, Clock()
        self.counts: Counter[str] = Counter()
        self.armed: tuple[str, str] | None = None
        """(what, where): 'before' or 'after' kill the engine at an insert; 'between' lets the other one run there."""
        self._closing = ExitStack()
        self._tls = Tls(certificate.certificate, certificate.key)
        self.plans = {name: Plan(seed * 10 + at, name == "well") for at, name in enumerate(CHANNELS)}
        self.plans["mail"].lost = LOST[:1]
        self._mail = Mailbox(self.plans["mail"], port)
        self._opens_at = self.dice.choice((0, 0, 4, 9))
        self._config = self._settings(folder, certificate, port)
        self.is_grouped = self.dice.random() < 0.4
        self.text = RULE.format(
            seed=seed,
            hold=10 * self.dice.choice((0, 0, 1)),
            keep=10 * self.dice.choice((0, 0, 1)),
            repeat=self.dice.choice((0, 30)),
            group="model" if self.is_grouped else "",
        )
        self.file = folder / "rules.yaml"
        self.file.write_text(self.text)
        self.rule = load_rules(self.file)[0]
        self.traffic = self._traffic()
        self._jumps: tuple[int, ...] = (-1, 1, 23) if seed % 10 == 0 else (-1, 1)
        self.engines = [self._engine() for _ in range(self.dice.randint(1, 2))]

    def _settings(self, folder: Path, certificate: Certificate, port: int) -> AlertsConfig:
        servers = {
            name: self._closing.enter_context(WebhookServer(tls=self._tls.context if name == "chat" else None))
            for name in ("chat", "hook", "well")
        }
        for name, server in servers.items():
            server.behaviour = respond(self.plans[name], server, of_webhook if name == "hook" else of_slack)
        mail = {"type": "email", "host": "127.0.0.1", "port": port, "security": "plain", "sender": "w@example.com"}
        return AlertsConfig.model_validate(
            {
                "settle_s": SETTLE_S,
                "allow_loopback": True,
                "rules_file": folder / "rules.yaml",
                "group_by": [],
                "channels": {
                    "chat": {"type": "slack", "url": servers["chat"].url, "ca_file": certificate.certificate},
                    "hook": {"type": "webhook", "url": servers["hook"].url, "secret": SecretStr(SECRET)},
                    "well": {"type": "slack", "url": servers["well"].url},
                    "mail": mail | {"recipients": ["oncall@example.com", Mailbox.GONE]},
                },
            }
        )

    def _traffic(self) -> dict[datetime, dict[str, tuple[int, int]]]:
        """Slot -> model -> calls and errors in the ten minutes before it. The last ones are good and quiet."""
        found: dict[datetime, dict[str, tuple[int, int]]] = {}
        for model in ("m1", "m2")[: 1 + self.is_grouped]:
            is_bad = False
            for at in range(1, SLOTS + 1):
                is_bad = is_bad != (self.dice.random() < 0.45)
                calls = self.dice.choice((0, 20, 20, 20, 20, 20, 20, 20))
                errors = self.dice.choice((10, 12) if is_bad else (0, 0, 3)) if calls and at < SLOTS else 0
                found.setdefault(T0 + at * INTERVAL, {})[model] = calls, errors
        return found

    def _engine(self) -> Engine:
        self.file.write_text(self.text)  # A file that is wrong stops the start.
        return Engine(self.store, self._config, self.clock)

    def play(self, make_calls: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
        """From the first call to the end of a deleted rule."""
        rows: list[Any] = []
        for slot, models in self.traffic.items():
            for model, (calls, errors) in models.items():
                rows += make_calls(slot - INTERVAL, calls, errors=errors, response_model=model)
        self.store.insert("llm_call_parts", rows)
        with self._closing, monkeypatch.context() as patch:
            self._closing.callback(self._mail.close)
            self._watch_inserts(patch)
            self._run()
            for step in range(STEPS):
                if step >= self._opens_at:
                    self._mail.open()
                self.clock.forward(self.dice.choice((240, 600, 600)))
                self._trouble()
                self._run()
            self._end()

    def _end(self) -> None:
        """All is well again, until everything is told; then the rule is deleted, and that is told as well."""
        self.armed, self._tls.is_broken = None, False
        self._mail.open()
        until = max(self.clock.now, T0 + (SLOTS + 1) * INTERVAL)
        for text in (self.text, NO_RULE):
            self.file.write_text(text)
            for _ in range(60):
                self.clock.forward(900)
                self._run()
                if self.clock.now > until and not self.is_owed():
                    break
            until = self.clock.now + timedelta(seconds=1800)

    def is_owed(self) -> bool:
        """Whether a notification has no final outcome."""
        from watchglass_store.queries import alerting

        return bool(alerting.open_notifications(self.store, since=T0 - timedelta(days=1)))

    def _trouble(self) -> None:
        chance = self.dice.random()
        if chance < 0.30:
            self.armed = self.dice.choice(("before", "after", "before", "between")), self.dice.choice(POINTS)
        elif chance < 0.36:
            self._tls.is_broken = not self._tls.is_broken
            self.counts["F21 TLS handshakes fail for a while"] += self._tls.is_broken
        elif chance < 0.44:
            self.file.write_text(self.dice.choice((*BROKEN, self.text, self.text)))
            self.counts["F28 rules file broken or rewritten"] += 1
        elif chance < 0.52:
            hours = self.dice.choice(self._jumps)
            # Nearly a day is made up for slot by slot, which takes a while: in one history of ten, and once there.
            self._jumps = tuple(jump for jump in self._jumps if jump != 23 or hours != 23)
            self.clock.forward(hours * 3600)
            self.counts[f"F18 clock {hours:+d} h"] += 1
        elif chance < 0.60:
            self.engines[0] = self._engine()
            self.counts["F4 engine restarted"] += 1

    def _run(self) -> None:
        for at, engine in enumerate(self.engines):
            try:
                engine.run_once()
            except Killed:
                self.engines[at] = self._engine()

    def _watch_inserts(self, patch: pytest.MonkeyPatch) -> None:
        real = Store.insert

        def insert(store: Store, table: str, rows: Any, **more: Any) -> None:
            kinds = {row.get("outcome") or row.get("kind") for row in rows} if table == "alert_events" else set()
            armed = self.armed if self.armed and self.armed[1] in kinds else None
            if armed:
                self.armed = None
            if armed and armed[0] == "before":
                self._kill(armed, rows)
            if armed and armed[0] == "between":
                self._let_the_other_run(armed[1])
            real(store, table, rows, **more)
            if armed and armed[0] == "after":
                self._kill(armed, [])

        patch.setattr(Store, "insert", insert)

    def _kill(self, armed: tuple[str, str], unrecorded: Any) -> None:
        if armed[1] == "delivered":
            for row in unrecorded:
                plan = self.plans[row["channel"]]
                if row["notification_id"] in plan.doubtful:
                    return  # Its answer was lost once already; a second copy more would be no fault of the engine.
                plan.doubtful.add(row["notification_id"])
        self.counts[f"F4 killed {armed[0]} '{armed[1]}' is written"] += 1
        raise Killed

    def _let_the_other_run(self, point: str) -> None:
        """A second engine does all that it can at this moment, between what this one read and what it writes."""
        self.counts[f"F27 a second engine runs before '{point}' is written"] += 1
        self._engine().run_once()
