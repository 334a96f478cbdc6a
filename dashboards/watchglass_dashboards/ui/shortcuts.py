"""The list of keyboard shortcuts, on "?" or from the sidebar; and what else is listened for in the browser."""

import streamlit as st

from watchglass_dashboards.ui.text import label

#: Key -> what it does; each page draws its own buttons with these keys.
SHORTCUTS: dict[str, dict[str, str]] = {
    "Everywhere": {"?": "this list", "Esc": "close a drawer or dialog", "R": "run the page again"},
    "Traces": {"J": "next call", "K": "previous call", "O": "open the call's own page"},
    "Trace": {
        "↑ ↓": "move in the tree",
        "← →": "close, open",
        "Enter": "select a span",
        "J": "next trace of the list",
        "K": "previous trace of the list",
    },
    "Review": {"1 to 9": "give a label", "S": "skip", "U": "undo"},
}
# Streamlit's own shortcuts are letters and digits, and for buttons only: "?" and the link in the drawer are ours. And
# it turns dark with the system, but the colours of charts and of `dark.css` come from a run of the page.
_LISTEN = """
export default function ({ setTriggerValue }) {
  const listen = (event) => {
    const at = event.composedPath()[0];
    const writes = at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName);
    if (writes || event.ctrlKey || event.metaKey) return;
    if (event.key === "?") setTriggerValue("asked", true);
    if (event.key === "o") document.querySelector(".st-key-open_its_page a")?.click();
  };
  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const turn = () => setTimeout(() => setTriggerValue("turned", true), 100);
  window.addEventListener("keydown", listen);
  darkness.addEventListener("change", turn);
  return () => {
    window.removeEventListener("keydown", listen);
    darkness.removeEventListener("change", turn);
  };
}
"""


_listener = st.components.v2.component("watchglass_shortcuts", html="<span></span>", js=_LISTEN)


def shortcuts() -> None:
    """Draw the button in the sidebar and listen for the key."""
    with st.sidebar:
        asked = st.button("Keyboard shortcuts", key="shortcuts", type="tertiary", icon=":material/keyboard:")
        pressed = _listener(key="shortcuts_key", height=1, on_asked_change=_nothing, on_turned_change=_nothing)
    if asked or pressed.asked:
        _list()


@st.dialog("Keyboard shortcuts")
def _list() -> None:
    for place, keys in SHORTCUTS.items():
        st.markdown(f"**{label(place)}**")
        for key, what in keys.items():
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.badge(label(key), color="gray")
                st.caption(label(what), width="content")


def _nothing() -> None:
    """A component needs a callback for what it triggers."""
