"""Reads calls from the store: in the order they arrived, page by page, and their texts."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

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


class Intake(Protocol):
    """Where the work of one level comes from."""

    @property
    def settles_after(self) -> timedelta:
        """How long what arrived is left alone."""
        ...

    @property
    def looks_twice(self) -> bool:
        """Whether everything is looked at again for the last time, later."""
        ...

    def pages(self, after: Place, until: datetime, operations: Collection[str]) -> Iterator[Page]:
        """Yield what lies behind a place, up to a time; one empty page when there is nothing."""
        ...

    def calls(self, arrivals: Sequence[Arrival], specs: Collection[EvaluatorSpec]) -> dict[CallId, Call]:
        """Fetch what some evaluators need to see; what is not there is left out."""
        ...

    def unscored(self, arrivals: Sequence[Arrival], spec: EvaluatorSpec, *, doubtful_until: datetime) -> list[Arrival]:
        """Leave out what was, of that received up to a time, scored since it came in."""
        ...


class CallIntake:
    """Single calls."""

    looks_twice = True

    def __init__(self, store: Store, config: EvaluatorsConfig) -> None:
        self._store = store
        self._shard = Shard.parse(config.shard)
        self._limit = config.batch_calls
        self.settles_after = timedelta(seconds=config.settle_s)

    def pages(self, after: Place, until: datetime, operations: Collection[str]) -> Iterator[Page]:
        """Yield the arrivals behind a place, up to a time; one empty page when there are none."""
        while after < Place.end_of(until):
            rows = evaluation.arrivals(
                self._store,
                since=after.received_at,
                until=until,
                after=after.call,
                operations=sorted(operations),
                shard=self._shard.index,
                shards=self._shard.count,
                limit=self._limit,
            )
            found = [
                Arrival(
                    row["received_at"],
                    CallId(row["trace_id"], row["span_id"], row["project"]),
                    row["start_time"],
                    row["service_name"],
                    row["operation_name"],
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
        columns = columns_for(specs)
        longest = max(spec.longest_text for spec in specs)
        keys = {key for a in arrivals for key in evaluation.storage_keys(a.call, a.start_time, a.received_at)}
        rows = evaluation.call_texts(self._store, sorted(keys), columns=columns, longest=longest)
        if "reference_text" in columns:
            wanted = {row["prompt_hash"] for row in rows if not row["reference_text"]}
            answers = evaluation.golden_answers(self._store, sorted(wanted), longest=longest) if wanted else {}
            for row in rows:
                row["reference_text"] = row["reference_text"] or answers.get(row["prompt_hash"], "")
        if "context_text" in columns:
            self._add_context(rows, {(hour, trace, project) for hour, trace, _, project in keys}, longest)
        received = {arrival.call: arrival.received_at for arrival in arrivals}
        calls = {}
        for row in rows:
            call = CallId(row["trace_id"], row["span_id"], row["key_project"])
            del row["prompt_hash"]
            row["start_time"] = evaluation.retained_time(row["start_time"], received[call])
            calls[call] = Call(**row)
        return calls

    def _add_context(self, rows: list[dict[str, Any]], places: Collection[tuple[int, str, str]], longest: int) -> None:
        """Give calls without a context what was retrieved before them in their trace: mostly spans of their own."""
        lacking = {(row["trace_id"], row["key_project"]) for row in rows if not row["context_text"]}
        wanted = sorted(place for place in places if place[1:] in lacking)
        found = evaluation.retrieved(self._store, wanted, longest=longest) if wanted else {}
        for row in rows:
            trace = row["trace_id"], row["key_project"]
            texts = [text for start, text in found.get(trace, ()) if start <= row["start_time"]]
            row["context_text"] = (row["context_text"] or "\n\n".join(texts))[: longest + 1]

    def unscored(self, arrivals: Sequence[Arrival], spec: EvaluatorSpec, *, doubtful_until: datetime) -> list[Arrival]:
        """Leave out the calls, of those received up to a time, that turn out to have been scored since they came in."""
        doubtful = [arrival.call for arrival in arrivals if arrival.received_at <= doubtful_until]
        if not doubtful:
            return list(arrivals)
        scored = evaluation.scored_at(
            self._store, doubtful, name=spec.scores[0].name, evaluator=spec.name, version=spec.version
        )
        return [a for a in arrivals if a.call not in scored or scored[a.call] < a.received_at]


def columns_for(specs: Collection[EvaluatorSpec]) -> list[Column]:
    """The texts that some evaluators read."""
    needed = {column for spec in specs for column in (*spec.columns, *spec.optional)}
    return [column for column in COLUMNS if column in needed]
