"""A seeded store, the real dashboard process on it, and one Chromium."""

import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from streamlit.testing.v1 import AppTest

import watchglass_dashboards
from watchglass_dashboards import DashboardConfig, Installation
from watchglass_dashboards.installation import INSTALLATION_VARIABLE
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import EmbeddedServer, Store, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, EDITOR, load_credentials

from .alert_seed import rule_rows, silence_rows, turn
from .ledger_seed import ledger
from .more_seeds import drift_results, evaluation_log

#: Nobody logs in; the collector is where nobody listens.
INSTALLATION = Installation(DashboardConfig())
#: Text that an attacker would send; shown everywhere that captured text is shown.
HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=2'><iframe src='https://evil.example/f'></iframe>"
    "![i](https://evil.example/i.png) [link](javascript:alert(1)) https://evil.example/auto www.evil.example"
    ' me@evil.example :red[red] :material/home: $\\frac{1}{2}$ **bold** # head \u202egnp.exe =HYPERLINK("https://evil.example")'
)
TALKS = (
    ("How do I reset my password if I no longer have access to the e-mail address?",
     "Choose another way on the sign-in page, then confirm your identity with support."),
    ("Summarise the attached contract and list every termination clause.",
     "It has three: 9.1 for convenience, 9.2 for cause and 11.4 for a change of control."),
    ("The export job fails with HTTP 504 after 30 seconds, what should I check?",
     "A 504 means the gateway gave up first. Narrow the dates or use the asynchronous export."),
    ("My invoice for October shows two charges for the same seat, can you correct it?",
     "The second charge is the seat added on 14 October; it was credited this morning."),
    ("Which regions do you store customer data in, and can we pin it to one?",
     "Frankfurt, Virginia and Sydney. The Team plan pins a workspace to one of them."),
    ("Can I downgrade in the middle of a month and keep my history?",
     "Yes. The change applies from the next invoice, and nothing is deleted."),
)  # fmt: skip
PROVIDERS = {"gpt-4.1-mini": "openai", "claude-sonnet-4.5": "anthropic", "qwen/qwen3-32b": "self-hosted"}
MODELS = (("gpt-4.1-mini", 0.8, 0.0009), ("claude-sonnet-4.5", 1.7, 0.0054), ("qwen/qwen3-32b", 1.1, None))


@dataclass
class Seed:
    """What was put into the store, for numbers computed independently of it."""

    now: datetime
    calls: list[dict[str, Any]] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)

    @property
    def chats(self) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["operation_name"] == "chat"]


def _messages(role: str, text: str, **more: Any) -> str:
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}], **more}]).decode()


_CALL: dict[str, Any] = {
    "request_model": None, "response_model": None, "provider_name": None, "tool_name": None,
    "tool_call_arguments": None, "tool_call_result": None, "input_messages": None, "output_messages": None,
    "system_instructions": None, "retrieval_documents": None, "prompt_text": None, "response_text": None,
    "usage_input_tokens": None, "usage_output_tokens": None, "error_type": None, "error_message": None,
    "time_to_first_token_s": None, "cost_usd": None, "request_temperature": None, "usage_counted": 0,
}  # fmt: skip


def _add(seed: Seed, trace: str, span: str, parent: str, start: datetime, duration_s: float, **call: Any) -> None:
    service, environment = call.pop("service", "support-bot"), call.pop("environment", "production")
    name, failed = call.pop("name"), bool(call.get("error_type"))
    seed.spans.append(
        {
            "Timestamp": start,
            "TraceId": trace,
            "SpanId": span,
            "ParentSpanId": parent,
            "SpanName": name,
            "SpanKind": "Client",
            "ServiceName": service,
            "ResourceAttributes": {"service.name": service, "telemetry.sdk.language": "python"},
            "ScopeName": "tests",
            "SpanAttributes": {"gen_ai.operation.name": call.get("operation_name") or "", "note": name},
            "Duration": int(duration_s * 1e9),
            "StatusCode": "Error" if failed else "Ok",
            "StatusMessage": call.get("error_type") or "",
        }
    )
    if call.get("operation_name"):
        seed.calls.append(
            {
                "trace_id": trace,
                "span_id": span,
                "received_at": start + timedelta(seconds=duration_s + 1.2),
                "parent_span_id": parent,
                "start_time": start,
                "duration_s": duration_s,
                "span_name": name,
                "service_name": service,
                "environment": environment,
                "user_id": f"user-{int(trace[:4], 16) % 97}",
                "conversation_id": f"conversation-{int(trace[:6], 16) % 400}",
                "prompt_version": "v13",
                "service_version": "1.4.1" if start < seed.now - timedelta(hours=12) else "1.4.2",
                **_CALL,
                **call,
            }
        )


