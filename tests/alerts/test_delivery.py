"""Delivery: the stages one by one, then on a real store with real receivers that fail."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine, Rule, RuleError, save_rule, save_silence
from watchglass_alerts.channels import Channel, Delivered, SendResult
from watchglass_alerts.delivery import Delivery, back_off_s
from watchglass_alerts.events import EPOCH
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.stages import Context, Pending, decide
from watchglass_alerts.testing import SAMPLE, WebhookServer, answer
from watchglass_store import Store

from .conftest import T0, Clock

MakeRule = Callable[..., Rule]
AddCalls = Callable[..., None]
MINUTE = timedelta(minutes=1)

PENDING = Pending(
    id="n",
    channel="ops",
    message=SAMPLE,
    event_id="e",
    rule="errors",
    labels=(("model", "m1"),),
    severity="critical",
    slot=T0,
    time=T0,
    is_current=True,
    is_repeat=False,
    attempt=0,
    outcome="",
    next_attempt=EPOCH,
    wait_s=60.0,
)
RESOLVED = replace(SAMPLE, kind=Kind.RESOLVED)


def silence(**matchers: str) -> list[dict[str, Any]]:
    return [{"matchers": matchers, "ends_at": T0 + 10 * MINUTE, "author": "me"}]


@pytest.mark.parametrize(
    ("pending", "after", "silences", "action"),
    [
        ({}, MINUTE, [], "send"),
        ({"outcome": "retry", "attempt": 5}, timedelta(hours=24), [], "failed"),
        ({"outcome": "retry", "attempt": 4}, timedelta(hours=24), [], "send"),
        ({}, timedelta(hours=24), [], "send"),
        ({"outcome": "retry", "attempt": 3, "next_attempt": T0 + 2 * MINUTE}, MINUTE, [], "wait"),
        ({"outcome": "retry", "attempt": 3, "next_attempt": T0 + MINUTE}, MINUTE, [], "send"),
        ({"outcome": "sending", "attempt": 1, "next_attempt": T0 + 2 * MINUTE}, MINUTE, [], "wait"),
        ({"outcome": "sending", "attempt": 1, "next_attempt": T0, "wait_s": 0.0}, MINUTE, [], "send"),
        ({"outcome": "sending", "attempt": 1, "next_attempt": T0}, MINUTE, [], "wait"),
        ({}, MINUTE, silence(rule="errors"), "silenced"),
        ({}, MINUTE, silence(rule="errors", model="m1"), "silenced"),
        ({}, MINUTE, silence(service_name="checkout"), "silenced"),
        ({}, MINUTE, silence(severity="critical"), "silenced"),
        ({}, MINUTE, silence(rule="errors", model="m2"), "send"),
        ({}, MINUTE, silence(nothing="x"), "send"),
        ({}, MINUTE, silence(), "send"),
        ({"outcome": "silenced"}, MINUTE, silence(rule="errors"), "wait"),
        ({"outcome": "silenced"}, MINUTE, [], "send"),
        ({"outcome": "silenced"}, timedelta(hours=30), [], "send"),
        ({"outcome": "silenced", "is_current": False}, MINUTE, [], "dropped"),
        ({"message": RESOLVED}, MINUTE, silence(rule="errors"), "dropped"),
    ],
)
def test_stages(pending: dict[str, Any], after: timedelta, silences: list[dict[str, Any]], action: str) -> None:
    decision = decide(replace(PENDING, **pending), Context(T0 + after, silences=silences))
    assert decision.action == action
    assert decision.reason or action == "send"


def test_back_off_doubles_up_to_a_quarter_of_an_hour_and_yields_to_the_receiver() -> None:
    assert [back_off_s(attempt, None) for attempt in (1, 2, 3, 7, 8, 1000)] == [10, 20, 40, 640, 900, 900]
    assert back_off_s(1, 30.0) == 30
    assert back_off_s(8, 30.0) == 900


@pytest.fixture
def webhooks() -> Iterator[tuple[WebhookServer, WebhookServer]]:
    with WebhookServer() as one, WebhookServer() as two:
        yield one, two


@pytest.fixture
def config(webhooks: tuple[WebhookServer, WebhookServer]) -> AlertsConfig:
    channels = {name: {"type": "slack", "url": server.url} for name, server in zip("ab", webhooks, strict=True)}
    return AlertsConfig.model_validate({"settle_s": 0, "allow_loopback": True, "channels": channels})


@pytest.fixture
def engine(store: Store, config: AlertsConfig, clock: Clock, make_rule: MakeRule) -> Engine:
    save_rule(store, make_rule(channels=["a", "b"]), "me", now=T0)
    return Engine(store, config, clock)


@pytest.fixture
def incident(add_calls: AddCalls) -> None:
    """The alert fires in the slot of minute 2 and resolves in that of minute 4."""
    for minute in range(8):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute in (1, 2) else 0)


def run(engine: Engine, clock: Clock, start: float, stop: float, step: float = 1) -> None:
    """Run at every `step` minutes from `start` to `stop`, both included."""
    clock.now = T0 + start * MINUTE
    while clock.now <= T0 + stop * MINUTE:
        engine.run_once(clock.now)
        clock.forward(step * 60)


def ids(server: WebhookServer) -> list[tuple[str, str]]:
    """(Firing or Resolved, notification id) of every request."""
    bodies = [json.loads(request.body) for request in server.received]
    return [
        (body["text"].split(":")[0], body["blocks"][-1]["elements"][0]["text"].rpartition(" ")[2]) for body in bodies
    ]


def outcomes(store: Store, channel: str) -> list[tuple[int, str, str]]:
    rows = store.query(
        "SELECT attempt, outcome, error FROM alert_events WHERE kind = 'delivery' AND channel = {channel:String} "
        "AND outcome != 'sending' ORDER BY time, attempt",
        {"channel": channel},
    )
    return [(row["attempt"], row["outcome"], row["error"]) for row in rows]


@pytest.mark.usefixtures("incident")
def test_a_receiver_in_trouble_is_tried_again_and_holds_up_nobody_else(
    store: Store, engine: Engine, clock: Clock, webhooks: tuple[WebhookServer, WebhookServer]
) -> None:
    troubled, well = webhooks
    troubled.behaviour = answer(429, b"rate_limited", Retry_After="90")
    run(engine, clock, 0, 3)
    assert [kind for kind, _ in ids(well)] == ["Firing"]
    assert outcomes(store, "a") == [(1, "retry", "Slack answered 429")]
    troubled.behaviour = answer(500)
    run(engine, clock, 4, 5)
    troubled.behaviour = answer(200, b"ok")
    run(engine, clock, 6, 10)
    assert [kind for kind, _ in ids(well)] == ["Firing", "Resolved"]
    kinds = [kind for kind, _ in ids(troubled)]
    assert kinds == ["Firing"] * 4 + ["Resolved"], "the resolve waits for its firing"
    assert len({id for _, id in ids(troubled)}) == 2, "every attempt has the same id"
    assert [outcome for _, outcome, _ in outcomes(store, "a")] == ["retry"] * 3 + ["delivered"] * 2


@pytest.mark.usefixtures("incident")
def test_a_final_refusal_is_recorded_and_not_repeated(
    store: Store, engine: Engine, clock: Clock, webhooks: tuple[WebhookServer, WebhookServer]
) -> None:
    webhooks[0].behaviour = answer(200, b"invalid_payload")
    run(engine, clock, 0, 6)
    assert outcomes(store, "a") == [(1, "failed", "Slack refused the message: invalid_payload")] * 2
    assert len(webhooks[0].received) == 2
    assert [kind for kind, _ in ids(webhooks[1])] == ["Firing", "Resolved"]


@pytest.mark.usefixtures("incident")
def test_it_gives_up_after_a_day(
    store: Store, engine: Engine, clock: Clock, webhooks: tuple[WebhookServer, WebhookServer]
) -> None:
    webhooks[0].behaviour = answer(503)
    run(engine, clock, 0, 3)
    for hours in (0, 12, 23):
        clock.now = T0 + hours * 60 * MINUTE
        for _ in range(6):
            clock.forward(900)
            engine.deliver()
    attempts = len(webhooks[0].received)
    assert outcomes(store, "a")[-1][1:] == ("failed", f"given up after 24 hours and {attempts} attempts")
    given_up = "SELECT max(time) AS at FROM alert_events WHERE outcome = 'failed' AND channel = 'a'"
    assert timedelta(hours=24) <= store.query(given_up)[0]["at"] - T0 <= timedelta(hours=24, minutes=20)
    assert 10 <= attempts <= 18


@pytest.mark.usefixtures("incident")
def test_a_crash_between_send_and_record_repeats_the_same_id_once(
    store: Store,
    config: AlertsConfig,
    engine: Engine,
    clock: Clock,
    webhooks: tuple[WebhookServer, WebhookServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        """Nothing catches it, as nothing catches SIGKILL."""

    real = Delivery._record

    def dies(self: Delivery, pending: Pending, outcome: str, reason: str, **more: Any) -> None:
        if outcome == "delivered":
            raise Killed
        real(self, pending, outcome, reason, **more)

    run(engine, clock, 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Delivery, "_record", dies)
        clock.now = T0 + 2 * MINUTE
        with pytest.raises(Killed):
            engine.run_once()
    restarted = Engine(store, config, clock)
    restarted.run_once()
    assert len(webhooks[0].received) == 1, "the claim of the dead engine still holds"
    run(restarted, clock, 3, 6)
    kinds = ids(webhooks[0])
    assert [kind for kind, _ in kinds] == ["Firing", "Firing", "Resolved"]
    assert kinds[0] == kinds[1]


@pytest.mark.usefixtures("incident")
def test_a_crash_between_insert_and_send_loses_nothing(
    store: Store, config: AlertsConfig, engine: Engine, clock: Clock, webhooks: tuple[WebhookServer, WebhookServer]
) -> None:
    run(engine, clock, 0, 1)
    clock.now = T0 + 2 * MINUTE
    engine.evaluate(clock.now)
    run(Engine(store, config, clock), clock, 3, 6)
    assert [kind for kind, _ in ids(webhooks[0])] == ["Firing", "Resolved"]


@pytest.mark.usefixtures("incident")
def test_a_silence_holds_back_and_what_still_burns_is_told_at_its_end(
    store: Store, engine: Engine, clock: Clock, webhooks: tuple[WebhookServer, WebhookServer]
) -> None:
    save_silence(store, {"rule": "errors"}, duration=2.5 * MINUTE, author="me", now=T0)
    run(engine, clock, 0, 2)
    assert ids(webhooks[0]) == []
    assert outcomes(store, "a")[0][1] == "silenced"
    run(engine, clock, 3, 3)
    assert [kind for kind, _ in ids(webhooks[0])] == ["Firing"]
    run(engine, clock, 4, 6)
    assert [kind for kind, _ in ids(webhooks[0])] == ["Firing", "Resolved"]


@pytest.mark.usefixtures("incident")
@pytest.mark.parametrize("minutes", [3.5, 10.0])
def test_what_began_and_ended_in_silence_is_never_told(
    minutes: float, store: Store, engine: Engine, clock: Clock, webhooks: tuple[WebhookServer, WebhookServer]
) -> None:
    save_silence(store, {"severity": "warning"}, duration=minutes * MINUTE, author="me", now=T0)
    run(engine, clock, 0, 3)
    run(engine, clock, 4, 16)
    assert ids(webhooks[0]) == []
    assert [outcome for _, outcome, _ in outcomes(store, "a")] == ["silenced", "dropped", "dropped"]


def test_a_silence_needs_a_matcher_and_an_end(store: Store) -> None:
    with pytest.raises(RuleError, match="at least one matcher"):
        save_silence(store, {}, duration=MINUTE, author="me")
    for duration in (timedelta(0), timedelta(days=366)):
        with pytest.raises(RuleError, match="lasts more than 0"):
            save_silence(store, {"rule": "x"}, duration=duration, author="me")


@pytest.mark.usefixtures("incident")
def test_a_channel_that_is_gone_or_broken_fails_by_itself(
    store: Store, config: AlertsConfig, engine: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def send(self, message: Message) -> SendResult:
            raise RuntimeError("https://hooks.slack.com/SECRET")

    class Working:
        def send(self, message: Message) -> SendResult:
            return Delivered()

    run(engine, clock, 0, 1)
    clock.now = T0 + 2 * MINUTE
    engine.evaluate(clock.now)
    channels: dict[str, Channel] = {"b": Broken()}
    report = Delivery(store, channels, clock, engine="x").run()
    assert (report.failed, report.retried) == (1, 1)
    assert outcomes(store, "a") == [(1, "failed", "channel 'a' is not configured any more")]
    assert outcomes(store, "b") == [(1, "retry", "the channel raised RuntimeError")]
    assert "SECRET" not in caplog.text
    clock.forward(60)
    assert Delivery(store, {"b": Working()}, clock, engine="y").run().delivered == 1


def test_a_clock_that_goes_back_between_two_deliveries_drops_no_end(
    store: Store, config: AlertsConfig, clock: Clock, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    """Found by fault seed 36: the second firing was delivered at an earlier time than the first end."""
    for minute in range(4):
        add_calls(T0 + timedelta(minutes=minute), 20, errors=0 if minute % 2 else 10)
    save_rule(store, make_rule(channels=["a"]), "me", now=T0)
    engine = Engine(store, config, clock)
    for minute in (1, 2, 3, 4):
        clock.now = T0 + timedelta(minutes=minute)
        engine.evaluate(clock.now)
        clock.now -= timedelta(hours=minute == 3)
        engine.deliver()
    assert [outcome for _, outcome, _ in outcomes(store, "a")].count("delivered") == 4
    assert "dropped" not in [outcome for _, outcome, _ in outcomes(store, "a")]
