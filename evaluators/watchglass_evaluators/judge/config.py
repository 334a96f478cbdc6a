"""Settings of the judge: section `[evaluators.judge]`, environment `WATCHGLASS_EVALUATORS__JUDGE__…`."""

import math
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from watchglass_evaluators.evaluator import Column, Direction
from watchglass_evaluators.judge.rubrics import BUILTIN, CANNOT_JUDGE

NAME = r"^[a-z][a-z0-9_]{0,39}$"
Name = Annotated[str, Field(pattern=NAME)]
ChoiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_ +-]{0,39}$")]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """What a model's tokens cost: `[evaluators.judge.prices."MODEL"]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_usd_per_million_tokens: Money = Field(description="US dollars per million tokens sent; 0 = your own machine.")
    output_usd_per_million_tokens: Money = Field(description="US dollars per million tokens received.")

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """Return what a request costs in US dollars."""
        return (
            input_tokens * self.input_usd_per_million_tokens + output_tokens * self.output_usd_per_million_tokens
        ) / 1e6


class CustomRubric(BaseModel):
    """A question of your own: `[evaluators.judge.custom.NAME]`. Any change makes a new version, a series of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(min_length=1, max_length=8000, description="The one thing to judge, and by what measure.")
    choices: dict[ChoiceName, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        min_length=2, max_length=20, description="Verdicts the judge may give -> the value of each."
    )
    direction: Direction = Field(description="Which way is better.")
    columns: tuple[Column, ...] = Field(
        default=("prompt_text", "response_text"), min_length=1, description="Texts the judge sees."
    )

    @field_validator("choices")
    @classmethod
    def _choices(cls, value: dict[str, float]) -> dict[str, float]:
        if CANNOT_JUDGE in value:
            raise ValueError(f"{CANNOT_JUDGE} is always offered and has no value; leave it out")
        if len(set(value.values())) < 2:
            raise ValueError("at least two of the values must differ")
        return value


class Band(BaseModel):
    """Values of a cheaper score between which the judge is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: str = Field(min_length=1, description="Name of the score, for example profanity.")
    low: float = Field(default=-math.inf, description="From this value,")
    high: float = Field(default=math.inf, description="up to this one, both included.")


class Cascade(BaseModel):
    """Which calls the judge sees: `[evaluators.judge.only_when.RUBRIC]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unsure: tuple[Band, ...] = Field(default=(), description="Every call with a score inside one of these bands.")
    share: float = Field(default=0.0, ge=0, le=1, description="Random share of the other calls.")


def _address(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address without user, password, query or fragment; the key goes into api_key_env")
    return value.rstrip("/")


class JudgeEndpoint(BaseModel):
    """Where one model is asked: `[evaluators.judge.endpoints."MODEL"]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Annotated[str, AfterValidator(_address)] = Field(
        min_length=1, description="Endpoint of this model, up to and without /chat/completions."
    )
    api_key_env: str = Field(default="", description="Environment variable that holds its key; '' = no key.")


class JudgeConfig(BaseModel):
    """Which judges run, where they ask, and what they may spend. Off while `rubrics` is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rubrics: tuple[Name, ...] = Field(default=(), description="Rubrics that run, built in or under custom.")
    base_url: Annotated[str, AfterValidator(_address)] = Field(
        default="", description="Endpoint, up to and without /chat/completions."
    )
    model: str = Field(default="", description="The model that judges.")
    jury: tuple[str, ...] = Field(default=(), description="More models, asked beside the first.")
    votes: int = Field(default=1, ge=1, le=15, description="Times that each model is asked.")
    api_key_env: str = Field(default="", description="Environment variable that holds the key; '' = no key.")
    endpoints: dict[str, JudgeEndpoint] = Field(
        default_factory=dict, description="Model -> where it is asked, if not at base_url."
    )
    prices: dict[str, Price] = Field(default_factory=dict, description="Price of each model; needed to keep a budget.")
    daily_budget_usd: Money = Field(default=0.0, description="Most that all judges together spend in a UTC day.")
    requests_per_minute: int = Field(default=60, ge=1, description="Most requests a minute, to each endpoint.")
    tokens_per_minute: int = Field(default=100_000, ge=1, description="Most tokens a minute, to each endpoint.")
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests under way at once.")
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="Longest time one request may take.")
    max_output_tokens: int = Field(default=800, ge=16, le=32_000, description="Longest answer that is asked for.")
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", description="What the endpoint calls that limit."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["default"] = Field(
        default=0.0, description="Sent as it is; default = left out, for models that refuse it."
    )
    seed: int | None = Field(default=None, description="Sent where set.")
    logprobs: bool = Field(default=False, description="Ask for log-probabilities and weigh the choices by them.")
    on_disagreement: Literal["tie", "unscored"] = Field(
        default="tie", description="What a comparison is when the two orders do not agree."
    )
    longest_text: int = Field(default=50_000, ge=1, le=200_000, description="Longest text in characters; never cut.")
    batch_calls: int = Field(default=50, ge=1, le=500, description="Calls that are read and written at once.")
    traces_url: Annotated[str, AfterValidator(_address)] = Field(
        default="http://127.0.0.1:4318", description="OTLP/HTTP address that gets the judge's own spans; '' = none."
    )
    custom: dict[Name, CustomRubric] = Field(default_factory=dict, description="Your own rubrics.")
    only_when: dict[Name, Cascade] = Field(default_factory=dict, description="Rubric -> the calls it is asked about.")

    @property
    def models(self) -> tuple[str, ...]:
        """All models that are asked, each once."""
        return tuple(dict.fromkeys((self.model, *self.jury)))

    def place(self, model: str) -> JudgeEndpoint | None:
        """Where a model is asked; None where no address is set."""
        if model in self.endpoints or not self.base_url:
            return self.endpoints.get(model)
        return JudgeEndpoint(base_url=self.base_url, api_key_env=self.api_key_env)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in self.custom:
            if name in BUILTIN:
                raise ValueError(f"custom.{name}: the name of a built-in rubric; choose another")
        known = (*BUILTIN, *self.custom)
        for name in self.rubrics:
            if name not in known:
                raise ValueError(f"rubrics: unknown rubric {name!r} (known: {', '.join(known)})")
        for model in self.endpoints:
            if model not in self.models:
                raise ValueError(f"endpoints.{model}: neither model nor in jury ({', '.join(self.models)})")
        for name in self.only_when:
            if name not in self.rubrics:
                raise ValueError(f"only_when.{name}: not among the rubrics ({', '.join(self.rubrics) or 'none'})")
        return self
