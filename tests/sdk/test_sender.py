"""One request and what its answer means, over real HTTP."""

from __future__ import annotations

import dataclasses
import email.utils
import socket
import ssl
import threading
from pathlib import Path

import pytest

from watchglass._internal import settings
from watchglass._internal.sender import Sender, Verdict, retry_after_s

from .conftest import Answer, Sink


def sender(url: str, **more: object) -> Sender:
    return Sender(dataclasses.replace(settings.resolve({"endpoint": url}, {}), **more), "/v1/traces")  # type: ignore[arg-type]  # names are checked at run time


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "sent"), (202, "sent"), (301, "refused"), (307, "refused"), (400, "refused"), (401, "refused"),
     (413, "refused"), (429, "retry"), (500, "refused"), (501, "refused"), (502, "retry"), (503, "retry"),
     (504, "retry")],
)  # fmt: skip
def test_the_status_decides(sink: Sink, status: int, outcome: str) -> None:
    sink.answers.append(Answer(status, {"Location": sink.url}))
    assert sender(sink.url).post(b"").outcome == outcome
    assert len(sink.requests) == 1


def test_the_answer_and_retry_after_are_read(sink: Sink) -> None:
    sink.answers.extend([Answer(body=b"abc"), Answer(503, {"Retry-After": "7"})])
    assert sender(sink.url).post(b"") == Verdict("sent", answer=b"abc")
    assert sender(sink.url).post(b"") == Verdict("retry", "HTTP 503", 7.0)


def test_compression_can_be_turned_off(sink: Sink) -> None:
    sender(sink.url, compression="none").post(b"")
    assert "Content-Encoding" not in sink.requests[0].headers


def test_a_lost_connection_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert sender(f"http://127.0.0.1:{port}").post(b"") == Verdict("retry", "ConnectionRefusedError")
    assert sender("http://name.invalid").post(b"").outcome == "retry"


def test_a_server_that_says_nothing_costs_the_timeout_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert sender(url, timeout_s=0.1).post(b"") == Verdict("retry", "TimeoutError")
        assert sender(url).post(b"", timeout_s=0.1) == Verdict("retry", "TimeoutError")


def test_a_server_that_talks_nonsense_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"hello\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert sender(f"http://127.0.0.1:{listener.getsockname()[1]}").post(b"").outcome == "retry"
        thread.join()


def test_bad_certificate_settings_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.pem").write_text("nonsense", "utf-8")
    sender("https://127.0.0.1:1", certificate=str(tmp_path / "bad.pem"))
    sender("https://127.0.0.1:1", client_certificate=str(tmp_path / "missing.pem"))
    assert caplog.text.count("TLS certificate settings") == 2


def test_an_untrusted_certificate_is_not_accepted(tmp_path: Path) -> None:
    """A plain-text server behind https:// is the cheapest wrong one; it must not count as sent."""
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
    sink = Sink()
    try:
        assert sender(sink.url.replace("http:", "https:")).post(b"").outcome == "retry"
    finally:
        sink.close()


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("", None), ("5", 5.0), ("-5", None), ("soon", None),
     (email.utils.formatdate(1_000_030, usegmt=True), 30.0), (email.utils.formatdate(999_000, usegmt=True), 0.0)],
)  # fmt: skip
def test_retry_after(header: str | None, expected: float | None) -> None:
    assert retry_after_s(header, 1_000_000) == expected
