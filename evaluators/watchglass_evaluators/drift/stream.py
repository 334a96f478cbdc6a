"""One group's live detector: fitted from a reference, fed with answers, written to text and read back."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.drift import descriptors, embedding
from watchglass_evaluators.drift.baseline import NAMES, Baseline
from watchglass_evaluators.drift.live import PAST_LIMIT, Detector
from watchglass_evaluators.drift.monitors import Monitor
from watchglass_evaluators.drift.samples import Item, Place, hour_of_week

KNOWN = 2000
"""At most so many texts of the reference are learnt by heart, and never more than half; the others calibrate."""
STRATA = {168: 1, 42: 4, 7: 24, 1: 168}
"""How finely the week can be divided: number of strata, and the hours in each."""
_ENOUGH = 40
"""Answers that a stratum must hold on average."""


@dataclass(slots=True)
class Stream:
    """The detector of one group, with what it needs to score answers."""

    monitor: Monitor
    baseline: Baseline | None
    """None where a score is watched."""
    detector: Detector
    reference: tuple[datetime, datetime]
    reference_calls: int

    @classmethod
    def fitted(
        cls, monitor: Monitor, items: Sequence[Item], reference: tuple[datetime, datetime], target: float
    ) -> "Stream":
        """Learn from calls that are as they should be, given in random order."""
        known: Sequence[Item] = ()
        baseline = None
        calibrating = items
        if not monitor.score:
            cut = min(KNOWN, len(items) // 2)
            known, calibrating = items[:cut], items[cut:]
            baseline = Baseline.of_texts([item.text for item in known], encoder=monitor.encoder)
        count = strata_for(calibrating) if monitor.seasonal else 1
        detector = Detector.calibrated(
            _scores(monitor, baseline, calibrating), strata_of(calibrating, count), stratum_count=count, target=target
        )
        return cls(monitor, baseline, detector, reference, len(items))

    @property
    def names(self) -> Sequence[str]:
        """What is measured about an answer."""
        return (self.monitor.score,) if self.monitor.score else NAMES

    def feed(self, items: Sequence[Item]) -> tuple[list[int], dict[str, Any]]:
        """Take answers in; returns at which of them there was an alarm, and what to store to repeat this."""
        scores = _scores(self.monitor, self.baseline, items)
        strata = strata_of(items, len(self.detector.past))
        alarms = self.detector.update(scores, strata, _uniforms(self.monitor, items, scores.shape[1]))
        kept = self.detector.remembered
        memory = {"scores": _packed(scores=scores[kept], strata=strata[kept].astype(np.uint8))}
        return alarms, memory | self._counters()

    @property
    def is_full(self) -> bool:
        """Whether it is time to forget every second answer and write a new baseline."""
        return self.detector.known > PAST_LIMIT

    def snapshot(self) -> dict[str, Any]:
        """Return everything, to be stored."""
        arrays: dict[str, NDArray[Any]] = {f"past_{k}": rows for k, rows in enumerate(self.detector.past)}
        if self.baseline is not None:
            arrays |= self.baseline.arrays()
        return {"strata": len(self.detector.past), "arrays": _packed(**arrays), **self._counters()}

    @classmethod
    def restored(
        cls, monitor: Monitor, state: Mapping[str, Any], reference: tuple[datetime, datetime], reference_calls: int
    ) -> "Stream":
        """Read a snapshot back."""
        arrays = _unpacked(state["arrays"])
        past = [arrays[f"past_{k}"] for k in range(state["strata"])]
        baseline = None if monitor.score else Baseline.of_arrays(arrays)
        detector = Detector(state["target"], past, np.empty(0))
        stream = cls(monitor, baseline, detector, reference, reference_calls)
        stream._set_counters(state)
        return stream

    def replay(self, memory: Mapping[str, Any]) -> None:
        """Take in what `feed` returned in an earlier life."""
        arrays = _unpacked(memory["scores"])
        self.detector.remember(arrays["scores"], arrays["strata"].astype(np.intp))
        self._set_counters(memory)

    def _counters(self) -> dict[str, Any]:
        detector = self.detector
        return {
            "target": detector.target,
            "evidence": [float(value) for value in detector.evidence],
            "seen": detector.seen,
            "alarm_left": detector.alarm_left,
        }

    def _set_counters(self, state: Mapping[str, Any]) -> None:
        self.detector.evidence = np.array(state["evidence"], dtype=np.float64)
        self.detector.seen = state["seen"]
        self.detector.alarm_left = state["alarm_left"]


def strata_for(items: Sequence[Item]) -> int:
    """How finely these calls allow the week to be divided: not at all unless they cover one."""
    times = [item.received_at for item in items]
    if not times or max(times) - min(times) < timedelta(days=6, hours=12):
        return 1
    return next((count for count in STRATA if len(items) / count >= _ENOUGH), 1)


def strata_of(items: Sequence[Item], count: int) -> NDArray[np.intp]:
    """Return the stratum of each call."""
    return np.array([hour_of_week(item.received_at) // STRATA[count] for item in items], dtype=np.intp)


def state_text(state: Mapping[str, Any], place: Place) -> str:
    """Write a state and how far the monitor is."""
    return json.dumps({**state, "place": [place[0].isoformat(), *place[1:]]})


def read_state(text: str) -> tuple[dict[str, Any], Place]:
    """Read what `state_text` wrote."""
    state = json.loads(text)
    moment, trace_id, span_id, project = state["place"]
    return state, (datetime.fromisoformat(moment), trace_id, span_id, project)


def _scores(monitor: Monitor, baseline: Baseline | None, items: Sequence[Item]) -> NDArray[np.float32]:
    if baseline is None:
        return np.array([[item.value] for item in items], dtype=np.float32).reshape(-1, 1)
    texts = [item.text for item in items]
    if baseline.weights is None:
        novelty = baseline.novelty(embedding.sentence_embeddings(texts, monitor.encoder))
    else:
        novelty = baseline.novelty(embedding.hashed_counts(texts))
    columns = [descriptors.NAMES.index(name) for name in NAMES[1:]]
    return np.column_stack([novelty, descriptors.describe(texts)[:, columns]]).astype(np.float32)


def _uniforms(monitor: Monitor, items: Sequence[Item], columns: int) -> NDArray[np.float64]:
    # A function of the call, so that a repetition in another batch gives the same ranks.
    rows = []
    for item in items:
        key = f"{monitor.version}/{item.call[0]}/{item.call[1]}".encode()
        digest = hashlib.blake2b(key, digest_size=8 * columns).digest()
        rows.append(np.frombuffer(digest, dtype=np.uint64))
    return np.asarray((np.stack(rows) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def _packed(**arrays: NDArray[Any]) -> str:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return base64.b64encode(buffer.getvalue()).decode()


def _unpacked(text: str) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as arrays:
        return dict(arrays.items())
