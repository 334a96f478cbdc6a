"""The Alerts page as somebody who writes no YAML uses it, on a real store, with the real validator and backtest."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from watchglass_alerts.desk import Desk
from watchglass_alerts.rules_file import load_rules, parse_rule
from watchglass_dashboards import DashboardConfig, Installation
from watchglass_dashboards.rule_desk import RULE_DESK_VARIABLE
from watchglass_dashboards.ui import alert_form
from watchglass_dashboards.ui.alert_words import METRICS, metric_key, seconds_of, sentence
from watchglass_store import Store, StoreConfig, connect

from .alert_seed import ERRORS, RUDE, SLOW
from .conftest import Seeded

CHANNELS = {"slack #llm-oncall": {"type": "slack"}, "e-mail on-call": {"type": "email"}}
HERE = Installation(DashboardConfig(), sections={"alerts": {"channels": CHANNELS}})
UNITS = {f"{row['metric']} {row['statistic']}".strip(): row["unit"] for row in Desk().catalogue()}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def show(view: Callable[..., AppTest], alerting: Seeded, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """show(**query) -> the page."""
    monkeypatch.setenv(RULE_DESK_VARIABLE, "watchglass_alerts.desk:Desk")

    def run(**query: str) -> AppTest:
        shown = view("alerts", source=alerting.reader, installation=HERE, **query)
        assert not shown.exception
        return shown

    return run


@pytest.fixture
def table(alerting: Seeded) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """table(sql) -> rows, as the administrator sees them."""
    store: Store = connect(StoreConfig(url=alerting.owner.url), Path())
    yield store.query
    store.close()


def texts(shown: AppTest) -> str:
    kinds = ("markdown", "caption", "text", "error", "info", "warning", "metric")
    return "\n".join(str(each.value) for kind in kinds for each in shown.get(kind))


def test_rules_are_sentences_with_their_states(show: Callable[..., AppTest]) -> None:
    shown = show()
    frame = shown.dataframe[0].value
    assert list(frame["name"]) == ["Slow answers", "Error rate", "Rude answers"], "trouble first, deleted ones not"
    assert frame["state"][0].endswith("firing")
    assert frame["words"][1] == "the error rate over 1 h is above 5 %"
    assert list(frame["silenced"].isna()) == [True, False, True]
    assert {metric.label: metric.value for metric in shown.metric}["Firing"] == "1"
    assert "4.3" in texts(show(rule="Slow answers"))


def test_a_rule_is_made_without_a_line_of_yaml(
    show: Callable[..., AppTest], table: Callable[[str], list[dict[str, Any]]]
) -> None:
    shown = show(new="1")
    shown.selectbox(key="ed_key").set_value("duration_s p95")
    shown.run()
    shown.number_input(key="ed_value").set_value(3.5)
    shown.multiselect(key="ed_filter_service_name").set_value(["support-bot"])
    shown.multiselect(key="ed_group_by").set_value(["model"])
    shown.multiselect(key="ed_channels").set_value(["e-mail on-call"])
    shown.selectbox(key="ed_hold").set_value("5m")
    shown.text_input(key="ed_name").set_value("Latency by model")
    shown.run()
    assert not shown.exception
    said = texts(shown)
    words = (
        "the 95th\\-percentile latency of service support\\-bot for each model over 10 min is above 3\\.5 s for 5 min"
    )
    assert words in said
    assert "would have fired" in said or "would not have fired" in said
    shown.button(key="ed_save").click().run()
    assert not shown.exception
    (row,) = table("SELECT definition, author FROM alert_rules WHERE name = 'Latency by model'")
    rule = parse_rule(json.loads(row["definition"]))
    assert (rule.metric, rule.statistic, rule.condition.threshold, rule.for_s) == ("duration_s", "p95", 3.5, 300)
    assert (rule.filters, rule.group_by) == ({"service_name": ("support-bot",)}, ("model",))
    (audit,) = table("SELECT action, actor, after FROM audit_log WHERE object = 'Latency by model'")
    assert audit["action"] == "alert_rule.save"
    assert parse_rule(json.loads(audit["after"])) == rule
    assert "Latency by model" in list(show().dataframe[0].value["name"])


def test_mistakes_are_said_where_they_are_made(show: Callable[..., AppTest]) -> None:
    shown = show(edit="Error rate")
    assert shown.text_input(key="ed_name").value == "Error rate"
    assert shown.number_input(key="ed_value").value == 5.0, "a share is typed as a percentage"
    assert not shown.error
    shown.number_input(key="ed_resolve").set_value(8.0).run()
    assert "must be at or below threshold" in str(shown.error[0].value).replace("\\", "")
    assert shown.button(key="ed_save").disabled


def test_what_the_sentence_does_not_show_survives_an_edit(
    show: Callable[..., AppTest], table: Callable[[str], list[dict[str, Any]]]
) -> None:
    shown = show(edit="Rude answers")
    shown.number_input(key="ed_value").set_value(2.0).run()
    shown.button(key="ed_save").click().run()
    rows = table("SELECT definition FROM alert_rules WHERE name = 'Rude answers' ORDER BY version")
    assert parse_rule(json.loads(rows[-1]["definition"])) == parse_rule(
        RUDE | {"condition": {"op": ">", "threshold": 0.02}}
    )


def test_silences_are_made_and_lifted(
    show: Callable[..., AppTest], table: Callable[[str], list[dict[str, Any]]]
) -> None:
    shown = show(rule="Slow answers")
    shown.button(key="rule_silence_2h").click().run()
    assert not shown.exception
    (made,) = table("SELECT id, ends_at - starts_at AS s, author FROM silences WHERE matchers['rule'] = 'Slow answers'")
    assert int(made["s"]) == 7200
    shown = show(show="Silences")
    assert "rule \\= Slow answers" in texts(shown)
    shown.button(key=f"lift_{made['id']}").click().run()
    assert [row["deleted"] for row in table(f"SELECT deleted FROM silences WHERE id = '{made['id']}' ORDER BY version")
            ] == [0, 1]  # fmt: skip
    actions = table(f"SELECT action FROM audit_log WHERE object = '{made['id']}' ORDER BY time")
    assert [row["action"] for row in actions] == ["silence.save", "silence.lift"]


def test_history_says_who_was_told(show: Callable[..., AppTest]) -> None:
    shown = show(show="History")
    frame = shown.dataframe[0].value
    assert list(frame["rule"]) == ["Slow answers"]
    assert "slack #llm-oncall: delivered" in frame["told"][0]
    assert "e-mail on-call: trying again" in frame["told"][0]
    said = texts(show(show="Channels"))
    assert "connection refused by the mail server" in said


def test_a_rule_is_deleted_and_its_versions_stay(
    show: Callable[..., AppTest], table: Callable[[str], list[dict[str, Any]]]
) -> None:
    shown = show(rule="Rude answers")
    shown.button(key="rule_delete").click().run()
    assert not shown.exception
    rows = table("SELECT deleted FROM alert_rules WHERE name = 'Rude answers' ORDER BY version")
    assert rows[-1]["deleted"] == 1
    assert "Rude answers" not in list(show().dataframe[0].value["name"])


def test_without_a_desk_rules_can_be_read(view: Callable[..., AppTest], alerting: Seeded) -> None:
    shown = view("alerts", source=alerting.reader, installation=HERE, new="1")
    assert not shown.exception
    assert not [button for button in shown.button if button.key in ("new_rule", "rule_edit", "ed_save")]


def test_every_metric_has_words_and_every_rule_survives_the_form() -> None:
    assert set(METRICS) == set(UNITS)
    files = [ROOT / "examples/rules.yaml", ROOT / "cli/watchglass_cli/demo/rules.yaml"]
    rules = [rule for file in files for rule in load_rules(file)]
    change = {"type": "change", "against": "7d", "change": "relative", "op": "<", "threshold": -0.25}
    burn = {"type": "burn_rate", "budget": 0.001, "threshold": 14.4, "short_window": "10m"}
    shapes: list[dict[str, Any]] = [
        SLOW, ERRORS, RUDE, ERRORS | {"condition": change}, ERRORS | {"condition": burn},
        ERRORS | {"condition": {**change, "change": "absolute", "op": ">", "threshold": 0.03}},
        ERRORS | {"condition": {"type": "no_data", "threshold": 3.0}},
        ERRORS | {"condition": {"op": "<=", "threshold": 0.3}, "annotations": {"summary": "s", "description": "d"}},
        ERRORS | {"metric": "drift:x", "statistic": "alarm", "condition": {"op": ">=", "threshold": 1.0}},
        ERRORS | {"metric": "cost_usd", "condition": {**burn, "budget": 900.0, "budget_period": "30d"}},
    ]  # fmt: skip
    for rule in [*rules, *(parse_rule(shape) for shape in shapes)]:
        stated = rule.definition()
        unit = UNITS[metric_key(rule.metric, rule.statistic)]
        again = alert_form.definition(alert_form.form_of(stated, unit), unit, stated)
        assert parse_rule(again) == rule, stated
        assert sentence(stated, UNITS)


def test_durations_in_words() -> None:
    assert [seconds_of(text) for text in ("90s", "1h30m", "7d", "0s", "", "x", "5", "m")] == [
        90, 5400, 604_800, 0, 0, 0, 0, 0,
    ]  # fmt: skip
    assert [alert_form.interval_for(window) for window in ("20s", "5m", "1h", "6h", "7d")] == [
        "20s", "1m", "1m", "6m", "60m",
    ]  # fmt: skip
