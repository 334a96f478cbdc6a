"""The condition: what a rule holds against its line, and which side of the line is bad."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, field_serializer, model_validator

from watchglass_alerts.durations import format_duration, within

DAY_S = 86_400
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Type = Literal["threshold", "change", "no_data", "burn_rate"]

_FIELDS: dict[Type, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "threshold": (("op", "threshold"), ("resolve_threshold",)),
    "change": (("op", "threshold", "against"), ("change", "resolve_threshold")),
    "no_data": ((), ("op", "threshold")),
    "burn_rate": (("budget", "threshold"), ("budget_period", "short_window", "resolve_threshold")),
}
"""Type to the fields that it needs and that it may have."""


class Part(BaseModel):
    """What rules are made of."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Condition(Part):
    """The line, and which side of it is bad."""

    type: Type = Field(
        "threshold", description="What is held against the line: `threshold`, `change`, `no_data` or `burn_rate`."
    )
    op: Literal[">", ">=", "<", "<="] = Field(
        ">", description='Which side is bad. Quote it in YAML: `op: ">"`. For `threshold` and `change`, required.'
    )
    threshold: Number = Field(
        0.0,
        description="The line. A share or rate is 0 to 1, not a percentage; with `burn_rate`, how many times too fast. "
        "Required, except for `no_data`: there, the sample size below which there is none (1).",
    )
    resolve_threshold: Number | None = Field(
        None,
        description="A firing alert resolves only past this second line, on the good side of `threshold`. "
        "Left out: the same line.",
    )
    change: Literal["absolute", "relative"] = Field(
        "absolute",
        description="With `change`: the difference, or the difference as a part of what was (0.5 = half more).",
    )
    against_s: Annotated[int, BeforeValidator(within(60, 60 * DAY_S))] | None = Field(
        None, alias="against", description="With `change`: how long before: 1d, 7d; at least `window`, at most 60d."
    )
    budget: Number | None = Field(
        None, gt=0, description="With `burn_rate`: the share that may be bad, 0 to 1; for `cost_usd`, USD per period."
    )
    budget_period_s: Annotated[int, BeforeValidator(within(3600, 400 * DAY_S))] = Field(
        30 * DAY_S,
        alias="budget_period",
        description="With `burn_rate` of `cost_usd`: what the budget is for, 1h to 400d.",
    )
    short_window_s: Annotated[int, BeforeValidator(within(5, DAY_S))] | None = Field(
        None, alias="short_window", description="With `burn_rate`: must burn too. Left out: a twelfth of `window`."
    )

    @field_serializer("against_s", "budget_period_s", "short_window_s")
    def _duration(self, seconds: int | None) -> str | None:
        return None if seconds is None else format_duration(seconds)

    @model_validator(mode="before")
    @classmethod
    def _no_data(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("type") == "no_data":
            if given.get("op", "<") != "<":
                raise ValueError("op does not go with type no_data")
            return {"threshold": 1.0, **given, "op": "<"}
        return given

    @model_validator(mode="after")
    def _fields(self) -> Condition:
        needed, optional = _FIELDS[self.type]
        given = {name.removesuffix("_s") for name in self.model_fields_set} - {"type"}
        missing = [name for name in needed if name not in given]
        if missing:
            raise ValueError(f"{' and '.join(missing)} missing; type {self.type} needs {', '.join(needed)}")
        spare = sorted(given - {*needed, *optional})
        if spare:
            raise ValueError(f"{', '.join(spare)} does not go with type {self.type}")
        back = self.resolve_threshold
        if back is not None and (back > self.threshold if self.op[0] == ">" else back < self.threshold):
            side = "at or below" if self.op[0] == ">" else "at or above"
            raise ValueError(f"resolve_threshold {back:g} must be {side} threshold {self.threshold:g}")
        return self

    def holds(self, value: float, *, is_open: bool) -> bool:
        """Whether the value is on the bad side; an alert that is open is held to `resolve_threshold`."""
        line = self.resolve_threshold if is_open and self.resolve_threshold is not None else self.threshold
        match self.op:
            case ">":
                return value > line
            case ">=":
                return value >= line
            case "<":
                return value < line
        return value <= line
