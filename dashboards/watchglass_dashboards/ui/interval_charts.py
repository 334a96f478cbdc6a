"""Charts of distributions and of estimates with their intervals, as plain Vega-Lite dicts.

Names of rows are shown as text; captured text never becomes a field, a link or a template.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watchglass_dashboards.ui.charts import axis, vega
from watchglass_dashboards.ui.palette import Ink

#: Pixels for each row of `dots`.
_ROW = 30
#: Pixels that its axis, and its legend, take.
_FRAME, _FRAME_WITH_LEGEND = 36, 66
#: 1, 2 and 5 of each decade.
_LOG_LABEL = (
    "indexof([1, 2, 5], round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))) >= 0"
    " ? format(datum.value, '~r') : ''"
)
_VERDICTS = ("better", "worse", "no clear difference", "different")


def histogram(rows: Sequence[Mapping[str, Any]], ink: Ink, *, height: int) -> dict[str, Any]:
    """Shares of values by equal bins.

    Args:
        rows: `low` and `high` (edges of the bin), `share` (0 to 1), `calls`.
        ink: Colours.
        height: Pixels.
    """
    spec = {
        "mark": {"type": "bar", "orient": "vertical", "binSpacing": 1, "color": ink.primary, "opacity": 0.85},
        "encoding": {
            "x": {
                "field": "low",
                "type": "quantitative",
                "scale": {"nice": False, "zero": False},
                "axis": {**axis(ink), "grid": False, "format": "~r", "tickCount": 6},
            },
            "x2": {"field": "high"},
            "y": {"field": "share", "type": "quantitative", "axis": {**axis(ink), "format": "~%", "tickCount": 3}},
            "tooltip": [
                {"field": "low", "type": "quantitative", "format": ".3~r", "title": "from"},
                {"field": "high", "type": "quantitative", "format": ".3~r", "title": "to"},
                {"field": "share", "type": "quantitative", "format": ".1%"},
                {"field": "calls", "type": "quantitative", "format": ",.0f"},
            ],
        },
    }
    return vega(spec, rows, ink, height)


def two_histograms(
    rows: Sequence[Mapping[str, Any]], names: tuple[str, str], ink: Ink, *, height: int
) -> dict[str, Any]:
    """Two distributions over the same bins on a logarithmic axis, drawn over each other.

    Args:
        rows: `low`, `high` (above 0), `share` (0 to 1), `calls`, `side` (one of `names`); at least one.
        names: Of the two sides; the first is grey.
        ink: Colours.
        height: Pixels.
    """
    spec = {
        "mark": {"type": "bar", "orient": "vertical", "binSpacing": 0, "opacity": 0.5},
        "encoding": {
            "x": {
                "field": "low",
                "type": "quantitative",
                "scale": {
                    "type": "log",
                    "nice": False,
                    # Said here, since Streamlit hands Vega its data after the first drawing.
                    "domain": [min(row["low"] for row in rows), max(row["high"] for row in rows)],
                },
                "axis": {**axis(ink), "grid": False, "labelExpr": _LOG_LABEL, "tickCount": 12},
            },
            "x2": {"field": "high"},
            "y": {
                "field": "share",
                "type": "quantitative",
                "stack": None,
                "axis": {**axis(ink), "format": "~%", "tickCount": 3},
            },
            "color": {**_colours(names, (ink.muted, ink.primary)), "field": "side"},
            "tooltip": [
                {"field": "side"},
                {"field": "low", "type": "quantitative", "format": ".3~r", "title": "from"},
                {"field": "high", "type": "quantitative", "format": ".3~r", "title": "to"},
                {"field": "share", "type": "quantitative", "format": ".1%"},
                {"field": "calls", "type": "quantitative", "format": ",.0f"},
            ],
        },
    }
    return vega(spec, rows, ink, height)


def dots(
    rows: Sequence[Mapping[str, Any]], ink: Ink, *, form: str, line_at: float | None = None, by_verdict: bool = False
) -> dict[str, Any]:
    """Estimates with their 95 % intervals, one row each, in the order given.

    Args:
        rows: `name`, `value`, `low`, `high` (None where unknown), `n` (text); with `by_verdict` also `verdict`, one
            of 'better', 'worse', 'no clear difference' and 'different'.
        ink: Colours.
        form: d3 format of values.
        line_at: Where a dotted line goes, e.g. 0 for "no difference".
        by_verdict: Colour by verdict, with a legend.
    """
    y = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "axis": {**axis(ink), "labelLimit": 190, "labelOverlap": False, "grid": False, "labelPadding": 8},
    }
    x = {"type": "quantitative", "scale": {"zero": False}, "axis": {**axis(ink), "format": form, "tickCount": 6}}
    colour: dict[str, Any] = {"value": ink.primary}
    if by_verdict:
        colour = {**_colours(_VERDICTS, (ink.second, ink.error, ink.muted, ink.third)), "field": "verdict"}
        present = {row["verdict"] for row in rows}
        colour["legend"] = {**colour["legend"], "values": [verdict for verdict in _VERDICTS if verdict in present]}
    tip = [
        {"field": "name", "title": "of"},
        *({"field": field, "type": "quantitative", "format": form} for field in ("value", "low", "high")),
        {"field": "n", "type": "nominal"},
    ]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 85, "opacity": 1},
            "encoding": {"x": {**x, "field": "value"}, "y": y, "color": colour, "tooltip": tip},
        },
    ]
    if line_at is not None:
        mark = {"type": "rule", "strokeDash": [2, 3], "color": ink.label}
        layers.insert(0, {"mark": mark, "encoding": {"x": {"datum": line_at, "type": "quantitative"}}})
    return vega({"layer": layers}, rows, ink, _ROW * len(rows) + (_FRAME_WITH_LEGEND if by_verdict else _FRAME))


def bars(rows: Sequence[Mapping[str, Any]], ink: Ink, *, form: str = ",.0f") -> dict[str, Any]:
    """Amounts side by side, one horizontal bar each, in the order given.

    Args:
        rows: `name` and `value`; at least one.
        ink: Colours.
        form: d3 format of values.
    """
    y = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "axis": {**axis(ink), "labelLimit": 230, "labelOverlap": False, "grid": False, "labelPadding": 8},
    }
    x = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, max(row["value"] for row in rows) * 1.15 or 1]},
        "axis": None,
    }
    layers = [
        {
            "mark": {
                "type": "bar",
                "color": ink.primary,
                "opacity": 0.85,
                "cornerRadiusEnd": 2,
                "height": {"band": 0.7},
            },
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 5, "color": ink.label, "fontSize": 11},
            "encoding": {"x": x, "y": y, "text": {"field": "value", "type": "quantitative", "format": form}},
        },
    ]
    return vega({"layer": layers}, rows, ink, 24 * len(rows) + 12)


def _colours(names: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "nominal",
        "scale": {"domain": list(names), "range": list(colours)},
        "legend": {"title": None, "orient": "top", "symbolType": "circle", "symbolSize": 60},
    }
