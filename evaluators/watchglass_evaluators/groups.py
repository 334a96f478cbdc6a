"""Whole traces and sessions, each when nothing has been added to it for a while; and again when something was later."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.evaluator import Call, Column, EvaluatorSpec
from watchglass_evaluators.intake import Page, columns_for
from watchglass_evaluators.progress import TICK, Arrival, CallId, Place, Shard
from watchglass_store import Store
from watchglass_store.queries import evaluation, evaluation_groups

_GROUPS_PER_PAGE = 50
"""They are read at once: with the longest of traces and texts they would not fit into memory at more."""


class GroupIntake:
    """Traces, or sessions. A group's place is that of its last arrival: one that grows comes again, further on."""

    looks_twice = False

    def __init__(self, store: Store, config: EvaluatorsConfig, level: Literal["trace", "session"]) -> None:
        """Make one for a level.

        Args:
            store: where calls are.
            config: how long each level has to be idle, and which shard this is.
            level: what a group is.
        """
        self._store = store
        self._level: Literal["trace", "session"] = level
        self._shard = Shard.parse(config.shard)
        self.settles_after = timedelta(seconds=config.trace_idle_s if level == "trace" else config.session_idle_s)

    def pages(self, after: Place, until: datetime, operations: Collection[str]) -> Iterator[Page]:
        """Yield the groups whose last arrival lies behind a place, up to a time; one empty page when there are none.

        A window of arrivals is at most as long as a group has to be idle: whether a group grew since is seen in the
        window and the one after it, so that old traffic is read three times and not over and over.
        """
        while after < Place.end_of(until):
            end = min(until, after.received_at + self.settles_after)
            rows = evaluation_groups.quiet_groups(
                self._store,
                level=self._level,
                since=after.received_at,
                after=_group(after.call),
                until=end,
                idle=self.settles_after,
                shard=self._shard.index,
                shards=self._shard.count,
                limit=_GROUPS_PER_PAGE,
            )
            found = [
                Arrival(
                    row["last"], CallId(row["id"], "", row["project"]), row["first_start"], end_time=row["last_start"]
                )
                for row in rows
            ]
            if len(found) == _GROUPS_PER_PAGE:
                after = found[-1].place
            else:
                after = Place.end_of(end if found else self._before_next(end, until))
            is_last = after >= Place.end_of(until)
            if found or is_last:
                yield Page(found, after, is_last)

    def calls(self, arrivals: Sequence[Arrival], specs: Collection[EvaluatorSpec]) -> dict[CallId, Call]:
        """Fetch groups with all of their calls; one that is not there any more is left out."""
        if not arrivals:
            return {}
        rows = evaluation_groups.steps(
            self._store,
            level=self._level,
            ids=[_group(arrival.call) for arrival in arrivals],
            days=sorted(set[Any]().union(*(_days(arrival) for arrival in arrivals))),
            columns=columns_for(specs),
            longest=max(spec.longest_text for spec in specs),
            most=max(spec.most_steps for spec in specs),
        )
        key = "trace_id" if self._level == "trace" else "conversation_id"
        steps: dict[CallId, list[Call]] = {}
        for row in rows:
            steps.setdefault(CallId(row[key], "", row["key_project"]), []).append(Call(**row))
        return {
            arrival.call: whole(self._level, arrival, steps[arrival.call])
            for arrival in arrivals
            if arrival.call in steps
        }

    def unscored(self, arrivals: Sequence[Arrival], spec: EvaluatorSpec, *, doubtful_until: datetime) -> list[Arrival]:
        """Leave out the groups, of those that grew last up to a time, that turn out to have been scored since then."""
        doubtful = [_group(arrival.call) for arrival in arrivals if arrival.received_at <= doubtful_until]
        if not doubtful:
            return list(arrivals)
        scored = evaluation_groups.scored_at(
            self._store,
            doubtful,
            level=self._level,
            name=spec.scores[0].name,
            evaluator=spec.name,
            version=spec.version,
        )
        return [a for a in arrivals if (at := scored.get(_group(a.call))) is None or at < a.received_at]

    def _before_next(self, end: datetime, until: datetime) -> datetime:
        """Where to go on from a window in which nothing is due: skips a time without traffic."""
        following = evaluation_groups.next_arrival(self._store, end, until=until)
        return until if following is None else max(end, following - TICK)


def whole(level: Literal["trace", "session"], arrival: Arrival, steps: Sequence[Call]) -> Call:
    """Make one Call of a trace or session.

    Args:
        level: which it is.
        arrival: the last of its calls to arrive.
        steps: its calls, at least one.
    """
    ordered = sorted(steps, key=lambda step: (step.start_time, bool(step.parent_span_id), step.span_id))
    head = next((step for step in ordered if not step.parent_span_id), ordered[0]) if level == "trace" else ordered[0]
    end_s = max((step.start_time - ordered[0].start_time).total_seconds() + step.duration_s for step in ordered)
    return Call(
        trace_id=arrival.call.trace_id if level == "trace" else "",
        conversation_id=arrival.call.trace_id if level == "session" else head.conversation_id,
        prompt_text=_first("prompt_text", ordered),
        response_text=_first("response_text", ordered[::-1]),
        start_time=evaluation.retained_time(ordered[0].start_time, arrival.received_at),
        duration_s=end_s,
        service_name=head.service_name,
        environment=head.environment,
        project=head.project,
        key_project=head.key_project,
        model=next((step.model for step in ordered if step.model), ""),
        prompt_name=head.prompt_name,
        prompt_version=head.prompt_version,
        operation_name=head.operation_name,
        steps=tuple(ordered),
    )


def _group(call: CallId) -> evaluation_groups.GroupId:
    return call.trace_id, call.project


def _first(column: Column, steps: Sequence[Call]) -> str:
    return next((step.text(column) for step in steps if step.text(column)), "")


def _days(arrival: Arrival) -> set[Any]:
    last = arrival.end_time or arrival.start_time
    days = evaluation.storage_days(arrival.start_time, arrival.received_at)
    return days | evaluation.storage_days(last, arrival.received_at)
