"""Where the demo's alerts arrive: a Slack-shaped webhook and an SMTP server, both on loopback."""

import json
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from watchglass_cli.supervisor import free_port

MAX_BODY = 1 << 20


class SlackInbox:
    """Accepts incoming-webhook posts and keeps them; GET shows them as plain text. A context manager."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        inbox = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                try:
                    message = json.loads(self.rfile.read(min(size, MAX_BODY)))
                except ValueError:
                    self._send(400, b"invalid_payload")
                    return
                inbox.append(message)
                self._send(200, b"ok")

            def do_GET(self) -> None:
                shown = "\n\n".join(json.dumps(message, indent=2, ensure_ascii=False) for message in inbox)
                self._send(200, (shown or "No message yet.").encode())

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet: the messages themselves are the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="slack-inbox", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/demo"

    def __enter__(self) -> "SlackInbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class SmtpInbox:
    """A real SMTP server that keeps what it accepts. A context manager."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.messages: list[EmailMessage] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        """Keep one message."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 Message accepted"

    def __enter__(self) -> "SmtpInbox":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
