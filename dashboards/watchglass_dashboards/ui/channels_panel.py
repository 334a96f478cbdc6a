"""The channels that alerts go through: what became of their last message, and a test message on request.

The alert engine sends it: this process knows no channel's address or secret, and connects to none.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from watchglass_dashboards import access, connection
from watchglass_dashboards.data import read, read_now
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.layout import card, guarded, nothing
from watchglass_dashboards.ui.text import label, one_line, option
from watchglass_dashboards.writing import change
from watchglass_store.queries import page_requests, pages_settings

_ASKED = "_channel_test"
#: Seconds after which a test that nobody took or answered is no longer waited for; the engine takes none that is older.
_PATIENCE_S = 120
_SOON_S = 10


def channels_panel(channels: Mapping[str, Any]) -> None:
    """Draw the list, and for editors the button that tries one.

    Args:
        channels: Name -> settings, secrets hidden: as the configuration file has them.
    """
    rows = _rows(channels)
    with card("Channels", "[alerts.channels] of the configuration", rows=rows, key="channels"):
        if not rows:
            nothing(
                "No channel yet. Addresses and secrets are kept from this page: name one in [alerts.channels.NAME] "
                "of the configuration file or in WATCHGLASS_ALERTS__CHANNELS, and start watchglass up again. See "
                "docs/channels.md."
            )
            return
        config = st.column_config
        st.dataframe(rows, hide_index=True, placeholder=format.GAP, key="table_channels", column_config={
            "channel": config.TextColumn("Channel"), "type": config.TextColumn("Type"),
            "last": config.DatetimeColumn("Last message", format="distance"),
            "outcome": config.TextColumn("What became of it"), "error": config.TextColumn("Error"),
            "tested": config.DatetimeColumn("Last test", format="distance"), "test": config.TextColumn("Its result"),
        })  # fmt: skip
        if access.may("editor"):
            # The dead-man's switch is told that all is well by a beat alone, once a minute.
            _try([name for name, settings in channels.items() if settings.get("type") != "heartbeat"])


def _rows(channels: Mapping[str, Any]) -> list[dict[str, Any]]:
    delivered = {row["channel"]: row for row in read(pages_settings.channel_outcomes)}
    tested = {row["channel"]: row for row in read(page_requests.last_tests)}
    rows = []
    for name, settings in channels.items():
        message, test = delivered.get(name, {}), tested.get(name, {})
        said = " ".join(filter(None, (test.get("outcome"), test.get("reason")))) or ("no answer" if test else "")
        rows.append(
            {
                "channel": one_line(name, 80),
                "type": one_line(settings.get("type", ""), 40),
                "last": message.get("last_time"),
                "outcome": one_line(message.get("last_outcome", ""), 40) or None,
                "error": one_line(message.get("last_error", ""), 200) or None,
                "tested": test.get("asked_at"),
                "test": one_line(said, 200) or None,
            }
        )
    return rows


def _try(names: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox("Channel", names, key="test_channel", format_func=option, width=280)
        asked = st.button(
            "Send a test message", icon=":material/send:", key="send_test", disabled=_ASKED in st.session_state
        )
    if asked and chosen is not None:
        name, request_id = chosen, secrets.token_hex(16)
        change(
            "channel.test",
            name,
            lambda editor, author, now: page_requests.add_request(
                editor, id=request_id, kind=page_requests.CHANNEL_TEST, target=name, content="", author=author, now=now
            ),
        )
        st.session_state[_ASKED] = (request_id, name, datetime.now(UTC))
        st.session_state.pop(f"{_ASKED}_answer", None)
        st.rerun()
    if _ASKED in st.session_state:
        _wait()
    elif f"{_ASKED}_answer" in st.session_state:
        _tell(*st.session_state[f"{_ASKED}_answer"])


@st.fragment(run_every="1s")
@guarded("test")
def _wait() -> None:
    """Look for the answer every second, until there is one or nobody will give one."""
    if _ASKED not in st.session_state:
        return
    request_id, name, since = st.session_state[_ASKED]
    waited_s = (datetime.now(UTC) - since).total_seconds()
    answer = read_now(page_requests.answer_to_test, request_id)
    outcome = answer["outcome"] if answer else ""
    if outcome in ("delivered", "refused") or waited_s > _PATIENCE_S:
        del st.session_state[_ASKED]
        st.session_state[f"{_ASKED}_answer"] = (name, outcome, answer["reason"] if answer else "")
        connection.forget()  # the table above is older than the answer
        st.rerun()
    if outcome == "sending":
        text = f"The alert engine is sending a test through {label(name)} …"
    elif waited_s < _SOON_S:
        text = "Waiting for the alert engine …"
    else:
        text = "No alert engine has taken it yet. It is a part of `watchglass up`, or `watchglass alert` by itself."
    st.info(text, icon=":material/hourglass_top:")


def _tell(name: str, outcome: str, reason: str) -> None:
    """What became of the test that was asked for in this session."""
    if outcome == "delivered":
        st.success(f"Delivered: {label(name)} took the test message.", icon=":material/check:")
    elif outcome == "refused":
        st.error(f"{label(name)} did not take it: {label(reason, 300)}", icon=":material/error:")
    elif outcome == "sending":
        st.warning(
            f"The alert engine began to send to {label(name)} and never said how it ended. Look whether it arrived.",
            icon=":material/help:",
        )
    else:
        st.warning(
            "No alert engine took it in two minutes, and none will now. It is a part of `watchglass up`.",
            icon=":material/hourglass_disabled:",
        )
