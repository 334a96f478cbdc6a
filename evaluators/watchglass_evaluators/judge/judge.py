"""A rubric as an evaluator: judges calls in waves, each reserved in the ledger before and settled after.

A failure is a call's own only when a test call is judged well right after it; otherwise the judge is what failed, and
all calls without a verdict wait.
"""

import hashlib
import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

import httpx

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, EvaluatorUnavailable, Score, ScoreSpec
from watchglass_evaluators.judge.asking import Answer, Asker, Interrupted
from watchglass_evaluators.judge.cascade import chance, is_chosen
from watchglass_evaluators.judge.config import Cascade
from watchglass_evaluators.judge.injection import LABEL, signs
from watchglass_evaluators.judge.ledger import Ledger, Reservation
from watchglass_evaluators.judge.panel import Judgement
from watchglass_evaluators.judge.rubrics import PREFIX, Rubric
from watchglass_store import StoreError
from watchglass_store.queries import judge as queries
from watchglass_store.queries.evaluation import BUDGET_SPENT

TEST_CALL = Call(
    prompt_text="What is the capital of France?",
    response_text="The capital of France is Paris.",
    context_text="Paris is the capital and largest city of France.",
    reference_text="Paris is the capital of France.",
)
"""Harmless, and easy to judge by any sensible rubric."""
_WAVE = 4
"""Calls in a wave for each request under way at once: with more, a crash costs more; with fewer, threads wait."""
_STEP_BACK_S: Final = (0.05, 0.2)
"""Drawn anew by each worker, or they would meet again."""


