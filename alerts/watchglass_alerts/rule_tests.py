"""Unit tests of rules, as files: made-up traffic, and which alerts are to be in which state at which time.

rule_files: [rules.yaml]
tests:
  - name: an outage fires after three minutes
    series:
      - {labels: {model: m1}, calls: 20x10, errors: 0x3 10x7}
    expect:
      - {rule: chat errors, at: 5m, firing: []}
      - {rule: chat errors, at: 8m, firing: [{model: m1}]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from watchglass_alerts.backtest import Point, replay
from watchglass_alerts.condition import Part
from watchglass_alerts.durations import format_duration, within
from watchglass_alerts.errors import RuleError
from watchglass_alerts.events import Labels, identity
from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import Reader, explain, load_rules, read_file, validate_rules
from watchglass_alerts.simulation import START, Series, Traffic, is_covered
from watchglass_alerts.slots import slots_between

MAX_MINUTES = 20_000
STATES = ("firing", "pending", "inactive", "no_data")
_ITEM = re.compile(r"(_|-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)(?:x([0-9]{1,5}))?")


def parse_values(text: object) -> object:
    """'0x3 0.5x2 _ 1' is 0, 0, 0, 0.5, 0.5, nothing, 1: a value for each minute.

    Raises:
        ValueError: it is not of that form, or longer than 20,000 minutes.
    """
    if not isinstance(text, (str, int, float)) or isinstance(text, bool):
        return text
    values: list[float | None] = []
    for item in str(text).split():
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item!r} must be a number or _, and may be repeated: 0.5x10")
        values += [None if match[1] == "_" else float(match[1])] * int(match[2] or 1)
        if len(values) > MAX_MINUTES:
            raise ValueError(f"is longer than {MAX_MINUTES:,} minutes")
    return values


Values = Annotated[list[float | None], BeforeValidator(parse_values)]
At = Annotated[int, BeforeValidator(within(0, MAX_MINUTES * 60))]
Alerts = list[dict[str, str]]


class SeriesText(Part):
    """Calls or scores of one kind, minute by minute."""

    labels: dict[str, str] = Field(default_factory=dict)
    calls: Values = Field(default_factory=list)
    errors: Values = Field(default_factory=list)
    input_tokens: Values = Field(default_factory=list)
    output_tokens: Values = Field(default_factory=list)
    cost_usd: Values = Field(default_factory=list)
    duration_s: Values = Field(default_factory=list)
    time_to_first_token_s: Values = Field(default_factory=list)
    score: str = ""
    scores: Values = Field(default_factory=list)
    value: Values = Field(default_factory=list)
    label: str = ""

    @model_validator(mode="after")
    def _kind(self) -> SeriesText:
        wanted = {"score", "scores", "value"} if self.score else {"calls"}
        if not wanted <= self.model_fields_set:
            raise ValueError("a series has calls, or score, scores (how many) and value")
        return self

    def series(self) -> Series:
        """For the simulation."""
        columns = {name: value for name, value in self if isinstance(value, list)}
        return Series(self.labels, columns, self.score, self.label)


class Expectation(Part):
    """Which alerts of a rule are in a state at a time: exactly these."""

    rule: str
    at_s: At = Field(alias="at")
    firing: Alerts | None = None
    pending: Alerts | None = None
    inactive: Alerts | None = None
    no_data: Alerts | None = None


class RuleTest(Part):
    """One story."""

    name: str
    series: list[SeriesText]
    expect: list[Expectation] = Field(min_length=1)


class TestFile(Part):
    """The whole file."""

    __test__ = False
    rule_files: list[str] = Field(default_factory=list)
    rules: list[Any] = Field(default_factory=list)
    tests: list[RuleTest] = Field(min_length=1)


_MODELS: dict[str, type[Part]] = {"tests": RuleTest, "series": SeriesText, "expect": Expectation}


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation and what became of it."""

    where: str
    """'file:line'."""
    test: str
    rule: str
    at: str
    problem: str
    """'' where it was met; otherwise what was expected, what was found, and why."""

    @property
    def passed(self) -> bool:
        """Whether it was met."""
        return not self.problem


