"""Scores a file of answers with the evaluators that score live traffic, and checks gates: for CI.

A file is JSON lines: one object a line with `response`, and `prompt`, `reference`, `context`, `tools`, `schema`
and `output_messages` where there are some.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from watchglass_evaluators import registry
from watchglass_evaluators.evaluator import Call, Column, Evaluator, ScoreSpec
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.scoring import evaluate, skip_reason

KEYS: dict[str, Column] = {
    "prompt": "prompt_text",
    "response": "response_text",
    "reference": "reference_text",
    "context": "context_text",
    "tools": "tool_definitions",
    "schema": "output_schema",
    "output_messages": "output_messages",
}
"""Keys of a line -> columns; the column names themselves are understood as well."""

_ALL_KEYS: dict[str, Column] = {**KEYS, **{column: column for column in KEYS.values()}}
_JSON: tuple[Column, ...] = ("tool_definitions", "output_messages", "output_schema")
"""Columns that may be given as JSON as well as text that holds JSON."""
_BATCH = 500


class FileFormatError(ValueError):
    """A line of the file is not what it should be; the message has file, line number and what to do."""


class GateError(ValueError):
    """A gate is not written NAME=NUMBER, or names a score that was not made."""


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """One score over a whole file."""

    name: str
    """The score."""
    evaluator: str
    """Who gave it."""
    direction: str
    """higher_is_better, lower_is_better or neutral."""
    unit: str
    """What a value of 1 is."""
    scored: int
    """Lines with a value."""
    unscored: int
    """Lines without one."""
    mean: float | None
    """None when no line has a value."""
    lowest: float | None
    """The smallest value."""
    highest: float | None
    """The largest value."""
    reasons: dict[str, int]
    """Why lines have no value -> how many."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """A scored file."""

    path: str
    """The file."""
    lines: int
    """Answers in it; blank lines do not count."""
    scores: tuple[ScoreSummary, ...]
    """In the order of the evaluators asked for."""
    unknown_keys: dict[str, int]
    """Keys that were ignored -> on how many lines."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A mean that a file must keep."""

    name: str
    """The score."""
    kind: Literal["under", "over"]
    """What fails: a mean under, or over, the limit."""
    limit: float
    """A mean exactly at the limit passes."""

    @classmethod
    def parse(cls, text: str, kind: Literal["under", "over"]) -> "Gate":
        """Read "rouge_l=0.4".

        Raises:
            GateError: not NAME=NUMBER.
        """
        name, equals, number = text.partition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = float("nan")
        if not equals or not name.strip() or limit != limit:
            raise GateError(f"--fail-{kind} {text}: write SCORE=NUMBER, for example rouge_l=0.4")
        return cls(name.strip(), kind, limit)


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether a gate holds, and why."""

    gate: Gate
    passed: bool
    reason: str


@dataclass(slots=True)
class _Running:
    evaluator: str
    spec: ScoreSpec
    count: int = 0
    total: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, value: float | None, reason: str) -> None:
        if value is None:
            self.reasons[reason] += 1
            return
        self.count += 1
        self.total += value
        self.lowest = value if self.lowest is None else min(self.lowest, value)
        self.highest = value if self.highest is None else max(self.highest, value)

    def summary(self) -> ScoreSummary:
        return ScoreSummary(
            name=self.spec.name,
            evaluator=self.evaluator,
            direction=self.spec.direction,
            unit=self.spec.unit,
            scored=self.count,
            unscored=self.reasons.total(),
            mean=self.total / self.count if self.count else None,
            lowest=self.lowest,
            highest=self.highest,
            reasons=dict(self.reasons.most_common()),
        )


def score_file(
    path: Path,
    names: Sequence[str],
    models: ModelsConfig | None = None,
    *,
    on_progress: Callable[[int], object] = lambda lines: None,
) -> FileReport:
    """Score every line of a file.

    Args:
        path: a JSON lines file, UTF-8; read in batches, so its size does not matter.
        names: evaluators, for example ["rouge", "profanity"].
        models: where weights are, for those that need any.
        on_progress: called with the number of answers that were scored since the last time.

    Raises:
        FileFormatError: a line is not an object of texts, or the file cannot be read.
        UnknownEvaluator, BrokenEvaluator, EvaluatorUnavailable: an evaluator is not there or cannot run.
    """
    evaluators = [registry.load(name, models) for name in dict.fromkeys(names)]
    running = {s.name: _Running(evaluator.spec.name, s) for evaluator in evaluators for s in evaluator.spec.scores}
    unknown: Counter[str] = Counter()
    lines = 0
    calls = read_calls(path, unknown)
    while batch := list(islice(calls, _BATCH)):
        lines += len(batch)
        for evaluator in evaluators:
            for score_name, value, reason in _scores(evaluator, batch):
                running[score_name].add(value, reason)
        on_progress(len(batch))
    return FileReport(str(path), lines, tuple(r.summary() for r in running.values()), dict(unknown.most_common()))


def read_calls(path: Path, unknown_keys: Counter[str]) -> Iterator[Call]:
    """Read the lines of a file as calls; counts keys that are ignored.

    Raises:
        FileFormatError: a line is not an object of texts, or the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _call(line, f"{path}:{number}", unknown_keys)
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise FileFormatError(f"{path}: {error.strerror}") from None


def check_gates(report: FileReport, gates: Iterable[Gate]) -> list[GateResult]:
    """Hold a report against gates; a score that no line has fails its gate.

    Raises:
        GateError: a gate names a score that is not in the report.
    """
    summaries = {summary.name: summary for summary in report.scores}
    results = []
    for gate in gates:
        summary = summaries.get(gate.name)
        if summary is None:
            raise GateError(f"--fail-{gate.kind} {gate.name}: no such score here (there are {', '.join(summaries)})")
        if summary.mean is None:
            results.append(GateResult(gate, False, f"{gate.name}: no line has a value"))
            continue
        passed = summary.mean >= gate.limit if gate.kind == "under" else summary.mean <= gate.limit
        verdict = f"not {gate.kind}" if passed else gate.kind
        results.append(GateResult(gate, passed, f"{gate.name}: mean {summary.mean:.4g} is {verdict} {gate.limit:g}"))
    return results


def _scores(evaluator: Evaluator, batch: Sequence[Call]) -> Iterator[tuple[str, float | None, str]]:
    eligible = []
    for call in batch:
        reason = skip_reason(evaluator.spec, call)
        if reason:
            yield from ((score.name, None, reason) for score in evaluator.spec.scores)
        else:
            eligible.append(call)
    for outcome in evaluate(evaluator, eligible):
        yield from ((score.name, score.value, score.reason) for score in outcome.scores)


def _call(line: str, where: str, unknown_keys: Counter[str]) -> Call:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{where}: not JSON ({error}); each line is one JSON object") from None
    if not isinstance(row, dict):
        raise FileFormatError(
            f'{where}: {type(row).__name__} where an object is needed, for example {{"response": "…"}}'
        )
    texts: dict[Column, str] = {}
    for key, value in row.items():
        column = _ALL_KEYS.get(key)
        if column is None:
            unknown_keys[key] += 1
        elif value is None:
            continue
        elif column in _JSON and isinstance(value, list | dict):
            texts[column] = json.dumps(value)
        elif not isinstance(value, str):
            raise FileFormatError(f"{where}: {key!r} must be text, not {type(value).__name__}; put it in quotes")
        else:
            texts[column] = value
    if "response_text" not in texts:
        found = ", ".join(repr(key) for key in row) or "no keys"
        raise FileFormatError(f"{where}: no 'response' (found {found}); name the answer's key 'response'")
    return Call().with_texts(texts)
