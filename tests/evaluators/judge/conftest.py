"""An OpenAI-shaped endpoint on a real socket, told what to do by each test, and judges that ask it."""

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from watchglass_evaluators import EvaluatorsConfig
from watchglass_evaluators.judge.factory import JudgeFactory
from watchglass_evaluators.judge.judge import Judge
from watchglass_store import Store

MODEL = "judge-1"
PRICE = {"input_usd_per_million_tokens": 1.0, "output_usd_per_million_tokens": 10.0}
INPUT_TOKENS, OUTPUT_TOKENS = 700, 60
COST_USD = (INPUT_TOKENS * 1.0 + OUTPUT_TOKENS * 10.0) / 1e6
KEY = "sk-test-4f1c9a"


@dataclass
class Question:
    """One request as the endpoint saw it."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def system(self) -> str:
        return self.body["messages"][0]["content"]

    @property
    def user(self) -> str:
        return self.body["messages"][1]["content"]

    @property
    def token(self) -> str:
        return self.user.rsplit("Reply token: ", 1)[1]

    @property
    def data(self) -> str:
        """Everything inside the fence."""
        key = re.match(r"<<<[a-z ]+ (\w+)>>>", self.user)[1]
        return self.user[: self.user.rindex(f"{key}>>>")]

    @property
    def is_test(self) -> bool:
        return "The capital of France is Paris." in self.user

    def verdict(self, choice: str, reasoning: str = "Because.") -> str:
        return json.dumps({"reasoning": reasoning, "token": self.token, "verdict": choice})


@dataclass
class Raw:
    """An answer, byte for byte."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    claimed_length: int | None = None


def completion(
    content: Any, *, usage: Any = None, finish: str = "stop", logprobs: Any = None, model: str = MODEL
) -> Raw:
    """What a chat endpoint answers."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = {"content": logprobs}
    told = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS} if usage is None else usage
    return Raw(
        body=json.dumps({"object": "chat.completion", "model": model, "choices": [choice], "usage": told}).encode()
    )


def error(status: int, code: str = "", message: str = "no", headers: dict[str, str] | None = None) -> Raw:
    """What a chat endpoint answers when it does not answer."""
    return Raw(status, json.dumps({"error": {"code": code, "message": message}}).encode(), headers or {})


Behaviour = Callable[[Question], Raw | str]


class FakeEndpoint:
    """Behaves as it is told; counts what it would bill."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = lambda question: question.verdict("helpful")
        self.questions: list[Question] = []
        self.statuses: Counter[int] = Counter()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.released = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                fake._serve(self, Question(body, {k.lower(): v for k, v in self.headers.items()}))

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that gave up

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _serve(self, handler: BaseHTTPRequestHandler, question: Question) -> None:
        with self._lock:
            self.questions.append(question)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            answer = self.behaviour(question)
        finally:
            with self._lock:
                self._at_once -= 1
        raw = completion(answer) if isinstance(answer, str) else answer
        with self._lock:
            self.statuses[raw.status] += 1
        if raw.hang_s:
            self.released.wait(raw.hang_s)
        handler.send_response(raw.status)
        for name, value in raw.headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(raw.body) if raw.claimed_length is None else raw.claimed_length))
        handler.end_headers()
        handler.wfile.write(raw.body)
        handler.close_connection = raw.claimed_length is not None

    @property
    def billed_usd(self) -> float:
        """What a provider would bill: every answer with status 200."""
        return self.statuses[200] * COST_USD

    @property
    def asked(self) -> list[Question]:
        """All questions that were no test."""
        return [question for question in self.questions if not question.is_test]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    fake = FakeEndpoint()
    yield fake
    fake.close()


@pytest.fixture
def judge_config(endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EvaluatorsConfig]:
    """judge_config(**settings of [evaluators.judge]) -> settings that ask the fake endpoint."""
    monkeypatch.setenv("JUDGE_KEY", KEY)

    def make(**settings: Any) -> EvaluatorsConfig:
        judge = {
            "rubrics": ["helpfulness"],
            "base_url": endpoint.url,
            "model": MODEL,
            "api_key_env": "JUDGE_KEY",
            "prices": dict.fromkeys((MODEL, *settings.get("jury", ())), PRICE),
            "daily_budget_usd": 100.0,
            "requests_per_minute": 1_000_000,
            "tokens_per_minute": 1_000_000_000,
            "timeout_s": 5.0,
            "traces_url": "",
            **settings,
        }
        return EvaluatorsConfig.model_validate({"enabled": [], "judge": judge, "settle_s": 0, "recheck_s": 30})

    return make


class Pause:
    """Waits in no time: moves the clock."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.waited: list[float] = []
        self.is_stopping = False
        self._lock = threading.Lock()

    def __call__(self, seconds: float) -> bool:
        with self._lock:
            if seconds > 0:
                self.waited.append(seconds)
                self.clock.advance(seconds)
        return self.is_stopping


@pytest.fixture
def pause(clock: Any) -> Pause:
    return Pause(clock)


@pytest.fixture
def make_judge(
    store: Store, clock: Any, pause: Pause, judge_config: Callable[..., EvaluatorsConfig]
) -> Callable[..., Judge]:
    """make_judge(**settings) -> the judge of the first rubric."""

    def make(**settings: Any) -> Judge:
        config = judge_config(**settings)
        return JudgeFactory(config, store, clock=clock, pause=pause).make(f"judge_{config.judge.rubrics[0]}")

    return make


def tokens_of(content: str, alternatives: dict[str, float], choice: str) -> list[dict[str, Any]]:
    """Log-probabilities of a reply whose verdict is one token, as an endpoint tells them."""
    place = content.rindex(f'"{choice}"') + 1
    parts = [*content[:place], choice, *content[place + len(choice) :]]
    return [
        {
            "token": part,
            "logprob": 0.0,
            "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in alternatives.items()]
            if i == place
            else [{"token": part, "logprob": 0.0}],
        }
        for i, part in enumerate(parts)
    ]


@pytest.fixture
def wire() -> SimpleNamespace:
    """What an endpoint can answer, for tests, which cannot import this file."""
    return SimpleNamespace(
        completion=completion,
        error=error,
        Raw=Raw,
        tokens_of=tokens_of,
        COST_USD=COST_USD,
        INPUT_TOKENS=INPUT_TOKENS,
        OUTPUT_TOKENS=OUTPUT_TOKENS,
        KEY=KEY,
        MODEL=MODEL,
    )


@pytest.fixture
def collector() -> Iterator[SimpleNamespace]:
    """Takes OTLP over HTTP and keeps the bodies."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_address[1]}", bodies=bodies)
    server.shutdown()
    server.server_close()
    thread.join()
