from collections.abc import Callable
from typing import Any

import pytest

from watchglass_alerts.channels.block_kit import payload
from watchglass_alerts.channels.mail_body import render_text
from watchglass_alerts.evaluation import evaluate
from watchglass_alerts.measurement import Measured
from watchglass_alerts.message import Change, Kind, Message, compose, notification_kind
from watchglass_alerts.rules import Rule
from watchglass_alerts.slots import Slot
from watchglass_alerts.state import AlertState, Observation, Status

from .conftest import T0

MakeRule = Callable[..., Rule]
BAD = Observation(0.312, 0.2773, 0.3488, 643)


def changed(rule: Rule, observation: Observation, before: AlertState | None = None, *, is_late: bool = False) -> Change:
    labels = tuple((field, "m1") for field in sorted(rule.group_by))
    states = {labels: before} if before else {}
    (change,) = evaluate(rule, Slot(T0, is_late), states, Measured({labels: observation}, 1))
    return change


def message(change: Change, kind: Kind = Kind.FIRING, dashboard_url: str = "https://watchglass.example/") -> Message:
    return compose(change, kind, message_id="id", thread="thread", dashboard_url=dashboard_url)


def test_says_what_where_since_when_how_sure_and_how_to_silence(make_rule: MakeRule) -> None:
    rule = make_rule(
        group_by=["model"],
        filters={"service_name": "shop", "environment": ["a", "b"]},
        labels={"team": "search"},
        annotations={"summary": "{{ value }} ({{ value_low }} to {{ value_high }}) on {{ labels.model }}"},
        runbook_url="https://runbooks.example/x",
        severity="critical",
    )
    made = message(changed(rule, BAD, is_late=True))
    assert made.title == "Firing: errors"
    assert made.headline == "error_rate is 31.2 % (95 % interval 27.7 % to 34.9 %, 643 calls); fires at > 20 %."
    assert made.reason == "31.2 % is > 20 %"
    assert dict(made.where) == {"service_name": "shop", "environment": "a or b", "team": "search", "model": "m1"}
    facts = dict(made.facts)
    assert facts["Since"] == f"{T0:%Y-%m-%d} 12:00:00 UTC"
    assert facts["Window"] == f"{T0:%Y-%m-%d} 11:59:00 to 12:00:00 UTC (1m)"
    assert facts["Late"]
    assert made.notes == (("summary", "31.2 % (27.73 % to 34.88 %) on m1"),)
    links = dict(made.links)
    assert links["Runbook"] == "https://runbooks.example/x"
    assert links["Dashboard"].startswith("https://watchglass.example/traces?service=shop&model=m1&from=20")
    assert made.silence == "watchglass alerts silence rule=errors model=m1 --for 2h"
    assert Message.from_json(made.to_json()) == made


def test_a_message_of_another_version_can_still_be_sent() -> None:
    made = Message.from_json('{"id": "x", "kind": "firing", "title": "Firing: a", "facts": [["Rule", "a"]], "new": 1}')
    assert (made.id, made.title, made.facts, made.where) == ("x", "Firing: a", (("Rule", "a"),), ())
    assert payload(made)["blocks"]
    assert render_text(made)


def test_a_resolve_says_how_long_it_lasted(make_rule: MakeRule) -> None:
    before = AlertState(Status.FIRING, T0.replace(hour=10), open_since=T0.replace(hour=10))
    made = message(changed(make_rule(), Observation(0.0, 0.0, 0.1, 40), before), Kind.RESOLVED)
    assert dict(made.facts)["Lasted"] == "2h"
    assert made.title == "Resolved: errors"


def test_hostile_names_are_cleaned_quoted_and_bounded(make_rule: MakeRule) -> None:
    nasty = "a'; rm -rf / \u202e\x00\r\nBcc: x" + "y" * 5000
    rule = make_rule(group_by=["model"], annotations={"summary": "{{ labels.model }}"})
    change = changed(rule, BAD)._replace(labels={"model": nasty})
    made = message(change)
    assert "\x00" not in made.to_json()
    assert "\\u0000" not in made.to_json()
    assert "\u202e" not in made.to_json()
    assert len(made.to_json()) < 20_000
    assert "'model=a'\"'\"'; rm -rf /" in made.silence
    assert dict(made.links)["Dashboard"].isascii()


