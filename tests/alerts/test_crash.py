"""kill -9 of a real engine process at each dangerous point, then a fresh one: everything is told, once or twice."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from watchglass_alerts import Rule, save_rule
from watchglass_alerts.testing import WebhookServer, answer
from watchglass_store import Store, StoreConfig

from .conftest import T0

MINUTE = timedelta(minutes=1)


class Nursery:
    """The process that forks engines."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("crash_engine.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, *plan: object) -> int:
        """Start an engine; returns its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(plan) + "\n")
        self._process.stdin.flush()
        return self.wait()

    def wait(self) -> int:
        """The status that the engine ended with."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    started = Nursery()
    yield started
    started.close()


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.mark.parametrize(
    ("point", "copies"),
    [
        ("before insert", 1),
        ("after insert", 1),
        ("after claim", 1),
        ("before record", 2),
        ("after record", 1),
        ("in send", 2),
    ],
)
def test_killed_at(
    point: str,
    copies: int,
    store: Store,
    store_config: StoreConfig,
    webhook: WebhookServer,
    nursery: Nursery,
    make_rule: Callable[..., Rule],
    add_calls: Callable[..., None],
) -> None:
    for minute in range(4):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute < 2 else 0)
    save_rule(store, make_rule(), "me", now=T0)

    def engine(point: str, *minutes: float) -> int:
        moments = [(T0 + each * MINUTE).isoformat() for each in minutes]
        return nursery.start(store_config.url, webhook.url, point, moments)

    arrived, stop = threading.Event(), threading.Event()

    def hold(request: BaseHTTPRequestHandler) -> None:
        arrived.set()
        stop.wait(30)

    webhook.behaviour = hold if point == "in send" else answer(200, b"ok")
    victim = engine(point, 1)
    if point == "in send":
        assert arrived.wait(60)
        os.kill(victim, signal.SIGKILL)
    assert nursery.wait() == -signal.SIGKILL
    stop.set()
    webhook.behaviour = answer(200, b"ok")
    engine("nowhere", 1.5, 2.5, 3.5)
    assert nursery.wait() == 0
    texts = [json.loads(request.body) for request in webhook.received]
    assert [text["text"].split(":")[0] for text in texts] == ["Firing"] * copies + ["Resolved"]
    notifications = [text["blocks"][-1]["elements"][0]["text"].rpartition(" ")[2] for text in texts]
    assert len(set(notifications)) == 2
    turns = store.query("SELECT change, uniqExact(event_id) AS n FROM alert_events WHERE change != '' GROUP BY change")
    assert {row["change"]: row["n"] for row in turns} == {"opened": 1, "closed": 1}
