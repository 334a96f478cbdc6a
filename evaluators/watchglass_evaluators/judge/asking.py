"""Judges one call: sends the questions of its panel, tries again where that helps, and counts what it costs."""

import random
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import httpx

from watchglass_evaluators.evaluator import Call, EvaluatorUnavailable
from watchglass_evaluators.judge.breaker import Breaker
from watchglass_evaluators.judge.client import Endpoint, EndpointError, Reply, open_session, trust
from watchglass_evaluators.judge.config import JudgeConfig, Price
from watchglass_evaluators.judge.ledger import Spent
from watchglass_evaluators.judge.limits import LONGEST_WAIT_S, RateLimiter, back_off_s
from watchglass_evaluators.judge.panel import Judgement, Vote, compare, decide
from watchglass_evaluators.judge.prompt import Prompt, build, texts_of
from watchglass_evaluators.judge.rubrics import Rubric
from watchglass_evaluators.judge.tracing import NoTracer, Tracer
from watchglass_evaluators.judge.verdict import InvalidVerdict, expected_value, parse

MOST_TRIES = 3
"""Times that one question is paid for at most."""
_MOST_LIMITED = 5
_TEMPLATE_TOKENS = 100
"""What an endpoint's chat template adds to the messages, at most."""
_BYTES_PER_TOKEN = 4

Outcome = Literal["valid", "invalid", "failed", "unsent"]


class Answer(NamedTuple):
    """What became of one call."""

    outcome: Outcome
    """invalid: no acceptable verdict. failed: no answer. unsent: held back, to be asked again."""
    judgement: Judgement | None
    reason: str
    """Why there is no judgement."""
    spent: Spent


