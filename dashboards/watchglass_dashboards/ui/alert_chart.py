"""The preview of a rule: its value over time, the line, and where it would have fired."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from watchglass_dashboards.ui.palette import Ink
from watchglass_dashboards.ui.text import one_line

_HEIGHT = 240


def preview_chart(found: Mapping[str, Any], ink: Ink) -> dict[str, Any]:
    """A Vega-Lite specification.

    Args:
        found: What `RuleDesk.preview` says; at least one value in it.
        ink: Colours.
    """
    by = 100.0 if found["unit"] in ("%", "points") else 1.0
    rows = _rows(found["alerts"], by)
    line = found["threshold"] * by
    edges = [row[name] for row in rows for name in ("value", "low", "high") if row[name] is not None] + [line]
    room = (max(edges) - min(edges)) * 0.08 or abs(line) * 0.1 or 1.0
    domain = [min(edges) - room if min(edges) < 0 else max(0.0, min(edges) - room), max(edges) + room]
    times = [row["time"] for row in rows]
    is_short = max(times) - min(times) <= 36 * 3600 * 1000
    axis = {"title": None, "labelFontSize": 11, "labelColor": ink.muted, "domain": False, "ticks": False}
    x = {"field": "time", "type": "temporal",
         "axis": {**axis, "grid": False, "tickCount": 6, "format": "%H:%M" if is_short else "%d %b %H:%M"}}  # fmt: skip
    y = {"type": "quantitative", "scale": {"domain": domain, "nice": False},
         "axis": {**axis, "gridColor": ink.grid, "tickCount": 4,
                  "format": "~s" if domain[1] > 1e4 else "~r"}}  # fmt: skip
    names = list(dict.fromkeys(row["alert"] for row in rows))
    colour = {
        "field": "alert", "type": "nominal",
        "scale": {"domain": names, "range": [ink.primary, ink.second, ink.third, ink.muted][: len(names)]},
        "legend": {"title": None, "orient": "top", "labelLimit": 260, "symbolOpacity": 1} if len(names) > 1 else None,
    }  # fmt: skip
    layers = _layers(rows, line, x, y, colour, ink)
    return {
        "height": _HEIGHT,
        "data": {"values": rows},
        "layer": layers,
        "config": {
            "padding": {"left": 2, "top": 4, "right": 6, "bottom": 2},
            "view": {"stroke": None},
            "font": "Inter, sans-serif",
            "legend": {"labelColor": ink.label, "labelFontSize": 11.5},
        },
    }


def _layers(
    rows: Sequence[Mapping[str, Any]],
    line: float,
    x: dict[str, Any],
    y: dict[str, Any],
    colour: dict[str, Any],
    ink: Ink,
) -> list[dict[str, Any]]:
    tip = [
        {"field": "time", "type": "temporal", "format": "%d %b %H:%M", "title": "at"},
        {"field": "value", "type": "quantitative", "format": ".4~r"},
        {"field": "low", "type": "quantitative", "format": ".4~r"},
        {"field": "high", "type": "quantitative", "format": ".4~r"},
        {"field": "sample_size", "type": "quantitative", "format": ",.0f", "title": "n"},
    ]
    return [
        {
            "data": {"values": _stretches(rows)},
            "mark": {"type": "rect", "color": ink.error, "opacity": 0.16},
            "encoding": {"x": {**x, "field": "time"}, "x2": {"field": "end"}},
        },
        {
            "mark": {"type": "area", "opacity": 0.14},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "line", "strokeWidth": 1.6},
            "encoding": {"x": x, "y": {**y, "field": "value"}, "color": colour},
        },
        {
            "mark": {"type": "rule", "opacity": 0, "strokeWidth": 8},
            "encoding": {"x": x, "tooltip": tip},
        },
        {
            "data": {"values": [{"line": line}]},
            "mark": {"type": "rule", "color": ink.error, "strokeDash": [5, 4], "strokeWidth": 1.4},
            "encoding": {"y": {**y, "field": "line"}},
        },
    ]


def has_values(found: Mapping[str, Any]) -> bool:
    """Whether there is anything to draw."""
    return any(point["value"] is not None for alert in found["alerts"] for point in alert["points"])


def name_of(labels: Mapping[str, str]) -> str:
    """An alert of a rule with groups, on one line."""
    return one_line(", ".join(value or "(none)" for value in labels.values()), 60) or "the rule"


def preview_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the preview draws, for a file: the metric's own unit, times in UTC."""
    return [{**row, "time": datetime.fromtimestamp(row["time"] / 1000, UTC)} for row in _rows(found["alerts"], 1.0)]


def _rows(alerts: Sequence[Mapping[str, Any]], by: float) -> list[dict[str, Any]]:
    def scaled(value: float | None) -> float | None:
        return None if value is None else value * by

    return [
        {
            "alert": name_of(alert["labels"]),
            "time": point["time_ms"],
            **{name: scaled(point[name]) for name in ("value", "low", "high")},
            "sample_size": point["sample_size"],
            "is_open": point["is_open"],
        }
        for alert in alerts
        for point in alert["points"]
    ]


def _stretches(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """From when to when any of the alerts fired."""
    times = sorted({row["time"] for row in rows})
    firing = {row["time"] for row in rows if row["is_open"]}
    step = min((late - early for early, late in pairwise(times)), default=60_000)
    found: list[dict[str, Any]] = []
    for time in times:
        if time not in firing:
            continue
        if found and found[-1]["end"] == time:
            found[-1]["end"] = time + step
        else:
            found.append({"time": time, "end": time + step})
    return found
