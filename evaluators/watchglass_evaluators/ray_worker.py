"""What runs in a Ray actor: evaluators of one kind on one shard, as in a process of `watchglass evaluate`.

Nothing here knows Ray; ray_engine.py makes actors of it. An actor reaches the store over HTTP, as every worker does,
and keeps nothing: what it did is in the store, so the next one goes on wherever this one is killed.
"""

import contextlib
import logging
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Literal

from watchglass_evaluators import registry
from watchglass_evaluators.backfill import Backfill, BackfillReport
from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.lane import Lane
from watchglass_evaluators.wanted import Wanted
from watchglass_store import StoreConfig, connect

Kind = Literal["all", "cpu", "gpu"]
"""Which evaluators; never judges, which wait for a network and share one rate limit."""


class RayWorker:
    """One actor's work. `stop` and `progress` are called while `run` or `backfill` is under way."""

    def __init__(self, store: StoreConfig, data_dir: Path, config: EvaluatorsConfig, kind: Kind) -> None:
        """Make a worker; nothing is read before it runs.

        Args:
            store: settings that lead to the store from the node of this actor.
            data_dir: where the embedded store keeps its passwords.
            config: the settings, with the shard of this worker.
            kind: which evaluators it runs.
        """
        self._store, self._data_dir, self._config, self._kind = store, data_dir, config, kind
        self._stop = threading.Event()
        self._progress = (0, 0)

    def run(self) -> None:
        """Score what arrives until told to stop.

        Raises:
            StoreError: the store cannot be reached from here; once it was, it is waited for.
        """
        _log()
        with contextlib.closing(connect(self._store, self._data_dir)) as store:
            load = partial(registry.load, models=self._config.models)
            lane = Lane(
                store,
                self._config,
                load,
                partial(serves, self._kind),
                clock=lambda: datetime.now(UTC),
                worker=uuid.uuid4().hex,
            )
            lane.run_forever(self._stop)

    def backfill(self, since: datetime, until: datetime, names: Sequence[str]) -> BackfillReport:
        """Score a range of the past with some evaluators; see Backfill."""
        _log()
        with contextlib.closing(connect(self._store, self._data_dir)) as store:
            work = Backfill(store, self._config, since=since, until=until, names=names, stop=self._stop)
            return work.run(self._told)

    def stop(self) -> None:
        """End after the page that is being scored."""
        self._stop.set()

    def progress(self) -> tuple[int, int]:
        """Calls that a backfill looked at, and of how many."""
        return self._progress

    def _told(self, done: int, total: int) -> None:
        self._progress = done, total


def serves(kind: Kind, one: Wanted) -> bool:
    """Whether workers of a kind run an evaluator."""
    return not one.is_judge and (kind == "all" or _device(one.name) == kind)


_device = cache(registry.device)
"""Asked at every look for new calls; a class does not change its device."""


def _log() -> None:
    """Write to this actor's own log, which Ray keeps in its session's folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "urllib3", "clickhouse_connect"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
