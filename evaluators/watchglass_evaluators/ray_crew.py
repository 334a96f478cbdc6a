"""Keeps one Ray actor at work for each part of a job, and replaces those that die."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

logger = logging.getLogger("watchglass.evaluators")

P = TypeVar("P")

_LOOK_S = 0.5
_STOP_S = 15.0
"""How long an actor may take to end its page."""
_FIRST_BACK_OFF_S = 1.0
_LONGEST_BACK_OFF_S = 10.0
_STEADY_S = 60.0
"""An actor that lived so long did not die of its start."""


class CannotStart(Exception):
    """An actor could not even begin on its node; the message says why."""


@dataclass(slots=True)
class _Post(Generic[P]):
    """One part's place in the crew."""

    part: P
    actor: Any = None
    due_s: float = 0.0
    """When the next actor is hired, where there is none."""
    hired_s: float = 0.0
    failures: int = 0
    is_done: bool = False
    asked: Any = None
    """Reference to the progress that was asked for."""
    progress: tuple[int, int] = (0, 0)


class Crew(Generic[P]):
    """The actors of one job."""

    def __init__(
        self,
        ray: Any,
        parts: Sequence[P],
        hire: Callable[[P], Any],
        begin: Callable[[Any, P], Any],
        *,
        again_after: type[Exception] | tuple[()] = (),
    ) -> None:
        """Make a crew without anybody in it.

        Args:
            ray: the module.
            parts: what is to be done, one actor each.
            hire: makes an actor that has `stop` and `progress`.
            begin: sets an actor to work, and returns the reference to what will come of it.
            again_after: what an actor may raise and be replaced, as if it had died.
        """
        self._ray = ray
        self._posts = [_Post(part) for part in parts]
        self._hire = hire
        self._begin = begin
        self._again_after = again_after
        self._running: dict[Any, _Post[P]] = {}

    def work(self, stop: threading.Event, told: Callable[[int, int], None] | None = None) -> list[tuple[P, Any]]:
        """Work until every part is done, or until told to stop.

        Args:
            stop: set it to end early; what was not done then is missing in the result.
            told: is told how far all of it is.

        Returns:
            Each part that came to its end, and what came of it.

        Raises:
            CannotStart: an actor cannot begin where Ray wants it.
            Exception: what an actor raised, unless it is one of those that are tried again.
        """
        results: list[tuple[P, Any]] = []
        try:
            while not (stop.is_set() or all(post.is_done for post in self._posts)):
                self._fill()
                results += self._harvest(_LOOK_S)
                if told is not None:
                    self._ask_progress()
                    told(*(sum(numbers) for numbers in zip(*(post.progress for post in self._posts), strict=True)))
            return results + self._dismiss()
        finally:
            for post in self._posts:
                self._fire(post)

    def _fill(self) -> None:
        for post in self._posts:
            if post.actor is None and not post.is_done and time.monotonic() >= post.due_s:
                post.actor, post.hired_s = self._hire(post.part), time.monotonic()
                self._running[self._begin(post.actor, post.part)] = post

    def _harvest(self, timeout_s: float) -> list[tuple[P, Any]]:
        """Wait for some that end, and take what came of them."""
        if not self._running:
            time.sleep(timeout_s)
            return []
        ended, _ = self._ray.wait(list(self._running), timeout=timeout_s)
        results = []
        for ref in ended:
            post = self._running.pop(ref)
            try:
                results.append((post.part, self._ray.get(ref)))
                post.is_done, post.progress = True, (post.progress[1], post.progress[1])
            except self._ray.exceptions.RayError as error:
                self._fail(post, error)
            self._fire(post)
        return results

    def _fail(self, post: _Post[P], error: Any) -> None:
        """Decide what follows from an actor that ended without a result."""
        if getattr(error, "actor_init_failed", False):
            raise CannotStart(f"Ray worker {post.part} cannot start: {_last_line(error)}") from error
        cause = getattr(error, "cause", None)
        if isinstance(cause, Exception) and not isinstance(cause, self._again_after):
            raise cause
        if time.monotonic() - post.hired_s > _STEADY_S:
            post.failures = 0
        wait_s = min(_FIRST_BACK_OFF_S * 2**post.failures, _LONGEST_BACK_OFF_S)
        post.failures += 1
        post.due_s = time.monotonic() + wait_s
        said = f"stopped: {cause}" if isinstance(cause, Exception) else "died"
        logger.warning("Ray worker %s %s; another goes on where it was in %.0f s", post.part, said, wait_s)

    def _fire(self, post: _Post[P]) -> None:
        if post.actor is not None:
            self._ray.kill(post.actor)
            post.actor = post.asked = None

    def _ask_progress(self) -> None:
        for post in self._running.values():
            if post.asked is None:
                post.asked = post.actor.progress.remote()
            elif self._ray.wait([post.asked], timeout=0)[0]:
                with contextlib.suppress(self._ray.exceptions.RayError):  # it died: its result tells
                    post.progress = self._ray.get(post.asked)
                post.asked = None

    def _dismiss(self) -> list[tuple[P, Any]]:
        """Let everybody end their page, for a while."""
        for post in self._running.values():
            post.actor.stop.remote()
        results = []
        give_up_s = time.monotonic() + _STOP_S
        while self._running and time.monotonic() < give_up_s:
            results += self._harvest(_LOOK_S)
        return results


def _last_line(error: Any) -> str:
    return (str(error).strip().splitlines() or [repr(error)])[-1]
