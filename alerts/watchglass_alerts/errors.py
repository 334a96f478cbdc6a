"""What can go wrong, as a tree.

    AlertsError
    ├── RuleError     a rule or a rules file is wrong: where, which field, which value, what is allowed
    └── ConfigError   a setting or a channel is wrong: which key, why; raised at start only

Run-time trouble with a channel is not an exception but a result: `Retry` or `Failed` (see `channels`).
"""

from __future__ import annotations


class AlertsError(Exception):
    """The root of this package's errors."""


class RuleError(AlertsError, ValueError):
    """A rule cannot be accepted.

    Args:
        problems: one line each, with file and line where the rule came from a file.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class ConfigError(AlertsError, ValueError):
    """A setting cannot be accepted; the text names the key and never a secret."""
