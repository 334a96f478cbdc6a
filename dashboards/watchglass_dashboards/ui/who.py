"""Who is logged in, shown in the sidebar, with the way out; and the way in for mode 'oidc'."""

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.pages import PAGES
from watchglass_dashboards.ui.text import label

_WAY_OUT = "[Log out](/logout)"


def who() -> access.Actor:
    """The viewer; without one the page ends here with the way to log in."""
    mode = access.installation().config.auth.mode
    try:
        viewer = access.actor()
    except access.NotLoggedIn as reason:
        _way_in(str(reason), mode)
        st.stop()
    with st.sidebar, st.container(key="viewer", gap=None):
        if mode == "none":
            st.caption("No login: this machine only")
        else:
            st.caption(f"{label(viewer.name, 60)} · {label(viewer.role)}")
            if mode == "password":
                st.caption(_WAY_OUT)
            else:
                st.button("Log out", key="log_out", type="tertiary", on_click=st.logout)
    return viewer


def _nothing() -> None:
    """A page that nobody sees before they are in."""


def _way_in(reason: str, mode: str) -> None:
    """What a visitor sees who is not logged in; `reason` is text of ours."""
    # Every address is known, or Streamlit lays a dialog over the way in: "page not found".
    addresses = [st.Page(_nothing, title="Log in", url_path=name, default=not at) for at, name in enumerate(PAGES)]
    st.navigation(addresses, position="hidden")
    st.header("Log in", anchor=False)
    st.info(label(reason, 200), icon=":material/lock:")
    if mode == "oidc":
        st.button("Log in with your organisation", key="log_in", type="primary", on_click=st.login)
        if st.user.is_logged_in:
            st.button("Use another account", key="log_out", type="tertiary", on_click=st.logout)
    else:
        st.markdown("[Log in](/login)")