class Judge:
    """One rubric, asked of one model or a jury."""

    def __init__(self, rubric: Rubric, asker: Asker, ledger: Ledger, *, cascade: Cascade | None = None) -> None:
        """Make a judge; nothing is sent before the first call is scored.

        Args:
            rubric: what it asks.
            asker: whom it asks; shared by all judges.
            ledger: what it spends and remembers.
            cascade: which calls it is asked about; None = all.
        """
        self._rubric = rubric
        self._asker = asker
        self._ledger = ledger
        self._cascade = cascade
        self._chances: dict[tuple[str, str, str], float] = {}
        self.spec = _spec(rubric, asker, ledger.version)

    def select(self, calls: Sequence[Call], *, is_last: bool) -> list[Call]:
        """Choose the calls to judge; one whose cheaper scores are missing is left for its last look.

        Raises:
            StoreError: the cheaper scores cannot be read.
        """
        if self._cascade is None or not calls:
            return list(calls)
        names = sorted({band.score for band in self._cascade.unsure})
        days = sorted({call.start_time.date() for call in calls})
        known = queries.cheap_scores(self._ledger.store, [call.id for call in calls], days, names) if names else {}
        chosen = []
        for call in calls:
            probability = chance(self._cascade, known.get(call.id, {}), is_last=is_last)
            if probability is not None and is_chosen(self.spec.name, call, probability):
                self._chances[call.id] = probability
                chosen.append(call)
        return chosen

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Judge calls; the same texts once, however many calls have them.

        Raises:
            EvaluatorUnavailable: the budget is spent, the endpoint cannot be asked, or the store is away.
        """
        if not calls:
            return []
        keys = [self._key(call) for call in calls]
        try:
            verdicts = self._ledger.recall(list(dict.fromkeys(keys)))
            missing = {key: call for key, call in reversed(list(zip(keys, calls, strict=True))) if key not in verdicts}
            failures = self._judge_all(dict(reversed(missing.items())), verdicts) if missing else {}
        except StoreError as error:
            raise EvaluatorUnavailable(f"the store: {error}") from None
        return [
            self._scores(call, verdicts.get(key), failures.get(key, "")) for key, call in zip(keys, calls, strict=True)
        ]

    def _judge_all(
        self, missing: dict[str, Call], verdicts: dict[str, tuple[tuple[str, str, str], Judgement]]
    ) -> dict[str, str]:
        """Judge texts wave by wave; returns why some have no verdict, by key."""
        failures: dict[str, str] = {}
        pending = list(missing.items())
        with self._asker.session() as session, ThreadPoolExecutor(self._asker.config.concurrency) as pool:
            if self._asker.breaker.check():
                self._test(session)
            while pending:
                costs = {key: self._asker.worst_cost_usd(self._rubric, call) for key, call in pending[: self._wave]}
                reserved = self._reserve([(call, costs[key]) for key, call in pending[: self._wave]])
                wave, pending = pending[: len(reserved)], pending[len(reserved) :]
                answers = list(pool.map(partial(self._ask, session), (one.call for one in reserved)))
                self._settle(reserved, wave, answers, verdicts)
                stopped = next((answer for answer in answers if isinstance(answer, Interrupted)), None)
                if stopped is not None:
                    raise stopped
                bad = [(item, a) for item, a in zip(wave, answers, strict=True) if isinstance(a, Answer) and a.reason]
                if bad:
                    self._test(session)
                failures |= {key: answer.reason for (key, _), answer in bad if answer.outcome != "unsent"}
                pending += [item for item, answer in bad if answer.outcome == "unsent"]
        return failures

    @property
    def _wave(self) -> int:
        return self._asker.config.concurrency * _WAVE

    def _ask(self, session: httpx.Client, call: Call) -> Answer | Interrupted:
        try:
            return self._asker.judge(session, self._rubric, call)
        except Interrupted as interrupted:
            return interrupted

    def _reserve(self, wanted: Sequence[tuple[Call, float]]) -> list[Reservation]:
        reserved = self._ledger.reserve(wanted)
        if not reserved and len(wanted) > 1:
            # Workers that ask for much at one moment see each other's wishes and all step back: one may have room.
            time.sleep(random.uniform(*_STEP_BACK_S))
            reserved = self._ledger.reserve(wanted[:1])
        if not reserved:
            raise EvaluatorUnavailable(
                f"{BUDGET_SPENT}: daily_budget_usd = {self._ledger.daily_budget_usd:g} has no room for another call "
                f"today (UTC); the next may cost {wanted[0][1]:.4g}"
            )
        return reserved

    def _settle(
        self,
        reserved: Sequence[Reservation],
        wave: Sequence[tuple[str, Call]],
        answers: Sequence[Answer | Interrupted],
        verdicts: dict[str, tuple[tuple[str, str, str], Judgement]],
    ) -> None:
        """Write down what a wave cost and what it found, verdicts first: money that is missing counts as spent."""
        made = [
            (key, call, replace(answer.judgement, cost_usd=answer.spent.cost_usd))
            for (key, call), answer in zip(wave, answers, strict=True)
            if isinstance(answer, Answer) and answer.judgement is not None
        ]
        self._ledger.remember(made)
        self._ledger.settle(
            [
                (one, answer.spent, answer.outcome if isinstance(answer, Answer) else "unsent")
                for one, answer in zip(reserved, answers, strict=True)
            ]
        )
        verdicts |= {key: (call.id, judgement) for key, call, judgement in made}

    def _test(self, session: httpx.Client) -> None:
        """Judge a harmless call, to tell texts that cannot be judged from a judge that does not work.

        Raises:
            EvaluatorUnavailable: it does not work.
        """
        [reservation] = self._reserve([(TEST_CALL, self._asker.worst_cost_usd(self._rubric, TEST_CALL))])
        try:
            answer = self._asker.judge(session, self._rubric, TEST_CALL, is_test=True)
        except Interrupted as interrupted:
            self._ledger.settle([(reservation, interrupted.spent, "unsent")])
            raise
        self._ledger.settle([(reservation, answer.spent, answer.outcome)])
        if answer.reason:
            raise self._asker.breaker.open(f"the judge does not work, a test call came to: {answer.reason}")
        self._asker.breaker.close()

    def _key(self, call: Call) -> str:
        texts = [call.text(column) for column in self._rubric.columns]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()

    def _scores(self, call: Call, verdict: tuple[tuple[str, str, str], Judgement] | None, failure: str) -> list[Score]:
        probability = self._chances.pop(call.id, 1.0)
        make = partial(Score, selection_probability=probability)
        names = [score.name for score in self.spec.scores]
        if verdict is None:
            return [make(name, None, failure or "no verdict") for name in names]
        owner, judgement = verdict
        suspicious = signs(call.text(column) for column in self._rubric.columns)
        label, explanation = judgement.choice, judgement.explanation
        if suspicious:
            explanation = f"{label}. The text holds {', '.join(suspicious)}. {explanation}"
            label = LABEL
        cost = judgement.cost_usd if owner == call.id else 0.0
        if judgement.value is None:
            reason = "the judge says that the texts do not settle it"
            scores = [make(names[0], None, reason, label, explanation, cost_usd=cost)]
        else:
            scores = [make(names[0], judgement.value, "", label, explanation, cost_usd=cost)]
        return scores + [make(name, judgement.agreement, "", judgement.choice) for name in names[1:]]


def _spec(rubric: Rubric, asker: Asker, version: str) -> EvaluatorSpec:
    config = asker.config
    values = list(rubric.values.values())
    name = PREFIX + rubric.name
    scores = [ScoreSpec(name, rubric.direction, min(values), max(values), "verdict")]
    if len(config.models) * config.votes > 1:
        scores.append(ScoreSpec(f"{name}_agreement", "higher_is_better", 0.0, 1.0, "share of votes"))
    return EvaluatorSpec(
        name=name,
        version=version,
        columns=rubric.columns,
        scores=tuple(scores),
        source="judge",
        batch_size=config.batch_calls,
        cost_usd_per_call=asker.worst_cost_usd(rubric, TEST_CALL),
        longest_text=config.longest_text,
    )
