"""The Slack bot channel against a real HTTP server, and its threads across a restart of the engine."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts import AlertsConfig, Engine, Rule, save_rule
from watchglass_alerts.channels import Delivered, Failed, Retry, parse_channel
from watchglass_alerts.channels.slack_bot import SlackBotChannel, SlackBotConfig
from watchglass_alerts.message import Kind
from watchglass_alerts.testing import SAMPLE, Behaviour, Case, WebhookServer, answer, assert_channel_contract
from watchglass_store import Store

from .conftest import T0, Clock

TOKEN = "xoxb-SECRETTOKEN"
INCIDENT = SAMPLE.incident


def bot(url: str, channel: str = "C1") -> SlackBotChannel:
    config = SlackBotConfig(
        type="slack_bot", channel=channel, token=SecretStr(TOKEN), api_url=url.partition("/serv")[0]
    )
    return SlackBotChannel(config, allow_loopback=True)


@pytest.fixture
def slack() -> Iterator[WebhookServer]:
    with WebhookServer(said(ok=True, channel="C1", ts="1700000000.000100")) as running:
        yield running


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], SlackBotChannel]]:
    servers: list[WebhookServer] = []

    def start(behaviour: Behaviour) -> SlackBotChannel:
        servers.append(WebhookServer(behaviour).__enter__())
        return bot(servers[-1].url)

    yield start
    for each in servers:
        each.__exit__()


def said(**reply: Any) -> Behaviour:
    return answer(200, json.dumps(reply).encode())


def bodies(slack: WebhookServer) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in slack.received]


def test_contract(serve: Callable[[Behaviour], SlackBotChannel], free_ports: Callable[[], int]) -> None:
    cases = [
        Case("ok", serve(said(ok=True, ts="1.2")), Delivered),
        Case("ok without ts", serve(said(ok=True)), Delivered),
        Case("429", serve(answer(429, b"", Retry_After="30")), Retry),
        Case("500", serve(answer(500)), Retry),
        Case("ratelimited", serve(said(ok=False, error="ratelimited")), Retry),
        Case("internal_error", serve(said(ok=False, error="internal_error")), Retry),
        Case("channel_not_found", serve(said(ok=False, error="channel_not_found")), Failed),
        Case("invalid_auth", serve(said(ok=False, error="invalid_auth")), Failed),
        Case("echo", serve(said(ok=False, error=f"bad token {TOKEN}")), Failed),
        Case("odd", serve(said(ok=False, error={"token": TOKEN})), Failed),
        Case("not JSON", serve(answer(200, b"<html>")), Failed),
        Case("a list", serve(answer(200, b"[1]")), Failed),
        Case("redirect", serve(answer(302, b"", Location="http://169.254.169.254/")), Failed),
        Case("nobody there", bot(f"http://127.0.0.1:{free_ports()}"), Retry),
    ]
    assert_channel_contract(cases, secrets=[TOKEN, "SECRETTOKEN"])


def test_says_who_and_where(slack: WebhookServer) -> None:
    result = bot(slack.url).send(SAMPLE)
    assert result == Delivered(receipt=f"{INCIDENT} C1 1700000000.000100")
    (request,) = slack.received
    assert request.path == "/chat.postMessage"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert bodies(slack)[0]["channel"] == "C1"
    assert "thread_ts" not in bodies(slack)[0]


@pytest.mark.parametrize(
    ("changes", "channel", "expected"),
    [
        ({"kind": Kind.RESOLVED}, "C1", "1.5"),
        ({}, "C1", "1.5"),
        ({"incident": "another/1"}, "C1", None),
        ({"incident": ""}, "C1", None),
        ({}, "C2", None),
        ({"reply_to": ""}, "C1", None),
        ({"reply_to": "nonsense"}, "C1", None),
    ],
)
def test_only_the_same_incident_in_the_same_channel_shares_a_thread(
    slack: WebhookServer, changes: dict[str, Any], channel: str, expected: str | None
) -> None:
    message = replace(SAMPLE, **{"reply_to": f"{INCIDENT} C1 1.5", **changes})
    result = bot(slack.url, channel).send(message)
    assert bodies(slack)[0].get("thread_ts") == expected
    assert isinstance(result, Delivered)
    if expected:
        assert result.receipt == f"{INCIDENT} C1 {expected}", "the next one joins the thread, not the reply"


def test_a_thread_that_was_deleted_costs_no_message(slack: WebhookServer) -> None:
    def behave(request: BaseHTTPRequestHandler) -> None:
        is_reply = b"thread_ts" in slack.received[-1].body
        said(**({"ok": False, "error": "thread_not_found"} if is_reply else {"ok": True, "ts": "2.5"}))(request)

    slack.behaviour = behave
    result = bot(slack.url).send(replace(SAMPLE, reply_to=f"{INCIDENT} C1 1.5"))
    assert result == Delivered(receipt=f"{INCIDENT} C1 2.5")
    assert len(slack.received) == 2


def test_the_thread_survives_a_restart(
    store: Store,
    clock: Clock,
    slack: WebhookServer,
    make_rule: Callable[..., Rule],
    add_calls: Callable[..., None],
) -> None:
    minute = timedelta(minutes=1)
    bad = (1, 4)
    for each in range(7):
        add_calls(T0 + each * minute, 20, errors=10 if each in bad else 0)
    save_rule(store, make_rule(), "me", now=T0)
    settings = {"type": "slack_bot", "channel": "C1", "token": TOKEN, "api_url": slack.url.partition("/serv")[0]}
    config = AlertsConfig.model_validate({"settle_s": 0, "allow_loopback": True, "channels": {"ops": settings}})
    serial = iter(range(100))
    slack.behaviour = lambda request: said(ok=True, ts=f"{next(serial)}.5")(request)
    for each in range(1, 8):
        clock.now = T0 + each * minute
        Engine(store, config, clock).run_once()
    threads = [(body["text"].partition(":")[0], body.get("thread_ts")) for body in bodies(slack)]
    assert threads == [("Firing", None), ("Resolved", "0.5"), ("Firing", None), ("Resolved", "2.5")]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "set exactly one of token, token_env, token_file"),
        ({"token": "SECRET", "token_env": "X"}, "set exactly one of"),
        ({"token": "SECRET", "channel": "a b"}, "channel: String should match"),
        ({"token": "SECRET", "api_url": "ftp://slack.com"}, "api_url: api_url: .* must be an http or https link"),
    ],
)
def test_wrong_settings_are_named_without_their_values(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        parse_channel({"type": "slack_bot", "channel": "C1"} | settings)
    assert "SECRET" not in str(caught.value)
