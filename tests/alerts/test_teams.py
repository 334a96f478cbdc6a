"""The Teams channel against a real HTTP server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts.channels import Delivered, Failed, Retry
from watchglass_alerts.channels.teams import MAX_BYTES, TeamsChannel, TeamsConfig, render
from watchglass_alerts.testing import HOSTILE, SAMPLE, Behaviour, Case, WebhookServer, answer, assert_channel_contract


def teams(url: str) -> TeamsChannel:
    return TeamsChannel(TeamsConfig(type="teams", url=SecretStr(url)), allow_loopback=True)


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
    def served(status: int, body: bytes = b"", **headers: str) -> TeamsChannel:
        return teams(serve(answer(status, body, **headers)).url)

    relayed = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 SECRETPATH"
    cases = [
        Case("accepted", served(202), Delivered),
        Case("200", served(200, b"1"), Delivered),
        Case("429 behind 200", served(200, relayed), Retry),
        Case("429", served(429, b"", Retry_After="10"), Retry),
        Case("502", served(502), Retry),
        Case("413", served(413), Failed),
        Case("400", served(400, b"SECRETPATH"), Failed),
        Case("404", served(404, b'{"error":{"code":"WorkflowNotFound"}}'), Failed),
        Case("redirect", served(302, b"", Location="http://10.0.0.1/"), Failed),
        Case("nobody there", teams(f"http://127.0.0.1:{free_ports()}/SECRETPATH"), Retry),
    ]
    assert_channel_contract(cases, secrets=["SECRETPATH"])


def inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a card."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from inside(child)
    if isinstance(value, list):
        for child in value:
            yield from inside(child)


def test_posts_an_adaptive_card(serve: Callable[[Behaviour], WebhookServer]) -> None:
    server = serve(answer(202))
    assert teams(server.url).send(SAMPLE) == Delivered()
    (attachment,) = json.loads(server.received[0].body)["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    shown = "\n".join(each["text"] for each in inside(card) if each.get("type") == "TextRun")
    for needed in ("Firing: checkout errors", "31.2 %", "643 calls", "gpt-4o, timeout", "▁", "--for 2h", SAMPLE.id):
        assert needed in shown
    links = [each["url"] for each in inside(card) if each.get("type") == "Action.OpenUrl"]
    assert links == ["http://127.0.0.1:8501/trace?id=a1&span=b1", "http://127.0.0.1:8501/trace?id=a2&span=b2"] + [
        url for _, url in SAMPLE.links
    ]


def test_hostile_text_is_never_markdown_and_always_fits() -> None:
    body = render(HOSTILE)
    assert len(body) <= MAX_BYTES
    kinds = {each["type"] for each in inside(json.loads(body)) if "type" in each}
    assert kinds == {"message", "AdaptiveCard", "RichTextBlock", "TextRun"}, "no TextBlock, which reads Markdown"
    wide = replace(SAMPLE, notes=tuple((f"n{each}", "漢" * 2000) for each in range(10)))
    assert len(render(wide)) <= MAX_BYTES
    assert json.loads(render(wide))["attachments"][0]["content"]["actions"], "texts give way before the buttons do"
