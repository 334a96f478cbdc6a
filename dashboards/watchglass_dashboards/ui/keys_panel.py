"""API keys: made, shown once, and ended from a page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards.data import read
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.forms import form_key, just_saved, saved
from watchglass_dashboards.ui.layout import card
from watchglass_dashboards.ui.text import label, one_line, option
from watchglass_dashboards.writing import self_audited
from watchglass_store.queries import api_keys

_LENGTHS = {"90 days": 90, "1 year": 365, "Until it is revoked": 0}


def keys_panel() -> None:
    """Draw the list, the form for a new one, and the way to end one."""
    rows = read(api_keys.keys)
    shown = [
        {
            "key": f"{one_line(row['prefix'], 40)}…",
            "name": one_line(row["name"], 80) or None,
            "project": one_line(row["project"], 80),
            "scopes": ", ".join(row["scopes"]),
            "made": row["created_at"],
            "ends": row["expires_at"],
            "state": "revoked" if row["revoked"] else "in force",
            "by": one_line(row["author"], 60),
        }
        for row in rows
    ]
    with card("API keys", "for what sends telemetry from elsewhere; only hashes are stored", rows=shown, key="keys"):
        config = st.column_config
        st.dataframe(shown, hide_index=True, placeholder=format.GAP, key="table_keys", column_config={
            "key": config.TextColumn("Key"), "name": config.TextColumn("For"), "project": config.TextColumn("Project"),
            "scopes": config.TextColumn("May"), "made": config.DatetimeColumn("Made", format="D MMM YYYY"),
            "ends": config.DatetimeColumn("Ends", format="D MMM YYYY"), "state": config.TextColumn("State"),
            "by": config.TextColumn("By"),
        })  # fmt: skip
    left, right = st.columns(2, gap="small")
    with left:
        _new()
    with right:
        _revoke([row for row in rows if not row["revoked"]])


def _new() -> None:
    with st.form(form_key("new_key")):
        project = st.text_input("Project", max_chars=100, placeholder="checkout")
        name = st.text_input("What it is for", max_chars=100, placeholder="production cluster")
        length = st.selectbox("Good for", list(_LENGTHS))
        asked = st.form_submit_button("Make a key", icon=":material/key:")
    if secret := just_saved("new_key"):
        st.success("Keep it now: it is shown once.", icon=":material/key:")
        st.code(secret, language=None)
    if not asked:
        return
    if not project.strip():
        st.warning("A key belongs to a project: name it.", icon=":material/edit:")
        return
    days = _LENGTHS[length]

    def write(editor: Any, author: str) -> api_keys.NewKey:
        now = datetime.now(UTC)
        ends = now + timedelta(days=days) if days else None
        return api_keys.create_key(
            editor,
            project=project.strip(),
            scopes=("ingest",),
            name=name.strip(),
            author=author,
            now=now,
            expires_at=ends,
        )

    saved("new_key", self_audited(write, needs="admin").secret)


def _revoke(living: list[dict[str, Any]]) -> None:
    by_id = {row["id"]: row for row in living}
    with st.form("revoke_key"):
        chosen = st.selectbox(
            "End a key", list(by_id), index=None, placeholder="Choose one",
            format_func=option,
        )  # fmt: skip
        asked = st.form_submit_button("Revoke it", icon=":material/block:")
    if not asked or chosen is None:
        return

    def write(editor: Any, author: str) -> None:
        api_keys.revoke_key(editor, chosen, author=author, now=datetime.now(UTC))

    self_audited(write, needs="admin")
    st.success(f"{label(chosen)} is refused as soon as collectors hear of it: seconds.", icon=":material/block:")
