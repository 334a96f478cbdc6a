"""Two sides, measure by measure: the difference, how sure it is, and whether it is better or worse."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from watchglass_dashboards.ui.stats import difference_of_means, difference_of_shares
from watchglass_dashboards.ui.text import one_line

Better = Literal["lower", "higher", "neither"]
_DIRECTIONS: dict[str, Better] = {"higher_is_better": "higher", "lower_is_better": "lower"}
#: Measure of `pages_compare.MEASURES` -> how it is called, its unit, and which direction is good.
_MEASURES: dict[str, tuple[str, str, Better]] = {
    "latency": ("latency (mean)", "s", "lower"),
    "first_token": ("time to first token (mean)", "s", "lower"),
    "input_tokens": ("input tokens a call", "tokens", "neither"),
    "output_tokens": ("output tokens a call", "tokens", "neither"),
    "cost": ("cost a call", "USD", "lower"),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure on two sides."""

    name: str
    unit: str
    better: Better
    a: float
    b: float
    n_a: int
    n_b: int
    difference: tuple[float, float, float] | None
    """b - a with its 95 % interval, in the measure's unit; None where nothing can be said."""

    @property
    def verdict(self) -> str:
        """'better', 'worse', 'different' (no direction is good) or 'no clear difference', from the interval."""
        if self.difference is None or self.difference[1] <= 0 <= self.difference[2]:
            return "no clear difference"
        if self.better == "neither":
            return "different"
        return "better" if (self.difference[0] > 0) == (self.better == "higher") else "worse"

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """The difference and its interval as shares of side a's value; None where that is 0 or nothing is known."""
        if self.difference is None or not self.a:
            return None
        difference, low, high = (part / abs(self.a) for part in self.difference)
        return difference, low, high


def calls_compared(a: dict[str, Any], b: dict[str, Any]) -> list[Compared]:
    """Error rate and the measures of `pages_compare.calls`; what either side does not know is left out."""
    rows = [
        Compared(
            "error rate",
            "share",
            "lower",
            a["n_errors"] / a["n_calls"],
            b["n_errors"] / b["n_calls"],
            a["n_calls"],
            b["n_calls"],
            difference_of_shares((a["n_errors"], a["n_calls"]), (b["n_errors"], b["n_calls"])),
        )
    ]
    for measure, (name, unit, better) in _MEASURES.items():
        of_a, of_b = _sample(a, measure), _sample(b, measure)
        if of_a[2] and of_b[2]:
            difference = difference_of_means(of_a, of_b)
            rows.append(Compared(name, unit, better, of_a[0], of_b[0], of_a[2], of_b[2], difference))
    return rows


def _sample(side: dict[str, Any], measure: str) -> tuple[float, float, int]:
    variance = side[f"variance_{measure}"]
    return side[f"mean_{measure}"], math.nan if variance is None else variance, side[f"n_{measure}"]


def scores_compared(rows: Sequence[dict[str, Any]]) -> list[Compared]:
    """Scores that both sides have, from rows of `pages_compare.scores`."""
    sides: dict[tuple[str, str], dict[bool, dict[str, Any]]] = {}
    for row in rows:
        sides.setdefault((row["name"], row["evaluator"]), {})[bool(row["is_b"])] = row
    names = [name for name, _ in sides]
    found = []
    for (name, evaluator), pair in sides.items():
        if len(pair) < 2:
            continue
        a, b = pair[False], pair[True]
        title = one_line(name.replace("_", " "), 40)
        if names.count(name) > 1:
            title += f" ({one_line(evaluator, 30)})"
        difference = difference_of_means((a["mean"], a["variance"], a["n"]), (b["mean"], b["variance"], b["n"]))
        better = _DIRECTIONS.get(b["better"], "neither")
        found.append(Compared(title, "score", better, a["mean"], b["mean"], a["n"], b["n"], difference))
    return found


def dot_rows(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """As `interval_charts.dots` takes them; what has no relative difference is left out."""
    rows = []
    for one in compared:
        if one.relative is not None:
            value, low, high = one.relative
            n = f"{one.n_a:,} / {one.n_b:,}"
            rows.append({"name": one.name, "value": value, "low": low, "high": high, "n": n, "verdict": one.verdict})
    return rows


def histogram_rows(
    sides: Sequence[Sequence[tuple[int, int]]], per_decade: int, names: Sequence[str]
) -> list[dict[str, Any]]:
    """The `latencies` of each side of `pages_compare.calls` as `interval_charts.two_histograms` takes them."""
    return [
        {
            "low": 10 ** (at / per_decade),
            "high": 10 ** ((at + 1) / per_decade),
            "share": calls / sum(n for _, n in counted),
            "calls": calls,
            "side": name,
        }
        for counted, name in zip(sides, names, strict=True)
        for at, calls in counted
    ]
