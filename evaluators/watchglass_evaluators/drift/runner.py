"""Runs the drift monitors beside the evaluators."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchglass_evaluators.drift.samples import Samples
from watchglass_evaluators.drift.watching import LiveWatch
from watchglass_evaluators.drift.windows import WindowWatch
from watchglass_store import Store, StoreRejected, StoreUnavailable

if TYPE_CHECKING:
    from watchglass_evaluators.config import EvaluatorsConfig

logger = logging.getLogger("watchglass.drift")

_LONGEST_BACK_OFF_S = 30.0


class DriftRunner:
    """Every monitor of the settings. One runs at a time, in the worker of the first shard only."""

    def __init__(
        self, store: Store, config: "EvaluatorsConfig", *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Make a runner; nothing is read before the first run.

        Args:
            store: where calls are and results go.
            config: which monitors.
            clock: current time, with a time zone.
        """
        samples = Samples(store, config.operations)
        self._poll_s = config.poll_s
        self._watches = {
            monitor.name: (LiveWatch if monitor.engine == "live" else WindowWatch)(
                store, samples, monitor, settle_s=config.settle_s, clock=clock
            )
            for monitor in config.monitors
        }

    def run_once(self) -> int:
        """Judge what is due; returns how many results were written.

        Raises:
            StoreUnavailable: what was not written yet is done again by the next run.
            StoreRejected: the store does not take it; for example, its tables are not there yet.
        """
        return sum(watch.run_once() for watch in self._watches.values())

    def run_forever(self, stop: threading.Event) -> None:
        """Run until told to stop; a store that is away, or not ready, is waited for."""
        if not self._watches:
            return
        logger.info("watching for drift: %s", ", ".join(self._watches))
        back_off_s = 0.0
        while not stop.is_set():
            try:
                self.run_once()
            except (StoreUnavailable, StoreRejected) as error:
                back_off_s = min(max(1.0, back_off_s * 2), _LONGEST_BACK_OFF_S)
                logger.warning("the store: %s; trying again in %.0f s", error, back_off_s)
                stop.wait(back_off_s)
                continue
            back_off_s = 0.0
            stop.wait(self._poll_s)
