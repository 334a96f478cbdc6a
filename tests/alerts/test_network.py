from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address

import pytest

from watchglass_alerts.channels import BUILTIN, Channel, Failed, Retry, create_channel, parse_channel
from watchglass_alerts.channels.heartbeat import RULE
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.message import Message
from watchglass_alerts.network import AddressRefusedError, check_url, is_public, resolve
from watchglass_alerts.testing import SAMPLE, WebhookServer, answer

REFUSED = [
    *("https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://0.0.0.0/x", "https://[::]/x"),
    *("https://169.254.169.254/latest", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/"),
    *("https://100.64.0.1/", "https://[fd00::1]/", "https://[fe80::1]/", "https://224.0.0.1/", "https://240.0.0.1/"),
    *("https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://1.2.3/"),
    *(
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
    ),
    *("https://[::127.0.0.1]/", "https://[fec0::1]/", "https://168.63.129.16/", "https://127.0.0.1.:443/"),
    *("file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "javascript:alert(1)", "//example.com/", ""),
    *("https://user:pass@example.com/", "https://user@example.com/", "https://:pass@example.com/"),
    *("https://example.com:22/", "https://example.com:80/", "http://example.com:8080/", "https://example.com:99999/"),
    *("https://example.com./", "https://exämple.com/", "https://xn--exmple-cua.com/", "https://example..com/"),
    *("https://exa mple.com/", "https://example.com/a\r\nHost: x", "https://example.com\\@127.0.0.1/", "https:///x"),
    *(
        "https://0/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25eth0]/",
    ),
    *("https://[0:0:0:0:0:ffff:169.254.169.254]/", "https://[64:ff9b:1::1]/", "https://[2001:0:7f00:1::]/"),
    *("https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://example.com:0/", "https://example.com:-1/"),
    *(
        "https://127.0.0.1%00.example.com/",
        "https://example.com%2f@10.0.0.1/",
        "HTTPS://10.0.0.1/",
        "https://10.0.0.1./",
    ),
    *(
        "http://192.0.0.192/",
        "https://198.18.0.1/",
        "https://[3fff::1]/",
        "https://203.0.113.1/",
        "https://255.255.255.255/",
        "dict://x/",
    ),
    *("https://[::1", "https://%31%32%37.0.0.1/", "https://example.com#@127.0.0.1:22/".replace("#", "%23")),
]


@pytest.mark.parametrize("url", REFUSED)
def test_refuses(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url", [url for url in REFUSED if "//127.0.0.1/" not in url and "localhost" not in url and "[::1]" not in url]
)
def test_the_loopback_switch_opens_nothing_else(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(url, allow_loopback=True)


def test_takes_a_webhook_apart_and_hides_its_path() -> None:
    target = check_url("https://hooks.slack.com/services/T0/B0/XYZ?a=b", allow_loopback=False)
    assert (target.host, target.port, target.path) == ("hooks.slack.com", 443, "/services/T0/B0/XYZ?a=b")
    assert "XYZ" not in repr(target)


def test_loopback_on_any_port_with_the_switch() -> None:
    for url in ("http://127.0.0.1:8080/x", "http://localhost:8080/x", "http://[::1]:8080/x"):
        assert check_url(url, allow_loopback=True).port == 8080


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "1.1.1.1"])
def test_public(text: str) -> None:
    assert is_public(ip_address(text))


def test_a_name_that_leads_inside_is_refused_at_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the name passed the check of the configuration, and resolves to something else now."""
    answers = [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answers)
    target = check_url("https://hooks.example.com/x", allow_loopback=False)
    with pytest.raises(AddressRefusedError, match=r"hooks\.example\.com leads to an address that is not public"):
        resolve(target, allow_loopback=False)
    answers.pop()
    assert resolve(target, allow_loopback=False) == "8.8.8.8"


def test_the_switch_does_not_let_a_public_name_lead_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 443))])
    target = check_url("https://hooks.example.com/x", allow_loopback=True)
    with pytest.raises(AddressRefusedError):
        resolve(target, allow_loopback=True)


URL_CHANNELS: dict[str, tuple[str, dict[str, str]]] = {
    "slack": ("url", {}),
    "slack_bot": ("api_url", {"channel": "C1", "token": "x"}),
    "webhook": ("url", {"secret": "c2VjcmV0" * 4}),
    "pagerduty": ("events_url", {"routing_key": "x"}),
    "teams": ("url", {}),
    "heartbeat": ("url", {}),
}


def channel_to(type: str, url: str, *, allow_loopback: bool = False) -> Channel:
    key, settings = URL_CHANNELS[type]
    return create_channel("c", parse_channel({"type": type, key: url, **settings}), allow_loopback=allow_loopback)


def beat(type: str) -> Message:
    """A message that every channel would pass on."""
    data = {"rule": RULE, "slot": datetime.now(UTC).isoformat()}
    return replace(SAMPLE, data=data) if type == "heartbeat" else SAMPLE


def test_every_channel_with_a_url_is_in_these_tests() -> None:
    assert set(URL_CHANNELS) == set(BUILTIN) - {"email"}, "a mail server lives inside the network"


@pytest.mark.parametrize("type", URL_CHANNELS)
def test_no_channel_starts_with_an_address_inside(type: str) -> None:
    for url in ("https://127.0.0.1/", "https://10.0.0.1/x", "https://2130706433/", "https://example.com:22/"):
        with pytest.raises((ConfigError, ValueError)):
            channel_to(type, url)


@pytest.mark.parametrize("type", URL_CHANNELS)
def test_no_channel_follows_a_name_that_has_moved_inside(type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public when the settings were read, the metadata service when it connects."""
    channel = channel_to(type, "https://hooks.example.com/x")
    connected: list[object] = []
    answers = [(2, 1, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answers)
    monkeypatch.setattr("socket.create_connection", lambda *arguments, **_: connected.append(arguments))
    result = channel.send(beat(type))
    assert result == Failed("host hooks.example.com leads to an address that is not public")
    assert connected == []


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that answers differently the second time is not asked a second time."""
    asked: list[str] = []
    connected: list[tuple[str, int]] = []

    def resolver(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(2, 1, 6, "", ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", 443))]

    def connect(address: tuple[str, int], **_: object) -> None:
        connected.append(address)
        raise ConnectionRefusedError

    channel = channel_to("slack", "https://hooks.example.com/x")
    monkeypatch.setattr("socket.getaddrinfo", resolver)
    monkeypatch.setattr("socket.create_connection", connect)
    assert isinstance(channel.send(SAMPLE), Retry)
    assert (asked, connected) == (["hooks.example.com"], [("8.8.8.8", 443)])


@pytest.mark.parametrize("type", URL_CHANNELS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_channel_follows_a_redirect_nor_a_proxy(
    type: str, status: int, monkeypatch: pytest.MonkeyPatch, free_ports: Callable[[], int]
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_ports()}")
    with WebhookServer() as inside, WebhookServer(answer(status, b"", Location="")) as server:
        server.behaviour = answer(status, b"", Location=inside.url)
        result = channel_to(type, server.url, allow_loopback=True).send(beat(type))
        assert isinstance(result, Failed)
        assert "redirects are not followed" in result.reason
        assert (len(server.received), len(inside.received)) == (1, 0)


@pytest.mark.parametrize("type", URL_CHANNELS)
def test_ten_gigabytes_are_cut_at_64_kilobytes(type: str) -> None:
    sent = 0

    def flood(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.send_header("Content-Length", str(10 * 1024**3))
        request.end_headers()
        try:
            while True:
                sent += request.wfile.write(b"x" * 65_536)
        except OSError:
            request.close_connection = True

    with WebhookServer(flood) as server:
        result = channel_to(type, server.url, allow_loopback=True).send(beat(type))
    assert result == Retry(None, "connection failed: the reply is larger than 65,536 bytes")
    assert sent < 50 * 1024**2, "what the sockets hold, and no more"
