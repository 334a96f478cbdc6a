"""A scripted model behind the OpenAI wire format, on loopback: what the demo's application talks to."""

import json
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from watchglass_cli.demo.script import BAD_PROMPT, RUDE_ANSWERS, faq_for

GOOD_DELAY_S = (0.05, 0.12)
BAD_DELAY_S = (0.9, 1.6)
ERROR_SHARE = 0.02
"""One question in fifty is answered 500, as real providers do."""


def reply(messages: list[dict[str, Any]], turn: int) -> tuple[str, float]:
    """The answer and how long to wait before it, in seconds; the same conversation and turn give the same reply."""
    prompt = str(messages[-1].get("content", ""))
    luck = zlib.crc32(f"{prompt}{turn}".encode()) / 2**32
    bad = any(message.get("content") == BAD_PROMPT for message in messages)
    low, high = BAD_DELAY_S if bad else GOOD_DELAY_S
    if bad:
        return RUDE_ANSWERS[turn % len(RUDE_ANSWERS)], low + luck * (high - low)
    faq = faq_for(prompt)
    answer = faq.answer if faq else "I could not find that in the documents. Shall I connect you with a colleague?"
    return answer, low + luck * (high - low)


class ScriptedModel:
    """POST /v1/chat/completions; use as a context manager. `base_url` is what an OpenAI client wants."""

    def __init__(self) -> None:
        turns = _Counter()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                turn = turns.next()
                if turn % round(1 / ERROR_SHARE) == round(1 / ERROR_SHARE) - 1:
                    self._send(500, {"error": {"message": "The server had an error", "type": "server_error"}})
                    return
                text, wait_s = reply(request["messages"], turn)
                time.sleep(wait_s)
                self._send(200, completion(request, text, turn))

            def _send(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """One line per request would bury the demo's own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted-model", daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "ScriptedModel":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def completion(request: dict[str, Any], text: str, turn: int) -> dict[str, Any]:
    """A chat completion as OpenAI sends it; tokens are counted at four characters each."""
    prompt_tokens = sum(len(str(message.get("content", ""))) for message in request["messages"]) // 4
    completion_tokens = max(1, len(text) // 4)
    return {
        "id": f"chatcmpl-demo-{turn}",
        "object": "chat.completion",
        "created": 0,
        "model": f"{request['model']}-2026-08-06",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


class _Counter:
    def __init__(self) -> None:
        self._value = -1
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._value += 1
            return self._value
