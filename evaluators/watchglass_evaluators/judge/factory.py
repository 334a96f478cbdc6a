"""Makes the judges of the settings. All of them share the endpoints, a limiter for each, and one breaker."""

import os
import threading
import uuid
from collections.abc import Callable
from datetime import datetime

from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_evaluators.judge.asking import Asker, Line
from watchglass_evaluators.judge.breaker import Breaker
from watchglass_evaluators.judge.client import Endpoint
from watchglass_evaluators.judge.config import CustomRubric, JudgeConfig, JudgeEndpoint
from watchglass_evaluators.judge.judge import Judge
from watchglass_evaluators.judge.ledger import Ledger
from watchglass_evaluators.judge.limits import RateLimiter
from watchglass_evaluators.judge.prompt import TEMPLATE
from watchglass_evaluators.judge.rubrics import BUILTIN, PREFIX, Choice, Rubric, version_of
from watchglass_evaluators.judge.tracing import NoTracer, OtlpTracer
from watchglass_store import Store, StoreError
from watchglass_store.queries import judge as queries
from watchglass_store.queries.judge_rubrics import current_rubrics


class JudgeFactory:
    """Makes judges that share their endpoints; nothing is looked at before the first is made. Thread-safe."""

    def __init__(
        self, config: EvaluatorsConfig, store: Store, *, clock: Callable[[], datetime], pause: Callable[[float], bool]
    ) -> None:
        """Remember what judges need.

        Args:
            config: the settings.
            store: where their money and memory are.
            clock: current time, with a time zone.
            pause: waits so many seconds; True = the worker is stopping.
        """
        self._config = config.judge
        self._store = store
        self._clock = clock
        self._pause = pause
        self._asker: Asker | None = None
        self._lock = threading.Lock()

    def make(self, name: str) -> Judge:
        """Make the judge called judge_RUBRIC.

        Raises:
            EvaluatorUnavailable: a setting is missing, or the store is away.
        """
        return self.judge_of(rubric_of(self._config, self._store, name.removeprefix(PREFIX)))

    def judge_of(self, rubric: Rubric) -> Judge:
        """Make the judge that asks a rubric, stored or not.

        Raises:
            EvaluatorUnavailable: a setting is missing, or the store is away.
        """
        with self._lock:
            if self._asker is None:
                self._asker = self._make_asker()
            asker = self._asker
        config, name = self._config, PREFIX + rubric.name
        settings = config.model_dump(
            mode="json",
            include={"votes", "temperature", "seed", "logprobs", "max_output_tokens"}
            | ({"on_disagreement"} if rubric.is_pairwise else set()),
        )
        version, definition = version_of(rubric, settings | {"models": list(config.models)}, TEMPLATE)
        ledger = Ledger(
            store=self._store,
            evaluator=name,
            version=version,
            daily_budget_usd=config.daily_budget_usd,
            clock=self._clock,
            new_id=lambda: uuid.uuid4().hex,
        )
        row = {"evaluator": ledger.evaluator, "evaluator_version": version, "time": self._clock()}
        try:
            queries.add_version(self._store, row | {"definition": definition})
        except StoreError as error:
            raise EvaluatorUnavailable(f"the store: {error}") from None
        return Judge(rubric, asker, ledger, cascade=config.only_when.get(rubric.name))

    def _make_asker(self) -> Asker:
        config = self._config
        if any(config.place(model) is None for model in config.models):
            raise EvaluatorUnavailable("set base_url in [evaluators.judge]")
        if not config.model:
            raise EvaluatorUnavailable("set model in [evaluators.judge]")
        for model in config.models:
            if model not in config.prices:
                raise EvaluatorUnavailable(
                    f'set what {model} costs, [evaluators.judge.prices."{model}"]: without it no budget can be kept'
                )
        return Asker(
            config=config,
            lines=self._lines(),
            breaker=Breaker(self._clock),
            pause=self._pause,
            tracer=OtlpTracer(config.traces_url) if config.traces_url else NoTracer(),
        )

    def _lines(self) -> dict[str, Line]:
        config, lines = self._config, dict[JudgeEndpoint, Line]()
        by_model = {}
        for model in config.models:
            place = config.place(model)
            if place is not None and place not in lines:
                key = read_key(place.api_key_env)
                limiter = RateLimiter(config.requests_per_minute, config.tokens_per_minute, self._clock)
                lines[place] = Line(Endpoint(config, place.base_url, key, self._clock), limiter)
            if place is not None:
                by_model[model] = lines[place]
        return by_model


def read_key(variable: str) -> str:
    """Read a key from the environment; '' where no variable is named.

    Raises:
        EvaluatorUnavailable: the variable is not set, or holds what no key can be; the message does not show it.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EvaluatorUnavailable(f"set the environment variable {variable} to the endpoint's key")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise EvaluatorUnavailable(
            f"the environment variable {variable} does not hold a key: printable ASCII, no spaces"
        )
    return key


def rubric_of(config: JudgeConfig, store: Store, name: str) -> Rubric:
    """Find a rubric by name: stored, else of the settings file, else built in.

    Raises:
        EvaluatorUnavailable: there is none, or the store is away.
    """
    try:
        stored = {row["name"]: row for row in current_rubrics(store)}.get(name)
    except StoreError as error:
        raise EvaluatorUnavailable(f"the store: {error}") from None
    if stored is not None:
        keys = ("prompt", "choices", "direction", "columns")
        return own_rubric(name, CustomRubric.model_validate({key: stored[key] for key in keys}))
    if name in config.custom:
        return own_rubric(name, config.custom[name])
    if name in BUILTIN:
        return BUILTIN[name]
    raise EvaluatorUnavailable(f"there is no rubric {name!r}: write one with `watchglass evaluators rubric {name}`")


def own_rubric(name: str, own: CustomRubric) -> Rubric:
    """A rubric as people write it."""
    return Rubric(
        name=name,
        question=own.prompt,
        choices=tuple(Choice(word, value) for word, value in own.choices.items()),
        columns=own.columns,
        direction=own.direction,
    )
