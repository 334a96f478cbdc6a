"""Settings of the evaluators: section `[evaluators]`, environment `WATCHGLASS_EVALUATORS__…`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from watchglass_evaluators import registry
from watchglass_evaluators.drift.monitors import Monitor
from watchglass_evaluators.judge.config import JudgeConfig
from watchglass_evaluators.judge.rubrics import BUILTIN, PREFIX
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.progress import Shard

FilterColumn = Literal[
    "service_name", "environment", "project", "model", "operation_name", "prompt_name", "prompt_version"
]


class EvaluatorOptions(BaseModel):
    """What one evaluator looks at, unless `evaluator_settings` says otherwise: `[evaluators.options.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_rate: float = Field(
        default=1.0, ge=0, le=1, description="Share of traces to score. All calls of a trace are in or out together."
    )
    filters: dict[FilterColumn, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Only calls with one of these values in each of these columns; a column without values has any.",
    )


class EvaluatorsConfig(BaseModel):
    """Which evaluators run, on what, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: tuple[str, ...] = Field(
        default=(
            *("rouge", "bleu", "answer_match", "profanity", "refusal", "pii", "secrets", "prompt_injection"),
            *("language", "readability", "repetition", "response_length", "json_format", "groundedness"),
            *("context_relevance", "answer_relevance", "output_schema", "tool_calls", "tool_use"),
        ),
        description="The evaluators that run.",
    )
    options: dict[str, EvaluatorOptions] = Field(
        default_factory=dict, description="Sample rate and filter by evaluator; one without an entry sees every call."
    )
    operations: tuple[str, ...] = Field(
        default=("chat", "text_completion", "generate_content"),
        description="Operations that are scored; invoke_agent, which repeats its last chat call's answer, is not.",
    )
    settle_s: Annotated[float, Field(ge=0)] = Field(
        default=5.0, description="Seconds a call is left alone after it arrived, so that its late pieces are there."
    )
    recheck_s: Annotated[float, Field(ge=0)] = Field(
        default=60.0,
        description="Seconds after which a call that could not be scored is looked at once more, for the last time.",
    )
    trace_idle_s: Annotated[float, Field(gt=0)] = Field(
        default=60.0,
        description="Seconds without a new span after which a trace is scored as a whole; later spans: once more.",
    )
    session_idle_s: Annotated[float, Field(gt=0)] = Field(
        default=600.0,
        description="Seconds without a new call after which a session is scored as a whole; later calls: once more.",
    )
    poll_s: Annotated[float, Field(gt=0)] = Field(default=2.0, description="Seconds between two looks for new calls.")
    lookback_s: Annotated[float, Field(ge=0)] = Field(
        default=86_400.0, description="How far back a new evaluator, or a new version of one, begins, in seconds."
    )
    batch_calls: int = Field(default=500, ge=1, le=500, description="Calls that are read and written at once.")
    shard: str = Field(default="0/1", description="Which part of the traces this worker takes, i/n with 0 <= i < n.")
    monitors: tuple[Monitor, ...] = Field(
        default=(),
        description="What is watched for drift, by the worker of shard 0; docs/drift.md has the settings.",
    )
    models: ModelsConfig = Field(default=ModelsConfig(), description="Weights of model evaluators and their device.")
    judge: JudgeConfig = Field(default=JudgeConfig(), description="Judges; off until it has rubrics.")

    @field_validator("enabled")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            registry.check_names(list(value))
        except registry.UnknownEvaluator as error:
            raise ValueError(str(error)) from None
        return tuple(dict.fromkeys(value))

    @field_validator("shard")
    @classmethod
    def _shard(cls, value: str) -> str:
        Shard.parse(value)
        return value

    @field_validator("monitors")
    @classmethod
    def _distinct(cls, value: tuple[Monitor, ...]) -> tuple[Monitor, ...]:
        names = [monitor.name for monitor in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"monitors: more than one is named {', '.join(twice)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.recheck_s < self.settle_s:
            raise ValueError(f"recheck_s = {self.recheck_s} must not be less than settle_s = {self.settle_s}")
        known = (*registry.names(), *(PREFIX + rubric for rubric in (*BUILTIN, *self.judge.custom)))
        for name in self.options:
            if name not in known:
                raise ValueError(f"options.{name}: there is no such evaluator ({', '.join(known)})")
        return self
