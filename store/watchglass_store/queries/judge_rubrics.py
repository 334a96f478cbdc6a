"""Rubrics that people write while judges run: the table `judge_rubrics`, append-only, the latest version wins."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from watchglass_store.client import Store
from watchglass_store.queries.alerting import add_audit

RUBRIC_COLUMNS: Final = ("prompt_text", "response_text", "context_text", "reference_text")
"""Texts that a judge can be shown."""
DIRECTIONS: Final = ("higher_is_better", "lower_is_better", "neutral")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CHOICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ +-]{0,39}")
_CANNOT_JUDGE: Final = "cannot_judge"
_LONGEST_PROMPT: Final = 8000
_MOST_CHOICES: Final = 20


def current_rubrics(store: Store) -> list[dict[str, Any]]:
    """The latest version of every stored rubric: name, version, prompt, choices, direction, columns and author."""
    return store.query("SELECT * FROM judge_rubrics ORDER BY name, version DESC LIMIT 1 BY name")


def rubric_history(store: Store, name: str) -> list[dict[str, Any]]:
    """All versions of one rubric, the newest first."""
    return store.query("SELECT * FROM judge_rubrics WHERE name = {name:String} ORDER BY version DESC", {"name": name})


def change_rubric(
    store: Store,
    name: str,
    *,
    prompt: str,
    choices: Mapping[str, float],
    direction: str,
    columns: Sequence[str],
    author: str,
    now: datetime,
) -> None:
    """Add a version of a rubric, and the row of `audit_log` that says so; its judge is on or off by its settings.

    Raises:
        ValueError: a value that makes no sense; the message names it and what is allowed. Nothing was written.
    """
    before = next((row for row in current_rubrics(store) if row["name"] == name), None)
    row = add_rubric_version(
        store, name, prompt=prompt, choices=choices, direction=direction, columns=columns, author=author, now=now
    )
    add_audit(
        store,
        time=now,
        actor=author,
        action="set rubric",
        target=name,
        before=_as_json(before) if before else "",
        after=_as_json(row),
    )


def add_rubric_version(
    store: Store,
    name: str,
    *,
    prompt: str,
    choices: Mapping[str, float],
    direction: str,
    columns: Sequence[str],
    author: str,
    now: datetime,
) -> dict[str, Any]:
    """Add a version and nothing else, and return its row; whoever calls this writes the audit log.

    Raises:
        ValueError: As `change_rubric`.
    """
    check_rubric(name, prompt=prompt, choices=choices, direction=direction, columns=columns)
    row = {
        "name": name,
        "version": now,
        "prompt": prompt,
        "choices": {word: float(value) for word, value in choices.items()},
        "direction": direction,
        "columns": list(columns),
        "author": author,
    }
    store.insert("judge_rubrics", [row])
    return row


def check_rubric(
    name: str, *, prompt: str, choices: Mapping[str, float], direction: str, columns: Sequence[str]
) -> None:
    """Find what makes no sense.

    Raises:
        ValueError: the message names it and what is allowed.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"rubric {name!r}: small letters, digits and _, a letter first, 40 at most")
    if not prompt.strip() or len(prompt) > _LONGEST_PROMPT:
        raise ValueError(f"prompt: 1 to {_LONGEST_PROMPT} characters, not {len(prompt)}")
    if not 2 <= len(choices) <= _MOST_CHOICES:
        raise ValueError(f"choices: 2 to {_MOST_CHOICES} verdicts, not {len(choices)}")
    for word, value in choices.items():
        if word == _CANNOT_JUDGE:
            raise ValueError(f"choices: {word} is always offered and has no value; leave it out")
        if not _CHOICE.fullmatch(word):
            raise ValueError(f"choices: {word!r}: letters, digits, space and _+-, 40 at most")
        if not math.isfinite(value):
            raise ValueError(f"choices: {word} = {value} is not a number")
    if len(set(choices.values())) < 2:
        raise ValueError("choices: at least two of the values must differ")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction {direction!r}: choose from {', '.join(DIRECTIONS)}")
    if not columns or set(columns) - set(RUBRIC_COLUMNS):
        raise ValueError(f"columns {', '.join(columns) or '(none)'}: choose from {', '.join(RUBRIC_COLUMNS)}")


def _as_json(row: Mapping[str, Any]) -> str:
    shown = {key: row[key] for key in ("prompt", "choices", "direction", "columns")}
    return json.dumps(shown, sort_keys=True, ensure_ascii=False)