def _trace(seed: Seed, dice: random.Random, start: datetime, number: int) -> None:
    trace = f"{dice.getrandbits(128):032x}"
    model, pace_s, price = MODELS[dice.choices((0, 1, 2), (5, 3, 2))[0]]
    wait_s = pace_s * dice.lognormvariate(0, 0.35)
    question, answer = dice.choice(TALKS)
    failed = dice.random() < 0.03
    tokens_in, tokens_out = dice.randint(300, 2400), 0 if failed else dice.randint(40, 500)
    where = {
        "service": "support-bot" if number % 3 else "contract-review",
        "environment": "production" if number % 5 else "staging",
    }
    ids = [f"{dice.getrandbits(64):016x}" for _ in range(4)]
    documents = [
        {"id": f"kb-{n}", "score": 0.9 - n / 10, "content": f"Article {n} on account recovery."} for n in (1, 2)
    ]
    _add(
        seed,
        trace,
        ids[0],
        "",
        start,
        wait_s + 0.25,
        name="invoke_agent answer",
        operation_name="invoke_agent",
        **where,
    )
    _add(
        seed, trace, ids[1], ids[0], start + timedelta(milliseconds=15), 0.08,
        name="search knowledge base", operation_name="retrieval",
        retrieval_documents=orjson.dumps(documents).decode(), **where,
    )  # fmt: skip
    _add(
        seed, trace, ids[2], ids[0], start + timedelta(milliseconds=100), wait_s,
        name=f"chat {model}", operation_name="chat", provider_name=PROVIDERS[model], request_model=model,
        response_model=model, request_temperature=0.2, usage_counted=1, usage_input_tokens=tokens_in,
        usage_output_tokens=tokens_out, time_to_first_token_s=wait_s * 0.3 if number % 2 else None,
        cost_usd=None if price is None else price * dice.uniform(0.6, 1.5),
        error_type="RateLimitError" if failed else None,
        error_message="429: quota of this minute is used up" if failed else None,
        system_instructions='[{"type": "text", "content": "You are a support agent. Use the context."}]',
        input_messages=_messages("user", question), prompt_text=question,
        output_messages=None if failed else _messages("assistant", answer, finish_reason="stop"),
        response_text=None if failed else answer, **where,
    )  # fmt: skip
    _add(
        seed, trace, ids[3], ids[0], start + timedelta(seconds=wait_s + 0.12), 0.11, name="execute_tool crm.lookup",
        operation_name="execute_tool", tool_name="crm.lookup", tool_call_arguments='{"account": 4711}',
        tool_call_result='{"plan": "team", "seats": 12}', **where,
    )  # fmt: skip
    if not failed and number % 2:
        for name, value, better, unscored in (
            ("rouge_l", min(1.0, max(0.0, dice.gauss(0.62, 0.12))), "higher_is_better", number % 15 == 0),
            ("profanity", abs(dice.gauss(0.02, 0.02)), "lower_is_better", False),
            ("response_length", float(len(answer) + dice.randint(-20, 20)), "neutral", False),
            ("refusal", float(dice.random() < 0.04), "lower_is_better", False),
        ):
            _score(seed, trace, ids[2], start, where, model, name, None if unscored else value, better)


def _score(
    seed: Seed,
    trace: str,
    span: str,
    at: datetime,
    where: dict[str, str],
    model: str,
    name: str,
    value: float | None,
    better: str,
) -> None:
    seed.scores.append(
        {
            "name": name, "evaluator": name.split("_")[0], "evaluator_version": "1", "trace_id": trace, "span_id": span,
            "value": value, "label": "", "explanation": "", "source": "code",
            "direction": better, "error": "" if value is not None else "no reference answer", "call_time": at,
            "service_name": where["service"], "environment": where["environment"], "model": model,
        }
    )  # fmt: skip


HOSTILE_TRACE, HOSTILE_SPAN, DEEP_TRACE = "bad" + "0" * 29, "bad" + "0" * 13, "dee" + "9" * 29


