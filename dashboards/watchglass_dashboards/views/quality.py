"""Quality: every score with how sure it is; the chosen one over time, by value, by slice, and its worst calls."""

from datetime import UTC, datetime

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui.filters import selection
from watchglass_dashboards.ui.first_span import has_calls
from watchglass_dashboards.ui.layout import nothing
from watchglass_dashboards.ui.quality import score_bucket_s
from watchglass_dashboards.ui.score_choice import choose, key_of, version_of
from watchglass_dashboards.ui.score_detail import distribution, numbers, over_time, slices, unscored, worst
from watchglass_store.queries import pages_quality as queries


def page() -> None:
    """Draw the page."""
    if not has_calls():
        return
    chosen = selection()
    scope = chosen.scope(datetime.now(UTC))
    with st.skeleton(height=300):
        rows = read(queries.score_list, scope)
    if not rows:
        nothing("No call of this time range was scored. Choose a longer one, or switch on an evaluator.")
        return
    row = version_of(scope, choose(rows, "score"), "version")
    key = key_of(row)
    bucket_s = score_bucket_s(chosen.bucket_s)
    numbers(row)
    left, right = st.columns([1.5, 1], gap="small")
    with left:
        over_time(scope, key, bucket_s)
    with right:
        distribution(scope, key, row)
    left, right = st.columns([1, 1.5], gap="small")
    with left:
        slices(scope, key)
        unscored(scope, key)
    with right:
        worst(scope, key, row["better"])