class _Ended(Exception):
    """A question came to nothing."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Line:
    """Where some models are asked, and how fast that may be."""

    endpoint: Endpoint
    limiter: RateLimiter


@dataclass(slots=True)
class Asker:
    """What all judges share. Thread-safe.

    The breaker is one for all endpoints: a jury of which one cannot be asked waits, it is not another jury meanwhile.
    """

    config: JudgeConfig
    lines: Mapping[str, Line]
    """By model; models of one endpoint share theirs."""
    breaker: Breaker
    pause: Callable[[float], bool]
    """Waits so many seconds; True = the worker is stopping."""
    tracer: Tracer = field(default_factory=NoTracer)
    new_key: Callable[[], str] = lambda: secrets.token_hex(8)
    random: Callable[[], float] = random.random
    _tls: ssl.SSLContext | None = None

    def session(self) -> httpx.Client:
        """Open the connections for a batch."""
        if self._tls is None:
            self._tls = trust(line.endpoint.base_url for line in self.lines.values())
        return open_session(self.config, self._tls)

    def worst_cost_usd(self, rubric: Rubric, call: Call) -> float:
        """The most that judging a call can cost, all tries of all votes: no tokeniser makes more tokens than bytes."""
        orders = (False, True) if rubric.is_pairwise else (False,)
        sizes = [build(rubric, texts_of(rubric, call, swapped=o), self.new_key).size_bytes for o in orders]
        once = sum(self._worst_once(model, size) for model in self.config.models for size in sizes)
        return once * MOST_TRIES * self.config.votes

    def judge(self, session: httpx.Client, rubric: Rubric, call: Call, *, is_test: bool = False) -> Answer:
        """Ask the whole panel about one call.

        Raises:
            EvaluatorUnavailable: nobody can be asked now; what was spent until then is in its `spent`.
        """
        spent = Spent()
        if self.breaker.has_burst and not is_test:
            return Answer("unsent", None, "the replies before held no verdict", spent)
        votes: list[Vote] = []
        problems: list[_Ended] = []
        asked = len(self.config.models) * self.config.votes
        try:
            for model in self.config.models:
                for _ in range(self.config.votes):
                    try:
                        votes.append(self._vote(session, rubric, call, model, spent))
                    except _Ended as ended:
                        problems.append(ended)
        except EvaluatorUnavailable as unavailable:
            raise Interrupted(str(unavailable), spent) from None
        decision = decide(rubric, votes, asked=asked)
        if isinstance(decision, Judgement):
            return Answer("valid", decision, "", spent)
        reason = str(problems[0]) if asked == 1 else f"{decision}: {problems[0]}"
        outcomes = {problem.outcome for problem in problems}
        return Answer("failed" if "failed" in outcomes else "invalid", None, reason, spent)

    def _vote(self, session: httpx.Client, rubric: Rubric, call: Call, model: str, spent: Spent) -> Vote:
        forth = self._ask(session, rubric, call, model, spent, swapped=False)
        if not rubric.is_pairwise:
            return forth
        back = self._ask(session, rubric, call, model, spent, swapped=True)
        return compare(forth, back, self.config.on_disagreement)

    def _ask(
        self,
        session: httpx.Client,
        rubric: Rubric,
        call: Call,
        model: str,
        spent: Spent,
        *,
        swapped: bool,
    ) -> Vote:
        """Ask one question until there is a verdict; each try has a fence and a token of its own."""
        problem = _Ended("failed", "nothing was asked")
        for tried in range(1, MOST_TRIES + 1):
            prompt = build(rubric, texts_of(rubric, call, swapped=swapped), self.new_key)
            try:
                reply = self._send(session, rubric, call, model, prompt, spent)
            except EndpointError as error:
                problem = _Ended("failed", str(error))
                if tried < MOST_TRIES:
                    self._wait(max(back_off_s(tried, self.random), min(error.retry_s or 0.0, LONGEST_WAIT_S)))
                continue
            try:
                if reply.problem:
                    raise InvalidVerdict(reply.problem)
                verdict = parse(reply.content, token=prompt.token, offered=rubric.offered)
            except InvalidVerdict as error:
                problem = _Ended("invalid", str(error))
                self.breaker.saw(valid=False)
                continue
            self.breaker.saw(valid=True)
            value = rubric.values.get(verdict.choice)
            weighed = expected_value(reply.content, reply.logprobs, verdict.choice, rubric.values)
            method = "choice" if value is None or weighed is None else "logprobs"
            return Vote(model, verdict.choice, value if method == "choice" else weighed, method, verdict.reasoning)
        raise problem

    def _send(
        self, session: httpx.Client, rubric: Rubric, call: Call, model: str, prompt: Prompt, spent: Spent
    ) -> Reply:
        """Send a question when the limits allow it; too many requests are not a try."""
        line = self.lines[model]
        estimate = prompt.size_bytes // _BYTES_PER_TOKEN + self.config.max_output_tokens
        for limited in range(1, _MOST_LIMITED + 1):
            self._wait_for_turn(line, estimate)
            try:
                with self.tracer.span(rubric.name, model, call, line.endpoint.host) as span:
                    spent.requests += 1
                    reply = line.endpoint.ask(session, model, prompt.messages, rubric.offered)
                    cost = self._count(model, prompt, reply, spent, estimate)
                    span.answered(reply, cost)
                return reply
            except EndpointError as error:
                if error.may_cost:
                    spent.cost_usd += self._worst_once(model, prompt.size_bytes)
                if error.kind == "refused":
                    raise self.breaker.open(self._told(model, str(error))) from None
                if error.kind == "failed":
                    raise
                pause_s = back_off_s(limited, self.random) if error.retry_s is None else error.retry_s
                line.limiter.block(pause_s)
        raise EvaluatorUnavailable(
            self._told(model, f"the endpoint answered 429, too many requests, {_MOST_LIMITED} times in a row")
        )

    def _wait_for_turn(self, line: Line, tokens: int) -> None:
        if line.limiter.blocked_s > LONGEST_WAIT_S:
            raise EvaluatorUnavailable(
                f"the endpoint wants no request for {line.limiter.blocked_s:.0f} s (Retry-After)"
            )
        self.breaker.check()
        self._wait(line.limiter.take(tokens))

    def _told(self, model: str, reason: str) -> str:
        """Name the model where there are several."""
        return f"{model}: {reason}" if len(self.lines) > 1 else reason

    def _wait(self, seconds: float) -> None:
        if self.pause(max(seconds, 0.0)):
            raise EvaluatorUnavailable("the worker is stopping")

    def _count(self, model: str, prompt: Prompt, reply: Reply, spent: Spent, estimate: int) -> float:
        """Add what a reply cost; where it does not say, the most that it can have."""
        price = self._price(model)
        if reply.input_tokens is None or reply.output_tokens is None:
            cost = self._worst_once(model, prompt.size_bytes)
        else:
            spent.input_tokens += reply.input_tokens
            spent.output_tokens += reply.output_tokens
            cost = price.cost_usd(reply.input_tokens, reply.output_tokens)
            self.lines[model].limiter.give_back(estimate - reply.input_tokens - reply.output_tokens)
        spent.cost_usd += cost
        return cost

    def _worst_once(self, model: str, size_bytes: int) -> float:
        return self._price(model).cost_usd(size_bytes + _TEMPLATE_TOKENS, self.config.max_output_tokens)

    def _price(self, model: str) -> Price:
        return self.config.prices[model]


class Interrupted(EvaluatorUnavailable):
    """Nobody can be asked now; `spent` is what the call had cost until then."""

    def __init__(self, reason: str, spent: Spent) -> None:
        super().__init__(reason)
        self.spent = spent
