"""The rows of the editor's sentence. Each widget keeps its value in the session under `ed_` and its field's name."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import alert_form
from watchglass_dashboards.ui.alert_words import FIELDS, in_words, in_words_or_never
from watchglass_dashboards.ui.text import label, option
from watchglass_store.queries import pages_alerts as queries

_WINDOWS = ("5m", "10m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "7d")
_HOLDS = ("0s", "1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h")
_REPEATS = ("0s", "30m", "1h", "4h", "12h", "1d")
_AGAINST = ("1d", "7d", "14d", "28d")
_SEVERITIES = ("info", "warning", "critical")
_EXAMPLES = {"links": "links only", "text": "links and text", "none": "none"}
_BACK = timedelta(days=30)
_USUAL = ("service_name", "environment", "model", "operation_name")
"""Filters that stand in the row; the others wait behind a button."""


def _words(text: str) -> None:
    st.markdown(label(text), width="content")


def _row() -> Any:
    return st.container(horizontal=True, gap="small", vertical_alignment="center")


def _since() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - _BACK


def _with(current: str, offered: Sequence[str]) -> list[str]:
    return list(offered) if current in offered else [current, *offered]


def _pick(name: str, offered: Sequence[str], *, width: int) -> None:
    """A choice that also offers what the rule has now."""
    key = f"ed_{name}"
    st.selectbox(
        name.replace("_", " "),
        _with(st.session_state[key], offered),
        key=key,
        format_func=in_words,
        label_visibility="collapsed",
        width=width,
    )


def what(catalogue: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """'When [metric] …'; returns the metric's row of the catalogue."""
    state = st.session_state
    if state.ed_key not in catalogue:
        state.ed_key = next(iter(catalogue))
    with _row():
        _words("When")
        st.selectbox(
            "What",
            list(catalogue),
            key="ed_key",
            format_func=in_words,
            label_visibility="collapsed",
            width=290,
        )
        key = state.ed_key
        if "NAME" in key:
            names = read(queries.score_names if key.startswith("score") else queries.monitor_names, _since())
            if not state.ed_subject and names:
                state.ed_subject = names[0]
            st.selectbox(
                "Which",
                _with(state.ed_subject, names) if state.ed_subject else names,
                key="ed_subject",
                format_func=option,
                label_visibility="collapsed",
                placeholder="which?",
                width=220,
            )
        if key == "score:NAME share":
            _words("that is")
            _pick("share_side", list(alert_form.SHARES), width=120)
            st.text_input("Value or label", key="ed_share_value", label_visibility="collapsed", width=110)
    row = catalogue[state.ed_key]
    state["_rule_fields"] = tuple(row["fields"])
    return row


def where(allowed: Sequence[str]) -> None:
    """'… of [service] [model] …, for each […]'."""
    with _row():
        _words("of")
        usual = [field for field in allowed if field in _USUAL] or list(allowed)
        for field in usual:
            _filter(field)
        others = [field for field in allowed if field not in usual]
        if others:
            used = sum(bool(st.session_state.get(f"ed_filter_{field}")) for field in others)
            with st.popover(f"More filters ({used})" if used else "More filters", icon=":material/filter_alt:"):
                for field in others:
                    _filter(field)
        _words("separately for each")
        kept = [field for field in st.session_state.ed_group_by if field in allowed]
        if kept != st.session_state.ed_group_by:
            st.session_state.ed_group_by = kept
        st.multiselect(
            "Separately for each",
            list(allowed),
            key="ed_group_by",
            format_func=in_words,
            placeholder="(all together)",
            label_visibility="collapsed",
            max_selections=3,
            width=210,
        )


def _filter(field: str) -> None:
    st.session_state.setdefault(f"ed_filter_{field}", [])
    known = read(queries.filter_values, field, _since())
    chosen = st.session_state[f"ed_filter_{field}"]
    st.multiselect(
        FIELDS.get(field, field),
        [*known, *(value for value in chosen if value not in known)],
        key=f"ed_filter_{field}",
        format_func=option,
        placeholder=f"any {FIELDS.get(field, field)}",
        label_visibility="collapsed",
        accept_new_options=True,
        width=185,
    )


