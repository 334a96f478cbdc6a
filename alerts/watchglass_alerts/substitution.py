"""`{{ value }}` in annotations: names from a fixed list are replaced by text. There is no expression language."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

NAMES = (
    "rule",
    "severity",
    "metric",
    "value",
    "value_low",
    "value_high",
    "sample_size",
    "threshold",
    "op",
    "window",
    "since",
    "state",
    "reason",
)
"""What `{{ … }}` may name, besides `labels.NAME` for a group-by field, a filter or a label."""

LIMIT = 2000
_SLOT = re.compile(r"\{\{\s*([a-z_][a-z0-9_.]{0,99})\s*\}\}")


def check_template(where: str, text: str, labels: Collection[str]) -> None:
    """Accept a text whose every `{{ … }}` can be replaced.

    Raises:
        ValueError: it names something else.
    """
    allowed = {*NAMES, *(f"labels.{name}" for name in labels)}
    for name in _SLOT.findall(text):
        if name not in allowed:
            raise ValueError(f"{where}: {{{{ {name} }}}} is unknown; allowed: {', '.join(sorted(allowed))}")
    if "{{" in _SLOT.sub("", text):
        raise ValueError(f"{where}: only plain names fit in {{{{ }}}}; allowed: {', '.join(sorted(allowed))}")


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with names replaced once (a value that itself holds `{{` stays as it is), cut at 2,000 characters."""
    return _SLOT.sub(lambda match: values.get(match[1], match[0]), text)[:LIMIT]
