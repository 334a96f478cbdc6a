"""F21, F22: random incidents, receivers that fail at random, an engine that dies at random; then everything is counted.

Every notification reaches its receiver at least once, twice only where the receiver's answer or the engine's record was
lost, under the same id, and nobody is told what did not happen. WATCHGLASS_SEEDS widens the search.
"""

import json
import logging
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from watchglass_alerts import AlertsConfig, Engine, Rule, http, save_rule
from watchglass_alerts.delivery import Delivery
from watchglass_alerts.testing import WebhookServer, answer
from watchglass_store import Store

from .conftest import T0, Clock

SEEDS = int(os.environ.get("WATCHGLASS_SEEDS", "3"))
MINUTE = timedelta(minutes=1)
PASSING = ("429", "500", "503")
LOST = ("cut", "hang")
"""The receiver takes the message, and its answer never arrives."""


class KilledError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@dataclass
class Plan:
    """What a receiver does with each attempt at each notification, and what it got."""

    rng: random.Random
    lost: tuple[str, ...]
    lock: threading.Lock = field(default_factory=threading.Lock)
    faults: dict[str, list[str]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """Ids that may come twice."""

    def next(self, id: str) -> str:
        """The fault for this attempt, 'ok', or 'never'."""
        with self.lock:
            if id not in self.faults:
                self.faults[id] = self.rng.choices(PASSING, k=self.rng.randrange(3))
                if id not in self.doubtful and self.rng.random() < 0.3:
                    self.faults[id].append(self.rng.choice(self.lost))
                elif self.rng.random() < 0.1:
                    self.faults[id].append("never")
            fault = self.faults[id].pop(0) if self.faults[id] else "ok"
            if fault == "never":
                self.refused.add(id)
            if fault in self.lost:
                self.doubtful.add(id)
            if fault in ("ok", *self.lost):
                self.taken.append(id)
            return fault


def slack(plan: Plan, stop: threading.Event, server: WebhookServer) -> Callable[[BaseHTTPRequestHandler], None]:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.close_connection = True

    def behave(request: BaseHTTPRequestHandler) -> None:
        body = json.loads(server.received[-1].body)
        id = body["blocks"][-1]["elements"][0]["text"].rpartition(" ")[2]
        match plan.next(id):
            case "429":
                answer(429, b"rate_limited", Retry_After="30")(request)
            case "cut":
                cut(request)
            case "hang":
                stop.wait(5)
                request.close_connection = True
            case "never":
                answer(200, b"invalid_payload")(request)
            case "ok":
                answer(200, b"ok")(request)
            case status:
                answer(int(status))(request)

    return behave


class Mailbox:
    """Greylists the first recipients, then follows the plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.greylisted = plan.rng.randrange(3)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.greylisted:
            self.greylisted -= 1
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        id = str(message_from_bytes(envelope.content)["X-Watchglass-Notification"])
        fault = self.plan.next(id)
        if fault in LOST:
            assert server.transport is not None
            server.transport.abort()
        return {"ok": "250 OK", "never": "554 no"}.get(fault, "451 later")


@pytest.fixture
def servers(free_ports: Callable[[], int]) -> Iterator[dict[str, Any]]:
    with WebhookServer() as flaky, WebhookServer() as well:
        yield {"flaky": flaky, "well": well, "port": free_ports()}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_S", 0.3)
    monkeypatch.setattr(logging.getLogger("mail.log"), "disabled", True)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_everything_is_told_once_or_twice_and_nothing_else(
    seed: int,
    store: Store,
    clock: Clock,
    servers: dict[str, Any],
    make_rule: Callable[..., Rule],
    add_calls: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = random.Random(seed)
    stop = threading.Event()
    plans = {"flaky": Plan(random.Random(seed + 1), LOST), "mail": Plan(random.Random(seed + 2), LOST)}
    servers["flaky"].behaviour = slack(plans["flaky"], stop, servers["flaky"])
    mail = Controller(Mailbox(plans["mail"]), hostname="127.0.0.1", port=servers["port"])
    config = AlertsConfig.model_validate(
        {
            "settle_s": 0,
            "allow_loopback": True,
            "channels": {
                **{name: {"type": "slack", "url": servers[name].url} for name in ("flaky", "well")},
                "mail": {"type": "email", "host": "127.0.0.1", "port": servers["port"], "security": "plain"}
                | {"sender": "w@example.com", "recipients": ["oncall@example.com"]},
            },
        }
    )
    bad = [rng.random() < 0.5 for _ in range(10)]
    for minute, is_bad in enumerate([*bad, False]):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if is_bad else 0)
    rule = make_rule(channels=["flaky", "well", "mail"], repeat_interval="0s", min_sample_size=1)
    save_rule(store, rule, "me", now=T0)
    real, deaths = Delivery._record, rng.randrange(2)

    def dies(self: Delivery, members: Any, outcome: str, reason: str, **more: Any) -> None:
        nonlocal deaths
        name = members[0].channel
        if outcome == "delivered" and deaths and rng.random() < 0.5 and name in plans:
            id = members[0].id
            if id not in plans[name].doubtful:
                deaths -= 1
                plans[name].doubtful.add(id)
                raise KilledError
        real(self, members, outcome, reason, **more)

    monkeypatch.setattr(Delivery, "_record", dies)
    engine = Engine(store, config, clock)
    opens_at = rng.choice((1, 5, 70))
    for step in range(1, 200):
        clock.now = T0 + min(step, 11) * MINUTE + max(step - 11, 0) * 2 * MINUTE
        if clock.now >= T0 + opens_at * MINUTE and mail.server is None:
            mail.start()
        if rng.random() < 0.2:
            engine = Engine(store, config, clock)
        try:
            engine.run_once()
        except KilledError:
            engine = Engine(store, config, clock)
        if step > 11 and not pending(store):
            break
    stop.set()
    if mail.server is not None:
        mail.stop()
    assert not pending(store)
    changes = sum(now != before for before, now in zip([False, *bad], [*bad, False], strict=True))
    told = outcomes(store)
    for name in ("flaky", "well", "mail"):
        assert len(told[name]) == changes, "one notification for each turn, none spurious"
    well = Counter(_id(request.body) for request in servers["well"].received)
    assert well == dict.fromkeys(told["well"], 1), "the receiver in good health is not touched by the others"
    for name, plan in plans.items():
        taken = Counter(plan.taken)
        for id, (outcome, kind) in told[name].items():
            if outcome == "delivered":
                assert 1 <= taken[id] <= 1 + (id in plan.doubtful), (name, id)
            elif outcome == "failed":
                assert id in plan.refused
            else:
                assert (outcome, kind) == ("dropped", "resolved"), "only an end whose start nobody was told of"
        assert set(taken) <= set(told[name])


def _id(body: bytes) -> str:
    return str(json.loads(body)["blocks"][-1]["elements"][0]["text"].rpartition(" ")[2])


def pending(store: Store) -> list[str]:
    found = outcomes(store)
    return [id for channel in found.values() for id, (outcome, _) in channel.items() if not outcome]


def outcomes(store: Store) -> dict[str, dict[str, tuple[str, str]]]:
    """Channel -> notification -> (final outcome, '' without one, and its kind)."""
    rows = store.query(
        """
        SELECT t.n.2 AS channel, t.n.1 AS id, JSONExtractString(t.n.3, 'kind') AS kind, d.outcome AS outcome FROM (
            SELECT arrayJoin(notifications) AS n FROM alert_events WHERE kind = 'transition'
        ) AS t LEFT JOIN (
            SELECT notification_id, outcome FROM alert_events WHERE kind = 'delivery'
                AND outcome IN ('delivered', 'failed', 'dropped')
        ) AS d ON d.notification_id = t.n.1
        """
    )
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["channel"], {})[row["id"]] = (row["outcome"], row["kind"])
    return found
