"""The promise that the SDK never hurts its host: errors are swallowed, and each kind is reported once."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

LOGGER = logging.getLogger("watchglass.sdk")

_said: set[str] = set()


def warn_once(topic: str, message: str, *details: object) -> None:
    """Log ``message`` as a warning the first time ``topic`` comes up in this process, and at debug level afterwards.

    Args:
        topic: What the warning is about; two calls with one topic give one warning.
        message: A %-format string. Never prompt text, never a secret.
        details: Its arguments.
    """
    if topic in _said:
        LOGGER.debug(message, *details)
        return
    _said.add(topic)
    LOGGER.warning(message, *details)


def forget_warnings() -> None:
    """Let every topic warn again: a new ``init`` is a new conversation."""
    _said.clear()


def report(where: str, error: Exception) -> None:
    """Log that our own code failed at ``where``; the traceback goes to the debug level only."""
    LOGGER.debug("watchglass failed in %s", where, exc_info=error)
    warn_once(f"internal:{where}", "watchglass ignored its own %s in %s", type(error).__name__, where)


def never_raises(default: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function return ``default`` where it would have raised an ``Exception``."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                report(function.__qualname__, error)
                return default

        return guarded

    return decorate
