"""The table of scores of a page, and which of them is looked at; the choice is in the address."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import tables
from watchglass_dashboards.ui.choice import choice
from watchglass_dashboards.ui.stats import mean_interval
from watchglass_dashboards.ui.tables import figures, words
from watchglass_dashboards.ui.text import one_line, option
from watchglass_store.queries import pages_quality as queries
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_quality import ScoreKey

_BETTER = {"higher_is_better": "higher", "lower_is_better": "lower"}
_KINDS = {"code": "code", "model": "model", "judge": "judge", "human": "people", "external": "your application"}


def shown_scores(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_quality.score_list` as shown."""
    shown = []
    for row in rows:
        interval = mean_interval(row["mean"], row["deviation"], row["n"]) if row["n"] else None
        old, new = row["previous_mean"], row["mean"] if row["n"] else None
        has_change = new is not None and old is not None and old == old and old != 0
        shown.append(
            {
                "score": one_line(row["name"].replace("_", " "), 60),
                "by": one_line(f"{row['evaluator']} {row['version']}", 60),
                "kind": _KINDS.get(row["kind"], one_line(row["kind"], 20)),
                "mean": new,
                "low": interval[0] if interval else None,
                "high": interval[1] if interval else None,
                "change": (new - old) / abs(old) if has_change else None,
                "better": _BETTER.get(row["better"], "neither"),
                "n": row["n"],
                "unscored": row["n_unscored"],
                "cost": row["cost"] or None,
            }
        )
    return shown


def key_of(row: dict[str, Any]) -> ScoreKey:
    """The series that a row of `score_list` is about."""
    return ScoreKey(row["name"], row["evaluator"], row["version"])


def name_of(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """How a score is called in the choice: its name, with its evaluator where two evaluators share it."""
    is_ambiguous = sum(other["name"] == row["name"] for other in rows) > 1
    return f"{row['name']} / {row['evaluator']}" if is_ambiguous else str(row["name"])


def choose(rows: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
    """Draw the table and the choice; a click on a row chooses it. Returns the chosen row.

    Args:
        rows: Of `score_list`, at least one.
        key: Of the widget, also its name in the address.
    """
    columns = {
        "score": words("Score", 150, pinned=True),
        "by": words("Evaluator and version", 150),
        "kind": words("Kind", 80),
        "mean": figures("Mean", 75, "%.4g"),
        "low": figures("95 % from", 80, "%.4g"),
        "high": figures("to", 75, "%.4g"),
        "change": figures("Change", 75, "percent"),
        "better": words("Better", 65),
        "n": figures("Scored (n)", 85),
        "unscored": figures("Unscored", 80),
        "cost": figures("Cost", 80, "$%.4f"),
    }
    names = [name_of(row, rows) for row in rows]
    return rows[tables.choose(shown_scores(rows), columns, names, title="Score", key=key, most_height=360, width=320)]


def version_of(scope: Scope, newest: dict[str, Any], key: str) -> dict[str, Any]:
    """Let the viewer take another version of the chosen score, which the address names; its row of `score_list`."""
    known = read(queries.versions, scope, newest["name"], newest["evaluator"])
    if len(known) < 2:
        return newest
    version = known[choice("Version", [option(name) for name in known], key=key, width=220)]
    if version == newest["version"]:
        return newest
    return read(queries.score_version, scope, replace(key_of(newest), version=version)) or newest
