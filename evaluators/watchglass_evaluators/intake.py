"""Reads calls from the store: in the order they arrived, page by page, and their texts."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.evaluator import COLUMNS, Call, Column, EvaluatorSpec
from watchglass_evaluators.progress import Arrival, CallId, Place, Shard
from watchglass_store import Store
from watchglass_store.queries import evaluation


class Page(NamedTuple):
    """Some arrivals, in order."""

    arrivals: list[Arrival]
    """Each call once, at its latest arrival in the page."""
    end: Place
    """Everything up to here is in this page or an earlier one."""
    is_last: bool
    """Whether the end of the range is reached."""


class Intake:
    """What one shard has to work on."""

    def __init__(self, store: Store, config: EvaluatorsConfig) -> None:
        self._store = store
        self._operations = config.operations
        self._shard = Shard.parse(config.shard)
        self._limit = config.batch_calls

    def pages(self, after: Place, until: datetime) -> Iterator[Page]:
        """Yield the arrivals behind a place, up to a time; one empty page when there are none."""
        while after < Place.end_of(until):
            rows = evaluation.arrivals(
                self._store,
                since=after.received_at,
                until=until,
                after=after.call,
                operations=self._operations,
                shard=self._shard.index,
                shards=self._shard.count,
                limit=self._limit,
            )
            found = [
                Arrival(
                    row["received_at"], CallId(row["trace_id"], row["span_id"]), row["start_time"], row["service_name"]
                )
                for row in rows
            ]
            is_last = len(found) < self._limit
            after = Place.end_of(until) if is_last else found[-1].place
            yield Page(sorted({arrival.call: arrival for arrival in found}.values()), after, is_last)
            if is_last:
                return

    def calls(self, arrivals: Sequence[Arrival], specs: Collection[EvaluatorSpec]) -> dict[CallId, Call]:
        """Fetch what some evaluators need to see of calls; one that is not there is left out."""
        if not arrivals:
            return {}
        needed = {column for spec in specs for column in (*spec.columns, *spec.optional)}
        columns: list[Column] = [column for column in COLUMNS if column in needed]
        longest = max(spec.longest_text for spec in specs)
        days = set[date]().union(*(evaluation.storage_days(a.start_time, a.received_at) for a in arrivals))
        rows = evaluation.call_texts(
            self._store,
            [arrival.call for arrival in arrivals],
            sorted(days),
            columns=columns,
            longest=longest,
        )
        if "reference_text" in needed:
            wanted = {row["prompt_hash"] for row in rows if not row["reference_text"]}
            answers = evaluation.golden_answers(self._store, sorted(wanted), longest=longest) if wanted else {}
            for row in rows:
                row["reference_text"] = row["reference_text"] or answers.get(row["prompt_hash"], "")
        received = {arrival.call: arrival.received_at for arrival in arrivals}
        calls = {}
        for row in rows:
            call = CallId(row["trace_id"], row["span_id"])
            del row["prompt_hash"]
            row["start_time"] = evaluation.retained_time(row["start_time"], received[call])
            calls[call] = Call(**row)
        return calls

    def unscored(self, arrivals: Sequence[Arrival], spec: EvaluatorSpec, *, doubtful_until: datetime) -> list[Arrival]:
        """Leave out the calls, of those received up to a time, that turn out to have been scored since they came in."""
        doubtful = [arrival.call for arrival in arrivals if arrival.received_at <= doubtful_until]
        if not doubtful:
            return list(arrivals)
        scored = evaluation.scored_at(
            self._store, doubtful, name=spec.scores[0].name, evaluator=spec.name, version=spec.version
        )
        return [a for a in arrivals if a.call not in scored or scored[a.call] < a.received_at]