def line(row: Mapping[str, Any], key: str) -> None:
    """'… over [10 min] is [above] [5] % for [3 min]'."""
    state = st.session_state
    offered = alert_form.ways(key, row["kind"])
    if state.ed_how not in offered:
        state.ed_how = offered[0]
    with _row():
        _words("over")
        _pick("window", _WINDOWS, width=110)
        st.selectbox("How", offered, key="ed_how", format_func=in_words, label_visibility="collapsed", width=230)
        how = state.ed_how
        if how == alert_form.BURNS:
            st.number_input(
                "Budget", key="ed_budget", min_value=0.0, format="%g", label_visibility="collapsed", width=110
            )
            _words("% , by" if row["unit"] == "%" else "USD in 30 days, by")
        if how != alert_form.ALARM:
            st.number_input("Line", key="ed_value", format="%g", step=None, label_visibility="collapsed", width=130)
        _unit(row, how)
        if how in (alert_form.RISES, alert_form.FALLS):
            _words("against")
            _pick("against", _AGAINST, width=100)
            _words("before")
        _words("for")
        _pick("hold", _HOLDS, width=120)


def _unit(row: Mapping[str, Any], how: str) -> None:
    state = st.session_state
    if how in (alert_form.RISES, alert_form.FALLS):
        own = {"%": "percentage points", "": "(the same unit)"}.get(row["unit"], row["unit"])
        st.selectbox(
            "Unit",
            (True, False),
            key="ed_is_relative",
            format_func=lambda is_relative: "% of what it was" if is_relative else own,
            label_visibility="collapsed",
            width=180,
        )
        return
    words = {alert_form.BURNS: "times", alert_form.FEWER: "samples", alert_form.ALARM: ""}
    unit = words.get(how, row["unit"])
    if unit:
        _words(unit)
    state.setdefault("ed_is_relative", True)


def who(channels: Sequence[str], *, is_named: bool) -> None:
    """'… tell [channel] as [warning], under the name […]'."""
    state = st.session_state
    with _row():
        _words("tell")
        st.multiselect(
            "Channels",
            [*channels, *(name for name in state.ed_channels if name not in channels)],
            key="ed_channels",
            format_func=option,
            placeholder="nobody yet: choose channels",
            label_visibility="collapsed",
            width=280,
        )
        _words("as")
        _pick("severity", _SEVERITIES, width=120)
        _words("under the name")
        st.text_input(
            "Name",
            key="ed_name",
            max_chars=100,
            placeholder="made from the sentence",
            label_visibility="collapsed",
            disabled=is_named,
            width=300,
        )


def more(row: Mapping[str, Any]) -> None:
    """What a first rule does not need."""
    with st.grid(3, min_column_width=240, gap="small"):
        st.toggle(
            "Only when it is sure: the whole 95 % interval is past the line",
            key="ed_is_sure",
            disabled=row["kind"] not in ("share", "mean"),
        )
        st.number_input(
            "With fewer samples than this there is no verdict", key="ed_min_sample_size", min_value=0, step=1,
            value=None, placeholder="30; 0 for counts",
        )  # fmt: skip
        st.number_input(
            "It is over only past this line", key="ed_resolve", value=None, format="%g", placeholder="the same line"
        )
        st.selectbox(
            "and has been for", _with(st.session_state.ed_keep, _HOLDS), key="ed_keep",
            format_func=in_words,
        )  # fmt: skip
        st.selectbox(
            "While it fires, tell again every", _with(st.session_state.ed_repeat, _REPEATS), key="ed_repeat",
            format_func=in_words_or_never,
        )  # fmt: skip
        st.selectbox(
            "Examples of the worst calls in messages", list(_EXAMPLES), key="ed_examples",
            format_func=lambda choice: _EXAMPLES[choice],
        )  # fmt: skip
        st.text_input("Runbook link", key="ed_runbook", max_chars=1000, placeholder="https://…")
        st.text_area("What the message says first", key="ed_summary", max_chars=2000, height=68)