def _hostile(seed: Seed, start: datetime) -> None:
    documents = orjson.dumps([{"id": HOSTILE, "content": HOSTILE}]).decode()
    _add(
        seed, HOSTILE_TRACE, HOSTILE_SPAN, "gone", start, 0.4, name=HOSTILE, operation_name="chat",
        provider_name=HOSTILE, request_model=HOSTILE, response_model=HOSTILE, error_type=HOSTILE, error_message=HOSTILE,
        usage_counted=1, usage_input_tokens=5, usage_output_tokens=5, prompt_text=HOSTILE, response_text=HOSTILE,
        input_messages=_messages(HOSTILE, HOSTILE), retrieval_documents=documents,
        output_messages=_messages("assistant", HOSTILE, finish_reason=HOSTILE), service=HOSTILE, environment=HOSTILE,
        user_id=HOSTILE, conversation_id=HOSTILE, prompt_version=HOSTILE,
    )  # fmt: skip
    where = {"service": HOSTILE, "environment": HOSTILE}
    _score(seed, HOSTILE_TRACE, HOSTILE_SPAN, start, where, HOSTILE, HOSTILE, 0.5, HOSTILE)
    seed.scores[-1] |= {"label": HOSTILE, "explanation": HOSTILE, "error": HOSTILE, "evaluator": HOSTILE}


def _deep(seed: Seed, start: datetime, spans: int = 2000) -> None:
    for number in range(spans):
        parent = f"{number - 1:016x}" if number and number % 50 else ""
        _add(
            seed, DEEP_TRACE, f"{number:016x}", parent, start + timedelta(milliseconds=number), (spans - number) / 1000,
            name=f"step {number}",
        )  # fmt: skip


def _alert_event(now: datetime, kind: str, rule: str, **more: Any) -> dict[str, Any]:
    then = now - timedelta(minutes=8)
    return {
        "time": then, "kind": kind, "event_id": f"{rule}-1", "rule": rule, "labels": {"model": "claude-sonnet-4.5"},
        "slot": then, "state": "", "severity": "", "value": None, "value_low": None, "value_high": None,
        "sample_size": 0, "threshold": 0.0, "since": then, "notifications": [], "notification_id": "", "channel": "",
        "outcome": "", "attempt": 0, "error": "", **more,
    }  # fmt: skip


def _alert_events(now: datetime) -> list[dict[str, Any]]:
    slow = {"state": "firing", "severity": "critical", "value": 4.31, "value_low": 4.02, "value_high": 4.66}
    quiet = {"labels": {}, "severity": "warning", "value": 0.011, "sample_size": 900, "threshold": 0.05}
    earlier = now - timedelta(hours=3)
    sent = [("n1", "slack #llm-oncall", "slow"), ("n2", "e-mail on-call", "slow")]
    return [
        _alert_event(now, "transition", "Slow answers", **slow, sample_size=212, threshold=4.0, notifications=sent),
        _alert_event(now, "transition", "Error rate", **quiet, state="firing", time=earlier, slot=earlier),
        _alert_event(now, "transition", "Error rate", **quiet, state="inactive"),
        _alert_event(now, "delivery", "Slow answers", notification_id="n1", outcome="delivered", attempt=1),
        _alert_event(
            now, "delivery", "Slow answers", notification_id="n2", outcome="retry", attempt=2,
            error="connection refused by the mail server",
        ),
    ]  # fmt: skip


def _hostile_alert_events(now: datetime) -> list[dict[str, Any]]:
    text = {"labels": {HOSTILE: HOSTILE}, "severity": "warning", "value": 1.0, "threshold": 0.5}
    return [
        _alert_event(now, "transition", HOSTILE, **text, state="firing", notifications=[("n3", HOSTILE, HOSTILE)]),
        _alert_event(now, "delivery", HOSTILE, notification_id="n3", outcome="failed", attempt=9, error=HOSTILE),
    ]


def _make_seed(now: datetime) -> Seed:
    """Two days of requests; none about where the last day begins, so that a test may start two hours later."""
    seed, dice, number, day = Seed(now), random.Random(7), 0, 24 * 60
    minutes = 1.9 * day
    while minutes > 2:
        number += 1
        hour = (now - timedelta(minutes=minutes)).hour
        minutes -= dice.expovariate(1 / (1.1 if 8 <= hour < 19 else 3.5))
        if minutes > 2 and not day - 120 < minutes < day + 12:
            _trace(seed, dice, now - timedelta(minutes=minutes), number)
    return seed


def _database(server: EmbeddedServer) -> tuple[StoreConfig, StoreConfig]:
    """A fresh database: settings of its administrator, and of the editor, who may read as `readonly` does."""
    known = load_credentials(server.data_dir)
    address = Address(
        host="127.0.0.1",
        port=server.config.port,
        username=ADMINISTRATOR,
        password=known.administrator,
        database=f"pages_{secrets.token_hex(6)}",
    )
    reader = replace(address, username=EDITOR, password=known.editor)
    store = connect(StoreConfig(url=address.url), Path())
    migrate(store)
    store.close()
    return StoreConfig(url=address.url), StoreConfig(url=reader.url)


