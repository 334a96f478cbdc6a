"""Test messages that somebody asked for on a page: taken from the table, sent through the channel, answered there.

A test is sent once or not at all: an engine that dies between taking and answering leaves it without an answer, and
the page says so. It has channels of its own, so that a test waits for no delivery and no delivery for a test.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from watchglass_alerts.channels import Channel, Delivered, SendResult
from watchglass_alerts.events import derive_id
from watchglass_alerts.message import TITLES, Kind, Message
from watchglass_alerts.text import clean
from watchglass_store import Store
from watchglass_store.queries import page_requests

logger = logging.getLogger("watchglass.alerts")

MAX_AGE = timedelta(minutes=2)
"""Whoever asked has looked away since: an engine that comes back later sends nothing."""
MINUTE = timedelta(minutes=1)
MAX_PER_MINUTE = 6
"""Tests of one channel."""


def test_text(channel: str, author: str, *, request_id: str, dashboard_url: str, now: datetime) -> Message:
    """What a test says."""
    name, who = clean(channel, 100), clean(author, 100)
    return Message(
        id=derive_id("channel-test", request_id),
        thread=derive_id("channel-test-thread", request_id),
        kind=Kind.TEST,
        title=f"{TITLES[Kind.TEST]}: {name}",
        severity="info",
        headline="Alerts of rules that name this channel arrive here.",
        reason="Nothing has happened: somebody tried the channel on the Settings page.",
        facts=(("Channel", name), ("Asked for by", who), ("At", f"{now:%Y-%m-%d %H:%M:%S} UTC")),
        where=(),
        notes=(),
        links=(("Dashboard", f"{dashboard_url.rstrip('/')}/settings"),) if dashboard_url else (),
        silence="",
    )


class ChannelTester:
    """Answers requests to test a channel. Any number of engines may run one: the first to take a request sends."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
        *,
        engine: str,
        dashboard_url: str,
    ) -> None:
        """Everything is passed in.

        Args:
            store: where requests and answers are.
            channels: by name; nobody else may send through these.
            clock: what time it is.
            engine: who writes.
            dashboard_url: where messages link to; '' leaves the link out.
        """
        self._store = store
        self._channels = channels
        self._clock = clock
        self._engine = engine
        self._dashboard_url = dashboard_url

    def run_once(self) -> int:
        """Send the tests that are asked for; returns how many were answered.

        Raises:
            StoreError: the store failed; a test that was sent then has no answer.
        """
        asked = page_requests.untaken_tests(self._store, since=self._clock() - MAX_AGE)
        return sum(self._answer(row["id"], row["target"], row["author"]) for row in asked)

    def _answer(self, request_id: str, target: str, author: str) -> bool:
        recent = page_requests.tests_taken(self._store, target, since=self._clock() - MINUTE)
        self._note(request_id, "sending")
        if page_requests.taken_by(self._store, request_id) != self._engine:
            return False
        channel = self._channels.get(target)
        if channel is None:
            problem = "the alert engine knows no channel of this name; it reads its configuration when it starts"
        elif recent >= MAX_PER_MINUTE:
            problem = f"this channel had {recent} tests in the last minute; try again in another"
        else:
            problem = self._problem(channel, request_id, target, author)
        self._note(request_id, "refused" if problem else "delivered", problem)
        return True

    def _problem(self, channel: Channel, request_id: str, target: str, author: str) -> str:
        """Why a message did not arrive; '' = it did."""
        message = test_text(target, author, request_id=request_id, dashboard_url=self._dashboard_url, now=self._clock())
        try:
            result: SendResult = channel.send(message)
        except Exception as error:
            # As in delivery: a channel from elsewhere may break its promise, and its error's text may hold a secret.
            logger.error("channel %s raised %s instead of answering", target, type(error).__name__)
            return f"the channel raised {type(error).__name__}"
        return "" if isinstance(result, Delivered) else result.reason

    def _note(self, request_id: str, outcome: str, reason: str = "") -> None:
        page_requests.note_test(
            self._store, request_id, engine=self._engine, outcome=outcome, reason=reason, now=self._clock()
        )
