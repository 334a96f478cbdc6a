"""Feeds live detectors with answers as they come, and writes what they say together with what they remember."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from watchglass_evaluators.drift.judge import Judgement, judge, unscored
from watchglass_evaluators.drift.live import BETS
from watchglass_evaluators.drift.monitors import Monitor
from watchglass_evaluators.drift.results import result_row
from watchglass_evaluators.drift.samples import Item, Place, Samples
from watchglass_evaluators.drift.stream import Stream, read_state, state_text
from watchglass_evaluators.drift.windows import by_group, generator
from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_store import Store
from watchglass_store.queries import drift
from watchglass_store.queries.drift import Group

logger = logging.getLogger("watchglass.drift")

PAGES_PER_LOOK = 20
_REFERENCE_SAMPLE = 5
"""A live detector's reference may hold so many times the monitor's sample: ranks want many."""
_TELL_AGAIN = timedelta(hours=1)
_RENEW_ROWS = 1000
_RECENT = 300


class LiveWatch:
    """One monitor with the live engine."""

    def __init__(
        self, store: Store, samples: Samples, monitor: Monitor, *, settle_s: float, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._samples = samples
        self._monitor = monitor
        self._settle_s = settle_s
        self._clock = clock
        self._forget()

    def _forget(self) -> None:
        self._streams: dict[Group, Stream] = {}
        self._rows_since: dict[Group, int] = {}
        self._recent: dict[Group, deque[Item]] = {}
        self._told: dict[Group, datetime] = {}
        self._place: Place | None = None
        self._next_look: datetime | None = None

    def run_once(self) -> int:
        """Take in what arrived since the last look; returns how many results were written.

        Raises:
            StoreUnavailable: nothing was written; the next run reads its memory back and repeats the look.
            StoreRejected: the same.
        """
        now = self._clock()
        if self._next_look and now < self._next_look:
            return 0
        try:
            written = self._look(now)
        except BaseException:
            self._forget()
            raise
        self._next_look = now + timedelta(seconds=self._monitor.every_s)
        return written

    def _look(self, now: datetime) -> int:
        if self._place is None:
            self._resume(now)
        assert self._place is not None
        until = now - timedelta(seconds=self._settle_s)
        started = self._place[0]
        items: list[Item] = []
        place = self._place
        for number, (page, end, _) in enumerate(self._samples.arrivals(self._monitor, place, until), start=1):
            items += page
            place = end
            if number == PAGES_PER_LOOK:
                break
        rows: list[dict[str, Any]] = []
        for group, part in by_group(self._monitor, items).items():
            if part:
                rows += self._take_in(group, part, place, (started, until), now)
        if rows:
            token = f"drift/{self._monitor.name}/{self._monitor.version}/{started.isoformat()}/{place}"
            drift.append(self._store, rows, deduplication_token=token)
        self._place = place
        return len(rows)

    def _take_in(
        self, group: Group, items: Sequence[Item], place: Place, window: tuple[datetime, datetime], now: datetime
    ) -> list[dict[str, Any]]:
        began = time.monotonic()
        rows = []
        if group not in self._streams:
            stream = self._fit(group, items[0].received_at)
            if isinstance(stream, str):
                return self._tell(group, stream, len(items), place, window, now)
            self._streams[group] = stream
            rows.append(self._baseline_row(group, place, window[1], now))
        stream = self._streams[group]
        recent = self._recent.setdefault(group, deque(maxlen=_RECENT))
        was_alarmed = stream.detector.alarm_left > 0
        alarms, memory = stream.feed(items)
        is_new = bool(alarms) and not was_alarmed
        recent.extend(items[: alarms[0] + 1] if alarms else items)
        judgement = self._judgement(group, stream, is_new=is_new)
        rows.append(
            result_row(
                self._monitor,
                group,
                judgement,
                kind="live",
                window=window,
                reference=stream.reference,
                reference_calls=stream.reference_calls,
                current_calls=len(items),
                now=now,
                duration_s=time.monotonic() - began,
                state=state_text(memory, place),
            )
        )
        if is_new:
            logger.warning("drift monitor %s: alarm %s", self._monitor.name, " ".join(filter(None, group)))
        self._rows_since[group] = self._rows_since.get(group, 0) + 1
        if stream.is_full or self._rows_since[group] >= _RENEW_ROWS:
            if stream.is_full:
                stream.detector.forget_half()
            # Later by a tick, so that it is read instead of the row above and not before it.
            rows.append(self._baseline_row(group, place, window[1], now + timedelta(milliseconds=1)))
        return rows

    def _judgement(self, group: Group, stream: Stream, *, is_new: bool) -> Judgement:
        detector = stream.detector
        # What a batch's alarm was raised on has been set back to 0 since.
        evidence = detector.at_alarm if is_new else detector.evidence
        by_score = evidence.reshape(-1, BETS).mean(1)
        statistics = dict(zip(stream.names, by_score.tolist(), strict=True))
        alarm = is_new or detector.alarm_left > 0
        changes = self._explain(group, stream) if is_new else ()
        return Judgement(float(detector.path.max()), "evidence", detector.target, alarm, statistics, changes)

    def _explain(self, group: Group, stream: Stream) -> Sequence[Any]:
        """Compare the last answers before an alarm with the reference, to say what changed."""
        monitor, (since, until) = self._monitor, stream.reference
        known = by_group(monitor, self._samples.between(monitor, since, until)).get(group, [])[: monitor.sample]
        recent = list(self._recent[group])
        wanted = monitor.model_copy(update={"minimum": 20, "method": "combined"})
        return judge(wanted, known, recent, generator(monitor, group, recent[-1].received_at)).changes

    def _fit(self, group: Group, before: datetime) -> Stream | str:
        """Fit a detector, or say why there is none."""
        monitor = self._monitor
        if monitor.reference:
            span = (monitor.reference.start, monitor.reference.end)
        else:
            span = (before - timedelta(seconds=monitor.reference_s), before)
        wider = monitor.model_copy(update={"sample": _REFERENCE_SAMPLE * monitor.sample})
        everything = self._samples.between(wider, *span)
        items = by_group(monitor, everything).get(group, [])[: wider.sample]
        if len(items) < 2 * monitor.minimum:
            return f"too few calls in the reference: {len(items)}, minimum {2 * monitor.minimum}"
        target = float(monitor.false_alarm_every)
        if monitor.false_alarm_every_days is not None:
            oldest = min(item.received_at for item in items)
            rate = self._samples.rate_per_day(max(span[0], oldest), span[1]) * len(items) / len(everything)
            target = max(100.0, rate * monitor.false_alarm_every_days)
        try:
            return Stream.fitted(monitor, items, span, target)
        except EvaluatorUnavailable as error:
            return str(error)

    def _tell(
        self, group: Group, reason: str, count: int, place: Place, window: tuple[datetime, datetime], now: datetime
    ) -> list[dict[str, Any]]:
        told = self._told.get(group)
        if told and now - told < _TELL_AGAIN:
            return []
        self._told[group] = now
        judgement = unscored(reason, "evidence")
        return [
            result_row(
                self._monitor,
                group,
                judgement,
                kind="live",
                window=window,
                reference=(window[0] - timedelta(seconds=self._monitor.reference_s), window[0]),
                reference_calls=0,
                current_calls=count,
                now=now,
            )
        ]

    def _baseline_row(self, group: Group, place: Place, until: datetime, now: datetime) -> dict[str, Any]:
        stream = self._streams[group]
        self._rows_since[group] = 0
        return result_row(
            self._monitor,
            group,
            unscored("a baseline, no result", "evidence"),
            kind="baseline",
            window=(until, until),
            reference=stream.reference,
            reference_calls=stream.reference_calls,
            current_calls=0,
            now=now,
            state=state_text(stream.snapshot(), place),
        )

    def _resume(self, now: datetime) -> None:
        """Read back what an earlier life remembered."""
        places = []
        for row in drift.live_states(self._store, self._monitor.name, self._monitor.version):
            group = (row["service_name"], row["model"], row["prompt_version"])
            state, place = read_state(row["state"])
            places.append(place)
            if "evidence" not in state:
                continue
            if row["kind"] == "baseline":
                span = (row["reference_start"], row["reference_end"])
                self._streams[group] = Stream.restored(self._monitor, state, span, row["reference_calls"])
                self._rows_since[group] = 0
            elif group in self._streams:
                self._streams[group].replay(state)
                self._rows_since[group] += 1
        self._place = max(places) if places else self._begin(now)

    def _begin(self, now: datetime) -> Place:
        """Write down where a new monitor begins, so that a restart before its first result begins there, too."""
        start = now - timedelta(seconds=self._settle_s)
        place = (start, "", "", "")
        row = result_row(
            self._monitor,
            ("", "", ""),
            unscored("a beginning, no result", "evidence"),
            kind="baseline",
            window=(start, start),
            reference=(start, start),
            reference_calls=0,
            current_calls=0,
            now=now,
            state=state_text({}, place),
        )
        token = f"drift/{self._monitor.name}/{self._monitor.version}/begin/{start.isoformat()}"
        drift.append(self._store, [row], deduplication_token=token)
        return place
