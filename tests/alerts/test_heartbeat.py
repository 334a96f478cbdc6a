"""Beats through the real pipeline: collector, store, evaluators, engine, and a dead-man's switch that counts pings."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from watchglass_alerts import AlertsConfig, ConfigError, Engine, Heartbeat
from watchglass_alerts.channels import Delivered, Failed, Retry
from watchglass_alerts.channels.heartbeat import RULE, HeartbeatChannel, HeartbeatConfig
from watchglass_alerts.heartbeat import ANSWERS, LINE, heartbeat_rule, trace
from watchglass_alerts.testing import SAMPLE, Behaviour, Case, WebhookServer, answer, assert_channel_contract
from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_evaluators import EvaluatorsConfig, Runner
from watchglass_store import Store
from watchglass_store.queries.api_keys import create_key

from .conftest import Clock

MINUTE = timedelta(minutes=1)
NOW = datetime.now(UTC)
BEAT = replace(SAMPLE, data={"rule": RULE, "slot": (NOW - MINUTE).isoformat()})


def heartbeat(url: str) -> HeartbeatChannel:
    config = HeartbeatConfig(type="heartbeat", url=SecretStr(url))
    return HeartbeatChannel(config, allow_loopback=True, clock=lambda: NOW)


class Beating:
    """The contract's messages are no beats: this makes them so."""

    def __init__(self, url: str) -> None:
        self._channel = heartbeat(url)

    def send(self, message: Any) -> Any:
        return self._channel.send(replace(message, data=BEAT.data))


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], WebhookServer]]:
    servers: list[WebhookServer] = []

    def start(behaviour: Behaviour) -> WebhookServer:
        servers.append(WebhookServer(behaviour).__enter__())
        return servers[-1]

    yield start
    for each in servers:
        each.__exit__()


def test_contract(serve: Callable[[Behaviour], WebhookServer], free_ports: Callable[[], int]) -> None:
    cases = [
        Case("200", Beating(serve(answer(200, b"OK")).url), Delivered),
        Case("404", Beating(serve(answer(404, b"SECRETPATH")).url), Failed),
        Case("429", Beating(serve(answer(429, b"", Retry_After="5")).url), Retry),
        Case("500", Beating(serve(answer(500)).url), Retry),
        Case("redirect", Beating(serve(answer(302, b"", Location="http://10.0.0.1/")).url), Failed),
        Case("nobody there", Beating(f"http://127.0.0.1:{free_ports()}/SECRETPATH"), Retry),
    ]
    assert_channel_contract(cases, secrets=["SECRETPATH"])


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"rule": "another", "slot": NOW.isoformat()},
        {"rule": RULE, "slot": (NOW - timedelta(minutes=5)).isoformat()},
        {"rule": RULE, "slot": "nonsense"},
        {"rule": RULE},
    ],
)
def test_nothing_but_a_beat_of_now_is_passed_on(
    serve: Callable[[Behaviour], WebhookServer], data: dict[str, Any]
) -> None:
    server = serve(answer(200))
    assert isinstance(heartbeat(server.url).send(replace(SAMPLE, data=data)), Failed)
    assert server.received == []


