"""Numbers as people read them: with unit, and an em dash where there is none. All results are markdown-safe."""

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchglass_dashboards.ui.text import label

#: Shown where a number does not exist; never a zero.
GAP = "—"


def count(value: float | None) -> str:
    """1234567 -> '1.23 M'; exact below ten thousand."""
    if value is None:
        return GAP
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    for size, unit in ((1e3, "k"), (1e6, "M")):
        if abs(value) < 999.5 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e9:,.3g} G" if abs(value) < 999.5e9 else f"{value / 1e9:,.0f} G"


def percent(fraction: float | None, digits: int = 2) -> str:
    """0.0123 -> '1.23%'."""
    return GAP if fraction is None else f"{100 * fraction:.{digits}f}%"


def percent_range(low: float, high: float) -> str:
    """(0.009, 0.016) -> '0.9–1.6%'."""
    return f"{100 * low:.1f}–{100 * high:.1f}%"


def seconds(value: float | None) -> str:
    """0.0042 -> '4.2 ms', 3.38 -> '3.38 s', 200 -> '3 min 20 s'."""
    if value is None:
        return GAP
    if value < 0.9995:
        return f"{1000 * value:.3g} ms"
    if value < 120:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    if value < 7200:
        return f"{int(value // 60)} min {int(value % 60)} s"
    return f"{value / 3600:.1f} h" if value < 48 * 3600 else f"{value / 86400:.1f} d"


def seconds_range(low: float | None, high: float | None) -> str:
    """(0.31, 0.42) -> '310 ms–420 ms'; an end that the sample does not bound is named."""
    if low is None and high is None:
        return "unknown: too few"
    if high is None:
        return f"from {seconds(low)} up"
    return f"up to {seconds(high)}" if low is None else f"{seconds(low)}–{seconds(high)}"


def whole(length_s: int) -> str:
    """60 -> '1 min', 14400 -> '4 h': a length in its largest whole unit."""
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    return next(f"{length_s // size} {unit}" for size, unit in units if length_s % size == 0)


def usd(value: float | None) -> str:
    """28.77 -> '$28.77', 0.0012 -> '$0.0012'; escaped, as a lone dollar opens a formula."""
    if value is None:
        return GAP
    return f"\\${value:,.2f}" if value >= 1 else f"\\${value:.2g}"


def size(value: float | None) -> str:
    """Bytes: 1500000 -> '1.5 MB'."""
    if value is None:
        return GAP
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"


def score(value: float | None) -> str:
    """A score with three significant digits, whatever its range."""
    if value is None:
        return GAP
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def change(new: float | None, old: float | None) -> str | None:
    """Relative change, '+12.3%'; None where there is nothing to compare with."""
    if new is None or not old:
        return None
    relative = (new - old) / old
    return f"{relative:+.1%}" if abs(relative) < 10 else f"×{new / old:,.0f}"


def zone(name: str | None) -> tzinfo:
    """The viewer's time zone, UTC where the browser does not say or the name is unknown."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def clock(moment: datetime, tz: tzinfo, *, date: bool = True) -> str:
    """'21 Nov 14:03:22', or '14:03:22'."""
    local = moment.astimezone(tz)
    return f"{local:%d %b %H:%M:%S}" if date else f"{local:%H:%M:%S}"


def zone_name(tz: tzinfo, at: datetime) -> str:
    """'Europe/Berlin', escaped; 'UTC' for UTC."""
    return label(getattr(tz, "key", None) or at.astimezone(tz).tzname() or "UTC")
