"""What a terminal shows: alerts, history with deliveries, silences and their audit trail."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from watchglass_alerts import (
    AlertsConfig,
    Engine,
    Rule,
    RuleError,
    delete_rule,
    lift_silence,
    list_alerts,
    list_history,
    list_silences,
    save_rule,
    save_silence,
)
from watchglass_alerts.testing import WebhookServer
from watchglass_store import Store

from .conftest import T0, Clock

MINUTE = timedelta(minutes=1)


def test_alerts_and_their_history(
    store: Store, clock: Clock, make_rule: Callable[..., Rule], add_calls: Callable[..., None]
) -> None:
    for minute in range(3):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute < 2 else 0)
    save_rule(store, make_rule(), "me", now=T0)
    slow = make_rule(
        name="slow", severity="critical", channels=[], **{"for": "1h"}, condition={"op": "<", "threshold": 1}
    )
    save_rule(store, slow, "me", now=T0)
    save_rule(store, make_rule(name="unseen", metric="score:x", statistic="mean", channels=[]), "me", now=T0)
    save_silence(store, {"rule": "slow"}, duration=10 * MINUTE, author="me", now=T0)
    with WebhookServer() as webhook:
        channels = {"ops": {"type": "slack", "url": webhook.url}}
        config = AlertsConfig.model_validate({"settle_s": 0, "allow_loopback": True, "channels": channels})
        engine = Engine(store, config, clock)
        engine.run_once(clock.forward(60))
        found = [(row["rule"], row["state"]) for row in list_alerts(store, now=clock.now)]
        assert found == [("errors", "firing"), ("slow", "pending"), ("unseen", "no_data")]
        first, second, _ = list_alerts(store, now=clock.now)
        assert (first["open_since"], first["silenced_until"]) == (T0 + MINUTE, None)
        assert (second["open_since"], second["silenced_until"]) == (None, T0 + 10 * MINUTE)
        engine.run_once(clock.forward(60))
        engine.run_once(clock.forward(60))
    assert [row["rule"] for row in list_alerts(store, now=clock.now)] == ["slow", "unseen"]
    assert len(list_alerts(store, all_states=True, now=clock.now)) == 3
    rows = list_history(store, since=T0, until=clock.now)
    assert [(row["slot"], row["change"]) for row in rows] == [(T0 + 3 * MINUTE, "closed"), (T0 + MINUTE, "opened")]
    assert rows[0]["deliveries"] == [("ops", "delivered", "")]
    assert rows[1]["value"] == 0.5
    assert len(list_history(store, since=T0, until=clock.now, turns_only=False)) == 4
    assert list_history(store, rule="slow", since=T0, until=clock.now) == []
    delete_rule(store, "slow", "me", now=clock.now)
    assert [row["rule"] for row in list_alerts(store, now=clock.now)] == ["unseen"]


def test_silences_are_listed_lifted_and_audited(store: Store) -> None:
    kept = save_silence(store, {"rule": "a"}, duration=MINUTE, author="me", comment="known", now=T0)
    lifted = save_silence(store, {"rule": "b"}, duration=MINUTE, author="me", now=T0)
    lift_silence(store, lifted, "you", now=T0)
    (row,) = list_silences(store, now=T0)
    assert (row["id"], row["matchers"], row["comment"], row["state"]) == (kept, {"rule": "a"}, "known", "active")
    later = T0 + 2 * MINUTE
    assert list_silences(store, now=later) == []
    assert {row["id"]: row["state"] for row in list_silences(store, ended=True, now=later)} == {
        kept: "ended",
        lifted: "lifted",
    }
    for gone in (lifted, "none"):
        with pytest.raises(RuleError, match="is in force"):
            lift_silence(store, gone, "you", now=T0)
    audit = store.query(
        "SELECT actor, action FROM audit_log WHERE object = {id:String} ORDER BY action", {"id": lifted}
    )
    assert audit == [{"actor": "you", "action": "silence.lift"}, {"actor": "me", "action": "silence.save"}]
