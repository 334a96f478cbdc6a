"""Backtests against what the engine really did, their picture, and the tests of rules as files."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine, Rule, RuleError, backtest, plot, save_rule
from watchglass_alerts.rule_tests import Check, parse_values
from watchglass_alerts.rule_tests import test_rules as run_tests
from watchglass_store import Store

from .conftest import T0, Clock

MakeRule = Callable[..., Rule]
AddCalls = Callable[..., None]
MINUTE = timedelta(minutes=1)


def test_a_backtest_says_what_the_engine_would_have_done(
    store: Store, clock: Clock, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    for minute in range(12):
        add_calls(T0 + minute * MINUTE, 20, errors=10 if minute in (2, 3, 4, 8, 9) else 0, response_model="<b>&m")
        add_calls(T0 + minute * MINUTE, 20, errors=1, response_model="good")
    rule = make_rule(group_by=["model"], keep_firing_for="1m", **{"for": "1m"})
    report = backtest(store, rule, T0, T0 + 12 * MINUTE)
    save_rule(store, rule.model_copy(update={"channels": ()}), "me", now=T0)
    engine = Engine(store, AlertsConfig(settle_s=0), clock)
    for _ in range(12):
        engine.evaluate(clock.forward(60))
    rows = store.query("SELECT slot, change, reason FROM alert_events WHERE change != '' ORDER BY slot")
    done = [(row["slot"], {"opened": "fired", "closed": "resolved"}[row["change"]], row["reason"]) for row in rows]
    assert {point.reason for each in report.points.values() for point in each if point.state == "error"} == set()
    assert [(turn.slot, turn.kind, turn.reason) for turn in report.turns] == done
    assert [turn.kind for turn in report.turns] == ["fired", "resolved", "fired", "resolved"]
    assert report.rows()[0]["labels"] == {"model": "<b>&m"}
    assert report.rows()[0]["value"] == 0.5
    assert report.slots == 12
    picture = plot(report)
    root = ET.fromstring(picture)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<b>&m" in texts
    assert any(text and text.endswith("would have fired 2 times in 12 slots") for text in texts)
    assert len([each for each in root.iter() if each.get("class") == "firing"]) == 2


def test_a_backtest_of_nothing_has_gaps_and_no_slots_is_an_error(store: Store, make_rule: MakeRule) -> None:
    report = backtest(store, make_rule(), T0, T0 + 3 * MINUTE)
    assert report.turns == ()
    assert [point.state for point in report.points[()]] == ["no_data"] * 3
    ET.fromstring(plot(report))
    for until in (T0, T0 + timedelta(days=30)):
        with pytest.raises(RuleError, match="from 1 to 20,000 work"):
            backtest(store, make_rule(), T0, until)


def test_a_refused_query_is_a_state_of_the_backtest(store: Store, make_rule: MakeRule) -> None:
    store.command("RENAME TABLE scores TO scores_away")
    report = backtest(store, make_rule(metric="score:x", statistic="mean"), T0, T0 + MINUTE)
    assert report.points[()][0].state == "error"
    assert "UNKNOWN_TABLE" in report.points[()][0].reason


TESTS = """\
rules:
  - name: chat errors
    metric: error_rate
    filters: {operation_name: chat}
    group_by: [model]
    window: 2m
    interval: 1m
    for: 2m
    condition: {op: ">", threshold: 0.2}
    min_sample_size: 10
    channels: []
  - name: rude
    metric: score:profanity
    statistic: share
    share_of: {above: 0.5}
    window: 1m
    interval: 1m
    condition: {op: ">", threshold: 0.3}
    channels: []
tests:
  - name: an outage
    series:
      - {labels: {operation_name: chat, model: m1}, calls: 20x10 _x5, errors: 0x3 10x5 0x2}
      - {labels: {operation_name: chat, model: m2}, calls: 20x10}
      - {labels: {operation_name: embeddings, model: m3}, calls: 20x10, errors: 20x10}
      - {score: profanity, scores: 40x5, value: 0x2 0.9 0x2}
    expect:
      - {rule: chat errors, at: 4m, firing: [], pending: [{model: m1}]}
      - {rule: chat errors, at: 7m, firing: [{model: m1}], inactive: [{model: m2}]}
      - {rule: chat errors, at: 10m, firing: []}
      - {rule: chat errors, at: 13m, no_data: [{model: m1}, {model: m2}]}
      - {rule: rude, at: 2m, firing: []}
      - {rule: rude, at: 3m30s, firing: [{}]}
"""


def run(tmp_path: Path, text: str) -> list[Check]:
    file = tmp_path / "tests.yaml"
    file.write_text(text)
    return run_tests(file)


def test_a_story_that_holds(tmp_path: Path) -> None:
    checks = run(tmp_path, TESTS)
    assert [check.problem for check in checks] == [""] * 6
    assert [(check.rule, check.at) for check in checks][-1] == ("rude", "3m30s")


def test_a_story_that_does_not_says_where_and_why(tmp_path: Path) -> None:
    wrong = TESTS.replace("at: 7m, firing: [{model: m1}]", "at: 7m, firing: [{model: m2}]")
    (failed,) = [check for check in run(tmp_path, wrong) if not check.passed]
    line = next(number for number, text in enumerate(wrong.splitlines(), 1) if "at: 7m" in text)
    assert failed.where == f"{tmp_path / 'tests.yaml'}:{line}"
    assert failed.problem == (
        "{model: m2} should be firing; it is inactive: 0 % is not > 20 %; "
        "{model: m1} should not be firing: 50 % is still > 20 %"
    )


def test_rules_may_come_from_files(tmp_path: Path) -> None:
    rules, tests = TESTS.split("tests:\n")
    (tmp_path / "rules.yaml").write_text(rules)
    assert all(check.passed for check in run(tmp_path, f"rule_files: [rules.yaml]\ntests:\n{tests}"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("at: 7m", "when: 7m", r"tests\.yaml:\d+: unknown field when; allowed: rule, at, firing"),
        ("rule: rude", "rule: rood", "rule 'rood' is in none of the rules; there are: chat errors, rude"),
        ("20x10 _x5", "20y10", "'20y10' must be a number or _, and may be repeated: 0.5x10"),
        ("calls: 20x10}", "errors: 1x3}", "a series has calls, or score, scores"),
        (
            "metric: score:profanity\n    statistic: share\n    share_of: {above: 0.5}",
            "metric: delivery_lag_s",
            "cover",
        ),
        ("threshold: 0.3", "treshold: 0.3", r"tests\.yaml:18: rule 'rude': unknown field condition\.treshold"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in TESTS
    with pytest.raises(RuleError, match=expected):
        run(tmp_path, TESTS.replace(old, new))


@pytest.mark.parametrize(
    ("text", "values"),
    [("0x2 1.5 _", [0, 0, 1.5, None]), (3, [3]), ("_x2", [None, None]), ("-1e-3", [-0.001])],
)
def test_values(text: Any, values: list[float | None]) -> None:
    assert parse_values(text) == values


def test_values_are_bounded() -> None:
    with pytest.raises(ValueError, match="longer than 20,000 minutes"):
        parse_values("1x99999")