@pytest.mark.parametrize(
    ("fields", "value", "expected"),
    [
        (
            {"metric": "calls", "condition": {"op": ">", "threshold": 1000}},
            12345.0,
            "calls is 12,345; fires at > 1,000.",
        ),
        ({"metric": "cost_usd"}, 0.41239, "cost_usd is 0.4124 USD (643 calls); fires at > 0.2 USD."),
        (
            {"metric": "duration_s", "statistic": "p95"},
            1.8412,
            "duration_s p95 is 1.841 s (643 calls); fires at > 0.2 s.",
        ),
        ({"metric": "score:x", "statistic": "mean"}, 0.6, "score:x mean is 0.6 (643 scores); fires at > 0.2."),
        (
            {"metric": "score:x", "statistic": "share", "share_of": {"above": 0.5}},
            0.3,
            "score:x share above 0.5 is 30 %",
        ),
        (
            {"metric": "score:x", "statistic": "share", "share_of": {"label": "bad"}},
            0.3,
            "score:x share labelled 'bad'",
        ),
        ({"condition": {"op": ">", "threshold": 0.2, "resolve_threshold": 0.1}}, 0.3, "> 20 %, resolves past 10 %."),
        ({"confidence": "bound"}, 0.3, "judged by the end of the interval that is nearer to the line."),
        ({}, 0.00001, "error_rate is 0.001 %"),
    ],
)
def test_headlines(make_rule: MakeRule, fields: dict[str, Any], value: float, expected: str) -> None:
    change = changed(make_rule(min_sample_size=None, **fields), Observation(value, sample_size=643))
    assert expected in message(change).headline


OPEN, SHUT = {"open_since": T0}, {"open_since": None}


@pytest.mark.parametrize(
    ("before", "after", "notify_on", "expected"),
    [
        ((Status.PENDING, SHUT), (Status.FIRING, OPEN), None, Kind.FIRING),
        ((Status.FIRING, OPEN), (Status.INACTIVE, SHUT), None, Kind.RESOLVED),
        ((Status.NO_DATA, OPEN), (Status.INACTIVE, SHUT), None, Kind.RESOLVED),
        ((Status.NO_DATA, OPEN), (Status.FIRING, OPEN), None, None),
        ((Status.FIRING, OPEN), (Status.NO_DATA, OPEN), None, None),
        ((Status.FIRING, OPEN), (Status.NO_DATA, OPEN), ["no_data"], Kind.NO_DATA),
        ((Status.INACTIVE, SHUT), (Status.NO_DATA, SHUT), ["no_data", "resolved"], Kind.NO_DATA),
        ((Status.NO_DATA, SHUT), (Status.INACTIVE, SHUT), ["no_data", "resolved"], Kind.RESOLVED),
        ((Status.NO_DATA, SHUT), (Status.INACTIVE, SHUT), ["resolved"], None),
        ((Status.INACTIVE, SHUT), (Status.ERROR, SHUT), None, Kind.ERROR),
        ((Status.INACTIVE, SHUT), (Status.ERROR, SHUT), ["firing"], None),
        ((Status.INACTIVE, SHUT), (Status.PENDING, SHUT), None, None),
        ((Status.FIRING, OPEN), (Status.FIRING, OPEN), None, None),
        ((Status.FIRING, OPEN), (Status.INACTIVE, SHUT), ["firing"], None),
    ],
)
def test_who_is_told_of_what(
    make_rule: MakeRule, before: Any, after: Any, notify_on: list[str] | None, expected: Kind | None
) -> None:
    states = [AlertState(status, T0, **extra) for status, extra in (before, after)]
    assert notification_kind(make_rule(notify_on=notify_on), *states) == expected