@dataclass(frozen=True)
class Seeded:
    """A database, its read-only user, and what is in it."""

    seed: Seed
    reader: StoreConfig
    owner: StoreConfig

    @property
    def scored(self) -> set[str]:
        """Ids of spans that have scores."""
        return {score["span_id"] for score in self.seed.scores}


def _fill(
    server: EmbeddedServer, seed: Seed, alert_events: list[dict[str, Any]], drift: list[dict[str, Any]]
) -> Seeded:
    owner, reader = _database(server)
    store = connect(owner, Path())
    store.insert("otel_traces", seed.spans)
    store.insert("llm_call_parts", seed.calls)
    store.insert("scores", seed.scores)
    store.insert("alert_events", alert_events)
    if seed.chats:
        store.insert("collector_ledger", ledger(seed.now))
    store.insert("drift_results", drift)
    store.insert("evaluation_log", evaluation_log(seed.now))
    store.close()
    return Seeded(seed, reader, owner)


def _now() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture(scope="session")
def seeded(server: EmbeddedServer) -> Seeded:
    """Two days of calls of two applications, with scores and alerts."""
    return _fill(server, _make_seed(_now()), _alert_events(_now()), drift_results(_now()))


@pytest.fixture(scope="module")
def changeable(server: EmbeddedServer) -> Seeded:
    """As `seeded`, for each file that changes it its own."""
    return _fill(server, _make_seed(_now()), _alert_events(_now()), drift_results(_now()))


@pytest.fixture(scope="module")
def alerting(server: EmbeddedServer) -> Seeded:
    """As `seeded`, with rules and silences: for each file that changes them its own."""
    now = _now()
    events = [{**event, **turn(event, now)} for event in _alert_events(now)]
    found = _fill(server, _make_seed(now), events, drift_results(now))
    store = connect(found.owner, Path())
    store.insert("alert_rules", rule_rows(now))
    store.insert("silences", silence_rows(now))
    store.close()
    return found


@pytest.fixture(scope="session")
def hostile(server: EmbeddedServer) -> Seeded:
    """One trace with `hostile_text` in every place that captured text can take."""
    seed = Seed(_now())
    _hostile(seed, _now() - timedelta(minutes=3))
    return _fill(server, seed, _hostile_alert_events(_now()), drift_results(_now(), HOSTILE))


@pytest.fixture(scope="session")
def hostile_text() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def deep(server: EmbeddedServer) -> Seeded:
    """One trace of 2000 spans."""
    seed = Seed(_now())
    _deep(seed, _now() - timedelta(minutes=3))
    return _fill(server, seed, [], [])


@pytest.fixture(scope="session")
def seeded_reader(seeded: Seeded) -> Iterator[Store]:
    """The seeded database as its read-only user."""
    store = connect(seeded.reader, Path())
    yield store
    store.close()


@pytest.fixture(scope="session")
def empty(server: EmbeddedServer) -> Seeded:
    """A database without a single row."""
    owner, reader = _database(server)
    return Seeded(Seed(_now()), reader, owner)


@pytest.fixture(scope="session")
def empty_reader(empty: Seeded) -> StoreConfig:
    """Settings of the read-only user of a database without a single row."""
    return empty.reader


@pytest.fixture
def view(seeded: Seeded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., AppTest]:
    """view(address, **query) -> the page, run in this process; `source=` for another store."""
    app = Path(watchglass_dashboards.__file__).parent / "app.py"

    def run(
        address: str,
        *,
        source: StoreConfig = seeded.reader,
        installation: Installation = INSTALLATION,
        **query: str,
    ) -> AppTest:
        monkeypatch.setenv(SOURCE_VARIABLE, Source(source, tmp_path).to_json())
        monkeypatch.setenv(INSTALLATION_VARIABLE, installation.to_json())
        test = AppTest.from_file(str(app), default_timeout=30)
        test._page_hash = _page_hash(address)
        for name, value in query.items():
            test.query_params[name] = value
        return test.run()

    return run


def _page_hash(address: str) -> str:
    """Pages are functions, which `AppTest.switch_page` does not know; Streamlit names a page by its address."""
    from streamlit.util import calc_hash

    return calc_hash("" if address == "overview" else address)
