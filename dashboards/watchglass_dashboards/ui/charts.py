"""Chart specifications as plain dicts: they cost a millisecond to build where chart objects cost a hundred.

ECharts draws what runs over time, Vega-Lite what is dragged or shows an interval. Names in a specification are ours;
captured text never becomes a field, a link or a template.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchglass_dashboards.ui.palette import Ink

#: Height of a chart, pixels.
HEIGHT = 220
#: One line: a value or None for each bucket.
Line = Sequence[float | None]

_UNITS = {  # unit -> (tooltip in printf style, axis label in ECharts style)
    "s": ("%.2f s", "{value} s"),
    "ms": ("%,.0f ms", "{value} ms"),
    "tokens": ("%,.0f tokens", "{value}"),
    "usd": ("$%,.4f", "${value}"),
    "items": ("%,.0f", "{value}"),
}


def in_readable_unit(lines: Mapping[str, Line]) -> tuple[dict[str, Line], str]:
    """Seconds as milliseconds where every value is below a second."""
    highest = max((value for line in lines.values() for value in line if value is not None), default=0.0)
    if highest >= 1:
        return dict(lines), "s"
    return {name: [None if v is None else v * 1000 for v in line] for name, line in lines.items()}, "ms"


def lines(
    times_s: Sequence[int], values: Mapping[str, Line], unit: str, colours: Sequence[str], ink: Ink
) -> dict[str, Any]:
    """Lines over time, the first on top. A missing bucket breaks the line; a lone point is a dot."""
    spec = _frame(list(values), unit, ink)
    spec["series"] = [
        {
            "type": "line",
            "name": name,
            "data": _points(times_s, line),
            "color": colour,
            "symbol": "circle",
            "symbolSize": 0,
            "lineStyle": {"width": 1.8},
            "emphasis": {"disabled": True},
            "z": 10 - at,
        }
        for at, ((name, line), colour) in enumerate(zip(values.items(), colours, strict=True))
    ]
    return spec


def stacked(
    times_s: Sequence[int], values: Mapping[str, Line], unit: str, colours: Sequence[str], ink: Ink
) -> dict[str, Any]:
    """Stacked bars over time."""
    spec = _frame(list(values), unit, ink)
    spec["tooltip"]["axisPointer"] = {"type": "shadow", "shadowStyle": {"opacity": 0.08}}
    spec["series"] = [
        {
            "type": "bar",
            "name": name,
            "stack": "all",
            "data": [[time * 1000, value] for time, value in zip(times_s, line, strict=True)],
            "color": colour,
            "barCategoryGap": "15%",
            "barMaxWidth": 28,
        }
        for (name, line), colour in zip(values.items(), colours, strict=True)
    ]
    return spec


def _points(times_s: Sequence[int], line: Line) -> list[Any]:
    def is_alone(at: int) -> bool:
        before = line[at - 1] if at else None
        after = line[at + 1] if at + 1 < len(line) else None
        return before is None and after is None

    return [
        {"value": [time * 1000, value], "symbolSize": 5} if value is not None and is_alone(at) else [time * 1000, value]
        for at, (time, value) in enumerate(zip(times_s, line, strict=True))
    ]


def _frame(names: list[str], unit: str, ink: Ink) -> dict[str, Any]:
    tooltip, axis = _UNITS[unit]
    small = {"color": ink.muted, "fontSize": 11}
    return {
        "animation": False,  # pages refresh themselves: nothing should move
        "grid": {"left": 4, "right": 10, "top": 34, "bottom": 4, "containLabel": True},
        "textStyle": {"fontFamily": "Inter, sans-serif"},
        "legend": {
            "show": True,
            "left": 0,
            "top": 0,
            "icon": "circle",
            "itemWidth": 8,
            "itemHeight": 8,
            "itemGap": 12,
            "textStyle": {"color": ink.label, "fontSize": 11.5},
            "data": names,
        },
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "backgroundColor": ink.tip,
            "borderColor": ink.line,
            "textStyle": {"color": ink.label, "fontSize": 12},
            "axisPointer": {"type": "line", "lineStyle": {"color": ink.muted, "opacity": 0.5, "type": "solid"}},
            "valueFormatter": tooltip,
            "order": "valueDesc",
        },
        "xAxis": {
            "type": "time",
            "axisLabel": {**small, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": ink.line}},
            "axisTick": {"show": False},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "splitNumber": 3,
            "axisLabel": {**small, "formatter": axis},
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitLine": {"lineStyle": {"color": ink.grid}},
        },
    }


def traffic(rows: Sequence[Mapping[str, Any]], span_ms: int, ink: Ink) -> dict[str, Any]:
    """Calls per bucket by status as stacked bars; a drag selects a time range (parameter `zoom`).

    Args:
        rows: `start` and `end` (Unix ms), `status` ('ok' or 'error'), `calls`, `total` (of both statuses); a quiet
            bucket has rows as well, so that it shows as such.
        span_ms: Length of the time range, for the labels of its axis.
        ink: Colours.
    """
    drag = {
        "name": "zoom",
        "select": {
            "type": "interval",
            "encodings": ["x"],
            "mark": {"fill": ink.primary, "fillOpacity": 0.12, "stroke": ink.primary},
        },
    }
    legend = {
        "title": None,
        "orient": "none",
        "direction": "horizontal",
        "legendX": 0,
        "legendY": -26,
        "symbolType": "circle",
        "symbolSize": 60,
    }
    highest = max((row["total"] for row in rows), default=1)
    spec = {
        "params": [drag],
        "mark": {"type": "bar", "orient": "vertical", "binSpacing": 1},
        "encoding": {
            "x": {"field": "start", **_time(span_ms, ink)},
            "x2": {"field": "end"},
            "y": {
                "field": "calls",
                "type": "quantitative",
                "stack": "zero",
                "scale": {"domain": [0, max(highest, 1) * 1.2], "nice": 3},  # room for the legend
                "axis": {**axis(ink), "format": "~s" if highest >= 1000 else "d", "tickCount": 3},
            },
            "color": {
                "field": "status",
                "type": "nominal",
                "scale": {"domain": ["ok", "error"], "range": [ink.primary, ink.error]},
                "legend": legend,
            },
            "order": {"field": "status", "sort": "ascending"},
            "tooltip": [
                {"field": "start", "type": "temporal", "format": "%d %b %H:%M", "title": "from"},
                {"field": "status"},
                {"field": "calls", "type": "quantitative", "format": ",.0f"},
            ],
        },
    }
    return vega(spec, rows, ink, HEIGHT)


def band(
    rows: Sequence[Mapping[str, Any]], span_ms: int, ink: Ink, *, height: int, is_share: bool = False
) -> dict[str, Any]:
    """A mean or a share over time with its 95 % interval.

    Args:
        rows: `time` (Unix ms), `mean`, `low`, `high` (None where unknown) and `n`; at least one.
        span_ms: Length of the time range, for the labels of its axis.
        ink: Colours.
        height: Pixels.
        is_share: Shown in per cent.
    """
    x = {"field": "time", "type": "temporal"}
    edges = [row[name] for row in rows for name in ("mean", "low", "high") if row[name] is not None]
    lowest, highest = min(edges), max(edges)
    room = (highest - lowest) * 0.05 or abs(highest) * 0.1 or 1.0
    scale = {"domain": [lowest - room, highest + room], "zero": False, "nice": 3}
    form = "~r" if highest < 10_000 else "~s"
    if is_share:
        scale, form = {"domain": [0, min(1.0, highest + room)]}, "~%"
    y = {"type": "quantitative", "scale": scale, "axis": {**axis(ink), "format": form, "tickCount": 3}}
    tip = [
        {"field": "time", "type": "temporal", "format": "%d %b %H:%M"},
        *(
            {"field": name, "type": "quantitative", "format": ".1%" if is_share else ".3~r"}
            for name in ("mean", "low", "high")
        ),
        {"field": "n", "type": "quantitative", "format": ",.0f"},
    ]
    line = {"type": "line", "color": ink.primary, "strokeWidth": 1.8, "point": {"size": 12, "color": ink.primary}}
    layers = [
        {
            "mark": {"type": "area", "opacity": 0.18, "color": ink.primary},
            "encoding": {"x": {**x, **_time(span_ms, ink)}, "y": {"field": "low", **y}, "y2": {"field": "high"}},
        },
        {"mark": line, "encoding": {"x": x, "y": {"field": "mean", "type": "quantitative"}}},
        {"mark": {"type": "rule", "opacity": 0, "strokeWidth": 12}, "encoding": {"x": x, "tooltip": tip}},
    ]
    return vega({"layer": layers}, rows, ink, height)


def _time(span_ms: int, ink: Ink) -> dict[str, Any]:
    is_short = span_ms <= 36 * 3600 * 1000
    return {
        "type": "temporal",
        "axis": {**axis(ink), "grid": False, "tickCount": 5, "format": "%H:%M" if is_short else "%d %b"},
    }


def axis(ink: Ink) -> dict[str, Any]:
    """What all Vega-Lite axes have in common."""
    return {
        "title": None,
        "labelFontSize": 11,
        "labelColor": ink.muted,
        "domain": False,
        "ticks": False,
        "gridColor": ink.grid,
    }


def vega(spec: dict[str, Any], rows: Sequence[Mapping[str, Any]], ink: Ink, height: int) -> dict[str, Any]:
    """A whole Vega-Lite specification: data, height and what all charts have in common."""
    return {
        "height": height,
        "data": {"values": list(rows)},
        "config": {
            "padding": {"left": 2, "top": 4, "right": 6, "bottom": 2},
            "view": {"stroke": None},
            "mark": {"aria": False},  # axes are read out; the data is beside it as CSV, not as a thousand shapes
            "font": "Inter, sans-serif",
            "legend": {"labelColor": ink.label, "labelFontSize": 11.5},
        },
        **spec,
    }
