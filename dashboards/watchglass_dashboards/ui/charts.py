"""Chart specifications as plain dicts: they cost a millisecond to build where chart objects cost a hundred.

What runs over time is drawn by `ui.zoom.zoomable`, which lets it be dragged over. Fields of a specification are ours;
captured text is data or a name in a legend, and never becomes a field, a link or a template.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchglass_dashboards.ui.palette import Ink

#: Height of a chart, pixels.
HEIGHT = 220
#: One line: a value or None for each bucket.
Line = Sequence[float | None]

_UNITS = {  # unit -> (tooltip, what its title says, axis label as a Vega expression)
    "s": (".2f", ", s", "format(datum.value, '~g') + ' s'"),
    "ms": (",.0f", ", ms", "format(datum.value, ',') + ' ms'"),
    "tokens": (",.0f", "", "format(datum.value, datum.value < 1000 ? '~g' : '~s')"),
    "usd": ("$,.4f", "", "'$' + format(datum.value, ',~g')"),
    "items": (",.0f", "", "format(datum.value, datum.value < 1000 ? '~g' : '~s')"),
}
#: Pixels: a chart's width on a telephone, where a legend has most rows; those of a letter, a symbol and a row.
_NARROW, _LETTER, _SYMBOL, _LEGEND_ROW = 310, 6.2, 22, 15
_LONGEST_LABEL = 150


def in_readable_unit(lines: Mapping[str, Line]) -> tuple[dict[str, Line], str]:
    """Seconds as milliseconds where every value is below a second."""
    highest = max((value for line in lines.values() for value in line if value is not None), default=0.0)
    if highest >= 1:
        return dict(lines), "s"
    return {name: [None if v is None else v * 1000 for v in line] for name, line in lines.items()}, "ms"


def lines(
    times_s: Sequence[int], values: Mapping[str, Line], unit: str, colours: Sequence[str], ink: Ink
) -> dict[str, Any]:
    """Lines over time, the first on top. A missing bucket breaks the line; a lone point is a dot.

    Args:
        times_s: Starts of the buckets, Unix seconds, ascending.
        values: Our name of a line -> its values; the names become titles of the tooltip.
        unit: Of `_UNITS`.
        colours: One for each line.
        ink: Of the rest.
    """
    form, said, _ = _UNITS[unit]
    fields = {name: f"line_{at}" for at, name in enumerate(values)}
    rows = [
        {
            "time": time * 1000,
            **{fields[name]: line[at] for name, line in values.items()},
            **{f"{fields[name]}_alone": _is_alone(line, at) for name, line in values.items()},
        }
        for at, time in enumerate(times_s)
    ]
    x = {"field": "time", "type": "temporal"}
    highest = max((value for line in values.values() for value in line if value is not None), default=0.0)
    y, colour = _upwards(highest, unit, ink), _named(list(values), colours, ink)
    tip = [
        {"field": "time", "type": "temporal", "format": "%d %b %H:%M", "title": "from"},
        *({"field": fields[name], "type": "quantitative", "format": form, "title": f"{name}{said}"} for name in values),
    ]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "opacity": 0, "strokeWidth": 12},
            "encoding": {"x": {**x, **_time(_span_ms(times_s), ink)}, "tooltip": tip},
        },
    ]
    for name in reversed(list(values)):
        encoding = {"x": x, "y": {**y, "field": fields[name]}, "color": {**colour, "datum": name}}
        is_alone = [{"filter": f"datum.{fields[name]}_alone"}]
        layers += [
            {"mark": {"type": "line", "strokeWidth": 1.8, "tooltip": None}, "encoding": encoding},
            {"transform": is_alone, "mark": {"type": "point", "filled": True, "size": 20}, "encoding": encoding},
        ]
    return vega({"layer": layers}, rows, ink, HEIGHT)


def stacked(
    times_s: Sequence[int], values: Mapping[str, Line], unit: str, colours: Sequence[str], ink: Ink
) -> dict[str, Any]:
    """Stacked bars over time, the first name at the bottom.

    Args:
        times_s: Starts of the buckets, Unix seconds, ascending and of equal length.
        values: Name -> its values; a missing one is no bar.
        unit: Of `_UNITS`.
        colours: One for each name.
        ink: Of the rest.
    """
    form, _, _ = _UNITS[unit]
    names = list(values)
    bucket_ms = _bucket_s(times_s) * 1000
    totals = [sum(value or 0 for value in bucket) for bucket in zip(*values.values(), strict=True)]
    rows = [
        {
            "start": time * 1000,
            "end": time * 1000 + bucket_ms,
            "place": place,
            "name": name,
            "value": line[at],
            "total": totals[at],
        }
        for at, time in enumerate(times_s)
        for place, (name, line) in enumerate(values.items())
    ]
    spec = {
        "mark": {"type": "bar", "orient": "vertical", "binSpacing": 1},
        "encoding": {
            "x": {"field": "start", **_time(_span_ms(times_s), ink)},
            "x2": {"field": "end"},
            "y": {**_upwards(max(totals, default=0.0), unit, ink), "field": "value", "stack": "zero"},
            "color": {**_named(names, colours, ink), "field": "name"},
            "order": {"field": "place"},
            "tooltip": [
                {"field": "start", "type": "temporal", "format": "%d %b %H:%M", "title": "from"},
                {"field": "name"},
                {"field": "value", "type": "quantitative", "format": form},
                {"field": "total", "type": "quantitative", "format": form},
            ],
        },
    }
    n_rows = -(-len(names) // max(1, int(_NARROW / _widest(names))))
    return vega(spec, rows, ink, HEIGHT + _LEGEND_ROW * (n_rows - 1))


def _is_alone(line: Line, at: int) -> bool:
    before = line[at - 1] if at else None
    after = line[at + 1] if at + 1 < len(line) else None
    return line[at] is not None and before is None and after is None


def _bucket_s(times_s: Sequence[int]) -> int:
    return times_s[1] - times_s[0] if len(times_s) > 1 else 60


def _span_ms(times_s: Sequence[int]) -> int:
    return (times_s[-1] - times_s[0] + _bucket_s(times_s)) * 1000 if times_s else 0


def _upwards(highest: float, unit: str, ink: Ink) -> dict[str, Any]:
    # Said here, since Streamlit hands Vega its data after the first drawing.
    scale = {"domain": [0, highest * 1.05 or 1], "nice": 3}
    return {
        "type": "quantitative",
        "scale": scale,
        "axis": {**axis(ink), "labelExpr": _UNITS[unit][2], "tickCount": 3},
    }


def _widest(names: Sequence[str]) -> float:
    return min(max((len(name) for name in names), default=1) * _LETTER, _LONGEST_LABEL) + _SYMBOL


def _named(names: Sequence[str], colours: Sequence[str], ink: Ink) -> dict[str, Any]:
    return {
        "type": "nominal",
        # Said here, like all domains: what is drawn before the data is there has the same room for its legend.
        "scale": {"domain": list(names), "range": list(colours)},
        "legend": {
            "title": None,
            "orient": "top",
            "offset": 6,
            "padding": 0,
            "symbolType": "circle",
            "symbolSize": 60,
            "symbolStrokeWidth": 0,
            "symbolOpacity": 1,
            "columns": {"expr": f"max(1, floor(width / {_widest(names):.0f}))"},
            "labelColor": ink.label,
            "labelLimit": _LONGEST_LABEL,
        },
    }


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
    # What is never negative has no axis below zero.
    bottom = max(0.0, lowest - room) if lowest >= 0 else lowest - room
    scale = {"domain": [bottom, highest + room], "zero": False}
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
        "padding": {"left": 2, "top": 4, "right": 6, "bottom": 2},
        "config": {
            "view": {"stroke": None},
            "mark": {"aria": False},  # axes are read out; the data is beside it as CSV, not as a thousand shapes
            "font": "Inter, sans-serif",
            "legend": {"labelColor": ink.label, "labelFontSize": 11.5},
        },
        **spec,
    }
