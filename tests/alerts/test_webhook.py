"""The signed webhook against a real HTTP server, its signature checked by the code that docs/channels.md shows."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts.channels import Delivered, Failed, Retry, create_channel, parse_channel
from watchglass_alerts.channels.webhook import WebhookChannel, WebhookConfig, document, sign
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.testing import HOSTILE, SAMPLE, Behaviour, Case, WebhookServer, answer, assert_channel_contract

KEY = base64.b64encode(b"SECRETKEY" * 4).decode()
PAGE = (Path(__file__).parents[2] / "docs" / "channels.md").read_text()


def webhook(url: str, secret: str = KEY, now: float = 1_767_225_600.9) -> WebhookChannel:
    config = WebhookConfig(type="webhook", url=SecretStr(url), secret=SecretStr(secret))
    return WebhookChannel(config, allow_loopback=True, clock=lambda: now)


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
    cases = [
        Case("200", webhook(serve(answer(200, b"{}")).url), Delivered),
        Case("204", webhook(serve(answer(204)).url), Delivered),
        Case("400", webhook(serve(answer(400, b"SECRETPATH " + KEY.encode())).url), Failed),
        Case("401", webhook(serve(answer(401, b"invalid_signature")).url), Failed),
        Case("408", webhook(serve(answer(408)).url), Retry),
        Case("429", webhook(serve(answer(429, b"", Retry_After="5")).url), Retry),
        Case("502", webhook(serve(answer(502)).url), Retry),
        Case("redirect", webhook(serve(answer(307, b"", Location="http://10.0.0.1/")).url), Failed),
        Case("nobody there", webhook(f"http://127.0.0.1:{free_ports()}/SECRETPATH"), Retry),
    ]
    assert_channel_contract(cases, secrets=["SECRETPATH", KEY, "SECRETKEY"])


def test_the_documented_check_accepts_it_and_nothing_that_was_changed(
    serve: Callable[[Behaviour], WebhookServer],
) -> None:
    server = serve(answer(200))
    assert webhook(server.url, f"whsec_{KEY}").send(SAMPLE) == Delivered()
    (request,) = server.received
    headers = {name.lower(): value for name, value in request.headers.items()}
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    verify: Any = {}
    exec(example, verify)
    now = 1_767_225_600
    assert verify["is_genuine"](KEY, headers, request.body, now)
    assert not verify["is_genuine"](KEY, headers, request.body + b" ", now)
    assert not verify["is_genuine"](KEY, headers, request.body, now + 301), "it cannot be played again later"
    assert not verify["is_genuine"](KEY, headers | {"webhook-timestamp": str(now + 300)}, request.body, now + 301)
    assert not verify["is_genuine"](KEY, headers | {"webhook-id": "other"}, request.body, now)
    assert not verify["is_genuine"](base64.b64encode(b"x" * 32).decode(), headers, request.body, now)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks, in its libraries' tests."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_field_of_the_body_is_in_the_page() -> None:
    body = document(SAMPLE)
    assert body["version"] == 1
    assert (body["event"], body["value"], body["id"]) == ("firing", 0.312, SAMPLE.id)
    assert body["history"][-1] == 0.312
    assert body["examples"][0]["url"].startswith("http")
    section = PAGE.partition("## `webhook`")[2].partition("\n## ")[0]
    for name in (*body, "value_low", "value_high", "statistic", "op", "window_s", "slot", "since", "late"):
        assert f"`{name}`" in section, name


def test_a_body_is_bounded() -> None:
    assert len(json.dumps(document(HOSTILE))) < 1_000_000
    assert document(replace(SAMPLE, incident="", chart=None))["incident"] is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "set exactly one of secret, secret_env, secret_file"),
        ({"secret": "c2hvcnRTRUNSRVQ="}, "secret holds 11 bytes; 24 or more are needed"),
        ({"secret": "not base64 SECRET"}, "secret is not base64"),
        ({"secret_env": "NOT_SET"}, "secret_env: the environment variable NOT_SET is not set"),
    ],
)
def test_a_wrong_key_is_refused_without_being_told(settings: dict[str, Any], expected: str) -> None:
    whole = {"type": "webhook", "url": "https://hooks.example.com/SECRET"} | settings
    with pytest.raises((ValueError, ConfigError), match=expected) as caught:
        create_channel("x", parse_channel(whole), allow_loopback=False)
    assert "SECRET" not in str(caught.value)
