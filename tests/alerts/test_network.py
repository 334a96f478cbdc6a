from ipaddress import ip_address

import pytest

from watchglass_alerts.network import AddressRefusedError, check_url, is_public, resolve

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
