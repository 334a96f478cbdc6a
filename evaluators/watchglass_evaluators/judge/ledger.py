"""The judges' money and memory, in the store: reserve before sending, settle after; verdicts that were paid for.

Reservations are written first and counted after, so that of several workers near the limit some step back, but never
do two of them go over it. What a dead worker reserved and did not settle counts in full until the day ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from watchglass_evaluators.evaluator import Call
from watchglass_evaluators.judge.panel import Judgement, Vote
from watchglass_store import Store
from watchglass_store.queries import judge as queries


@dataclass(slots=True)
class Spent:
    """What a request came to."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that judging one call can cost, written down before it begins."""

    request_id: str
    call: Call
    cost_usd: float


@dataclass(slots=True)
class Ledger:
    """One judge's part of the three tables. Not thread-safe: the batch that sends is the batch that writes."""

    store: Store
    evaluator: str
    version: str
    daily_budget_usd: float
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    _days: dict[str, date] = field(default_factory=dict)

    def reserve(self, wanted: Sequence[tuple[Call, float]]) -> list[Reservation]:
        """Reserve money for as many calls as fit into what is left of today's budget, in order.

        Args:
            wanted: calls, each with the most that it can cost in US dollars.

        Returns:
            A reservation for each of the first calls; fewer than wanted where the budget does not reach.
        """
        day = self.clock().astimezone(UTC).date()
        made = [Reservation(self.new_id(), call, cost) for call, cost in wanted]
        self._days = {one.request_id: day for one in made}
        self._write([self._row(one, "reserve", Spent(cost_usd=one.cost_usd), "") for one in made])
        ids = [one.request_id for one in made]
        left = self.daily_budget_usd - queries.committed_usd(self.store, day, except_for=ids)
        kept: list[Reservation] = []
        for one in made:
            if one.cost_usd > max(left, 0.0):
                break
            left -= one.cost_usd
            kept.append(one)
        self._write([self._row(one, "settle", Spent(), "released") for one in made[len(kept) :]])
        return kept

    def settle(self, outcomes: Sequence[tuple[Reservation, Spent, str]]) -> None:
        """Write down what requests did cost."""
        self._write([self._row(one, "settle", spent, outcome) for one, spent, outcome in outcomes])

    def remember(self, made: Sequence[tuple[str, Call, Judgement]]) -> None:
        """Keep verdicts by the hash of what was judged."""
        now = self.clock()
        rows = [
            {
                "evaluator_version": self.version,
                "input_hash": key,
                "time": now,
                "evaluator": self.evaluator,
                "trace_id": call.trace_id,
                "span_id": call.span_id,
                "project": call.key_project,
                "value": verdict.value,
                "choice": verdict.choice,
                "method": verdict.method,
                "agreement": verdict.agreement,
                "votes": [(vote.model, vote.choice, vote.value) for vote in verdict.votes],
                "explanation": verdict.explanation,
                "cost_usd": verdict.cost_usd,
            }
            for key, call, verdict in made
        ]
        queries.add_verdicts(self.store, rows, token=self.new_id())

    def recall(self, keys: Sequence[str]) -> dict[str, tuple[tuple[str, str, str], Judgement]]:
        """Find verdicts by what was judged, each with the id of the call that it was paid for."""
        return {
            key: ((row["trace_id"], row["span_id"], row["project"]), _judgement(row))
            for key, row in queries.verdicts(self.store, self.version, keys).items()
        }

    def _row(self, one: Reservation, event: str, spent: Spent, outcome: str) -> dict[str, Any]:
        return {
            "time": self.clock(),
            "day": self._days[one.request_id],
            "request_id": one.request_id,
            "event": event,
            "evaluator": self.evaluator,
            "evaluator_version": self.version,
            "trace_id": one.call.trace_id,
            "span_id": one.call.span_id,
            "project": one.call.key_project,
            "requests": spent.requests,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
            "cost_usd": spent.cost_usd,
            "outcome": outcome,
        }

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        queries.add_ledger_rows(self.store, rows, token=self.new_id())


def _judgement(row: dict[str, Any]) -> Judgement:
    return Judgement(
        value=row["value"],
        choice=row["choice"],
        method=row["method"],
        agreement=row["agreement"],
        votes=tuple(Vote(*vote) for vote in (v.values() if isinstance(v, dict) else v for v in row["votes"])),
        explanation=row["explanation"],
        cost_usd=row["cost_usd"],
    )
