"""Watches a stream of answers and raises an alarm soon after it changes, at a false-alarm rate that the user states.

Each score of an answer becomes a conformal p-value: its rank among all earlier answers, which is uniform as long as
the source does not change. Bets that pay when p-values stop being uniform multiply into evidence; Shiryaev and
Roberts' recursion lets a bet begin at every answer. Without change the evidence is on average the number of answers
seen, so it reaches N by a T-th answer with probability T / N at most: at most one false alarm in N answers.

Answers are ranked among those of their stratum (hours of the week), which takes daily and weekly rhythms out.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Numbers = NDArray[np.float64]

QUIET = 1000
"""An alarm ends after at most this many answers that would not have raised it again."""
PAST_LIMIT = 100_000
"""Beyond this many remembered answers it is time to forget half."""

_TAILS = np.array([(power, stake) for power in (0.15, 0.35) for stake in (0.03, 0.08, 0.2)])
_LOW_TAILS = np.array([(0.35, 0.05), (0.35, 0.2)])
_SLOPES = np.array([-1.5, -0.7, 0.7, 1.5])
BETS = len(_TAILS) + len(_LOW_TAILS) + len(_SLOPES)
"""Bets on each score: a share of answers, the stake, has very large or small values; all are larger, or smaller."""


def bets(p_values: Numbers) -> Numbers:
    """Return what each bet pays: answers × (scores · BETS), with mean 1 where p-values are uniform."""
    p = p_values[:, :, None]
    p = np.clip(p, 1e-9, 1 - 1e-9)
    slopes = 1 + _SLOPES * (p - 0.5)
    return np.concatenate([_tail_bets(p, _TAILS), _tail_bets(1 - p, _LOW_TAILS), slopes], axis=2).reshape(len(p), -1)


def _tail_bets(p: Numbers, tails: Numbers) -> Numbers:
    power, stake = tails.T
    return np.asarray(1 + stake * (power * p ** (power - 1) - 1))


@dataclass(slots=True)
class Detector:
    """One stream's memory. Feeding it the same answers in other batches leads to the same state."""

    target: float
    """Alarm when the evidence reaches this: the least mean number of answers between false alarms."""
    past: list[Scores]
    """Remembered answers by stratum: one sorted row per score."""
    evidence: Numbers
    """Of each bet."""
    seen: int = 0
    """Answers since the baseline was made."""
    alarm_left: int = 0
    """Answers until the present alarm ends unless renewed; 0 = none. Meanwhile nothing is remembered."""
    path: Numbers = field(default_factory=lambda: np.empty(0))
    """Mean evidence after each answer of the last batch, before an alarm set it back to 0."""
    remembered: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """Which answers of the last batch were remembered."""
    at_alarm: Numbers = field(default_factory=lambda: np.empty(0))
    """Evidence of each bet at the last alarm."""

    @classmethod
    def calibrated(cls, scores: Scores, strata: NDArray[np.intp], *, stratum_count: int, target: float) -> "Detector":
        """Make a detector that knows some answers which are as they should be: one row per answer."""
        past = [np.sort(scores[strata == stratum].T, axis=1) for stratum in range(stratum_count)]
        return cls(target, past, np.zeros(scores.shape[1] * BETS))

    def update(self, scores: Scores, strata: NDArray[np.intp], uniforms: Numbers) -> list[int]:
        """Take a batch of answers in; returns the places at which an alarm was raised or renewed.

        Args:
            scores: one row per answer, one column per score, finite.
            strata: the stratum of each answer.
            uniforms: uniform random numbers like `scores`, which break ties; a function of the answer, not of the time.
        """
        alarms, paths, kept = [], [np.empty(0)], [np.empty(0, dtype=np.intp)]
        start = 0
        while start < len(scores):
            # Up to the next alarm, or the end of one, it is settled which answers are remembered.
            end = len(scores) if not self.alarm_left else min(len(scores), start + self.alarm_left)
            part = slice(start, end)
            payoffs = bets(self._p_values(scores[part], strata[part], uniforms[part]))
            path, alarm = self._bet(payoffs)
            used = slice(start, start + len(path))
            if self.alarm_left:
                self.alarm_left -= len(path)
            else:
                self.remember(scores[used], strata[used])
                kept.append(np.arange(used.start, used.stop))
            if alarm:
                alarms.append(used.stop - 1)
                self.at_alarm = self.evidence
                self.evidence = np.zeros_like(self.evidence)
                # Nothing is learnt meanwhile, and few known answers rank new ones with a bias that adds up.
                self.alarm_left = min(QUIET, max(20, self.known // 2))
            paths.append(path)
            self.seen += len(path)
            start = used.stop
        self.path, self.remembered = np.concatenate(paths), np.concatenate(kept)
        return alarms

    def _bet(self, payoffs: Numbers) -> tuple[Numbers, bool]:
        path = []
        evidence = self.evidence
        for row in payoffs:
            evidence = (evidence + 1) * row
            path.append(evidence.mean())
            if path[-1] >= self.target:
                break
        self.evidence = evidence
        return np.array(path), bool(path) and path[-1] >= self.target

    def _p_values(self, scores: Scores, strata: NDArray[np.intp], uniforms: Numbers) -> Numbers:
        """Rank each answer among all earlier ones of its stratum, those of this batch included unless in an alarm."""
        result = np.empty(scores.shape)
        for stratum in np.unique(strata):
            rows = np.flatnonzero(strata == stratum)
            for column in range(scores.shape[1]):
                known, new = self.past[stratum][column], scores[rows, column]
                left, right = np.searchsorted(known, new, "left"), np.searchsorted(known, new, "right")
                greater, equal, count = len(known) - right, right - left, np.full(len(rows), len(known))
                if not self.alarm_left:
                    earlier = np.tri(len(rows), k=-1, dtype=bool)
                    greater = greater + ((new[None] > new[:, None]) & earlier).sum(1)
                    equal = equal + ((new[None] == new[:, None]) & earlier).sum(1)
                    count = count + np.arange(len(rows))
                result[rows, column] = (greater + uniforms[rows, column] * (equal + 1)) / (count + 1)
        return result

    def remember(self, scores: Scores, strata: NDArray[np.intp]) -> None:
        """Add answers to those that later ones are ranked among."""
        for stratum in np.unique(strata):
            new = scores[strata == stratum].T
            self.past[stratum] = np.sort(np.concatenate([self.past[stratum], new], axis=1), axis=1)

    @property
    def known(self) -> int:
        """Answers that are remembered."""
        return sum(len(rows[0]) for rows in self.past)

    def forget_half(self) -> None:
        """Forget every second answer: ranks stay uniform, a little coarser."""
        self.past = [rows[:, ::2] for rows in self.past]
