"""The Slack channel against a real HTTP server."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts import http
from watchglass_alerts.channels import Delivered, Failed, Retry, create_channel, parse_channel
from watchglass_alerts.channels.base import Channel
from watchglass_alerts.channels.block_kit import payload
from watchglass_alerts.channels.replies import parse_retry_after
from watchglass_alerts.channels.slack import SlackChannel, SlackConfig
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.message import Kind
from watchglass_alerts.testing import HOSTILE, SAMPLE, Behaviour, Case, WebhookServer, answer, assert_channel_contract


def slack(url: str, **settings: Any) -> SlackChannel:
    return SlackChannel(SlackConfig(type="slack", url=SecretStr(url), **settings), allow_loopback=True)


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], Channel]]:
    """serve(behaviour) -> a channel to a server that behaves so."""
    servers: list[WebhookServer] = []

    def start(behaviour: Behaviour) -> Channel:
        servers.append(WebhookServer(behaviour).__enter__())
        return slack(servers[-1].url)

    yield start
    for server in servers:
        server.__exit__()


def greet(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"220 smtp\r\n")


def test_contract(serve: Callable[[Behaviour], Channel], free_ports: Callable[[], int]) -> None:
    secret = "SECRETPATH"
    echo = answer(404, f"no_service at /services/T0/B0/{secret[:3]}".encode())
    cases = [
        Case("ok", serve(answer(200, b"ok")), Delivered),
        Case("429", serve(answer(429, b"rate_limited", Retry_After="30")), Retry),
        Case("500", serve(answer(500, b"")), Retry),
        Case("503", serve(answer(503, b"", Retry_After="garbage")), Retry),
        Case("invalid_payload", serve(answer(200, b"invalid_payload")), Failed),
        Case("no_service", serve(echo), Failed),
        Case("410", serve(answer(410, b"channel_is_archived\r\n\x00")), Failed),
        Case("redirect", serve(answer(302, b"", Location="http://169.254.169.254/latest")), Failed),
        Case("not HTTP", serve(greet), Retry),
        Case("nobody there", slack(f"http://127.0.0.1:{free_ports()}/{secret}"), Retry),
        Case("not TLS", slack(f"https://127.0.0.1:{free_ports()}/{secret}"), Retry),
    ]
    assert_channel_contract(cases, secrets=[secret, "services/T0"])


def test_an_error_code_is_told_and_other_text_is_not(serve: Callable[[Behaviour], Channel]) -> None:
    assert serve(answer(200, b"invalid_payload\n")).send(SAMPLE) == Failed("Slack refused the message: invalid_payload")
    assert serve(answer(404, b"no_service")).send(SAMPLE) == Failed("Slack answered 404: no_service")
    assert serve(answer(404, b"nothing at /services/T0")).send(SAMPLE) == Failed("Slack answered 404")
    assert serve(answer(200, b"<html>")).send(SAMPLE) == Failed("Slack refused the message")


def test_posts_block_kit_as_json(webhook: WebhookServer) -> None:
    assert slack(webhook.url).send(SAMPLE) == Delivered()
    (request,) = webhook.received
    assert request.headers["Content-Type"].startswith("application/json")
    body = json.loads(request.body)
    assert body["text"].startswith("Firing: checkout errors: error_rate is 31.2 %")
    assert [block["type"] for block in body["blocks"]] == [
        *("header", "section", "section", "rich_text", "rich_text", "rich_text", "actions", "context"),
    ]
    assert body["unfurl_links"] is False
    assert body["unfurl_media"] is False


def test_retry_after_is_honoured_and_bounded(webhook: WebhookServer) -> None:
    webhook.behaviour = answer(429, b"", Retry_After="30")
    assert slack(webhook.url).send(SAMPLE) == Retry(30.0, "Slack answered 429")
    now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    assert parse_retry_after("Mon, 05 Jan 2026 12:02:00 GMT", now) == 120
    assert parse_retry_after("Mon, 05 Jan 2026 11:00:00 GMT", now) == 0
    assert parse_retry_after("9" * 50, now) == 3600
    for nonsense in ("", "-1", "soon", "１２", "1e3", "Mon, 05 Jan 2026 12:02:00"):
        assert parse_retry_after(nonsense, now) is None


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every (type, text) in a payload."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value.get("type", "fallback"), value["text"]
            if value.get("type") in ("text", "link"):
                return
        for child in value.values():
            yield from texts(child)
    if isinstance(value, list):
        for child in value:
            yield from texts(child)


def test_hostile_text_stays_text_within_limits() -> None:
    body = payload(HOSTILE)
    found = list(texts(body))
    assert {kind for kind, _ in found} == {"plain_text", "fallback", "text"}, "never mrkdwn"
    assert all(len(text) <= 3000 for kind, text in found if kind == "text"), "which Slack shows as it is"
    for _, text in (each for each in found if each[0] != "text"):
        assert "<" not in text
        assert ">" not in text
        assert text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0
        assert len(text) <= 3000
    header = body["blocks"][0]["text"]["text"]
    assert len(header) <= 150
    assert len(body["blocks"]) <= 50
    assert len(json.dumps(body)) < 100_000
    assert not any(block["type"] == "actions" for block in body["blocks"]), "a link that is too long is left out"
    assert payload(replace(SAMPLE, kind=Kind.NO_DATA))["blocks"][0]["text"]["text"].startswith("⚪")


@pytest.fixture
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_S", 0.5)


@pytest.mark.usefixtures("_short_deadline")
def test_a_server_that_hangs_or_trickles_or_never_ends(webhook: WebhookServer) -> None:
    stop = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        stop.wait(30)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        while not stop.wait(0.05):
            request.wfile.write(b"o")

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not stop.is_set():
            request.wfile.write(b"x" * 65536)

    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"ok")
        request.close_connection = True

    webhook.behaviour = lambda request: _until_gone(behaviour, request)
    expected = {hang: "in time", trickle: "in time", endless: "larger than 65,536", cut: "IncompleteRead"}
    for behaviour, reason in expected.items():
        began = time.monotonic()
        result = slack(webhook.url).send(SAMPLE)
        assert isinstance(result, Retry), behaviour
        assert reason in result.reason
        assert time.monotonic() - began < 5
    stop.set()


def _until_gone(behaviour: Behaviour, request: BaseHTTPRequestHandler) -> None:
    try:
        behaviour(request)
    except (BrokenPipeError, ConnectionResetError):
        request.close_connection = True


def test_tls_with_a_trusted_and_an_unknown_certificate(certificate: Any, webhook: WebhookServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    assert webhook._server is not None
    webhook._server.socket = context.wrap_socket(webhook._server.socket, server_side=True)
    url = webhook.url.replace("http://127.0.0.1", "https://localhost")
    unknown = slack(url).send(SAMPLE)
    assert isinstance(unknown, Retry)
    assert "TLS certificate is not valid" in unknown.reason
    assert slack(url, ca_file=certificate.certificate).send(SAMPLE) == Delivered()
    assert len(webhook.received) == 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "set exactly one of url, url_env, url_file"),
        ({"url": "https://hooks.slack.com/SECRET", "url_env": "X"}, "set exactly one of"),
        ({"url": "https://hooks.slack.com/SECRET", "channel": "#x"}, "channel: Extra inputs are not permitted"),
        ({"url": ["SECRET"]}, "url: Input should be a valid string"),
        (
            {"type": "slak", "url": "SECRET"},
            "type 'slak' is unknown; allowed: email, heartbeat, pagerduty, slack, slack_bot",
        ),
        ({"type": None, "url": "SECRET"}, "needs a type; allowed: email, heartbeat, pagerduty, slack, slack_bot"),
    ],
)
def test_wrong_settings_are_named_without_their_values(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        parse_channel({"type": "slack"} | settings)
    assert "SECRET" not in str(caught.value)


def test_secrets_come_from_environment_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(**settings: Any) -> Channel:
        return create_channel("ops", parse_channel({"type": "slack", **settings}), allow_loopback=False)

    url = "https://hooks.slack.com/services/T0/B0/SECRET"
    file = tmp_path / "url"
    file.write_text(url + "\n")
    file.chmod(0o600)
    create(url_file=str(file))
    monkeypatch.setenv("SLACK_URL", url)
    create(url_env="SLACK_URL")
    monkeypatch.setenv("SLACK_URL", "  ")
    file.chmod(0o644)
    wrong = {
        "alerts.channels.ops: url_env: the environment variable SLACK_URL is not set": {"url_env": "SLACK_URL"},
        "can be read by every user of this machine; chmod 600": {"url_file": str(file)},
        "cannot be read: No such file": {"url_file": str(tmp_path / "gone")},
        "url: host 10.0.0.1 is not a public address": {"url": "https://10.0.0.1/SECRET"},
        "url: must be an https URL": {"url": "NO-URL-SECRET"},
        "url is empty or holds unprintable": {"url": "https://x.example/\x00SECRET"},
        "ca_file: .* cannot be used": {"url": url, "ca_file": str(tmp_path / "gone")},
    }
    for expected, settings in wrong.items():
        with pytest.raises(ConfigError, match=expected) as caught:
            create(**settings)
        assert "SECRET" not in str(caught.value)
