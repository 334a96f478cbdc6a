"""The engine on a real store, with a clock that the test moves and a real webhook."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine, Rule, RuleError, delete_rule, save_rule
from watchglass_alerts.measurement import MAX_GROUPS
from watchglass_alerts.testing import WebhookServer
from watchglass_store import Store, StoreUnavailable
from watchglass_store.queries import alerting

from .conftest import T0, Clock

MakeRule = Callable[..., Rule]
AddCalls = Callable[..., None]
MINUTE = timedelta(minutes=1)
SETTLE_S = 5.0


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture
def config(webhook: WebhookServer) -> AlertsConfig:
    return AlertsConfig.model_validate(
        {"settle_s": SETTLE_S, "allow_loopback": True, "channels": {"ops": {"type": "slack", "url": webhook.url}}}
    )


@pytest.fixture
def engine(store: Store, config: AlertsConfig, clock: Clock) -> Engine:
    return Engine(store, config, clock)


def titles(webhook: WebhookServer) -> list[str]:
    """The headers of what was posted, without their mark."""
    return [json.loads(request.body)["blocks"][0]["text"]["text"][2:] for request in webhook.received]


def transitions(store: Store) -> list[tuple[Any, ...]]:
    """(minutes since T0, labels, previous state, state, late) of every transition."""
    rows = store.query(
        "SELECT slot, labels, previous_state, state, late FROM alert_events WHERE kind = 'transition' "
        "ORDER BY slot, toJSONString(labels)"
    )
    return [
        (int((row["slot"] - T0) / MINUTE), row["labels"], row["previous_state"], row["state"], row["late"])
        for row in rows
    ]


def incident(add_calls: AddCalls, *, bad: range = range(2, 5), minutes: int = 10) -> None:
    """Twenty calls a minute, of which half fail in the bad minutes."""
    for minute in range(minutes):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute in bad else 0)


STORY: list[tuple[Any, ...]] = [
    (1, {}, "", "inactive", 0),
    (3, {}, "inactive", "pending", 0),
    (4, {}, "pending", "firing", 0),
    (6, {}, "firing", "inactive", 0),
]


def walk(engine: Engine, clock: Clock, minutes: int, step_s: float = 60) -> None:
    end = T0 + minutes * MINUTE + timedelta(seconds=SETTLE_S)
    clock.now = T0 + timedelta(seconds=SETTLE_S)
    while clock.now <= end:
        engine.run_once(clock.now)
        clock.forward(step_s)


def test_an_incident_fires_once_and_resolves(
    store: Store, engine: Engine, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    incident(add_calls)
    save_rule(store, make_rule(**{"for": "1m"}), "me", now=T0)
    walk(engine, clock, 8)
    assert transitions(store) == STORY
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]
    slots = store.query("SELECT slot, value, sample_size, late FROM alert_events WHERE kind = 'slot' ORDER BY slot")
    assert [(row["value"], row["sample_size"], row["late"]) for row in slots[:4]] == [
        *((0.0, 20, 0), (0.0, 20, 0), (0.5, 20, 0), (0.5, 20, 0)),
    ]
    opened = store.query("SELECT change, value_low, value_high FROM alert_events WHERE state = 'firing'")
    assert opened == [
        {
            "change": "opened",
            "value_low": pytest.approx(0.2993, abs=1e-4),
            "value_high": pytest.approx(0.7007, abs=1e-4),
        }
    ]


def test_slots_missed_while_down_are_made_up_for_in_order_and_marked_late(
    store: Store, config: AlertsConfig, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    incident(add_calls)
    save_rule(store, make_rule(**{"for": "1m"}), "me", now=T0)
    walk(Engine(store, config, clock), clock, 1)
    clock.now = T0 + 8 * MINUTE + timedelta(seconds=30)
    report = Engine(store, config, clock).run_once()
    assert report.evaluation.evaluated == 7
    assert transitions(store) == [STORY[0], *((*row[:4], 1) for row in STORY[1:])]
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]
    assert b"evaluated after a downtime" in webhook.received[0].body


@pytest.mark.parametrize("restart_after", [3, 4, 5])
def test_a_restart_changes_nothing(
    restart_after: int,
    store: Store,
    config: AlertsConfig,
    clock: Clock,
    webhook: WebhookServer,
    make_rule: MakeRule,
    add_calls: AddCalls,
) -> None:
    incident(add_calls)
    save_rule(store, make_rule(**{"for": "1m"}), "me", now=T0)
    engine = Engine(store, config, clock)
    for minute in range(9):
        clock.now = T0 + minute * MINUTE + timedelta(seconds=SETTLE_S)
        if minute == restart_after:
            engine = Engine(store, config, clock)
        engine.run_once()
    assert transitions(store) == STORY
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]


def test_two_engines_are_as_good_as_one(
    store: Store, config: AlertsConfig, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    """They see different data, as two engines at different moments do; the first to write a slot is believed."""
    save_rule(store, make_rule(**{"for": "1m"}), "me", now=T0)
    first, second = Engine(store, config, clock), Engine(store, config, clock)
    for minute in range(9):
        clock.now = T0 + minute * MINUTE + timedelta(seconds=SETTLE_S)
        pair = (first, second) if minute % 2 else (second, first)
        pair[0].evaluate(clock.now)
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute in range(2, 5) else 0)
        pair[1].evaluate(clock.now)
        threads = [threading.Thread(target=each.deliver) for each in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert transitions(store) == STORY
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]
    slots = store.query("SELECT count() AS n, uniqExact(slot) AS slots FROM alert_events WHERE kind = 'slot'")
    assert slots == [{"n": 8, "slots": 8}]


def test_two_engines_in_the_same_moment(
    store: Store, config: AlertsConfig, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    incident(add_calls)
    save_rule(store, make_rule(**{"for": "1m"}), "me", now=T0)
    engines = [Engine(store, config, clock) for _ in range(2)]
    for minute in range(9):
        clock.now = T0 + minute * MINUTE + timedelta(seconds=SETTLE_S)
        threads = [threading.Thread(target=engine.run_once) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert transitions(store) == STORY
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]


def test_a_deleted_rule_resolves_what_it_has_open(
    store: Store, engine: Engine, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    incident(add_calls, bad=range(10))
    save_rule(store, make_rule(), "me", now=T0)
    walk(engine, clock, 3)
    delete_rule(store, "errors", "somebody", now=clock.now)
    for _ in range(3):
        engine.run_once(clock.forward(60))
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]
    assert b"the rule was deleted by somebody" in webhook.received[1].body
    assert [row[3] for row in transitions(store)] == ["firing", "inactive"]


def test_a_rule_deleted_while_the_engine_is_down_resolves_too(
    store: Store, config: AlertsConfig, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    incident(add_calls, bad=range(10))
    save_rule(store, make_rule(), "me", now=T0)
    walk(Engine(store, config, clock), clock, 3)
    delete_rule(store, "errors", "somebody", now=clock.now)
    clock.forward(3600)
    for _ in range(2):
        Engine(store, config, clock).run_once()
    assert titles(webhook) == ["Firing: errors", "Resolved: errors"]


def test_groups_live_their_own_lives(
    store: Store, engine: Engine, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    for minute in range(5):
        add_calls(T0 + minute * MINUTE, 20, errors=10, response_model="bad <!here>")
        add_calls(T0 + minute * MINUTE, 20, response_model="good")
        if minute < 2:
            add_calls(T0 + minute * MINUTE, 20, response_model="gone")
    save_rule(store, make_rule(group_by=["model"]), "me", now=T0)
    walk(engine, clock, 4)
    assert transitions(store) == [
        (1, {"model": "bad <!here>"}, "", "firing", 0),
        (1, {"model": "gone"}, "", "inactive", 0),
        (1, {"model": "good"}, "", "inactive", 0),
        (3, {"model": "gone"}, "inactive", "no_data", 0),
    ]
    assert b"bad &lt;!here&gt;" in webhook.received[0].body


def test_a_group_that_falls_silent_counts_zero(
    store: Store, engine: Engine, clock: Clock, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    add_calls(T0, 20)
    rule = make_rule(metric="calls", group_by=["model"], condition={"op": "<", "threshold": 1}, min_sample_size=None)
    save_rule(store, rule, "me", now=T0)
    walk(engine, clock, 2)
    assert transitions(store) == [
        (1, {"model": "m1"}, "", "inactive", 0),
        (2, {"model": "m1"}, "inactive", "firing", 0),
    ]


def test_no_traffic_fires_a_rule_on_calls(
    store: Store, engine: Engine, clock: Clock, webhook: WebhookServer, make_rule: MakeRule
) -> None:
    rule = make_rule(metric="calls", condition={"op": "<", "threshold": 1}, min_sample_size=None)
    save_rule(store, rule, "me", now=T0)
    walk(engine, clock, 1)
    assert titles(webhook) == ["Firing: errors"]


def test_too_many_groups_are_one_alert_about_the_rule(
    store: Store, engine: Engine, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    groups = [{"minute": T0, "model": f"m{index}", "calls": 20} for index in range(MAX_GROUPS + 5)]
    store.insert("llm_calls_1m", groups)
    save_rule(store, make_rule(group_by=["model"]), "me", now=T0)
    walk(engine, clock, 2)
    assert titles(webhook) == ["Cannot evaluate: errors", "Resolved: errors"]
    assert b"1,005 groups by model; only the 1,000 largest are watched" in webhook.received[0].body
    found = store.query(
        "SELECT count() AS n FROM alert_events WHERE kind = 'transition' AND slot = {slot:DateTime('UTC')}",
        {"slot": T0 + MINUTE},
    )
    assert found == [{"n": MAX_GROUPS + 1}]


def test_a_rule_whose_groups_change_closes_the_old_ones(
    store: Store, engine: Engine, clock: Clock, webhook: WebhookServer, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    incident(add_calls, bad=range(10))
    save_rule(store, make_rule(group_by=["model"]), "me", now=T0)
    walk(engine, clock, 2)
    save_rule(store, make_rule(), "me", now=clock.now)
    engine.run_once(clock.forward(60))
    engine.run_once(clock.forward(60))
    assert sorted((json.dumps(row[1]), *row[2:4]) for row in transitions(store)) == [
        ('{"model": "m1"}', "", "firing"),
        ('{"model": "m1"}', "firing", "inactive"),
        ("{}", "", "firing"),
    ]
    assert sorted(titles(webhook)) == ["Firing: errors", "Firing: errors", "Resolved: errors"]


def test_a_refused_query_is_a_state_and_other_rules_go_on(
    store: Store,
    engine: Engine,
    clock: Clock,
    webhook: WebhookServer,
    make_rule: MakeRule,
    add_calls: AddCalls,
) -> None:
    incident(add_calls)
    save_rule(store, make_rule(), "me", now=T0)
    save_rule(store, make_rule(name="scores", metric="score:x", statistic="mean"), "me", now=T0)
    store.command("RENAME TABLE scores TO scores_away")
    walk(engine, clock, 1)
    assert titles(webhook) == ["Cannot evaluate: scores"]
    assert b"UNKNOWN_TABLE" in webhook.received[0].body
    store.command("RENAME TABLE scores_away TO scores")
    walk(engine, clock, 8)
    assert sorted(titles(webhook)) == ["Cannot evaluate: scores", "Firing: errors", "Resolved: errors"]
    states = [(row[2], row[3]) for row in transitions(store) if row[0] <= 2]
    assert ("error", "no_data") in states


def test_a_store_that_is_away_makes_slots_late_and_loses_none(
    store: Store,
    engine: Engine,
    clock: Clock,
    make_rule: MakeRule,
    add_calls: AddCalls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incident(add_calls)
    save_rule(store, make_rule(**{"for": "1m"}), "me", now=T0)
    walk(engine, clock, 2)
    real = Store.insert

    def stored_but_not_answered(self: Store, table: str, rows: Any, **arguments: Any) -> None:
        real(self, table, rows, **arguments)
        raise StoreUnavailable("the answer was lost")

    clock.now = T0 + 3 * MINUTE + timedelta(seconds=SETTLE_S)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "insert", stored_but_not_answered)
        with pytest.raises(StoreUnavailable):
            engine.run_once()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "query", lambda *_, **__: (_ for _ in ()).throw(StoreUnavailable("away")))
        with pytest.raises(StoreUnavailable):
            engine.run_once()
    for minute in range(4, 9):
        clock.now = T0 + minute * MINUTE + timedelta(seconds=SETTLE_S)
        engine.run_once()
    assert transitions(store) == STORY


RULES = """\
rules:
  - {name: one, metric: calls, window: 1m, interval: 1m, condition: {op: "<", threshold: 1}, channels: [ops]}
  - {name: two, metric: calls, window: 1m, interval: 1m, condition: {op: ">", threshold: 1}, channels: []}