def test_rules(path: Path) -> list[Check]:
    """Run a file of tests; nothing is asked of a store.

    Raises:
        RuleError: the file, or a file of rules that it names, is wrong; one line for each problem.
    """
    reader = Reader(str(path))
    document = reader.read(read_file(path))
    file = _parse(document, reader)
    rules = {rule.name: rule for rule in validate_rules(file.rules, reader)}
    for name in file.rule_files:
        rules |= {rule.name: rule for rule in load_rules(path.parent / name)}
    checks: list[Check] = []
    for number, test in enumerate(file.tests):
        traffic = Traffic([series.series() for series in test.series])
        end_s = {rule: max(each.at_s for each in test.expect if each.rule == rule) for rule in _named(test)}
        points = {
            name: _replay(_rule(rules, name, reader, number), traffic, seconds) for name, seconds in end_s.items()
        }
        for index, expected in enumerate(test.expect):
            where = f"{path}:{reader.line(('tests', number, 'expect', index))}"
            problem = _problem(expected, points[expected.rule])
            checks.append(Check(where, test.name, expected.rule, format_duration(expected.at_s), problem))
    return checks


test_rules.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for one of its own


def _parse(document: Any, reader: Reader) -> TestFile:
    try:
        return TestFile.model_validate(document)
    except ValidationError as error:
        problems = []
        for (where, text), item in zip(explain(error), error.errors(), strict=True):
            if item["type"] == "extra_forbidden":
                parents = [part for part in where[:-1] if isinstance(part, str)]
                model = _MODELS.get(parents[-1], TestFile) if parents else TestFile
                allowed = ", ".join(field.alias or name for name, field in model.model_fields.items())
                text = f"unknown field {where[-1]}; allowed: {allowed}"
            problems.append(f"{reader.source}:{reader.line(where)}: {text}")
        raise RuleError(problems) from None


def _named(test: RuleTest) -> list[str]:
    return list(dict.fromkeys(each.rule for each in test.expect))


def _rule(rules: Mapping[str, Rule], name: str, reader: Reader, test: int) -> Rule:
    line = reader.line(("tests", test, "expect"))
    if name not in rules:
        known = ", ".join(sorted(rules)) or "none"
        raise RuleError([f"{reader.source}:{line}: rule {name!r} is in none of the rules; there are: {known}"])
    if not is_covered(rules[name]):
        metric = rules[name].metric
        raise RuleError([f"{reader.source}:{line}: rule {name!r}: tests cover calls and scores, not {metric}"])
    return rules[name]


def _replay(rule: Rule, traffic: Traffic, end_s: int) -> dict[Labels, list[Point]]:
    times = slots_between(START, START + timedelta(seconds=end_s), rule.interval_s)
    if len(times) > MAX_MINUTES:
        raise RuleError([f"rule {rule.name!r}: more than {MAX_MINUTES:,} slots; end the test earlier"])
    return replay(rule, ((time, traffic.measure(rule, time)) for time in times))[1]


def _problem(expected: Expectation, points: Mapping[Labels, Sequence[Point]]) -> str:
    at = START + timedelta(seconds=expected.at_s)
    now = {labels: last for labels, each in points.items() if (last := _last(each, at)) is not None}
    problems = []
    for state in STATES:
        wanted: Alerts | None = getattr(expected, state)
        if wanted is None:
            continue
        found = {labels for labels, point in now.items() if point.state == state}
        for labels in sorted({identity(each) for each in wanted} - found):
            seen = now.get(labels)
            is_now = f"it is {seen.state}: {seen.reason}" if seen else "there is no such alert"
            problems.append(f"{_shown(labels)} should be {state}; {is_now}")
        spare = sorted(found - {identity(each) for each in wanted})
        problems += [f"{_shown(labels)} should not be {state}: {now[labels].reason}" for labels in spare]
    return "; ".join(problems)


def _last(points: Sequence[Point], at: Any) -> Point | None:
    return next((point for point in reversed(points) if point.slot <= at), None)


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in labels) + "}"
