"""Every score with its mean, how sure that is, and its course."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import charts, format
from watchglass_dashboards.ui.export import csv_button
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.stats import mean_interval
from watchglass_dashboards.ui.text import label
from watchglass_dashboards.ui.zoom import zoomable
from watchglass_store.queries import pages_overview as queries
from watchglass_store.queries.pages import Scope

_HEIGHT = 110
_COARSER = 5  # a mean needs more calls than a count: its buckets are longer than the traffic's
_BETTER = {"higher_is_better": "normal", "lower_is_better": "inverse"}


def quality(scope: Scope, bucket_s: int) -> None:
    """Draw one card for each score of the scope's calls; nothing where there is none."""
    rows = read(queries.scores, scope)
    if not rows:
        return
    courses: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in read(queries.score_series, scope, bucket_s):
        courses[row["name"], row["evaluator"]].append(row)
    names = [row["name"] for row in rows]
    span_ms = round((scope.end - scope.start).total_seconds() * 1000)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Quality", anchor=False, width="content")
        st.space("stretch")
        csv_button("watchglass_scores", lambda: course_rows(courses), key="csv_scores")
    st.caption("Mean of each score with its 95 % interval; the band shows the interval over time.")
    with st.grid(4, min_column_width=250, gap="small"):
        for at, row in enumerate(rows):
            _card(row, courses[row["name"], row["evaluator"]], names.count(row["name"]) > 1, span_ms, key=f"score_{at}")


def course_rows(courses: Mapping[tuple[str, str], Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The courses of all cards for a file."""
    return [
        {"score": name, "evaluator": evaluator, **row}
        for (name, evaluator), course in courses.items()
        for row in by_moment(band_rows(course))
    ]


def score_bucket_s(bucket_s: int) -> int:
    """Seconds a point of a score's course stands for, from those of the traffic chart."""
    return bucket_s * _COARSER


def band_rows(course: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `pages_overview.score_series` as `charts.band` takes them."""
    found = []
    for row in course:
        interval = mean_interval(row["mean"], row["deviation"], row["n"])
        low, high = interval or (None, None)
        found.append({"time": row["bucket"] * 1000, "mean": row["mean"], "low": low, "high": high, "n": row["n"]})
    return found


def by_moment(band: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `charts.band` for a file: the time as people and spreadsheets read it."""
    return [{**row, "time": datetime.fromtimestamp(row["time"] / 1000, UTC)} for row in band]


def detail(row: dict[str, Any]) -> str:
    """What a mean rests on: interval, sample size, and how many calls could not be scored."""
    parts = []
    interval = mean_interval(row["mean"], row["deviation"], row["n"]) if row["n"] else None
    if interval:
        parts.append(f"95 % interval {format.score(interval[0])} to {format.score(interval[1])}")
    parts.append(f"n {row['n']:,}")
    if row["n_unscored"]:
        parts.append(f"{row['n_unscored']:,} unscored")
    return " · ".join(parts)


def _card(row: dict[str, Any], course: Sequence[dict[str, Any]], is_ambiguous: bool, span_ms: int, *, key: str) -> None:
    title = label(row["name"].replace("_", " "), 60)
    if is_ambiguous:
        title += f" · {label(row['evaluator'], 40)}"
    mean = row["mean"] if row["n"] else None
    with st.container(border=True, gap=None, height="stretch"):
        st.metric(
            title,
            format.score(mean),
            format.change(mean, row["previous_mean"]),
            delta_color=_BETTER.get(row["better"], "gray"),  # type: ignore[arg-type]
        )
        st.caption(detail(row))
        if course:
            zoomable(charts.band(band_rows(course), span_ms, ink(), height=_HEIGHT), key=key)
