"""The one way in which pages change anything: a line in the audit log, then a new row in a table of settings."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import streamlit as st

from watchglass_dashboards import access, connection
from watchglass_dashboards.config import Role
from watchglass_store import Editor
from watchglass_store.queries import alerting

R = TypeVar("R")
_SEEN = "_audited"
_MOST_SEEN = 2000


def change(
    action: str,
    target: str,
    write: Callable[[Editor, str, datetime], R],
    *,
    needs: Role = "editor",
    before: object = None,
    after: object = None,
) -> R:
    """Change a setting.

    The audit log is written first: a change that nobody can trace is worse than an entry for one that failed, and a
    failure adds a second entry that says so.

    Args:
        action: What is done, `rule.save`, `silence.lift`: an object and a verb.
        target: Name or id of what is changed.
        write: write(editor, actor's name, now) adds the new version.
        needs: The role that may do it.
        before: What it was, as JSON; None = there was none.
        after: What it is to be; None = it is gone.

    Returns:
        What `write` returns.

    Raises:
        NotAllowed: The viewer's role does not suffice; nothing was written.
        StoreError: As for any write; nothing was changed.
    """
    actor, now, editor = access.require(needs), datetime.now(UTC), connection.editor()
    texts = {"before": _json(before), "after": _json(after)}
    alerting.add_audit(editor, time=now, actor=actor.name, action=action, target=target, **texts)
    try:
        return write(editor, actor.name, now)
    except BaseException:
        alerting.add_audit(editor, time=datetime.now(UTC), actor=actor.name, action=f"{action}.failed", target=target,
                           **texts)  # fmt: skip
        raise
    finally:
        connection.forget()


def self_audited(write: Callable[[Editor, str], R], *, needs: Role = "editor") -> R:
    """Change a setting by a function of the store that writes the line in the audit log itself.

    Args:
        write: write(editor, actor's name).
        needs: The role that may do it.

    Raises:
        NotAllowed: The viewer's role does not suffice; nothing was written.
    """
    try:
        return write(connection.editor(), access.require(needs).name)
    finally:
        connection.forget()


def viewed(what: str, target: str) -> None:
    """Note in the audit log that the viewer sees captured text, once for each target and browser session.

    Args:
        what: `trace`, `search`, `export`.
        target: Which.

    Raises:
        StoreError: It could not be noted; nothing must be shown then.
    """
    seen: dict[tuple[str, str], None] = st.session_state.setdefault(_SEEN, {})
    if (what, target) in seen:
        return
    if len(seen) >= _MOST_SEEN:
        seen.clear()
    alerting.add_audit(
        connection.editor(),
        time=datetime.now(UTC),
        actor=access.actor().name,
        action=f"{what}.view",
        target=target[:1000],
        before="",
        after="",
    )
    seen[what, target] = None


def exported(actor: str, what: str) -> None:
    """Note in the audit log that somebody takes captured text away in a file.

    Args:
        actor: Who; a file is made when no page runs.
        what: What the file has.

    Raises:
        StoreError: It could not be noted; there must be no file then.
    """
    alerting.add_audit(
        connection.editor(),
        time=datetime.now(UTC),
        actor=actor,
        action="calls.export",
        target=what[:1000],
        before="",
        after="",
    )


def _json(value: Any) -> str:
    return "" if value is None else orjson.dumps(value, default=str).decode()
