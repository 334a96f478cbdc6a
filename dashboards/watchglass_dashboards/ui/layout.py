"""Page furniture: header with freshness, cards, and what a page shows when it cannot show data.

Arguments named `title`, `value` or `detail` are markdown: callers pass constants, `ui.format` results or
`ui.text.label(...)`, never captured text as it came. `tests/dashboards/test_safety.py` checks the callers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from watchglass_dashboards.access import NotAllowed, NotLoggedIn
from watchglass_dashboards.data import read
from watchglass_dashboards.ui.export import csv_button
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.format import clock, count, seconds, zone_name
from watchglass_dashboards.ui.text import untrusted
from watchglass_store import StoreRejected, StoreUnavailable
from watchglass_store.queries.pages import Freshness, freshness

Rows = Sequence[Mapping[str, Any]]
_TOO_MUCH = {
    "TIMEOUT_EXCEEDED",
    "TOO_SLOW",
    "MEMORY_LIMIT_EXCEEDED",
    "TOO_MANY_ROWS",
    "TOO_MANY_BYTES",
    "TOO_MANY_ROWS_OR_BYTES",
}


@contextmanager
def guarded(place: str = "page") -> Iterator[None]:
    """Turn the store's two failures into a page that says what to do; a failed query is never an empty chart.

    Each fragment and dialog needs its own, as it runs again by itself.

    Args:
        place: Names the button: two places of one page may fail at once.
    """
    try:
        yield
    except NotLoggedIn as reason:
        st.warning(f"**{reason}** Load the page again to log in.", icon=":material/lock:")
    except NotAllowed as reason:
        st.warning(f"**{reason}** An administrator can change it.", icon=":material/lock:")
    except StoreUnavailable:
        st.error(
            "**The store does not answer.** Nothing is lost: the collector keeps what arrives until the store is back. "
            "If this stays, see `watchglass doctor`.",
            icon=":material/cloud_off:",
        )
        st.button("Try again", icon=":material/refresh:", key=f"try_again_{place}")
    except StoreRejected as refusal:
        if refusal.name in _TOO_MUCH:
            st.error(
                "**This reads more than a page may.** Choose a shorter time range, or a service or a model.",
                icon=":material/hourglass_disabled:",
            )
        else:
            st.error("**The store refused this query.** Please report it with the line below.", icon=":material/error:")
            untrusted(f"{refusal.name} ({refusal.code})", code=True)


@contextmanager
def told() -> Iterator[None]:
    """For what a click does before the page is drawn: where that fails, a message over the page says so."""
    try:
        yield
    except (NotLoggedIn, NotAllowed) as reason:
        st.toast(f"**{reason}** Nothing was changed.", icon=":material/lock:", duration="long")
    except StoreUnavailable:
        st.toast(
            "**The store does not answer.** Nothing was changed: try again in a moment.",
            icon=":material/cloud_off:",
            duration="long",
        )
    except StoreRejected:
        st.toast("**The store refused this.** Nothing was changed.", icon=":material/error:", duration="long")


def header(title: str, subtitle: str) -> None:
    """Title and subtitle of a page, both constants."""
    with st.container(gap=None):
        st.header(title, anchor=False)
        st.caption(subtitle)


def fresh_line() -> Freshness:
    """The line that says how far the data goes, and what it rests on."""
    with st.skeleton(height=500):  # it is what every page asks first: the place of all that follows
        fresh = read(freshness)
    now, tz = datetime.now(UTC), viewer_zone()
    if fresh.last_received is None:
        return fresh
    age_s = max(0.0, (now - fresh.last_received).total_seconds())
    parts = [
        f"Data through **{clock(fresh.last_received, tz, date=age_s > 43_200)}** ({seconds(round(age_s))} ago)",
        f"ingest lag {seconds(fresh.lag_s)} (median)",
    ]
    if fresh.scored_through is not None:
        parts.append(f"{count(fresh.backlog)} calls to evaluate")
    if fresh.evaluation_errors:
        parts.append(f"{count(fresh.evaluation_errors)} evaluations failed in 24 h")
    parts.append(f"{count(fresh.quarantined)} quarantined in 24 h")
    st.caption(" · ".join([*parts, f"times in {zone_name(tz, now)}"]))
    return fresh


def card(
    title: str, subtitle: str = "", *, rows: Rows | Callable[[], Rows] | None = None, key: str = ""
) -> DeltaGenerator:
    """A bordered card with a title; what is drawn in it follows.

    Args:
        title: What it shows.
        subtitle: Unit and how it was counted.
        rows: The data of its chart or table; a button downloads them as CSV. A function where what is drawn in the
            card decides about them: it is called when the button is clicked.
        key: Names that button and its file; needed with `rows`.
    """
    box = st.container(border=True, height="stretch", gap="small")
    with box.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{title}**", width="content")
        if subtitle:
            st.caption(subtitle, width="content")
        if rows is not None:
            st.space("stretch")
            csv_button(f"watchglass_{key}", rows, key=f"csv_{key}")
    return box


def kpi(
    title: str,
    value: str,
    detail: str,
    *,
    change: str | None = None,
    better: Literal["lower", "higher", "neither"] = "neither",
    trend: Sequence[float] = (),
) -> None:
    """One number in a card: its change against the period before, its course, and what it rests on.

    Args:
        title: What it is.
        value: With unit.
        detail: Interval and sample size.
        change: Relative change, None where there is nothing to compare with.
        better: Which direction is good; colours the change.
        trend: Its course over the range; fewer than two points draw nothing.
    """
    colour: Literal["gray", "inverse", "normal"] = {"lower": "inverse", "higher": "normal", "neither": "gray"}[better]  # type: ignore[assignment]
    with st.container(border=True, gap=None, height="stretch"):
        st.metric(
            title,
            value,
            change,
            delta_color=colour,
            chart_data=list(trend) if len(trend) > 1 else None,
            chart_type="area" if better == "neither" else "line",
        )
        st.caption(detail)


def nothing(text: str) -> None:
    """An empty result; `text` is a constant."""
    st.info(text, icon=":material/inbox:")
