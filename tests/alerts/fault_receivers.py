"""Receivers that fail as their seed says: a chat over TLS, a signed webhook, one in good health, and a mail server."""

import json
import random
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from watchglass_alerts.testing import WebhookServer, answer

PASSING = ("429", "500", "503")
LOST = ("cut", "hang")
"""The receiver takes the message, and its answer never arrives."""


@dataclass
class Plan:
    """What a receiver does with each attempt at each notification, and what it got."""

    seed: int
    is_well: bool = False
    lost: tuple[str, ...] = LOST
    counts: Counter[str] = field(default_factory=Counter)
    taken: list[str] = field(default_factory=list)
    """Ids of notifications, as they arrived."""
    refused: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """Ids that may come twice: an answer or a record was lost, once."""
    _faults: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, id: str) -> str:
        """The fault for this attempt, 'ok', or 'never'."""
        with self._lock:
            if id not in self._faults:
                self._faults[id] = [] if self.is_well else self._draw(id)
            fault = self._faults[id].pop(0) if self._faults[id] else "ok"
            self.counts[fault] += 1
            if fault == "never":
                self.refused.add(id)
                self._faults[id] = ["never"]
            if fault in self.lost:
                self.doubtful.add(id)
            if fault in ("ok", *self.lost):
                self.taken.append(id)
            return fault

    def _draw(self, id: str) -> list[str]:
        dice = random.Random(f"{self.seed} {id}")
        faults = dice.choices(PASSING, k=dice.choice((0, 0, 1, 2)))
        chance = dice.random()
        if chance < 0.15 and id not in self.doubtful:
            return [*faults, dice.choices(self.lost, (6, 1)[: len(self.lost)])[0]]
        return [*faults, "never"] if chance > 0.92 else faults


def respond(plan: Plan, server: WebhookServer, id_of: Callable[[Any], str]) -> Callable[[BaseHTTPRequestHandler], None]:
    """How an HTTP receiver follows its plan."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        match plan.next(id_of(json.loads(server.received[-1].body))):
            case "429":
                answer(429, b"rate_limited", Retry_After="30")(request)
            case "cut":
                request.send_response(200)
                request.send_header("Content-Length", "2")
                request.end_headers()
                request.close_connection = True
            case "hang":
                threading.Event().wait(4)
                request.close_connection = True
            case "never":
                answer(400, b"invalid_payload")(request)
            case "ok":
                answer(200, b"ok")(request)
            case status:
                answer(int(status))(request)

    return behave


def of_slack(body: Any) -> str:
    """The notification's id, at the end of a Slack message's last line."""
    return str(body["blocks"][-1]["elements"][0]["text"].rpartition(" ")[2])


def of_webhook(body: Any) -> str:
    """The notification's id in a webhook's body."""
    return str(body["id"])


class Tls:
    """A server's certificate, which handshakes fail with while `is_broken`."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.is_broken = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.sni_callback = self._shake

    def _shake(self, stream: Any, name: Any, context: Any) -> Any:
        return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR if self.is_broken else None


class Mailbox:
    """Refuses one address for good, greylists the first attempts at the other, then follows the plan."""

    GONE = "gone@example.com"

    def __init__(self, plan: Plan, port: int) -> None:
        self._plan = plan
        self._greylisted = random.Random(plan.seed).randrange(3)
        self._controller = Controller(self, hostname="127.0.0.1", port=port)
        self.is_up = False

    def open(self) -> None:
        """Listen; until then connections are refused."""
        if not self.is_up:
            self._controller.start()
            self.is_up = True

    def close(self) -> None:
        """Stop listening."""
        if self.is_up:
            self._controller.stop()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address == self.GONE:
            return "550 no such user"
        if self._greylisted:
            self._greylisted -= 1
            self._plan.counts["greylisted"] += 1
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        fault = self._plan.next(str(message_from_bytes(envelope.content)["X-Watchglass-Notification"]))
        if fault in self._plan.lost:
            assert server.transport is not None
            server.transport.abort()
        return {"ok": "250 OK", "never": "554 no"}.get(fault, "451 later")
