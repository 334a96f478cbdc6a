"""Patterns of what should not be stored, and how rules are written in the settings."""

import re
from typing import Final, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

BuiltinRule = Literal["email", "phone", "card", "api_key"]
BUILTIN_PATTERNS: Final[dict[BuiltinRule, str]] = {
    "email": r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    "card": r"\b[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\b",
    "phone": r"\+[0-9]{1,3}(?:[ .()-]{0,2}[0-9]{2,4}){2,4}\b|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b",
    "api_key": (
        r"\b(?:(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,200}|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|"
        r"xox[abeprs]-[A-Za-z0-9-]{10,250}|AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{8,900}\.eyJ[A-Za-z0-9_-]{8,900})"
    ),
}
"""In this order. Every repetition is bounded and none is inside another that could share its characters, so that
Python's backtracking takes time in proportion to the text; ASCII only, so that Python and RE2 find the same."""

_NOT_RE2: Final = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|\\[1-9gkZ]|[*+?}]\+")
"""Looking around, referring back, conditions, comments and possessive repetition."""
_MAX_PATTERN_CHARACTERS: Final = 400


class RedactionRule(BaseModel, frozen=True, extra="forbid"):
    """A pattern of your own."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$", description="Shown in place of the text.")
    pattern: str = Field(min_length=1, max_length=_MAX_PATTERN_CHARACTERS, description="RE2 regular expression.")

    @field_validator("pattern")
    @classmethod
    def _is_re2(cls, pattern: str) -> str:
        found = _NOT_RE2.search(pattern)
        if found:
            raise ValueError(f"RE2 has no {found[0]!r}: no looking around, no back references")
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if compiled.match(""):
            raise ValueError("it matches the empty text, and so everywhere")
        return pattern


class RedactionConfig(BaseModel, frozen=True, extra="forbid"):
    """What is taken out of texts before they are stored; each find becomes the rule's name in brackets."""

    rules: tuple[BuiltinRule, ...] = Field((), description="Built-in rules: email, phone, card, api_key.")
    custom: tuple[RedactionRule, ...] = Field((), description="Rules of your own; run in the store, after the others.")
    before_spool: bool = Field(
        False,
        description="Redact before anything is written to disk, rather than before anything is written to a table. "
        "Built-in rules only; costs about as much as decoding every request in Python.",
    )

    @model_validator(mode="after")
    def _custom_rules_need_re2(self) -> "RedactionConfig":
        if self.before_spool and self.custom:
            names = ", ".join(rule.name for rule in self.custom)
            raise ValueError(
                f"redaction.before_spool = true cannot run custom rules ({names}): Python has no regular expressions "
                "of bounded time. Set before_spool = false, and they run in the store before any table is written."
            )
        return self

    @property
    def patterns(self) -> dict[str, str]:
        """Name and pattern of every rule, in the order in which they are applied."""
        builtin: dict[str, str] = {name: pattern for name, pattern in BUILTIN_PATTERNS.items() if name in self.rules}
        return {**builtin, **{rule.name: rule.pattern for rule in self.custom}}
