"""The e-mail channel against a real SMTP server."""

import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from watchglass_alerts.channels import Delivered, Failed, Retry, create_channel, email, parse_channel
from watchglass_alerts.channels.email import EmailChannel, EmailConfig, render
from watchglass_alerts.channels.mail_body import CHART_ID, render_html, render_text
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.testing import HOSTILE, SAMPLE, Case, assert_channel_contract


class Inbox:
    """Keeps mail, or answers a step of the conversation as told."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        answer = self.answers.get(address) or self.answers.get("RCPT", "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.envelopes.append(envelope)
        if self.answers.get("DATA") == "drop":
            assert server.transport is not None
            server.transport.abort()
        return self.answers.get("DATA", "250 OK")


@pytest.fixture(autouse=True)
def _quiet_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own log repeats what it was told to say, passwords included."""
    monkeypatch.setattr(logging.getLogger("mail.log"), "disabled", True)


Serve = Callable[..., EmailChannel]


@pytest.fixture
def serve(free_ports: Callable[[], int]) -> Iterator[Serve]:
    """serve(inbox, server=…, **settings) -> a channel to a server with that inbox."""
    controllers: list[Controller] = []

    def start(inbox: Inbox, *, server: dict[str, Any] | None = None, **settings: Any) -> EmailChannel:
        controller = Controller(inbox, hostname="127.0.0.1", port=free_ports(), **(server or {}))
        controller.start()
        controllers.append(controller)
        return mailer(controller.port, **settings)

    yield start
    for controller in controllers:
        controller.stop()


def mailer(port: int, **settings: Any) -> EmailChannel:
    defaults = {
        "type": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "plain",
        "sender": "watchglass@example.com",
        "recipients": ["oncall@example.com"],
    }
    return EmailChannel(EmailConfig.model_validate(defaults | settings), allow_loopback=True)


def only_user(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"user", b"RIGHTPASS"), handled=False)


AUTH: dict[str, Any] = {"authenticator": only_user, "auth_required": True, "auth_require_tls": False}


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


def test_contract(serve: Serve, free_ports: Callable[[], int]) -> None:
    login = {"username": "user", "password": SecretStr("RIGHTPASS")}
    cases = [
        Case("accepted", serve(Inbox(), server=AUTH, **login), Delivered),
        Case("greylisted", serve(Inbox(RCPT="451 try later")), Retry),
        Case("full", serve(Inbox(DATA="452 no space")), Retry),
        Case("unknown recipient", serve(Inbox(RCPT="550 no such user")), Failed),
        Case("sender refused", serve(Inbox(MAIL="553 not you")), Failed),
        Case("spam", serve(Inbox(DATA="554 PASSWORD looks like spam")), Failed),
        Case("wrong password", serve(Inbox(), server=AUTH, username="user", password=SecretStr("WRONGPASS")), Failed),
        Case("no STARTTLS", serve(Inbox(), security="starttls"), Retry),
        Case("dropped after DATA", serve(Inbox(DATA="drop")), Retry),
        Case("nobody there", mailer(free_ports()), Retry),
        Case("unknown host", mailer(25, host="mail.invalid", security="starttls"), Retry),
    ]
    assert_channel_contract(cases, secrets=["RIGHTPASS", "WRONGPASS"])


