"""Writes what the evaluators do: starts before the work, then scores, then how far they are. In that order, always.

A worker that dies between two of these writes leaves a start without an end, which its next life finds; scores that
it writes again replace themselves, since their key says nothing but what was scored by what.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watchglass_evaluators.evaluator import Call, EvaluatorSpec
from watchglass_evaluators.progress import TICK, Arrival, CallId
from watchglass_evaluators.scoring import Outcome
from watchglass_store import Store

Row = dict[str, Any]


@dataclass(slots=True)
class Work:
    """One evaluator's part of a batch."""

    spec: EvaluatorSpec
    calls: list[Call]
    """The calls it is started on."""
    not_found: list[Call] = field(default_factory=list)
    """What arrived but is not to be read: known by its id and service only."""
    chance: float = 1.0
    """Share of the traces that are shown to it."""
    skipped: int = 0
    """Calls seen for the first time that are not for it."""
    outcomes: list[Outcome] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def size(self) -> int:
        """How many calls get an outcome."""
        return len(self.calls) + len(self.not_found)


class Journal:
    """The evaluators' two tables, as one worker writes them."""

    def __init__(self, store: Store, *, shard: str, worker: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._shard = shard
        self._worker = worker
        self._clock = clock
        self._last: datetime | None = None
        self._writes = 0

    def start(self, works: Iterable[Work], arrivals: Sequence[Arrival]) -> None:
        """Record, before it happens, that evaluators start on a batch."""
        since, until = arrivals[0].received_at, arrivals[-1].received_at
        now = self._now()
        rows = [self._row(work.spec, now, "start", calls=work.size, since=since, watermark=until) for work in works]
        self._insert("evaluation_log", rows)

    def start_calls(self, spec: EvaluatorSpec, calls: Iterable[CallId]) -> None:
        """Record, before it happens, that an evaluator starts on single calls that may have killed a worker."""
        now = self._now()
        rows = [self._row(spec, now, "start", calls=1, **c._asdict()) for c in calls]
        self._insert("evaluation_log", rows)

    def write_scores(self, works: Iterable[Work]) -> None:
        """Write the scores of a batch in one insert."""
        now = self._clock()
        self._insert("scores", [row for work in works for row in _score_rows(work, now)])

    def finish(self, works: Iterable[tuple[Work, datetime]]) -> None:
        """Record that batches are done and that calls received up to the given times need no further look."""
        now = self._now()
        rows = []
        for work, watermark in works:
            counts = {kind: sum(o.kind == kind for o in work.outcomes) for kind in ("scored", "unscored", "error")}
            rows.append(
                self._row(
                    work.spec,
                    now,
                    "batch",
                    calls=work.size,
                    scored=counts["scored"],
                    unscored=counts["unscored"],
                    errors=counts["error"],
                    skipped=work.skipped,
                    watermark=watermark,
                    duration_s=work.duration_s,
                    cost_usd=sum(score.cost_usd for outcome in work.outcomes for score in outcome.scores),
                )
            )
            rows += [row for outcome in work.outcomes if (row := self._failure(work.spec, now, outcome))]
        self._insert("evaluation_log", rows)

    def close(self, spec: EvaluatorSpec, watermark: datetime, *, worker: str = "") -> None:
        """Record the end of a batch that another life, or this one, left open."""
        row = self._row(spec, self._now(), "batch", watermark=watermark)
        self._insert("evaluation_log", [row | {"worker": worker or self._worker}])

    def wait(self, name: str, version: str, reason: str) -> None:
        """Record that an evaluator cannot run now."""
        row = self._row(None, self._now(), "waiting", message=_clean(reason))
        self._insert("evaluation_log", [row | {"evaluator": name, "evaluator_version": version}])

    def settings(self, told: Iterable[tuple[str, str]]) -> None:
        """Record what evaluators were told to do: name and JSON."""
        now = self._now()
        rows = [self._row(None, now, "settings", message=_clean(text)) | {"evaluator": name} for name, text in told]
        self._insert("evaluation_log", rows)

    def backlog(self, counts: Iterable[tuple[EvaluatorSpec, int, datetime]]) -> None:
        """Record how many calls wait for evaluators, and when the oldest of them was received."""
        now = self._now()
        rows = [self._row(spec, now, "backlog", calls=count, since=oldest) for spec, count, oldest in counts]
        self._insert("evaluation_log", rows)

    def _failure(self, spec: EvaluatorSpec, now: datetime, outcome: Outcome) -> Row | None:
        if outcome.kind not in ("error", "quarantined"):
            return None
        return self._row(
            spec,
            now,
            "quarantine" if outcome.kind == "quarantined" else "error",
            **CallId(*outcome.call.id)._asdict(),
            calls=1,
            errors=1,
            message=_clean(outcome.scores[0].reason),
        )

    def _row(self, spec: EvaluatorSpec | None, time: datetime, event: str, **values: Any) -> Row:
        blank: Row = dict.fromkeys(("calls", "scored", "unscored", "errors", "skipped"), 0)
        blank |= {"trace_id": "", "span_id": "", "project": "", "message": "", "duration_s": 0.0, "cost_usd": 0.0}
        blank |= {"since": time, "watermark": time}
        return {
            "time": time,
            "evaluator": spec.name if spec else "",
            "evaluator_version": spec.version if spec else "",
            "shard": self._shard,
            "worker": self._worker,
            "event": event,
            **blank,
            **values,
        }

    def _now(self) -> datetime:
        # Strictly increasing: which of two events was the last is read from their times.
        now = self._clock()
        if self._last is not None:
            now = max(now, self._last + TICK)
        self._last = now
        return now

    def _insert(self, table: str, rows: list[Row]) -> None:
        if rows:
            self._writes += 1
            self._store.insert(table, rows, deduplication_token=f"{self._worker}/{self._writes}")


def _score_rows(work: Work, now: datetime) -> Iterable[Row]:
    spec = work.spec
    share_s = work.duration_s / max(len(work.outcomes), 1)
    declared = {score.name: score for score in spec.scores}
    for outcome in work.outcomes:
        call = outcome.call
        for score in outcome.scores:
            yield {
                "name": score.name,
                "evaluator": spec.name,
                "evaluator_version": spec.version,
                "trace_id": call.trace_id,
                "span_id": call.span_id,
                "conversation_id": call.conversation_id if spec.level == "session" else "",
                "project": call.key_project,
                "value": score.value,
                "label": _clean(score.label),
                "explanation": _clean(score.explanation),
                "source": spec.source,
                "direction": declared[score.name].direction,
                "range": [declared[score.name].lowest, declared[score.name].highest],
                "error": _clean(score.reason),
                "statistics": dict(score.statistics),
                "cost_usd": score.cost_usd,
                "selection_probability": work.chance * score.selection_probability,
                "duration_s": share_s,
                "call_time": call.start_time,
                "created_at": now,
                "service_name": call.service_name,
                "environment": call.environment,
                "model": call.model,
                "prompt_name": call.prompt_name,
                "prompt_version": call.prompt_version,
            }


def _clean(text: str) -> str:
    # A plug-in's text may hold half a surrogate pair, which is not UTF-8.
    return text.encode("utf-8", "replace").decode()
