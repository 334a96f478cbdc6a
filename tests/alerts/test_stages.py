"""Inhibition, groups, repetition, deduplication, the cap, and clocks that jump: pure, then with real receivers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine, Rule, save_rule
from watchglass_alerts.digest import MAX_LISTED, digest
from watchglass_alerts.events import EPOCH
from watchglass_alerts.inhibition import Inhibition, OpenAlert
from watchglass_alerts.message import Kind
from watchglass_alerts.stages import STAGES, Context, Grouping, Pending, Told, decide
from watchglass_alerts.testing import SAMPLE, WebhookServer, answer
from watchglass_store import Store

from .conftest import T0, Clock

MakeRule = Callable[..., Rule]
AddCalls = Callable[..., None]
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

PENDING = Pending(
    id="n",
    channel="ops",
    message=SAMPLE,
    event_id="e",
    rule="errors",
    labels=(("model", "m1"),),
    severity="warning",
    slot=T0,
    time=T0,
    is_current=True,
    is_repeat=False,
    attempt=0,
    outcome="",
    next_attempt=EPOCH,
    wait_s=0.0,
)
RESOLVED = replace(PENDING, message=replace(SAMPLE, kind=Kind.RESOLVED))
REPEAT = replace(PENDING, is_repeat=True)


def told(kind: Kind, minutes: float, **names: str) -> dict[Any, Told]:
    return {PENDING.alert: Told(kind, T0 + minutes * MINUTE, {"rule": "errors", **names})}


def outage(**labels: str) -> OpenAlert:
    return OpenAlert("outage", tuple(labels.items()), {"rule": "outage", "severity": "critical", **labels})


INHIBITION = Inhibition(source={"severity": "critical"}, target={"severity": "warning"}, equal=("model",))


def test_the_stages_are_a_list_in_order() -> None:
    assert [stage.__name__ for stage in STAGES] == [
        "expire",
        "silence",
        "inhibit",
        "overtaken",
        "dedup",
        "rest",
        "group",
        "cap",
    ]


@pytest.mark.parametrize(
    ("pending", "alert", "action"),
    [
        (PENDING, outage(model="m1"), "inhibited"),
        (replace(PENDING, outcome="inhibited"), outage(model="m1"), "wait"),
        (PENDING, outage(model="m2"), "send"),
        (replace(PENDING, severity="info"), outage(model="m1"), "send"),
        (RESOLVED, outage(model="m1"), "send"),
        (PENDING, OpenAlert("errors", PENDING.labels, outage(model="m1").names), "send"),
    ],
)
def test_inhibition(pending: Pending, alert: OpenAlert, action: str) -> None:
    decision = decide(pending, Context(T0, inhibitions=[INHIBITION], open_alerts=[alert]))
    assert decision.action == action
    assert ("'outage'" in decision.reason) == (action != "send")


def test_what_was_inhibited_is_told_only_if_it_still_holds() -> None:
    held = replace(PENDING, outcome="inhibited")
    assert decide(held, Context(T0)).action == "send"
    dropped = decide(replace(held, is_current=False), Context(T0))
    assert (dropped.action, dropped.reason) == ("dropped", "the alert changed while it was inhibited")


@pytest.mark.parametrize(
    ("pending", "known", "action"),
    [
        (REPEAT, {}, "send"),
        (REPEAT, told(Kind.FIRING, -240), "send"),
        (REPEAT, told(Kind.FIRING, 1), "dropped"),
        (PENDING, told(Kind.FIRING, 1), "send"),
        (RESOLVED, told(Kind.FIRING, -5), "send"),
        (RESOLVED, told(Kind.RESOLVED, -5), "dropped"),
        (RESOLVED, {}, "send"),
    ],
)
def test_dedup(pending: Pending, known: dict[Any, Told], action: str) -> None:
    assert decide(pending, Context(T0 + 2 * MINUTE, told=known)).action == action


def test_a_group_waits_for_company_and_keeps_its_distance() -> None:
    grouping = Grouping(("rule",), wait=MINUTE, interval=5 * MINUTE)
    since = {("errors",): T0}
    fresh = [
        decide(PENDING, Context(T0 + minutes * MINUTE, grouping=grouping, group_since=since)).action
        for minutes in (0.5, 1)
    ]
    assert fresh == ["wait", "send"]
    later = [
        decide(
            PENDING,
            Context(T0 + minutes * MINUTE, grouping=grouping, group_since=since, told=told(Kind.FIRING, 0)),
        ).action
        for minutes in (2, 4.9, 5)
    ]
    assert later == ["wait", "wait", "send"]
    assert decide(replace(PENDING, attempt=1), Context(T0, grouping=grouping, group_since=since)).action == "send"


def test_the_cap_holds_back_and_loses_nothing() -> None:
    decision = decide(PENDING, Context(T0, room=0))
    assert (decision.action, decision.reason) == ("wait", "the channel has had its messages for this hour")


@pytest.mark.parametrize("jump", [timedelta(0), HOUR, -HOUR, timedelta(days=1)], ids=str)
def test_a_clock_that_jumps_neither_ends_claims_nor_stops_retries(jump: timedelta) -> None:
    claim = replace(PENDING, outcome="sending", attempt=1, next_attempt=T0 + MINUTE, wait_s=60.0)
    retry = replace(claim, outcome="retry")

    def action(pending: Pending, elapsed_s: float) -> str:
        return decide(pending, Context(T0 + jump, elapsed_s=lambda _: elapsed_s)).action

    assert action(claim, 59) == "wait"
    assert action(claim, 60) == "send"
    assert action(retry, 60) == "send"


def test_a_digest_says_how_many_and_which() -> None:
    members = [
        replace(
            PENDING, id=f"n{index}", labels=(("model", f"m{index}"),), severity="critical" if index == 9 else "info"
        )
        for index in range(MAX_LISTED + 5)
    ]
    message = digest(members)
    assert message.title == "Firing: 25 alerts of errors"
    assert message.severity == "critical"
    assert message.headline == "25 alerts of errors; the gravest: m9."
    assert message.facts[0] == ("m9", SAMPLE.headline)
    assert message.facts[-1] == ("More", "and 5 others; the dashboard has all")
    assert "rule=errors" in message.silence
    assert digest(members[::-1]).id == message.id != digest(members[1:]).id
    assert digest(members[:1]) == SAMPLE


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture
def make_engine(store: Store, webhook: WebhookServer, clock: Clock) -> Callable[..., Engine]:
    def make(**settings: Any) -> Engine:
        channels = {"ops": {"type": "slack", "url": webhook.url}}
        base = {"settle_s": 0, "allow_loopback": True, "channels": channels}
        return Engine(store, AlertsConfig.model_validate(base | settings), clock)

    return make


def titles(webhook: WebhookServer) -> list[str]:
    return [json.loads(request.body)["blocks"][0]["text"]["text"][2:] for request in webhook.received]


def test_alerts_of_one_slot_are_one_message_and_end_as_one(
    store: Store,
    webhook: WebhookServer,
    clock: Clock,
    make_engine: Callable[..., Engine],
    make_rule: MakeRule,
    add_calls: AddCalls,
) -> None:
    for model in "abc":
        add_calls(T0, 20, errors=10, response_model=model)
        add_calls(T0 + MINUTE, 20, response_model=model)
    save_rule(store, make_rule(group_by=["model"]), "me", now=T0)
    engine = make_engine()
    webhook.behaviour = answer(503)
    engine.run_once(clock.forward(60))
    webhook.behaviour = answer(200, b"ok")
    engine.run_once(clock.forward(60))
    assert titles(webhook) == ["Firing: 3 alerts of errors"] * 2 + ["Resolved: 3 alerts of errors"]
    settled = store.query("SELECT uniqExact(notification_id) AS n FROM alert_events WHERE outcome = 'delivered'")
    assert settled == [{"n": 6}]


def test_the_hour_s_cap_then_a_group(
    store: Store,
    webhook: WebhookServer,
    clock: Clock,
    make_engine: Callable[..., Engine],
    make_rule: MakeRule,
    add_calls: AddCalls,
) -> None:
    engine = make_engine(messages_per_hour=1)
    for minute, model in enumerate("abc"):
        for later in range(minute, 3):
            add_calls(T0 + later * MINUTE, 20, errors=10, response_model=model)
    save_rule(store, make_rule(group_by=["model"]), "me", now=T0)
    for _ in range(3):
        engine.run_once(clock.forward(60))
    assert titles(webhook) == ["Firing: errors"]
    clock.forward(3600)
    engine.deliver()
    assert titles(webhook) == ["Firing: errors", "Firing: 2 alerts of errors"]


def test_an_outage_inhibits_its_consequences(
    store: Store,
    webhook: WebhookServer,
    clock: Clock,
    make_engine: Callable[..., Engine],
    make_rule: MakeRule,
    add_calls: AddCalls,
) -> None:
    for minute in range(4):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute < 2 else 5)
    line = {"op": ">", "threshold": 0.4}
    save_rule(store, make_rule(name="outage", severity="critical", condition=line, labels={"team": "x"}), "me", now=T0)
    save_rule(store, make_rule(labels={"team": "x"}), "me", now=T0)
    inhibit = [{"source": {"rule": "outage"}, "target": {"severity": "warning"}, "equal": ["team"]}]
    engine = make_engine(inhibit=inhibit)
    engine.run_once(clock.forward(60))
    engine.run_once(clock.forward(60))
    assert titles(webhook) == ["Firing: outage"]
    engine.run_once(clock.forward(60))
    assert sorted(titles(webhook)[1:]) == ["Firing: errors", "Resolved: outage"]


def test_what_goes_on_firing_is_told_again_each_repeat_interval(
    store: Store,
    webhook: WebhookServer,
    clock: Clock,
    make_engine: Callable[..., Engine],
    make_rule: MakeRule,
    add_calls: AddCalls,
) -> None:
    for minute in range(12):
        add_calls(T0 + minute * MINUTE, 20, errors=10)
    save_rule(store, make_rule(repeat_interval="5m"), "me", now=T0)
    engine = make_engine()
    for _ in range(8):
        engine.run_once(clock.forward(60))
    assert titles(webhook) == ["Firing: errors"] * 2
    webhook.behaviour = answer(503)
    for _ in range(4):
        engine.run_once(clock.forward(60))
    webhook.behaviour = answer(200, b"ok")
    clock.forward(900)
    engine.deliver()
    changes = store.query("SELECT change, state FROM alert_events WHERE kind = 'transition' ORDER BY slot")
    assert [(row["change"], row["state"]) for row in changes] == [("opened", "firing"), ("", "firing"), ("", "firing")]
    ids = {json.loads(request.body)["blocks"][-1]["elements"][0]["text"] for request in webhook.received}
    assert len(ids) == 3
