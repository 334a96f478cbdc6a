"""For whoever writes a channel: a scripted HTTP server, sample messages, and the contract every channel keeps."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from watchglass_alerts.channels import Channel, Delivered, Failed, Retry, SendResult
from watchglass_alerts.chart import Chart
from watchglass_alerts.message import Kind, Message

SAMPLE = Message(
    id="11111111-1111-5111-8111-111111111111",
    thread="22222222-2222-5222-8222-222222222222",
    kind=Kind.FIRING,
    title="Firing: checkout errors",
    severity="critical",
    headline="error_rate is 31.2 % (95 % interval 27.7 % to 34.9 %, 643 calls); fires at > 20 %.",
    reason="31.2 % is > 20 % for 5m",
    facts=(("Rule", "checkout errors"), ("Severity", "critical"), ("Since", "2026-01-01 00:00:00 UTC")),
    where=(("service_name", "checkout"), ("model", "gpt-4o")),
    notes=(("summary", "One call in three fails."),),
    links=(("Dashboard", "http://127.0.0.1:8501/traces?model=gpt-4o"), ("Runbook", "https://runbooks.example/errors")),
    silence="watchglass alerts silence 'rule=checkout errors' --for 2h",
    incident="22222222-2222-5222-8222-222222222222/1767225600",
    chart=Chart(
        (0.012, 0.018, 0.009, None, 0.021, 0.016, 0.034, 0.121, 0.243, 0.312),
        0.2,
        is_bad_above=True,
        caption="last 10 values, every 1m: 0.9 % to 31.2 %, line at 20 %",
    ),
    examples=(
        ("00:00:41 gpt-4o, timeout", "http://127.0.0.1:8501/trace?id=a1&span=b1", ""),
        ("00:00:39 gpt-4o, rate_limit", "http://127.0.0.1:8501/trace?id=a2&span=b2", "Where is my order? → "),
    ),
    data={"rule": "checkout errors", "metric": "error_rate", "value": 0.312, "sample_size": 643, "threshold": 0.2},
)
"""A message as the engine makes them."""

_NASTY = "<!channel> <@U1> <https://evil.example|bank> `x` & <b>bold</b> \r\nBcc: x@evil.example\r\n\r\n\x00\u202e"
HOSTILE = replace(
    SAMPLE,
    kind=Kind.RESOLVED,
    title=_NASTY + "t" * 10_000,
    severity=_NASTY,
    headline=_NASTY + "&" * 50_000,
    reason=_NASTY,
    facts=tuple((_NASTY, _NASTY + "f" * 5_000) for _ in range(50)),
    where=((_NASTY, _NASTY),),
    notes=tuple((_NASTY, _NASTY + "n" * 5_000) for _ in range(50)),
    links=(("x", "https://example.com/" + "u" * 10_000),),
    silence=_NASTY,
    chart=Chart((None, -1e300, 1e300), 0.0, is_bad_above=False, caption=_NASTY + "c" * 5_000),
    examples=tuple(
        (_NASTY + "e" * 5_000, "https://example.com/?" + "u" * 10_000, _NASTY + "p" * 5_000) for _ in range(3)
    ),
    reply_to=_NASTY,
)
"""A message worse than any the engine makes: markup, mentions, line breaks, NUL, and everything far too long."""


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour of the other side, and what `send` must answer."""

    name: str
    channel: Channel
    """Connected to a real server, or to nothing, that behaves this way."""
    expected: type[SendResult]


def assert_channel_contract(cases: Sequence[Case], *, secrets: Sequence[str]) -> None:
    """Check that a channel answers, never raises, is bounded, and tells no secret.

    Args:
        cases: as a rule success, refusal, 'try again', and nobody there.
        secrets: texts that must appear in no reason, repr or log line.

    Raises:
        AssertionError: it does not keep the contract; says which case.
    """
    with _captured_logs() as lines:
        for case in cases:
            for message in (SAMPLE, *(replace(SAMPLE, kind=kind) for kind in Kind), HOSTILE):
                result = case.channel.send(message)
                assert isinstance(result, case.expected), f"{case.name}: {result!r}, not {case.expected.__name__}"
                reason = result.detail if isinstance(result, Delivered) else result.reason
                assert len(reason) <= 500, f"{case.name}: the reason has {len(reason)} characters"
                assert reason.isprintable(), f"{case.name}: the reason {reason!r} is not one printable line"
                assert reason or isinstance(result, Delivered), f"{case.name}: no reason"
                assert not isinstance(result, Retry) or result.after_s is None or 0 <= result.after_s <= 3600, case.name
                said = f"{result!r} {case.channel!r}"
                leaked = [secret for secret in secrets if secret in said]
                assert not leaked, f"{case.name}: a secret is in the result"
        leaked = [line for line in lines if any(secret in line for secret in secrets)]
        assert not leaked, "a secret is in the log"
    answers = {case.expected for case in cases}
    assert {Delivered, Retry, Failed} <= answers, "the cases must cover Delivered, Retry and Failed"


@contextmanager
def _captured_logs() -> Iterator[list[str]]:
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Collect()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


Behaviour = Callable[[BaseHTTPRequestHandler], None]
"""Answers one request, well or badly."""


@dataclass(slots=True)
class Received:
    """One request that a `WebhookServer` got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class WebhookServer:
    """A real HTTP server on 127.0.0.1 that answers as told. A context manager."""

    behaviour: Behaviour = field(default_factory=lambda: answer(200, b"ok"))
    received: list[Received] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    """Speak https with these certificates."""
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, with a path that is a secret."""
        assert self._server is not None, "use it as a context manager"
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}/services/T0/B0/SECRETPATH"

    def __enter__(self) -> WebhookServer:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.received.append(Received(self.path, dict(self.headers.items()), body))
                owner.behaviour(self)

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """A complete reply; header names take underscores for hyphens."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return behave