def test_the_mail(serve: Serve) -> None:
    inbox = Inbox()
    assert serve(inbox, recipients=["a@example.com", "b@example.com"]).send(SAMPLE) == Delivered()
    (mail,) = inbox.mails
    assert mail["Subject"] == "[critical] Firing: checkout errors"
    assert (mail["From"], mail["To"]) == ("watchglass@example.com", "a@example.com, b@example.com")
    assert mail["Message-ID"] == f"<{SAMPLE.id}@example.com>"
    assert mail["References"] == f"<{SAMPLE.thread}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert inbox.envelopes[0].rcpt_tos == ["a@example.com", "b@example.com"]
    text, related = mail.iter_parts()
    assert isinstance(related, EmailMessage)
    html, chart = related.iter_parts()
    assert (chart.get_content_type(), chart["Content-ID"]) == ("image/png", f"<{CHART_ID}>")
    assert chart.get_content().startswith(b"\x89PNG")
    assert f'src="cid:{CHART_ID}"' in html.get_content()
    assert text.get_content().splitlines() == render_text(SAMPLE).splitlines()
    assert html.get_content().strip() == render_html(SAMPLE).strip()
    for needed in ("31.2 %", "27.7 % to 34.9 %", "643 calls", "> 20 %", "checkout", "--for 2h", "runbooks.example"):
        assert needed in render_text(SAMPLE)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_tls_with_a_trusted_and_an_unknown_certificate(serve: Serve, certificate: Any, security: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server: dict[str, Any] = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
    server |= {"authenticator": only_user, "auth_required": True}
    inbox = Inbox()
    settings = {"security": security, "username": "user", "password": SecretStr("RIGHTPASS")}
    if security == "tls":
        server |= {"ssl_context": context, "auth_require_tls": False}
    trusted = serve(inbox, server=server, ca_file=certificate.certificate, **settings)
    assert trusted.send(SAMPLE) == Delivered()
    unknown = mailer(trusted._config.port or 0, **settings).send(SAMPLE)
    assert isinstance(unknown, Retry)
    assert "TLS certificate is not valid" in unknown.reason
    assert len(inbox.mails) == 1


def test_a_recipient_that_is_refused_does_not_keep_it_from_the_others(serve: Serve) -> None:
    inbox = Inbox(**{"gone@example.com": "550 no such user", "full@example.com": "452 full"})
    channel = serve(inbox, recipients=["gone@example.com", "a@example.com", "full@example.com"])
    assert channel.send(SAMPLE) == Delivered("refused recipients: gone@example.com (550), full@example.com (452)")
    assert inbox.envelopes[0].rcpt_tos == ["a@example.com"]
    some_later = serve(inbox, recipients=["gone@example.com", "full@example.com"]).send(SAMPLE)
    assert some_later == Retry(None, "the mail server refused every recipient with 452")


def test_hostile_text_adds_no_header_no_recipient_and_no_markup(serve: Serve) -> None:
    inbox = Inbox()
    assert serve(inbox).send(HOSTILE) == Delivered()
    (mail,) = inbox.mails
    ours = {"Subject", "From", "To", "Date", "Message-ID", "References", "Auto-Submitted", "X-Watchglass-Notification"}
    assert set(mail.keys()) == ours | {"MIME-Version", "Content-Type"}
    assert mail["To"] == "oncall@example.com"
    assert len(mail["Subject"]) <= 200
    assert inbox.envelopes[0].rcpt_tos == ["oncall@example.com"]
    content = inbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert b"\x00" not in content
    bodies = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    assert len(bodies) == 2
    assert not any("\x00" in body for body in bodies)
    assert max(len(line) for line in content.splitlines()) <= 998
    tags = Tags()
    tags.feed(render_html(HOSTILE))
    layout = {"html", "head", "meta", "body", "table", "tr", "td", "img"}
    assert tags.found <= layout | {"p", "b", "br", "a", "code", "ol", "li", "span"}
    ours = {"https://example.com/" + "u" * 10_000, "https://example.com/?" + "u" * 10_000, f"cid:{CHART_ID}"}
    assert tags.links == ours, "nothing is loaded from anywhere"


class Tags(HTMLParser):
    """Collects the tags and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}


def test_a_server_that_says_nothing_or_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "DEADLINE_S", 0.4)
    stop = threading.Event()

    def trickle(listener: socket.socket) -> None:
        while not stop.is_set():
            connection, _ = listener.accept()
            with connection:
                while not stop.wait(0.02):
                    try:
                        connection.send(b"2")
                    except OSError:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,), daemon=True)
        thread.start()
        result = mailer(listener.getsockname()[1]).send(SAMPLE)
        stop.set()
        thread.join(5)
    assert result == Retry(None, "no complete reply in time")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"security": "plain", "host": "mail.example.com"}, "allowed for a host on this machine only"),
        ({"sender": "a@example.com\r\nBcc: x@example.com"}, "sender: must be one plain address"),
        ({"recipients": ["a@example.com, b@example.com"]}, r"recipients\.0: must be one plain address"),
        ({"recipients": ["Ops <a@example.com>"]}, r"recipients\.0: must be one plain address"),
        ({"recipients": []}, "recipients"),
        ({"username": "user"}, "username goes with exactly one of"),
        ({"password": "RIGHTPASS"}, "username goes with exactly one of"),
        ({"host": "mail.example.com\r\nx"}, "host"),
        ({"port": 0}, "port"),
    ],
)
def test_wrong_settings_are_named_without_their_values(settings: dict[str, Any], expected: str) -> None:
    good = {"type": "email", "host": "127.0.0.1", "security": "plain", "sender": "w@example.com"}
    with pytest.raises(ValueError, match=expected) as caught:
        parse_channel(good | {"recipients": ["a@example.com"]} | settings)
    assert "RIGHTPASS" not in str(caught.value)


def test_a_missing_password_stops_the_start() -> None:
    config = parse_channel(
        {
            "type": "email",
            "host": "mail.example.com",
            "sender": "w@example.com",
            "recipients": ["a@example.com"],
            "username": "user",
            "password_env": "NO_SUCH_VARIABLE",
        }
    )
    with pytest.raises(ConfigError, match=r"alerts\.channels\.mail: password_env: .* NO_SUCH_VARIABLE is not set"):
        create_channel("mail", config, allow_loopback=False)


def test_a_repeated_notification_is_the_same_mail() -> None:
    first, second = (render(SAMPLE, "w@example.com", ("a@example.com",)) for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.com>", first["Message-ID"])
