"""E-mail over SMTP, as plain text with an HTML alternative.

TLS (port 465), STARTTLS (587), or neither, the last only to a server on this machine. `Message-ID` is made of the
notification's id, so a mail that was sent twice after a crash is the same mail; one alert's mails share a thread.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from watchglass_alerts.channels.base import ChannelConfig, Delivered, Failed, Retry, SendResult
from watchglass_alerts.channels.mail_body import CHART_ID, render_html, render_text
from watchglass_alerts.channels.replies import explain_failure
from watchglass_alerts.deadline import deadline
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.message import Message
from watchglass_alerts.network import is_loopback_host
from watchglass_alerts.secret import read_secret
from watchglass_alerts.text import clean

TIMEOUT_S = 10.0
"""For each step of the conversation."""
DEADLINE_S = 20.0
"""For the whole conversation."""
_PORTS = {"tls": 465, "starttls": 587, "plain": 25}


_STEPS: dict[type, str] = {
    smtplib.SMTPConnectError: "the connection",
    smtplib.SMTPHeloError: "the greeting",
    smtplib.SMTPAuthenticationError: "the log-in",
}


def _address(text: str) -> str:
    local, _, domain = text.rpartition("@")
    forbidden = set('<>()[]\\,;:"@ ')
    if not local or not domain or not text.isascii() or not text.isprintable() or forbidden & set(local + domain):
        raise ValueError("must be one plain address, such as oncall@example.com")
    return text


Address = Annotated[str, Field(max_length=254), AfterValidator(_address)]


class EmailConfig(ChannelConfig):
    """Settings of an `email` channel."""

    type: Literal["email"] = Field(description="`email`.")
    host: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$", description="The SMTP server.")
    port: int | None = Field(None, ge=1, le=65535, description="Left out: 465 for tls, 587 for starttls, 25 for plain.")
    security: Literal["starttls", "tls", "plain"] = Field(
        "starttls", description="`starttls`, `tls`, or `plain`, which is allowed to a server on this machine only."
    )
    sender: Address = Field(description="The From address.")
    recipients: tuple[Address, ...] = Field(min_length=1, max_length=50, description="The To addresses.")
    username: str = Field("", max_length=200, description="Log in as this user. Left out: no log-in.")
    password: SecretStr | None = Field(None, description="The user's password. It is a secret: prefer the two below.")
    password_env: str = Field("", description="The environment variable that holds the password.")
    password_file: Path | None = Field(None, description="The file that holds it; not readable by everybody.")
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's, in PEM.")

    @model_validator(mode="after")
    def _safe(self) -> EmailConfig:
        if self.security == "plain" and not is_loopback_host(self.host):
            raise ValueError("security plain sends everything readable; it is allowed for a host on this machine only")
        given = sum((self.password is not None, bool(self.password_env), self.password_file is not None))
        if given != (1 if self.username else 0):
            raise ValueError("username goes with exactly one of password, password_env, password_file")
        return self


class _Client(smtplib.SMTP):
    """smtplib's client on a socket that is already connected, so that a deadline can cover the greeting too."""

    def __init__(self, host: str, stream: socket.socket) -> None:
        self._stream = stream
        super().__init__(host, local_hostname=socket.gethostname(), timeout=TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._stream


class EmailChannel:
    """Sends through one SMTP server, with a new connection for each mail."""

    Config = EmailConfig

    def __init__(self, config: EmailConfig, *, allow_loopback: bool) -> None:
        # A mail server is named by the configuration alone and usually lives inside the network, so the address rules
        # for webhooks do not apply to it and the switch has nothing to open.
        del allow_loopback
        self._config = config
        self._password = (
            read_secret("password", inline=config.password, env=config.password_env, file=config.password_file)
            if config.username
            else SecretStr("")
        )
        try:
            self._tls = ssl.create_default_context(cafile=config.ca_file)
        except OSError as error:
            raise ConfigError(f"ca_file: {config.ca_file} cannot be used: {error.strerror or error}") from None

    def send(self, message: Message) -> SendResult:
        """Send one mail; temporary (4xx) answers are tried again, permanent (5xx) ones are final.

        Where some recipients are accepted and some refused, the mail goes to the former and counts as delivered: trying
        again would send it to them twice. The refusals are recorded.
        """
        mail = render(message, self._config.sender, self._config.recipients)
        try:
            return self._converse(mail)
        except smtplib.SMTPNotSupportedError:
            return Retry(None, "the mail server does not offer STARTTLS, or not the log-in that is configured")
        except smtplib.SMTPResponseException as error:
            return _refused(_STEPS.get(type(error), "the mail"), error.smtp_code)
        except smtplib.SMTPServerDisconnected:
            return Retry(None, "the mail server closed the connection")
        except smtplib.SMTPException as error:
            return Failed(f"the mail server cannot be used: {type(error).__name__}")
        except OSError as error:
            return Retry(None, explain_failure(error))

    def _converse(self, mail: EmailMessage) -> SendResult:
        config = self._config
        raw = socket.create_connection((config.host, config.port or _PORTS[config.security]), timeout=TIMEOUT_S)
        with deadline(raw, DEADLINE_S), raw:
            stream = self._tls.wrap_socket(raw, server_hostname=config.host) if config.security == "tls" else raw
            with closing(_Client(config.host, stream)) as client:
                if config.security == "starttls":
                    client.starttls(context=self._tls)
                if config.username:
                    client.login(config.username, self._password.get_secret_value())
                return self._transmit(client, mail)

    def _transmit(self, client: smtplib.SMTP, mail: EmailMessage) -> SendResult:
        client.ehlo_or_helo_if_needed()
        code, _ = client.mail(self._config.sender)
        if code != 250:
            return _refused("the sender", code)
        answers = {recipient: client.rcpt(recipient)[0] for recipient in self._config.recipients}
        refused = {recipient: code for recipient, code in answers.items() if code not in (250, 251)}
        if len(refused) == len(answers):
            return _refused("every recipient", min(refused.values()))
        code, _ = client.data(mail.as_bytes(policy=SMTP))
        if code != 250:
            return _refused("the mail", code)
        with suppress(OSError):
            client.putcmd("quit")
        said = ", ".join(f"{recipient} ({code})" for recipient, code in refused.items())
        return Delivered(f"refused recipients: {said}" if refused else "")


def _refused(what: str, code: int) -> SendResult:
    reason = f"the mail server refused {what} with {code}"
    return Failed(reason) if 500 <= code < 600 else Retry(None, reason)


def render(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The mail for a message."""
    mail = EmailMessage()
    domain = sender.rpartition("@")[2]
    mail["Subject"] = clean(f"[{message.severity}] {message.title}", 200)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["References"] = f"<{message.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Watchglass-Notification"] = message.id
    mail.set_content(render_text(message), cte="quoted-printable")
    mail.add_alternative(render_html(message), subtype="html", cte="quoted-printable")
    if message.chart is not None:
        html = mail.get_body(("html",))
        assert isinstance(html, EmailMessage)
        html.add_related(message.chart.png(), "image", "png", cid=f"<{CHART_ID}>", filename="chart.png")
    return mail