"""


def test_the_rules_file_is_read_again_only_when_it_is_whole_and_right(
    store: Store,
    config: AlertsConfig,
    clock: Clock,
    webhook: WebhookServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    engine = Engine(store, config.model_copy(update={"rules_file": file}), clock)

    def live() -> list[str]:
        for _ in range(3):
            engine.run_once(clock.forward(60))
        return [row["name"] for row in alerting.current_rules(store) if not row["deleted"]]

    assert live() == ["one", "two"]
    assert titles(webhook) == ["Firing: one"]
    for broken in ("rules: [\n", "", "rules:\n  - {name: one, metrik: calls}\n"):
        file.write_text(broken)
        assert live() == ["one", "two"]
    assert "the rules stay as they were" in caplog.text
    file.unlink()
    assert live() == ["one", "two"]
    file.write_text(RULES.splitlines()[0] + "\n" + RULES.splitlines()[2] + "\n")
    assert live() == ["two"]
    assert titles(webhook) == ["Firing: one", "Resolved: one"]
    assert b"the rule was deleted by file:rules.yaml" in webhook.received[1].body
    audit = store.query("SELECT action, object, actor FROM audit_log ORDER BY time, object")
    assert [(row["action"], row["object"]) for row in audit] == [
        ("alert_rule.save", "one"),
        ("alert_rule.save", "two"),
        ("alert_rule.delete", "one"),
    ]


def test_half_a_file_is_not_taken_for_all_of_it(
    store: Store, config: AlertsConfig, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    engine = Engine(store, config.model_copy(update={"rules_file": file}), clock)
    engine.run_once(clock.forward(1))
    whole = RULES.splitlines(keepends=True)
    file.write_text("".join(whole[:2]))
    engine.run_once(clock.forward(1))
    file.write_text(RULES)
    for _ in range(3):
        engine.run_once(clock.forward(1))
    assert [row["deleted"] for row in alerting.current_rules(store)] == [0, 0]


def test_a_wrong_file_or_channel_stops_the_start(store: Store, config: AlertsConfig, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("channels: []", "channels: [opps]"))
    with pytest.raises(RuleError, match=r"rule 'two': channel 'opps' is not configured; configured: ops"):
        Engine(store, config.model_copy(update={"rules_file": file}))
    file.write_text("rules: 1")
    with pytest.raises(RuleError, match="must hold one key, rules"):
        Engine(store, config.model_copy(update={"rules_file": file}))


def test_runs_until_told_to_stop(
    store: Store, config: AlertsConfig, webhook: WebhookServer, make_rule: MakeRule
) -> None:
    rule = make_rule(
        metric="calls", condition={"op": "<", "threshold": 1}, min_sample_size=None, window="5s", interval="5s"
    )
    save_rule(store, rule, "me")
    stop = threading.Event()
    engine = Engine(store, config.model_copy(update={"settle_s": 0.0}))
    thread = threading.Thread(target=engine.run_forever, args=(stop,))
    thread.start()
    arrived = threading.Event()
    for _ in range(300):
        if webhook.received:
            break
        arrived.wait(0.1)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert titles(webhook) == ["Firing: errors"]


def test_an_error_in_delivery_ends_the_process_instead_of_going_unnoticed(
    store: Store, config: AlertsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(store, config)
    monkeypatch.setattr(engine, "deliver", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.run_forever(threading.Event())
