"""A slot's questions to the store, asked together: rules that share table, window and groups share one scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from watchglass_alerts.metrics import Kind, Source
from watchglass_alerts.rules import Rule
from watchglass_store import Store, StoreRejected
from watchglass_store.queries import alerting_gauges, alerting_measures

MAX_GROUPS = 1000
"""Alerts of one rule."""
MAX_SETS = 250
MAX_LINES = 50
MAX_CHARACTERS = 8_000
"""Of filters and lines in one query: they travel in the request's address."""
MAX_REFUSALS = 3
"""In a row, after which a scan's other questions are taken to be refused for the same reason."""

Line = tuple[str, float, str]
Row = Mapping[str, Any]


class Scan(NamedTuple):
    """What questions must have in common to be answered by one query."""

    source: Source
    start: datetime
    end: datetime
    group_by: tuple[str, ...]
    quantiles: bool
    """Of calls; they are asked for apart, because they cost more than all the rest."""
    by_version: bool
    """Of scores: whether the versions of an evaluator are told apart, or a call counts once."""


class Question(NamedTuple):
    """What one window of one rule wants to know; rules that want the same are one question."""

    subject: str
    """The score or drift monitor; '' otherwise."""
    filters: tuple[tuple[str, tuple[str, ...]], ...]
    line: Line | None


class Answer(NamedTuple):
    """Rows of one question, one for each group."""

    rows: list[Row]
    groups: int
    """How many there are; more than `rows` where the limit cut them."""


class Scans:
    """The queries of one slot. Nothing is asked before it is needed, and nothing twice."""

    def __init__(self, store: Store, slot: datetime) -> None:
        self._store = store
        self._slot = slot
        self._waiting: dict[Scan, dict[Question, None]] = {}
        self._answers: dict[tuple[Scan, Question], Answer | StoreRejected] = {}

    def add(self, rules: Iterable[Rule]) -> None:
        """Announce what will be asked, so that it is asked together."""
        for rule in rules:
            for scan, question in self._asked(rule):
                if (scan, question) not in self._answers:
                    self._waiting.setdefault(scan, {})[question] = None

    def ask(self, rule: Rule) -> list[Answer]:
        """An answer for each of the rule's windows.

        Raises:
            StoreUnavailable: try the slot again later.
            StoreRejected: the question was refused and will be again.
        """
        return [self._answer(scan, question) for scan, question in self._asked(rule)]

    def _asked(self, rule: Rule) -> Iterator[tuple[Scan, Question]]:
        measure = rule.measure
        question = Question(rule.subject, tuple(sorted(rule.filters.items())), line_of(rule))
        for offset_s, length_s in rule.windows:
            end = self._slot - timedelta(seconds=offset_s)
            quantiles = measure.source is Source.CALLS and measure.kind is Kind.QUANTILE
            by_version = "evaluator_version" in (*rule.filters, *rule.group_by)
            start = end - timedelta(seconds=length_s)
            yield Scan(measure.source, start, end, rule.group_by, quantiles, by_version), question

    def _answer(self, scan: Scan, question: Question) -> Answer:
        if (scan, question) not in self._answers:
            waiting = self._waiting.setdefault(scan, {})
            chunk = _chunk(question, waiting)
            try:
                self._query(scan, chunk)
            except StoreRejected as error:
                self._one_by_one(scan, chunk, error)
            for each in chunk:
                waiting.pop(each, None)
        found = self._answers[scan, question]
        if isinstance(found, StoreRejected):
            raise found
        return found

    def _one_by_one(self, scan: Scan, chunk: Sequence[Question], error: StoreRejected) -> None:
        """A refusal may be one question's fault; the others are not to suffer for it."""
        refusals = MAX_REFUSALS if len(chunk) == 1 else 0
        for question in chunk:
            if refusals < MAX_REFUSALS:
                try:
                    self._query(scan, [question])
                    refusals = 0
                    continue
                except StoreRejected as own:
                    error, refusals = own, refusals + 1
            self._answers[scan, question] = error

    def _query(self, scan: Scan, questions: Sequence[Question]) -> None:
        match scan.source:
            case Source.CALLS:
                rows = self._calls(scan, questions)
            case Source.SCORES:
                rows = self._scores(scan, questions)
            case Source.EVALUATION_LAG:
                rows = _lags(alerting_gauges.evaluation_lags(self._store, self._slot), scan, questions)
            case Source.EVALUATOR_WAIT:
                rows = _lags(alerting_gauges.evaluator_waits(self._store, self._slot), scan, questions)
            case Source.DRIFT:
                rows = [self._drift(scan, question) for question in questions]
            case _:
                rows = _lags(alerting_gauges.delivery_lags(self._store, self._slot), scan, questions)
        for question, found in zip(questions, rows, strict=True):
            groups = int(found[0].get("groups", len(found))) if found else 0
            self._answers[scan, question] = Answer(found, groups)

    def _calls(self, scan: Scan, questions: Sequence[Question]) -> list[list[Row]]:
        sets = list(dict.fromkeys(question.filters for question in questions))
        rows = alerting_measures.call_measures(
            self._store,
            start=scan.start,
            end=scan.end,
            sets=[dict(filters) for filters in sets],
            group_by=scan.group_by,
            limit=MAX_GROUPS,
            quantiles=scan.quantiles,
        )
        members = _by_member(rows)
        return [members.get(sets.index(question.filters) + 1, []) for question in questions]

    def _scores(self, scan: Scan, questions: Sequence[Question]) -> list[list[Row]]:
        sets = list(dict.fromkeys((question.subject, question.filters) for question in questions))
        lines = list(dict.fromkeys(question.line for question in questions if question.line is not None))
        rows = alerting_measures.score_measures(
            self._store,
            start=scan.start,
            end=scan.end,
            names=[subject for subject, _ in sets],
            sets=[dict(filters) for _, filters in sets],
            lines=lines,
            group_by=scan.group_by,
            limit=MAX_GROUPS,
        )
        members = _by_member(rows)
        answers: list[list[Row]] = []
        for question in questions:
            found = members.get(sets.index((question.subject, question.filters)) + 1, [])
            index = lines.index(question.line) if question.line is not None else 0
            answers.append([{**row, "matching": row["matching"][index]} for row in found])
        return answers

    def _drift(self, scan: Scan, question: Question) -> list[Row]:
        rows: list[Row] = []
        rows += alerting_gauges.drift_results(
            self._store,
            question.subject,
            start=scan.start,
            end=scan.end,
            filters=dict(question.filters),
            group_by=scan.group_by,
            limit=MAX_GROUPS,
        )
        return rows


