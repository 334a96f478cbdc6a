"""The PagerDuty channel against a real HTTP server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts.channels import Delivered, Failed, Retry, parse_channel
from watchglass_alerts.channels.pagerduty import PagerDutyChannel, PagerDutyConfig, event
from watchglass_alerts.message import Kind
from watchglass_alerts.testing import HOSTILE, SAMPLE, Behaviour, Case, WebhookServer, answer, assert_channel_contract

KEY = "0123456789abcdefSECRETKEY"


def pagerduty(url: str) -> PagerDutyChannel:
    config = PagerDutyConfig(type="pagerduty", routing_key=SecretStr(KEY), events_url=url)
    return PagerDutyChannel(config, allow_loopback=True)


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], WebhookServer]]:
    servers: list[WebhookServer] = []

    def start(behaviour: Behaviour) -> WebhookServer:
        servers.append(WebhookServer(behaviour).__enter__())
        return servers[-1]

    yield start
    for each in servers:
        each.__exit__()


def test_contract(serve: Callable[[Behaviour], WebhookServer], free_ports: Callable[[], int]) -> None:
    def served(status: int, body: bytes = b"", **headers: str) -> PagerDutyChannel:
        return pagerduty(serve(answer(status, body, **headers)).url)

    cases = [
        Case("accepted", served(202, b'{"status":"success"}'), Delivered),
        Case("invalid event", served(400, f'{{"errors":["routing_key {KEY}"]}}'.encode()), Failed),
        Case("echo", served(400, KEY.lower().encode()), Failed),
        Case("429", served(429, b"", Retry_After="60"), Retry),
        Case("500", served(500), Retry),
        Case("redirect", served(301, b"", Location="http://10.0.0.1/"), Failed),
        Case("nobody there", pagerduty(f"http://127.0.0.1:{free_ports()}/"), Retry),
    ]
    assert_channel_contract(cases, secrets=[KEY, KEY.lower(), "SECRETKEY"])


def test_an_alert_triggers_and_its_end_resolves_the_same_incident(
    serve: Callable[[Behaviour], WebhookServer],
) -> None:
    server = serve(answer(202))
    for kind in (Kind.FIRING, Kind.RESOLVED):
        assert pagerduty(server.url).send(replace(SAMPLE, kind=kind)) == Delivered()
    first, last = (json.loads(request.body) for request in server.received)
    assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"] == SAMPLE.thread
    assert first["routing_key"] == KEY
    shown = first["payload"]
    assert shown["summary"].startswith("Firing: checkout errors: error_rate is 31.2 %")
    assert (shown["source"], shown["severity"], shown["component"]) == ("checkout", "critical", "gpt-4o")
    assert shown["custom_details"]["Chart"].startswith("▁")
    assert first["client_url"].startswith("http://127.0.0.1:8501/traces")
    assert [link["text"] for link in first["links"]][-1] == "00:00:39 gpt-4o, rate_limit"


@pytest.mark.parametrize(
    ("severity", "expected"), [("critical", "critical"), ("warning", "warning"), ("info", "info"), ("odd", "error")]
)
def test_severities(severity: str, expected: str) -> None:
    assert event(replace(SAMPLE, severity=severity))["payload"]["severity"] == expected


def test_an_event_is_bounded() -> None:
    made = event(HOSTILE)
    assert len(json.dumps(made)) < 512_000
    assert len(made["payload"]["summary"]) <= 1024
    assert len(made["dedup_key"]) <= 255
    assert made["links"] == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "set exactly one of routing_key, routing_key_env, routing_key_file"),
        ({"routing_key": "SECRET", "events_url": "x"}, "events_url: events_url: 'x' must be an http or https link"),
    ],
)
def test_wrong_settings_are_named_without_their_values(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        parse_channel({"type": "pagerduty"} | settings)
    assert "SECRET" not in str(caught.value)
