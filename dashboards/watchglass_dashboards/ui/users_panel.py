"""Users of the dashboard, for mode 'password'."""

import secrets
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.access import ROLES
from watchglass_dashboards.data import read
from watchglass_dashboards.passwords import SHORTEST, hash_password
from watchglass_dashboards.ui.forms import form_key, just_saved, saved
from watchglass_dashboards.ui.layout import card, nothing
from watchglass_dashboards.ui.text import label, one_line
from watchglass_dashboards.writing import change
from watchglass_store.queries import dashboard_users


def users_panel() -> None:
    """Draw the list and the form that adds or changes a user."""
    mode = access.installation().config.auth.mode
    if mode != "password":
        nothing('Users are used with dashboard.auth.mode = "password". How to set it is in docs/dashboard.md.')
    rows = read(dashboard_users.users)
    shown = [
        {"name": one_line(row["name"], 100), "role": one_line(row["role"], 20), "disabled": bool(row["disabled"]),
         "changed": row["version"], "by": one_line(row["author"], 100)}
        for row in rows
    ]  # fmt: skip
    with card("Users", "a role taken away is gone within ten seconds", rows=shown, key="users"):
        config = st.column_config
        st.dataframe(shown, hide_index=True, key="table_users", column_config={
            "name": config.TextColumn("Name"), "role": config.TextColumn("Role"),
            "disabled": config.CheckboxColumn("Disabled"),
            "changed": config.DatetimeColumn("Changed", format="distance"),
            "by": config.TextColumn("By"),
        })  # fmt: skip
    with st.form(form_key("user")):
        name = st.text_input("Name", max_chars=100)
        role = st.selectbox("Role", ROLES)
        password = st.text_input("Password", type="password", max_chars=200, help="Leave it empty to keep the old one.")
        disabled = st.checkbox("May not log in")
        asked = st.form_submit_button("Save", icon=":material/save:")
    if asked:
        _save(name.strip(), role, password, disabled, {row["name"]: row for row in rows})
    if done := just_saved("user"):
        st.success(f"Saved {label(done)}.", icon=":material/check:")


def _save(name: str, role: str, password: str, disabled: bool, known: dict[str, dict[str, Any]]) -> None:
    old = known.get(name)
    if not name or (old is None and not password):
        st.warning("A new user needs a name and a password.", icon=":material/edit:")
        return
    if password and len(password) < SHORTEST:
        st.warning(f"A password has at least {SHORTEST:d} characters.", icon=":material/edit:")
        return
    hashed = hash_password(password, secrets.token_bytes(16)) if password else (old or {})["password"]

    def write(editor: Any, author: str, now: datetime) -> None:
        since = now if password or old is None else old["password_version"].replace(tzinfo=UTC)
        dashboard_users.add_user_version(editor, name=name, role=role, password=hashed, password_version=since,
                                         author=author, now=now, disabled=disabled)  # fmt: skip

    before = {"role": old["role"], "disabled": bool(old["disabled"])} if old else None
    after = {"role": role, "disabled": disabled, "new_password": bool(password)}
    change("user.save", name, write, needs="admin", before=before, after=after)
    saved("user", name)