def line_of(rule: Rule) -> Line | None:
    """Which scores `share_of` counts."""
    share = rule.share_of
    if share is None:
        return None
    if share.above is not None:
        return ("above", share.above, "")
    return ("below", share.below, "") if share.below is not None else ("label", 0.0, share.label or "")


def _by_member(rows: Iterable[Row]) -> dict[int, list[Row]]:
    members: dict[int, list[Row]] = {}
    for row in rows:
        members.setdefault(int(row["member"]), []).append(row)
    return members


def _chunk(first: Question, waiting: Mapping[Question, None]) -> list[Question]:
    """The question and as many of those that wait as fit into a query with it."""
    chunk: list[Question] = []
    sets: set[tuple[str, object]] = set()
    lines: set[Line | None] = set()
    characters = 0
    for question in dict.fromkeys([first, *waiting]):
        if len(sets) >= MAX_SETS or len(lines) >= MAX_LINES:
            break
        is_new = (question.subject, question.filters) not in sets
        size = len(question.subject) + len(question.line[2] if question.line else "")
        size += sum(len(value) + 4 for _, values in question.filters for value in values) + 10
        if chunk and characters + size > MAX_CHARACTERS:
            break
        characters += size if is_new else 10
        sets.add((question.subject, question.filters))
        lines.add(question.line)
        chunk.append(question)
    return chunk


def _lags(rows: Sequence[Row], scan: Scan, questions: Sequence[Question]) -> list[list[Row]]:
    answers: list[list[Row]] = []
    for question in questions:
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            if all(row[field] in wanted for field, wanted in question.filters):
                groups.setdefault(tuple(row[field] for field in scan.group_by), []).append(row)
        answers.append(
            [
                dict(zip(scan.group_by, labels, strict=True))
                | {"lag_s": max(row["lag_s"] for row in group), "waiting": sum(row["waiting"] for row in group)}
                for labels, group in groups.items()
            ]
        )
    return answers
