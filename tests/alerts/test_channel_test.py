"""Test messages that a page asks for: sent once, by one engine, through real servers, and answered without secrets."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from watchglass_alerts import AlertsConfig, Engine
from watchglass_alerts.testing import WebhookServer, answer
from watchglass_store import Store
from watchglass_store.queries.page_requests import CHANNEL_TEST, add_request, answer_to_test, last_tests

from .conftest import T0, Clock

HOURS = iter(range(24))
SECRETS = ("SECRETPATH", "R0UTINGKEYR0UTINGKEY")


class Inbox:
    """Keeps what the mail server was given."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(bytes(envelope.content or b"").decode())
        return "250 OK"


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture
def inbox(free_ports: Callable[[], int]) -> Iterator[tuple[Inbox, int]]:
    kept = Inbox()
    port = free_ports()
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield kept, port
    controller.stop()


@pytest.fixture
def config(webhook: WebhookServer, inbox: tuple[Inbox, int]) -> AlertsConfig:
    mail = {"type": "email", "host": "127.0.0.1", "port": inbox[1], "security": "plain"}
    pager = {"type": "pagerduty", "routing_key": SECRETS[1], "events_url": webhook.url}
    return AlertsConfig.model_validate(
        {
            "allow_loopback": True,
            "dashboard_url": "http://127.0.0.1:8501",
            "channels": {
                "chat": {"type": "slack", "url": webhook.url},
                "mail": {**mail, "sender": "watchglass@example.com", "recipients": ["ops@example.com"]},
                "pager": pager,
            },
        }
    )


@pytest.fixture
def clock() -> Clock:
    """The file's tests share a database: each has an hour of its own."""
    return Clock(T0 + next(HOURS) * timedelta(hours=1))


@pytest.fixture
def store(module_store: Store) -> Store:
    return module_store


@pytest.fixture
def ask(store: Store, clock: Clock) -> Callable[..., str]:
    """ask(channel, at) -> id of a new request."""

    def add(channel: str, at: datetime | None = None) -> str:
        name = secrets.token_hex(8)
        add_request(store, id=name, kind=CHANNEL_TEST, target=channel, content="", author="ada", now=at or clock.now)
        return name

    return add


def outcome(store: Store, request: str) -> tuple[str, str] | None:
    row = answer_to_test(store, request)
    return (row["outcome"], row["reason"]) if row else None


def test_a_test_is_sent_once_and_answered(
    store: Store, config: AlertsConfig, clock: Clock, webhook: WebhookServer, ask: Callable[..., str]
) -> None:
    request = ask("chat")
    engine = Engine(store, config, clock)
    assert engine.test_channels() == 1
    assert engine.test_channels() == 0
    (sent,) = webhook.received
    body = json.loads(sent.body)
    assert body["blocks"][0]["text"]["text"] == "🔵 Test: chat"
    assert "ada" in sent.body.decode()
    assert "To silence" not in sent.body.decode()
    assert outcome(store, request) == ("delivered", "")
    (row,) = [row for row in last_tests(store) if row["channel"] == "chat"]
    assert (row["channel"], row["outcome"], row["author"]) == ("chat", "delivered", "ada")


def test_a_mail_arrives_and_a_pager_is_triggered_and_resolved(
    store: Store,
    config: AlertsConfig,
    clock: Clock,
    webhook: WebhookServer,
    inbox: tuple[Inbox, int],
    ask: Callable[..., str],
) -> None:
    webhook.behaviour = answer(202, b"{}")
    requests = [ask("mail"), ask("pager")]
    assert Engine(store, config, clock).test_channels() == 2
    assert [outcome(store, request) for request in requests] == [("delivered", "")] * 2
    (mail,) = inbox[0].mails
    assert "Subject: [info] Test: mail" in mail
    assert "silence" not in mail
    events = [json.loads(request.body) for request in webhook.received]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1


@pytest.mark.parametrize(
    ("channel", "status", "reason"),
    [
        ("chat", 404, "404"),
        ("chat", 503, "503"),
        ("pager", 400, "400"),
        ("gone", 200, "the alert engine knows no channel of this name"),
    ],
)
def test_a_refusal_has_its_reason_and_no_secret(
    store: Store,
    config: AlertsConfig,
    clock: Clock,
    webhook: WebhookServer,
    ask: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    channel: str,
    status: int,
    reason: str,
) -> None:
    webhook.behaviour = answer(status, f"no: {' '.join(SECRETS)}".encode())
    request = ask(channel)
    Engine(store, config, clock).test_channels()
    found = outcome(store, request)
    assert found is not None
    assert found[0] == "refused"
    assert reason in found[1]
    assert not any(secret in found[1] + caplog.text for secret in SECRETS)


def test_nobody_sends_what_was_asked_long_ago_or_too_often(
    store: Store, config: AlertsConfig, clock: Clock, webhook: WebhookServer, ask: Callable[..., str]
) -> None:
    old = ask("chat", clock.now - timedelta(minutes=3))
    often = [ask("chat", clock.now + timedelta(milliseconds=number)) for number in range(8)]
    clock.forward(1)
    Engine(store, config, clock).test_channels()
    assert outcome(store, old) is None
    assert len(webhook.received) == 6
    answers = [outcome(store, request) for request in often]
    assert answers[:6] == [("delivered", "")] * 6
    assert all(said and "6 tests in the last minute" in said[1] for said in answers[6:7])


def test_of_two_engines_one_sends(
    store: Store, config: AlertsConfig, webhook: WebhookServer, clock: Clock, ask: Callable[..., str]
) -> None:
    engines = [Engine(store, config, clock) for _ in range(3)]
    request = ask("chat")
    together = threading.Barrier(len(engines))

    def run(engine: Engine) -> None:
        together.wait()
        engine.test_channels()

    threads = [threading.Thread(target=run, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(webhook.received) == 1
    assert outcome(store, request) == ("delivered", "")


def test_a_running_engine_takes_it_by_itself(
    store: Store, config: AlertsConfig, webhook: WebhookServer, ask: Callable[..., str]
) -> None:
    from watchglass_alerts.engine import utc_now

    stop = threading.Event()
    engine = threading.Thread(target=Engine(store, config).run_forever, args=(stop,))
    engine.start()
    try:
        request = ask("chat", utc_now())
        deadline = time.monotonic() + 30
        settled: Any = None
        while time.monotonic() < deadline and (not settled or settled[0] == "sending"):
            settled = outcome(store, request)
            time.sleep(0.05)
        assert settled == ("delivered", "")
    finally:
        stop.set()
        engine.join()