def test_the_two_answers_lie_on_either_side_of_the_line() -> None:
    assert len(ANSWERS[0]) < LINE < len(ANSWERS[1])
    assert heartbeat_rule(("x",)).definition()["name"] == RULE
    first, again, later = (trace(NOW.replace(second=second)) for second in (3, 3, 40))
    ids = [each["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] for each in (first, again, later)]
    assert len(set(ids)) == 1


def test_without_a_channel_there_is_nothing_to_do(store: Store) -> None:
    idle = Heartbeat(store, AlertsConfig())
    assert not idle.is_configured
    assert not idle.run_once()


def test_a_collector_that_is_away_is_reported_once(
    store: Store, free_ports: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"type": "heartbeat", "url": "https://hc.example.com/x"}
    config = AlertsConfig.model_validate(
        {"channels": {"d": settings | {"collector_url": f"http://127.0.0.1:{free_ports()}"}}}
    )
    beats = Heartbeat(store, config)
    assert not beats.run_once()
    assert not beats.run_once()
    assert caplog.text.count("does not take heartbeats") == 1


def test_every_minute_that_works_is_a_ping_and_every_other_is_silence(
    store: Store, tmp_path: Path, serve: Callable[[Behaviour], WebhookServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In minute 3 the evaluators stand still. Minute 4 repeats what was told last, so the next ping is minute 5's."""
    monkeypatch.setattr("watchglass_alerts.channels.heartbeat.MAX_AGE_S", 1e6)
    switch = serve(answer(200))
    clock = Clock((datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=5, microsecond=0))
    install_views(store)
    key = create_key(store, project="self", scopes=["ingest"], name="beats", author="me", now=datetime.now(UTC))
    quick = CollectorConfig(grpc_port=0, http_port=0, auth="required", segment_age_s=0.02, assembly=False)
    collector = Collector(quick, store, tmp_path)
    collector.start()
    settings = {"type": "heartbeat", "url": switch.url, "collector_url": collector.http_url}
    config = AlertsConfig.model_validate(
        {"settle_s": 0, "allow_loopback": True, "messages_per_hour": 1}
        | {"channels": {"d": settings | {"collector_key": key.secret}}}
    )
    keyless = AlertsConfig.model_validate({"channels": {"d": settings}})
    pings = []
    try:
        engine = Engine(store, config, clock)
        runner = Runner(store, EvaluatorsConfig(enabled=("response_length",), settle_s=0.05))
        engine._heartbeat.install()
        Heartbeat(store, config, clock).install()
        assert not Heartbeat(store, keyless, clock).run_once(), "the collector asks for a key"
        for minute in range(6):
            assert engine._heartbeat.run_once()
            assert not engine._heartbeat.run_once(), "one a minute"
            if minute != 3:
                score(store, runner, minute + 1)
            clock.forward(60)
            engine.run_once()
            pings.append(len(switch.received))
    finally:
        collector.stop()
    assert pings == [1, 2, 3, 3, 3, 4]
    assert store.query("SELECT count() AS n FROM alert_rules")[0]["n"] == 1, "installed once"


def score(store: Store, runner: Runner, number: int) -> None:
    """Until every beat so far has its score. The evaluators look when it is stored, and so do not settle before it."""
    end = time.monotonic() + 180
    while store.query("SELECT count() AS n FROM llm_calls")[0]["n"] < number:
        assert time.monotonic() < end, "the beat was never stored"
        time.sleep(0.05)
    while store.query("SELECT uniqExact(trace_id) AS n FROM scores")[0]["n"] < number:
        assert time.monotonic() < end, "the beat was never scored"
        time.sleep(0.05)
        runner.run_once()


def test_the_collectors_key_is_a_secret_like_any_other(store: Store) -> None:
    settings = {"type": "heartbeat", "url": "https://hc.example.com/x", "collector_key_env": "NO_SUCH_KEY"}
    with pytest.raises(ValueError, match="set one of collector_key"):
        HeartbeatConfig.model_validate(settings | {"collector_key": "wg_a"})
    with pytest.raises(ConfigError, match="collector_key_env: the environment variable NO_SUCH_KEY is not set"):
        Heartbeat(store, AlertsConfig.model_validate({"channels": {"d": settings}}))


def test_a_running_engine_beats(
    store: Store, serve: Callable[[Behaviour], WebhookServer], free_ports: Callable[[], int]
) -> None:
    collector = serve(answer(200))
    address = collector.url.partition("/services")[0]
    settings = {"type": "heartbeat", "url": "https://hc.example.com/x", "collector_url": address}
    engine = Engine(store, AlertsConfig.model_validate({"channels": {"d": settings}}))
    stop = threading.Event()
    thread = threading.Thread(target=engine.run_forever, args=(stop,))
    thread.start()
    end = time.monotonic() + 30
    while not collector.received and time.monotonic() < end:
        time.sleep(0.05)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert {request.path for request in collector.received} == {"/v1/traces"}
    assert [row["name"] for row in store.query("SELECT name FROM alert_rules")] == [RULE]
