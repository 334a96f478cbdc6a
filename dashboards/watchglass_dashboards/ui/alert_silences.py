"""Silences: what is silenced until when and by whom, lifting one, and making one."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards import access, writing
from watchglass_dashboards.ui.alert_words import FIELDS
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.format import clock
from watchglass_dashboards.ui.layout import card, told
from watchglass_dashboards.ui.text import label, option, untrusted
from watchglass_store.queries import alerting

_LENGTHS = {
    "30 min": timedelta(minutes=30),
    "2 h": timedelta(hours=2),
    "8 h": timedelta(hours=8),
    "1 d": timedelta(days=1),
    "7 d": timedelta(days=7),
}
_LABELS = ("rule", "severity", "service_name", "environment", "model", "prompt_version")
Row = Mapping[str, Any]


def silences(rows: Sequence[Row], rules: Sequence[str]) -> None:
    """Draw them.

    Args:
        rows: As `alerting_lists.silences_since` gives them; those in force are shown first.
        rules: Names of rules, to choose from.
    """
    now = datetime.now(UTC)
    active = [row for row in rows if not row["deleted"] and row["ends_at"].replace(tzinfo=UTC) > now]
    with card("In force", "what matches is evaluated and recorded, and nobody is told"):
        for row in active:
            _one(row)
        if not active:
            st.caption("Nothing is silenced.")
    if access.may("editor"):
        _make(rules)
    past = [row for row in rows if row not in active]
    if past:
        with card("Over", "in the last 30 days"):
            for row in past[:30]:
                how = "lifted" if row["deleted"] else "ended"
                by = label(row["author"], 60)
                st.caption(f"{how} · {label(_words(row), 160)} · until {moment(row['ends_at'])} · by {by}")


def _one(row: Row) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge("silenced", color="gray", icon=":material/notifications_paused:")
        st.markdown(f"**{label(_words(row), 200)}**", width="content")
        st.caption(f"until {moment(row['ends_at'])} · by {label(row['author'], 60)}", width="content")
        if access.may("editor"):
            st.button("Lift", key=f"lift_{row['id']}", on_click=lift, args=(dict(row),))
    if row["comment"]:
        untrusted(row["comment"], limit=300)


def _make(rules: Sequence[str]) -> None:
    with card("Silence", "alerts that have all of these labels"):
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            st.selectbox("Label", _LABELS, key="si_label", format_func=lambda name: FIELDS.get(name, name), width=170)
            is_rule = st.session_state.si_label == "rule"
            known = list(rules) if is_rule else ["info", "warning", "critical"]
            offered = known if is_rule or st.session_state.si_label == "severity" else []
            st.selectbox(
                "is", offered, index=None, key="si_value", format_func=option, accept_new_options=True,
                placeholder="choose or type", width=280,
            )  # fmt: skip
            st.selectbox("for", list(_LENGTHS), index=1, key="si_length", width=110)
            st.text_input("Why", key="si_comment", max_chars=500, placeholder="shown to the others", width=260)
            value = st.session_state.si_value
            st.button(
                "Silence",
                key="si_save",
                type="primary",
                disabled=not value,
                on_click=_from_form,
            )


@told()
def _from_form() -> None:
    state = st.session_state
    silence({state.si_label: state.si_value}, _LENGTHS[state.si_length], state.si_comment.strip())
    state.si_value, state.si_comment = None, ""


def silence(matchers: Mapping[str, str], length: timedelta, comment: str) -> None:
    """Silence what has all of these labels, from now on."""
    identity = secrets.token_hex(8)
    now = datetime.now(UTC)
    writing.change(
        "silence.save",
        identity,
        lambda store, author, moment: alerting.add_silence(
            store,
            id=identity,
            version=moment,
            matchers=matchers,
            starts_at=moment,
            ends_at=moment + length,
            comment=comment,
            author=author,
        ),
        after={"matchers": dict(matchers), "ends_at": now + length, "comment": comment},
    )
    st.toast("Silenced.", icon=":material/notifications_paused:")


@told()
def lift(row: Row) -> None:
    """End a silence before its time; what it held back and still burns is told."""
    kept = {name: row[name] for name in ("matchers", "starts_at", "ends_at", "comment", "author")}
    writing.change(
        "silence.lift",
        row["id"],
        lambda store, author, moment: alerting.add_silence(
            store,
            id=row["id"],
            version=max(moment, row["version"].replace(tzinfo=UTC) + timedelta(milliseconds=1)),
            deleted=True,
            **kept,
        ),
        before={"matchers": row["matchers"], "ends_at": row["ends_at"]},
    )


def _words(row: Row) -> str:
    return " and ".join(f"{FIELDS.get(name, name)} = {value}" for name, value in sorted(row["matchers"].items()))


def moment(time: datetime) -> str:
    return clock(time.replace(tzinfo=UTC), viewer_zone())
