"""What is watched for drift: `[[evaluators.monitors]]`."""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from watchglass_evaluators.drift.embedding import has_minilm

TEST_VERSION = "2"
"""Changes whenever the same texts could be judged differently."""

Dimension = Literal["service_name", "model", "prompt_version"]
Method = Literal["combined", "psi", "ks", "wasserstein", "evidently"]
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


class Interval(BaseModel):
    """A fixed stretch of time that is as it should be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: AwareDatetime = Field(description="First moment, with a time zone.")
    end: AwareDatetime = Field(description="First moment after it, with a time zone.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end = {self.end} must be after start = {self.start}")
        return self


class Monitor(BaseModel):
    """One thing that is watched. Any change makes a new version, with a history of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Its name in `drift_results` and in alert rules.")
    target: str = Field(
        default="response_text", description="prompt_text, response_text, or score:NAME for a score's values."
    )
    engine: Literal["window", "live"] = Field(
        default="window", description="window: judge each finished window. live: watch answers as they come."
    )
    services: tuple[str, ...] = Field(default=(), description="Only calls of these services; empty = all.")
    models: tuple[str, ...] = Field(default=(), description="Only calls of these models; empty = all.")
    prompt_versions: tuple[str, ...] = Field(default=(), description="Only these prompt versions; empty = all.")
    group_by: tuple[Dimension, ...] = Field(default=(), description="Watch each value, or combination, by itself.")
    groups: int = Field(default=20, ge=1, le=200, description="The most groups; those with most calls are watched.")
    window_s: Annotated[float, Field(ge=60)] = Field(default=86_400.0, description="Length of a window, in seconds.")
    reference: Interval | None = Field(
        default=None, description="What to compare with; not set = the time just before, reference_s long."
    )
    reference_s: Annotated[float, Field(ge=60)] = Field(
        default=14 * 86_400.0, description="Length of the trailing reference, in seconds."
    )
    seasonal: bool = Field(
        default=True, description="Compare with the same hours of the week, once the reference has a week and enough."
    )
    sample: int = Field(default=2000, ge=20, le=20_000, description="The most calls that are taken from each side.")
    minimum: int = Field(default=100, ge=20, description="Fewer calls than this on a side are not judged.")
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.01, description="window: the rate of false alarms, of windows without drift."
    )
    permutations: int = Field(default=999, ge=99, le=20_000, description="window: random relabellings of a test.")
    false_alarm_every: Annotated[float, Field(ge=100)] = Field(
        default=50_000, description="live: at most one false alarm in so many answers, on average."
    )
    false_alarm_every_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="live: the same in days, at the reference's rate of answers; goes before the other."
    )
    every_s: Annotated[float, Field(ge=1)] = Field(default=30.0, description="live: seconds between looks.")
    method: Method = Field(
        default="combined", description="window: combined has a stated false-alarm rate; the others are there by name."
    )
    threshold: float | None = Field(
        default=None, description="psi and wasserstein: alarm from this distance on; not set = 0.2 and 0.1."
    )
    evidently_method: str = Field(
        default="", description="evidently: a method of its ValueDrift; empty = its DataDriftPreset."
    )
    evidently_python: str = Field(
        default="", description="evidently: the interpreter that has it; empty = the one that runs Watchglass."
    )
    embedding: str = Field(
        default="auto",
        description="auto = minilm where the models extra is installed, else words; or a model's folder.",
    )

    @property
    def score(self) -> str:
        """The score that is watched; '' where texts are."""
        return self.target.removeprefix("score:") if self.target.startswith("score:") else ""

    @property
    def encoder(self) -> str:
        """The sentence encoder: minilm or a folder; '' = hashed words and word pairs."""
        if self.embedding == "auto":
            return "minilm" if has_minilm() else ""
        return "" if self.embedding == "words" else self.embedding

    @property
    def version(self) -> str:
        """Short hash of the settings and of the test."""
        settings = (
            f"{TEST_VERSION}:{self.encoder}:{self.model_dump_json(exclude={'name', 'evidently_python', 'every_s'})}"
        )
        return hashlib.sha256(settings.encode()).hexdigest()[:12]

    def watches(self, service_name: str, model: str, prompt_version: str) -> bool:
        """Whether a call passes the filters."""
        return (
            (not self.services or service_name in self.services)
            and (not self.models or model in self.models)
            and (not self.prompt_versions or prompt_version in self.prompt_versions)
        )

    def group(self, service_name: str, model: str, prompt_version: str) -> tuple[str, str, str]:
        """Return the group of a call: '' where a dimension does not split."""
        return (
            service_name if "service_name" in self.group_by else "",
            model if "model" in self.group_by else "",
            prompt_version if "prompt_version" in self.group_by else "",
        )

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"name = {value!r}: letters, digits, '_', '.' and '-', at most 100")
        return value

    @field_validator("target")
    @classmethod
    def _target(cls, value: str) -> str:
        if value not in ("prompt_text", "response_text") and not re.fullmatch(r"score:[\w.-]+", value):
            raise ValueError(f"target = {value!r} must be prompt_text, response_text or score:NAME")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.minimum > self.sample:
            raise ValueError(f"minimum = {self.minimum} must not be more than sample = {self.sample}")
        if self.engine == "live" and self.method != "combined":
            raise ValueError(f"method = {self.method} needs engine = window")
        # Each of the five statistics has a most extreme relabelling, so p-values go down to 5 / (permutations + 1).
        if self.method == "combined" and self.permutations + 1 < round(5 / self.alpha):
            raise ValueError(f"alpha = {self.alpha} cannot be reached with permutations = {self.permutations}")
        return self


def window_ends(
    now: datetime, window_s: float, settle_s: float, last: datetime | None, *, at_most: int
) -> list[datetime]:
    """Return the ends of the windows that are finished and not judged yet, oldest first.

    Windows lie side by side from the epoch on, so that a restart, or a second worker, sees the same ones.

    Args:
        now: current time.
        window_s: length of a window.
        settle_s: how long after its end a window is complete.
        last: end of the last judged window; None when there is none: then only the newest finished one is due.
        at_most: of those missed, how many are made up for; older ones are left out.
    """
    newest = int((now.timestamp() - settle_s) // window_s)
    first = newest if last is None else max(round(last.timestamp() / window_s) + 1, newest - at_most + 1)
    return [datetime.fromtimestamp(k * window_s, now.tzinfo) for k in range(first, newest + 1)]
