"""The live detector: its rate of false alarms, delay, and that batches and restarts do not matter."""

import numpy as np
import pytest

from watchglass_evaluators.drift.live import Detector, bets


def detector(rng: np.random.Generator, *, target: float = 2000, strata: int = 1) -> Detector:
    scores = rng.normal(size=(400, 2)).astype(np.float32)
    return Detector.calibrated(scores, np.arange(400) % strata, stratum_count=strata, target=target)


def feed(watch: Detector, scores: np.ndarray, rng: np.random.Generator, strata: np.ndarray | None = None) -> list[int]:
    places = np.zeros(len(scores), dtype=np.intp) if strata is None else strata
    return watch.update(scores.astype(np.float32), places, rng.random(scores.shape))


def test_bets_are_worth_one_without_a_change() -> None:
    p = (np.arange(200_000) + 0.5) / 200_000
    assert bets(p[:, None]).mean(0) == pytest.approx(1, abs=0.03)
    assert bets(p[:, None]).min() > 0


def test_false_alarms_are_rarer_than_stated() -> None:
    rng = np.random.default_rng(1)
    streams, answers, target = 200, 300, 2000
    hit = sum(bool(feed(detector(rng, target=target), rng.normal(size=(answers, 2)), rng)) for _ in range(streams))
    # At most answers / target = 0.15 of them; four standard errors on top.
    assert hit / streams <= 0.15 + 4 * np.sqrt(0.15 * 0.85 / streams)


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_change_is_seen_soon(shift: float) -> None:
    rng = np.random.default_rng(2)
    watch = detector(rng)
    assert feed(watch, rng.normal(size=(100, 2)), rng) == []
    (first, *_) = feed(watch, rng.normal(size=(300, 2)) + np.array([shift, 0]), rng)
    assert first < 120
    assert watch.at_alarm.reshape(2, -1).mean(1).argmax() == 0


def test_an_alarm_ends_when_answers_are_as_before() -> None:
    rng = np.random.default_rng(3)
    watch = detector(rng, target=100_000)
    alarms = feed(watch, rng.normal(size=(100, 2)) + 4, rng)
    assert alarms
    known = watch.known
    assert known == 400 + alarms[0] + 1, "what came during the alarm is not taken for normal"
    assert feed(watch, rng.normal(size=(100, 2)), rng) == []
    assert watch.alarm_left > 0
    assert feed(watch, rng.normal(size=(200, 2)), rng) == []
    assert watch.alarm_left == 0
    assert known < watch.known < known + 200
    assert watch.seen == 400


def test_batches_do_not_matter() -> None:
    scores = np.random.default_rng(4).normal(size=(700, 2)).astype(np.float32)
    scores[300:420] += 2
    scores[::7] = np.round(scores[::7])
    uniforms = np.random.default_rng(5).random(scores.shape)
    strata = np.arange(700) % 3
    states = []
    for size in (700, 1, 64):
        watch = detector(np.random.default_rng(6), strata=3)
        for start in range(0, 700, size):
            part = slice(start, start + size)
            watch.update(scores[part], strata[part], uniforms[part])
        states.append((watch.evidence, watch.alarm_left, watch.seen, [rows.shape[1] for rows in watch.past]))
    for evidence, *rest in states[1:]:
        assert evidence == pytest.approx(states[0][0], rel=1e-9)
        assert rest == list(states[0][1:])


def test_a_rhythm_is_no_drift_within_strata() -> None:
    rng = np.random.default_rng(7)
    day = np.array([0.0, 3.0])
    strata = np.arange(400) % 2
    known = (rng.normal(size=(400, 1)) + day[strata][:, None]).astype(np.float32)
    night = np.ones(400, dtype=np.intp)
    scores = rng.normal(size=(400, 1)) + 3.0
    watch = Detector.calibrated(known, strata, stratum_count=2, target=20_000)
    assert feed(watch, scores, rng, night) == []
    blind = Detector.calibrated(known, np.zeros(400, dtype=np.intp), stratum_count=1, target=20_000)
    assert feed(blind, scores, rng)


def test_half_is_forgotten_evenly() -> None:
    watch = detector(np.random.default_rng(8))
    before = watch.past[0].copy()
    watch.forget_half()
    assert watch.past[0].shape == (2, 200)
    assert np.median(watch.past[0][0]) == pytest.approx(np.median(before[0]), abs=0.1)
