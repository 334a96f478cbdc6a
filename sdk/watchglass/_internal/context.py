"""``context``: who and what the calls inside a block belong to."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from watchglass._internal import state
from watchglass._internal.guard import report

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "session_id": ("session.id", "gen_ai.conversation.id"),
    "user_id": ("user.id",),
    "prompt_name": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version",),
    "reference": ("watchglass.reference.text",),
}
"""Argument of ``context`` -> the span attributes it becomes."""


class Context:
    """A block with its attributes. Made by ``watchglass.context``; may be used again, not while it is open."""

    __slots__ = ("_token", "_values")

    def __init__(self, values: dict[str, object]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self._token: Any = None

    def __enter__(self) -> Context:
        client = state.client
        if client is not None:
            try:
                self._token = (client, client.attach_context(self._values))
            except Exception as error:
                report("context", error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            (client, token), self._token = self._token, None
            client.detach(token)


def context(
    *,
    session_id: str | None = None,
    user_id: str | None = None,
    prompt_name: str | None = None,
    prompt_version: str | None = None,
    reference: str | None = None,
) -> Context:
    """Say who and what the calls inside a ``with`` block belong to.

        with watchglass.context(session_id=chat.id, user_id=user.id, prompt_name="support", prompt_version="7"):
            client.chat.completions.create(...)

    Every span started inside carries these, whoever starts it: this SDK, an instrumentation package, or the
    application's own OpenTelemetry code. Blocks nest; the inner one wins where both speak.

    Args:
        session_id: The conversation.
        user_id: The person: preferably a pseudonym.
        prompt_name: The prompt template.
        prompt_version: Its version.
        reference: The golden answer that evaluators compare with.
    """
    return Context(
        {
            "session_id": session_id,
            "user_id": user_id,
            "prompt_name": prompt_name,
            "prompt_version": prompt_version,
            "reference": reference,
        }
    )
