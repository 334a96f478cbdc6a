"""kill -9 of a real engine process at each dangerous point, then a fresh one: everything is told, once or twice."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest

from watchglass_alerts import Rule, save_rule
from watchglass_alerts.testing import WebhookServer, answer
from watchglass_store import Store, StoreConfig

from .conftest import T0

MINUTE = timedelta(minutes=1)

PROGRAM = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from watchglass_alerts import AlertsConfig, Engine
from watchglass_store import Store, StoreConfig, connect

store_url, webhook_url, point, *moments = sys.argv[1:]
real = Store.insert

def insert(self, table, rows, **arguments):
    kinds = {row.get("outcome") or row.get("kind") for row in rows}
    if point == "before insert" and "transition" in kinds: os.kill(os.getpid(), signal.SIGKILL)
    if point == "before record" and "delivered" in kinds: os.kill(os.getpid(), signal.SIGKILL)
    real(self, table, rows, **arguments)
    if point == "after insert" and "transition" in kinds: os.kill(os.getpid(), signal.SIGKILL)
    if point == "after claim" and "sending" in kinds: os.kill(os.getpid(), signal.SIGKILL)
    if point == "after record" and "delivered" in kinds: os.kill(os.getpid(), signal.SIGKILL)

Store.insert = insert
config = AlertsConfig.model_validate(
    {"settle_s": 0, "allow_loopback": True, "channels": {"ops": {"type": "slack", "url": webhook_url}}}
)
times = [datetime.fromisoformat(moment) for moment in moments]
engine = Engine(connect(StoreConfig(url=store_url), Path()), config, lambda: times[0])
while times:
    engine.run_once()
    del times[0]
"""


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
    make_rule: Callable[..., Rule],
    add_calls: Callable[..., None],
) -> None:
    for minute in range(4):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute < 2 else 0)
    save_rule(store, make_rule(), "me", now=T0)

    def engine(point: str, *minutes: float) -> subprocess.Popen[bytes]:
        moments = [(T0 + each * MINUTE).isoformat() for each in minutes]
        return subprocess.Popen([sys.executable, "-c", PROGRAM, store_config.url, webhook.url, point, *moments])

    arrived, stop = threading.Event(), threading.Event()

    def hold(request: BaseHTTPRequestHandler) -> None:
        arrived.set()
        stop.wait(30)

    webhook.behaviour = hold if point == "in send" else answer(200, b"ok")
    victim = engine(point, 1)
    if point == "in send":
        assert arrived.wait(60)
        victim.kill()
    assert victim.wait(60) == -signal.SIGKILL
    stop.set()
    webhook.behaviour = answer(200, b"ok")
    assert engine("nowhere", 1.5, 2.5, 3.5).wait(60) == 0
    texts = [json.loads(request.body) for request in webhook.received]
    assert [text["text"].split(":")[0] for text in texts] == ["Firing"] * copies + ["Resolved"]
    notifications = [text["blocks"][-1]["elements"][0]["text"].rpartition(" ")[2] for text in texts]
    assert len(set(notifications)) == 2
    turns = store.query("SELECT change, uniqExact(event_id) AS n FROM alert_events WHERE change != '' GROUP BY change")
    assert {row["change"]: row["n"] for row in turns} == {"opened": 1, "closed": 1}
