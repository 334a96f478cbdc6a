"""A backtest as a picture: values and their intervals over time, the line, and when alerts were firing. Plain SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from watchglass_alerts.backtest import BacktestReport, Point
from watchglass_alerts.events import Labels
from watchglass_alerts.text import clean
from watchglass_alerts.values import show, show_metric

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 64, 56
MAX_ALERTS = 8
"""Drawn, those that fired first; the picture says how many more there are."""
_COLOURS = ("#2563a8", "#b45309", "#15803d", "#7c3aed", "#0e7490", "#be185d", "#4d7c0f", "#475569")
_INK, _FAINT, _LINE, _FIRING = "#1f2937", "#d1d5db", "#b91c1c", "#fecaca"


class _Scale:
    """From times and values to coordinates."""

    def __init__(self, report: BacktestReport, shown: Sequence[Sequence[Point]]) -> None:
        condition = report.rule.condition
        lines = [
            condition.threshold,
            *([condition.resolve_threshold] if condition.resolve_threshold is not None else []),
        ]
        values = [
            point.observation.value for points in shown for point in points if point.observation.value is not None
        ]
        self.low, self.high = min([*values, *lines, 0.0]), max([*values, *lines])
        if self.high == self.low:
            self.high = self.low + 1
        self.high += (self.high - self.low) * 0.05
        self._start, self._length = report.since, (report.until - report.since).total_seconds() or 1.0

    def x(self, time: datetime) -> float:
        share = (time - self._start).total_seconds() / self._length
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def plot(report: BacktestReport) -> str:
    """The report as the text of an SVG file; names from telemetry are escaped."""
    fired = {tuple(sorted(turn.labels.items())) for turn in report.turns}
    chosen = sorted(report.points, key=lambda labels: (labels not in fired, labels))[:MAX_ALERTS]
    scale = _Scale(report, [report.points[labels] for labels in chosen])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 24, report.rule.name, size=16),
        _text(LEFT, 44, f"{show_metric(report.rule)}; fires at {_line_text(report)}; {_summary(report)}"),
    ]
    for labels in chosen:
        parts += _firing(report.points[labels], scale, report.until)
    parts += _axes(report, scale)
    for index, labels in enumerate(chosen):
        parts += _curve(report.points[labels], scale, _COLOURS[index])
    parts += _legend(chosen, len(report.points)) if report.rule.group_by else []
    return "\n".join([*parts, "</svg>", ""])


def _line_text(report: BacktestReport) -> str:
    return f"{report.rule.condition.op} {show(report.rule, report.rule.condition.threshold)}"


def _summary(report: BacktestReport) -> str:
    fired = sum(turn.kind == "fired" for turn in report.turns)
    return f"would have fired {fired} {'time' if fired == 1 else 'times'} in {report.slots:,} slots"


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", colour: str = _INK) -> str:
    shown = escape(clean(text, 160))
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{shown}</text>'


def _segment(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" {more}/>'


def _axes(report: BacktestReport, scale: _Scale) -> list[str]:
    parts = []
    for step in range(5):
        value = scale.low + (scale.high - scale.low) * step / 4
        y = scale.y(value)
        parts += [_segment(LEFT, y, WIDTH - RIGHT, y, _FAINT)]
        parts += [_text(LEFT - 8, y + 4, show(report.rule, value, digits=3), anchor="end")]
    for step in range(7):
        time = report.since + (report.until - report.since) * step / 6
        anchor = "start" if step == 0 else "end" if step == 6 else "middle"
        parts.append(_text(scale.x(time), HEIGHT - BOTTOM + 20, f"{time:%d %b %H:%M}", anchor=anchor))
    y = scale.y(report.rule.condition.threshold)
    parts.append(_segment(LEFT, y, WIDTH - RIGHT, y, _LINE, 'stroke-width="1.5"'))
    back = report.rule.condition.resolve_threshold
    if back is not None:
        parts.append(_segment(LEFT, scale.y(back), WIDTH - RIGHT, scale.y(back), _LINE, 'stroke-dasharray="4 4"'))
    return parts


def _firing(points: Sequence[Point], scale: _Scale, until: datetime) -> list[str]:
    parts = []
    start: datetime | None = None
    for point in points:
        if point.is_open and start is None:
            start = point.slot
        elif not point.is_open and start is not None:
            parts.append(_band(scale.x(start), scale.x(point.slot)))
            start = None
    if start is not None:
        parts.append(_band(scale.x(start), scale.x(until)))
    return parts


def _band(left: float, right: float) -> str:
    size = f'width="{max(right - left, 2):.1f}" height="{HEIGHT - TOP - BOTTOM}"'
    return f'<rect class="firing" x="{left}" y="{TOP}" {size} fill="{_FIRING}" opacity="0.6"/>'


def _curve(points: Sequence[Point], scale: _Scale, colour: str) -> list[str]:
    """A line that breaks where there is no value, and a band for the interval."""
    parts: list[str] = []
    piece: list[Point] = []
    for point in [*points, None]:
        if point is not None and point.observation.value is not None:
            piece.append(point)
            continue
        if piece:
            parts += _piece(piece, scale, colour)
        piece = []
    return parts


def _piece(points: Sequence[Point], scale: _Scale, colour: str) -> list[str]:
    seen = [(scale.x(point.slot), point.observation) for point in points]
    parts = []
    bounded = [(x, each.low, each.high) for x, each in seen if each.low is not None and each.high is not None]
    if len(bounded) == len(seen) > 1:
        edge = [f"{x},{scale.y(high)}" for x, _, high in bounded]
        edge += [f"{x},{scale.y(low)}" for x, low, _ in reversed(bounded)]
        parts.append(f'<polygon points="{" ".join(edge)}" fill="{colour}" opacity="0.15"/>')
    line = " ".join(f"{x},{scale.y(each.value)}" for x, each in seen if each.value is not None)
    if len(seen) == 1:
        x, y = line.split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>')
    else:
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts


def _legend(chosen: Sequence[Labels], total: int) -> list[str]:
    parts, x = [], float(LEFT)
    for index, labels in enumerate(chosen):
        name = clean(", ".join(value or f"no {field}" for field, value in labels) or "the rule itself", 24)
        parts.append(f'<rect x="{x}" y="{HEIGHT - 22}" width="10" height="10" fill="{_COLOURS[index]}"/>')
        parts.append(_text(x + 14, HEIGHT - 13, name))
        x += 30 + 7 * len(name)
    if total > len(chosen):
        parts.append(_text(x, HEIGHT - 13, f"and {total - len(chosen):,} more"))
    return parts
