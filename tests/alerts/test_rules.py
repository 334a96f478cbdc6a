from collections.abc import Callable
from typing import Any

import pytest

from watchglass_alerts.errors import RuleError
from watchglass_alerts.metrics import CALLS
from watchglass_alerts.rules import CALL_FIELDS, SCORE_FIELDS, Rule
from watchglass_alerts.rules_file import parse_rule
from watchglass_store.queries import alerting_measures

MakeRule = Callable[..., Rule]


def test_a_rule_survives_being_stored(make_rule: MakeRule) -> None:
    rule = make_rule(
        metric="score:profanity",
        statistic="share",
        share_of={"above": 0.5},
        filters={"service_name": "shop", "model": ["m1", ""]},
        group_by=["model"],
        condition={"op": ">", "threshold": 0.2, "resolve_threshold": 0.1},
        keep_firing_for="1h30m",
        labels={"team": "search"},
        annotations={"summary": "{{ value }} on {{ labels.model }}"},
        runbook_url="https://runbooks.example/profanity",
        notify_on=["firing"],
        **{"for": "5m"},
    )
    assert parse_rule(rule.definition()) == rule
    assert rule.for_s == 300
    assert rule.definition()["keep_firing_for"] == "1h30m"
    assert "severity" not in rule.definition()


@pytest.mark.parametrize("measure", CALLS, ids=lambda measure: f"{measure.metric}-{measure.statistic}")
def test_every_row_of_the_catalogue_is_accepted(make_rule: MakeRule, measure: Any) -> None:
    rule = make_rule(metric=measure.metric, statistic=measure.statistic)
    assert rule.measure is measure


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"treshold": 1}, "unknown field treshold"),
    ({"min_samples": 5}, "did you mean min_sample_size"),
    ({"condition": {"op": ">", "treshold": 1}}, "unknown field condition.treshold; did you mean threshold"),
    ({"condition": {"op": ">", "threshold": 1, "resolve_treshold": 1}}, "did you mean resolve_threshold"),
    ({"condition": {"op": ">", "threshold": "0.5"}}, r"condition\.threshold = '0\.5': input should be a valid number"),
    ({"condition": {"op": ">", "threshold": float("nan")}}, r"condition\.threshold = nan: .*finite"),
    ({"condition": {"op": ">", "threshold": float("inf")}}, r"condition\.threshold = inf: .*finite"),
    ({"condition": {"op": ">", "threshold": True}}, r"condition\.threshold = True"),
    ({"condition": {"op": "=", "threshold": 1}}, r"condition\.op = '=': .*'>', '>=', '<' or '<='"),
    ({"condition": {"op": ">", "threshold": 1, "resolve_threshold": 2}}, "resolve_threshold 2 must be at or below"),
    ({"condition": {"op": "<", "threshold": 1, "resolve_threshold": 0}}, "resolve_threshold 0 must be at or above"),
    ({"interval": "0s"}, "interval = '0s': must be between 5s and 1d"),
    ({"interval": "-1s"}, "interval = '-1s': must be a duration"),
    ({"interval": "1ms"}, "interval = '1ms': must be a duration"),
    ({"interval": 60}, "interval = 60: must be a duration"),
    ({"interval": "3650d"}, "interval = '3650d': must be between"),
    ({"window": "31d"}, "window = '31d': must be between 5s and 4w2d"),
    ({"window": "1m", "interval": "5m"}, "window must be at least interval"),
    ({"for": "30d"}, "for = '30d': must be between 0s and 1w"),
    ({"metric": "eror_rate"}, "metric 'eror_rate' is not in the catalogue; allowed: calls"),
    ({"metric": "score:"}, "is not in the catalogue"),
    ({"metric": "duration_s"}, "statistic '' does not fit duration_s; allowed: mean, p50, p95, p99"),
    ({"metric": "calls", "statistic": "p95"}, "calls has only one; leave the field out"),
    ({"metric": "score:x", "statistic": "share"}, "share_of goes with"),
    ({"share_of": {"above": 1}}, "share_of goes with"),
    ({"metric": "score:x", "statistic": "share", "share_of": {"above": 1, "below": 2}}, "exactly one of above, below"),
    ({"metric": "calls", "confidence": "bound"}, "confidence: bound is for shares, means and percentiles"),
    ({"min_sample_size": -1}, "min_sample_size = -1"),
    ({"min_sample_size": 10.5}, r"min_sample_size = 10\.5"),
    ({"filters": {"user_id": "x"}}, "filters: unknown field 'user_id'; allowed: service_name"),
    ({"filters": {"model": []}}, r"filters\.model = \[\]"),
    ({"filters": {"model": [3]}}, r"filters\.model\.0 = 3"),
    ({"filters": {"model": "a\nb"}}, "printable"),
    ({"group_by": ["trace_id"]}, "group_by: unknown field 'trace_id'"),
    ({"group_by": ["model", "model"]}, "repeated"),
    ({"group_by": ["model", "environment", "service_name", "prompt_name"]}, "group_by"),
    ({"severity": "fatal"}, "severity = 'fatal': .*'info', 'warning' or 'critical'"),
    ({"labels": {"Team": "x"}}, r"labels\.Team"),
    ({"labels": {"model": "x"}}, "labels: model is set by Watchglass"),
    ({"annotations": {"summary": "{{ config }}"}}, r"annotations\.summary: .*config.* is unknown; allowed: "),
    ({"annotations": {"summary": "{{ labels.model }}"}}, "is unknown"),
    ({"annotations": {"summary": "x" * 2001}}, r"annotations\.summary"),
    ({"runbook_url": "javascript:alert(1)"}, "runbook_url: .* must be an http or https link"),
    ({"runbook_url": "https://user:pass@x.example/"}, "runbook_url"),
    ({"channels": None}, "channels is missing"),
    ({"channels": "ops"}, "channels = 'ops'"),
    ({"name": " errors"}, "name = ' errors': must be printable"),
    ({"name": "a\r\nBcc: x"}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"notify_on": ["everything"]}, r"notify_on\.0 = 'everything'"),
]


@pytest.mark.parametrize(("fields", "expected"), REFUSED, ids=[expected for _, expected in REFUSED])
def test_what_is_wrong_is_refused_with_field_value_and_what_is_allowed(
    make_rule: MakeRule, fields: dict[str, Any], expected: str
) -> None:
    with pytest.raises(RuleError, match=expected):
        make_rule(**fields)


def test_something_else_than_a_mapping_is_refused() -> None:
    definitions: tuple[object, ...] = (None, [], "rule", 3)
    for definition in definitions:
        with pytest.raises(RuleError):
            parse_rule(definition)


def test_counts_need_no_samples_and_everything_else_thirty(make_rule: MakeRule) -> None:
    assert make_rule(metric="calls", min_sample_size=None).minimum_samples == 0
    assert make_rule(min_sample_size=None).minimum_samples == 30
    assert make_rule(min_sample_size=0).minimum_samples == 0


def test_the_store_knows_the_same_fields() -> None:
    assert set(CALL_FIELDS) == alerting_measures.CALL_FIELDS
    assert set(SCORE_FIELDS) == alerting_measures.SCORE_FIELDS
