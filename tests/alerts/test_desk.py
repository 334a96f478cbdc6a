"""What an editor of rules asks for, in plain data: the catalogue, the problems by field, a week in a preview."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine, Rule, RuleError
from watchglass_alerts.desk import MOST_POINTS, Desk
from watchglass_store import Store

from .conftest import T0, Clock

MINUTE = timedelta(minutes=1)


def test_every_row_of_the_catalogue_makes_a_rule(make_rule: Callable[..., Rule]) -> None:
    desk = Desk()
    for row in desk.catalogue():
        metric = row["metric"].replace("NAME", "x")
        share = {"share_of": {"above": 0.5}} if row["metric"] == "score:NAME" and row["kind"] == "share" else {}
        fields = {"metric": metric, "statistic": row["statistic"], "group_by": row["fields"][:1], **share}
        definition = make_rule(**fields).definition()
        assert desk.problems(definition) == [], row
        assert row["description"]


def test_problems_name_their_field(make_rule: Callable[..., Rule]) -> None:
    definition = make_rule().definition()
    wrong: dict[str, Any] = {
        "window": {"window": "0s"},
        "condition": {"condition": {"op": ">", "threshold": "0.5"}},
        "filters": {"filters": {"model": []}},
        "name": {"name": ""},
        "metrik": {"metrik": "calls"},
        "": {"window": "5m", "interval": "10m"},
    }
    for field, change in wrong.items():
        problems = Desk().problems(definition | change)
        assert [where for where, _ in problems] == [field], (field, problems)
        with pytest.raises(RuleError):
            Desk().preview(None, definition | change, T0)  # type: ignore[arg-type]


def test_a_preview_is_the_week_thinned_for_a_chart(
    readonly_store: Store, make_rule: Callable[..., Rule], add_calls: Callable[..., None]
) -> None:
    for minute in range(6):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute in (2, 3) else 0)
    found = Desk().preview(readonly_store, make_rule().definition(), T0 + 8 * MINUTE)
    assert (found["slots"], found["fired"], found["unit"], found["threshold"]) == (7 * 24 * 60, 1, "%", 0.2)
    assert [turn["kind"] for turn in found["turns"]] == ["fired", "resolved"]
    (alert,) = found["alerts"]
    assert len(alert["points"]) <= MOST_POINTS
    assert max(point["value"] or 0 for point in alert["points"]) == 0.5, "a thinned course keeps what fired"
    assert sum(point["is_open"] for point in alert["points"]) == 1
    fine = make_rule(window="30s", interval="30s").definition()
    assert Desk().preview(readonly_store, fine, T0)["slots"] == 200, "as much as takes seconds"


def test_what_a_page_saves_is_in_force(store: Store, clock: Clock, make_rule: Callable[..., Rule]) -> None:
    desk, definition = Desk(), make_rule(channels=[]).definition()
    engine = Engine(store, AlertsConfig(settle_s=0), clock)
    desk.add_version(store, definition, "ann", T0)
    assert engine.evaluate(clock.forward(60)).evaluated == 1
    desk.add_version(store, definition | {"interval": "30s"}, "ann", T0 + MINUTE)
    assert engine.evaluate(clock.forward(60)).evaluated == 2
    desk.delete(store, "errors", "ann", T0 + 2 * MINUTE)
    desk.delete(store, "unknown", "ann", T0 + 2 * MINUTE)
    assert engine.evaluate(clock.forward(60)).evaluated == 0
    assert store.query("SELECT count() AS n FROM audit_log")[0]["n"] == 0, "the page writes its own"
