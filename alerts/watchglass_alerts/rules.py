"""The rule: one schema and one validator, for files, the table and the dashboard's editor."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictInt,
    field_serializer,
    model_validator,
)

from watchglass_alerts.condition import DAY_S, Condition, Number, Part
from watchglass_alerts.durations import format_duration, within
from watchglass_alerts.links import check_link
from watchglass_alerts.metrics import SCORE_PREFIX, Kind, Measure, Source, find_measure
from watchglass_alerts.substitution import check_template

CALL_FIELDS = (
    "service_name",
    "environment",
    "operation_name",
    "provider_name",
    "model",
    "prompt_name",
    "prompt_version",
)
"""What a rule on calls can filter and group by."""
SCORE_FIELDS = (
    "service_name",
    "environment",
    "model",
    "prompt_name",
    "prompt_version",
    "evaluator",
    "evaluator_version",
    "source",
)
"""What a rule on a score can filter and group by."""
FIELDS: dict[Source, tuple[str, ...]] = {
    Source.CALLS: CALL_FIELDS,
    Source.SCORES: SCORE_FIELDS,
    Source.DRIFT: ("service_name", "model", "prompt_version", "method", "target"),
    Source.EVALUATION_LAG: ("evaluator",),
    Source.EVALUATOR_WAIT: ("evaluator", "reason"),
    Source.DELIVERY_LAG: ("channel",),
}
_KEPT_S = {Source.SCORES: 90 * DAY_S, Source.DRIFT: 90 * DAY_S}
_CALLS_KEPT_S = 30 * DAY_S
"""The calls themselves, which windows that are not whole minutes are read from."""


def _printable(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("must be printable text without spaces at its ends")
    return text


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
LabelName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,63}$")]
Values = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=100)]


class ShareOf(Part):
    """Which scores `statistic: share` counts: exactly one of the three."""

    above: Number | None = Field(None, description="Scores greater than this.")
    below: Number | None = Field(None, description="Scores less than this.")
    label: Text | None = Field(None, description="Scores with this label.")

    @model_validator(mode="after")
    def _one(self) -> ShareOf:
        if sum(part is not None for part in (self.above, self.below, self.label)) != 1:
            raise ValueError("needs exactly one of above, below, label")
        return self


class Rule(Part):
    """What to watch, where the line is, and whom to tell. Field by field in docs/rules.md."""

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)] = Field(
        description="Unique. It is the alert's identity: a renamed rule is a new one, and the old one resolves."
    )
    metric: Annotated[str, Field(max_length=200), AfterValidator(_printable)] = Field(
        description="From the catalogue below: a name, `score:NAME` or `drift:NAME`."
    )
    statistic: str = Field(
        "", max_length=20, description="`mean`, `p50`, `p95`, `p99` or `share`, where the metric needs one."
    )
    share_of: ShareOf | None = Field(
        None, description="With `statistic: share`: `above: x`, `below: x` or `label: text`."
    )
    filters: dict[str, Values] = Field(
        default_factory=dict, description="Field to value, or to a list of which any may match. '' matches absence."
    )
    group_by: tuple[str, ...] = Field(
        (), max_length=3, description="One alert for each combination of these fields: at most 3 fields, 1,000 alerts."
    )
    window_s: Annotated[int, BeforeValidator(within(5, 30 * DAY_S))] = Field(
        alias="window", description="How far back each evaluation looks: 5s to 30d, at least `interval`."
    )
    interval_s: Annotated[int, BeforeValidator(within(5, DAY_S))] = Field(
        alias="interval", description="Time between evaluations: 5s to 1d."
    )
    condition: Condition = Field(description="`op` and `threshold`, and more; see below.")
    confidence: Literal["point", "bound"] = Field(
        "point",
        description="`bound`: the near end of the 95 % interval must cross the line, not the value itself. "
        "For shares, means and percentiles.",
    )
    min_sample_size: Annotated[StrictInt, Field(ge=0, le=10**9)] | None = Field(
        None, description="Fewer calls or scores than this in the window is `no_data`. Left out: 30; 0 for counts."
    )
    for_s: Annotated[int, BeforeValidator(within(0, 7 * DAY_S))] = Field(
        0, alias="for", description="The condition must hold this long before the alert fires: 0s to 7d."
    )
    keep_firing_for_s: Annotated[int, BeforeValidator(within(0, 7 * DAY_S))] = Field(
        0, alias="keep_firing_for", description="The condition must be gone this long before it resolves: 0s to 7d."
    )
    repeat_interval_s: Annotated[int, BeforeValidator(within(0, 7 * DAY_S))] = Field(
        4 * 3600, alias="repeat_interval", description="While it fires, it is told again this often: 0s (never) to 7d."
    )
    severity: Literal["info", "warning", "critical"] = Field("warning", description="Shown, and usable in silences.")
    labels: dict[LabelName, Text] = Field(
        default_factory=dict,
        max_length=20,
        description="Fixed labels for messages and silences, such as `team: search`.",
    )
    annotations: dict[LabelName, Annotated[str, Field(max_length=2000)]] = Field(
        default_factory=dict,
        max_length=10,
        description="Text for the message: `summary`, `description` … `{{ value }}` is replaced; see Annotations.",
    )
    runbook_url: str = Field("", max_length=1000, description="An http or https link that the message carries.")
    channels: tuple[Text, ...] = Field(
        max_length=20, description="Names from `[alerts.channels]`. An empty list records without telling anybody."
    )
    notify_on: tuple[Literal["firing", "resolved", "no_data", "error"], ...] = Field(
        ("firing", "resolved", "error"), description="Which changes are sent. All are recorded."
    )
    examples: Literal["links", "none", "text"] = Field(
        "links",
        description="What messages show of the three worst calls: `links`, `none`, or `text`, the only one that lets "
        "text of prompts and answers out.",
    )

    @field_serializer("window_s", "interval_s", "for_s", "keep_firing_for_s", "repeat_interval_s")
    def _duration(self, seconds: int) -> str:
        return format_duration(seconds)

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        measure = self.measure
        if (measure.kind is Kind.SHARE and self.is_on_scores) != (self.share_of is not None):
            raise ValueError("share_of goes with statistic: share, and share with share_of")
        if self.confidence == "bound" and measure.kind not in (Kind.SHARE, Kind.MEAN, Kind.QUANTILE):
            raise ValueError(
                f"confidence: bound is for shares, means and percentiles; {self.metric} is exact and has no interval"
            )
        if self.window_s < self.interval_s:
            raise ValueError("window must be at least interval, or calls between two windows are never looked at")
        self._check_condition()
        self._check_fields()
        if self.runbook_url:
            check_link("runbook_url", self.runbook_url)
        names = {*self.group_by, *self.filters, *self.labels}
        for key, text in self.annotations.items():
            check_template(f"annotations.{key}", text, names)
        return self

    def _check_condition(self) -> None:
        condition, source = self.condition, self.measure.source
        if condition.type != "threshold" and self.measure.kind is Kind.GAUGE:
            raise ValueError(f"{self.metric} is compared with a threshold only")
        if condition.against_s is not None and condition.against_s < self.window_s:
            raise ValueError("against must be at least window, or the two windows share calls")
        if condition.type == "burn_rate":
            if self.measure.kind is not Kind.SHARE and self.metric != "cost_usd":
                raise ValueError("burn_rate is for shares, error_rate and cost_usd")
            if condition.budget is not None and self.measure.kind is Kind.SHARE and condition.budget >= 1:
                raise ValueError("budget of a share must be below 1")
            if condition.short_window_s is not None and condition.short_window_s > self.window_s:
                raise ValueError("short_window must be at most window")
        lengths = {offset for offset, _ in self.windows} | {length for _, length in self.windows} | {self.interval_s}
        is_fine = source is Source.CALLS and any(length % 60 for length in lengths)
        kept_s = _CALLS_KEPT_S if is_fine else _KEPT_S.get(source, 400 * DAY_S)
        if max(offset + length for offset, length in self.windows) > kept_s:
            raise ValueError(f"looks back further than the {kept_s // DAY_S} days that its data are kept")

    def _check_fields(self) -> None:
        allowed = FIELDS[self.measure.source]
        for where, fields in (("filters", tuple(self.filters)), ("group_by", self.group_by)):
            for field in fields:
                if field not in allowed:
                    raise ValueError(f"{where}: unknown field {field!r}; allowed: {', '.join(allowed)}")
        if len(set(self.group_by)) != len(self.group_by):
            raise ValueError("group_by: a field is repeated")
        taken = {*self.labels} & {*allowed, "rule", "severity"}
        if taken:
            raise ValueError(f"labels: {', '.join(sorted(taken))} is set by Watchglass; choose another name")

    @property
    def measure(self) -> Measure:
        """The catalogue's row for this rule."""
        return find_measure(self.metric, self.statistic)

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """What an evaluation looks at: (seconds before the slot at which it ends, length in seconds) each."""
        own, condition = (0, self.window_s), self.condition
        if condition.type == "change" and condition.against_s is not None:
            return own, (condition.against_s, self.window_s)
        if condition.type == "burn_rate":
            # A twelfth, in whole minutes where the window is so: the ratio of Google's SRE workbook, chapter 5.
            step = 60 if self.window_s % 60 == 0 else 1
            return own, (0, condition.short_window_s or max(self.window_s // 12 // step, 1) * step)
        return (own,)

    @property
    def unit(self) -> str:
        """Of the value that the condition compares: '%', 'points', 's', 'USD', 'tokens', 'times' or ''."""
        match self.condition.type:
            case "burn_rate":
                return "times"
            case "no_data":
                return ""
            case "change" if self.condition.change == "relative":
                return "%"
            case "change" if self.measure.unit == "%":
                return "points"
        return self.measure.unit

    @property
    def is_on_scores(self) -> bool:
        """Whether the rule reads `scores` and not calls."""
        return self.metric.startswith(SCORE_PREFIX)

    @property
    def score_name(self) -> str:
        """The score that the rule reads; '' for a rule on calls."""
        return self.metric.removeprefix(SCORE_PREFIX) if self.is_on_scores else ""

    @property
    def subject(self) -> str:
        """The score or drift monitor that the rule reads; '' where its metric is all there is to say."""
        return self.metric.partition(":")[2]

    @property
    def minimum_samples(self) -> int:
        """The sample size below which there is no verdict; for a change, in either window."""
        if self.condition.type == "no_data":
            return 0
        return self.measure.minimum_samples if self.min_sample_size is None else self.min_sample_size

    def definition(self) -> dict[str, Any]:
        """The rule as a rules file would state it, without what was left at its default."""
        stated = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        # What a condition must state depends on its type, and may be some other type's default.
        return stated | {"condition": self.condition.model_dump(mode="json", by_alias=True, exclude_unset=True)}
