"""`watchglass evaluate --engine ray`: the evaluators on actors of a Ray cluster, those that need a GPU with one each.

An actor is a worker of a part of this process's shard and does nothing that a process would not do, so all that is
promised of workers holds: design/0022-ray.md. Judges and monitors, which wait for a network or once a day, stay in
this process.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from watchglass_evaluators.backfill import Backfill, BackfillReport, chosen
from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.progress import Shard
from watchglass_evaluators.ray_crew import Crew
from watchglass_evaluators.ray_worker import Kind, RayWorker, serves
from watchglass_evaluators.report import EvaluatorReport
from watchglass_evaluators.runner import Runner
from watchglass_store import Store, StoreConfig, StoreError

logger = logging.getLogger("watchglass.evaluators")

MISSING = "Ray is not installed: pip install 'watchglass-server[ray]'"
_OBJECT_STORE_BYTES = 80_000_000
"""Of a cluster of our own: actors exchange settings and counts only. (Ray's least is 75 MiB.)"""


class RayUnusable(Exception):
    """Evaluators cannot run on Ray; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one actor does."""

    shard: Shard
    kind: Kind

    def __str__(self) -> str:
        return str(self.shard) if self.kind == "all" else f"{self.shard} ({self.kind})"


def divide(shard: Shard, *, cpus: int, gpus: int) -> list[Part]:
    """Divide a shard among actors: one for each GPU with all evaluators that want one, the others by processors.

    Args:
        shard: the traces of this process.
        cpus: actors without a GPU, at least 1.
        gpus: GPUs of the cluster; with none, every actor runs every evaluator.
    """
    parts = [Part(shard.part(i, gpus), "gpu") for i in range(gpus)]
    return parts + [Part(shard.part(i, cpus), "cpu" if gpus else "all") for i in range(cpus)]


class RayEngine:
    """A connection to a cluster, and what runs on it. A context manager."""

    def __init__(
        self, store: Store, store_config: StoreConfig, data_dir: Path, config: EvaluatorsConfig, *, actors: int = 0
    ) -> None:
        """Connect to the cluster that RAY_ADDRESS names, or start one on this machine.

        Args:
            store: for what stays in this process.
            store_config: how actors reach the store.
            data_dir: where the embedded store keeps its passwords.
            config: the settings; its shard is divided among the actors.
            actors: how many without a GPU; 0 = one for each processor of the cluster that no GPU needs.

        Raises:
            RayUnusable: Ray is not installed, does not start, or its nodes cannot reach the store.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by Ray's own processes: nothing is reported to anybody
        try:
            import ray
        except ImportError as error:
            raise RayUnusable(MISSING) from error
        self._ray: Any = ray
        self._store, self._store_config, self._data_dir, self._config = store, store_config, data_dir, config
        self._start()
        try:
            self._parts = self._divide(actors)
        except BaseException:
            ray.shutdown()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def run_forever(self, stop: threading.Event) -> None:
        """Score what arrives until told to stop; actors that die are replaced.

        Raises:
            CannotStart: an actor cannot begin where Ray wants it.
        """
        logger.info("evaluating on Ray actors: %s", ", ".join(map(str, self._parts)))
        runner = Runner(self._store, self._config, judges_only=True)
        with ThreadPoolExecutor(1) as pool:
            here = pool.submit(runner.run_forever, stop)
            here.add_done_callback(lambda _: stop.set())  # whatever ended it ends the actors
            try:
                self._crew(self._parts, lambda actor, _: actor.run.remote(), again_after=StoreError).work(stop)
            finally:
                stop.set()
            here.result()

    def backfill(
        self,
        told: Callable[[int, int], None],
        *,
        since: datetime,
        until: datetime,
        names: Sequence[str],
        stop: threading.Event,
    ) -> BackfillReport:
        """Score a range of the past; see Backfill.

        Raises:
            ValueError: the range is empty.
            UnknownEvaluator: one of the names does not exist; nothing was done.
            StoreUnavailable, StoreRejected: the same backfill goes on from here.
            CannotStart: an actor cannot begin where Ray wants it.
        """
        wanted = chosen(self._store, self._config, names)
        judges = [one.name for one in wanted if one.is_judge]
        by_kind = {part.kind: [one.name for one in wanted if serves(part.kind, one)] for part in self._parts}
        parts = [part for part in self._parts if by_kind[part.kind]]
        reports: list[BackfillReport] = []
        here: Future[BackfillReport] | None = None
        with ThreadPoolExecutor(1) as pool:
            try:
                if judges:
                    work = Backfill(self._store, self._config, since=since, until=until, names=judges, stop=stop)
                    here = pool.submit(work.run)
                crew = self._crew(parts, lambda actor, part: actor.backfill.remote(since, until, by_kind[part.kind]))
                done = crew.work(stop, told)
            except BaseException:
                stop.set()
                raise
            reports += [merged(report for part, report in done if part.kind == kind) for kind in by_kind]
            reports += [here.result()] if here else []
        return BackfillReport(
            max(report.calls for report in reports),
            tuple(one for report in reports for one in report.evaluators),
            len(done) == len(parts) and all(report.is_done for report in reports),
        )

    def _start(self) -> None:
        address = os.environ.get("RAY_ADDRESS", "local")
        own: dict[str, Any] = {}
        if address == "local":
            own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
            os.environ.setdefault("RAY_AUTH_MODE", "token")  # a cluster's ports are open to the network
        tries = 3 if own else 1  # Ray gives its own processes 30 s to start, which a busy machine may need
        for left in reversed(range(tries)):
            try:
                self._ray.init(address=address, logging_level=logging.WARNING, configure_logging=False, **own)
                return
            except Exception as error:  # a dozen types, none of them documented
                self._ray.shutdown()
                if left:
                    continue
                what = "did not start"
                if not own:
                    what = (
                        f"cannot be reached at RAY_ADDRESS={address} (if it asks for a token, set RAY_AUTH_MODE=token)"
                    )
                said = str(error).splitlines()[0] if str(error) else repr(error)
                raise RayUnusable(f"Ray {what}: {said}") from error

    def _divide(self, actors: int) -> list[Part]:
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        if len(nodes) > 1 and not self._store_config.url:
            raise RayUnusable(
                f"the embedded store is reached from this machine only, and the cluster has {len(nodes)} nodes: "
                "set store.url to a ClickHouse server"
            )
        has = self._ray.cluster_resources()
        cpus, gpus = int(has.get("CPU", 0)), int(has.get("GPU", 0))
        if actors > cpus:
            logger.warning("%d actors with a processor each, and the cluster has %d: some will wait", actors, cpus)
        return divide(Shard.parse(self._config.shard), cpus=actors or max(1, cpus - gpus), gpus=gpus)

    def _crew(
        self,
        parts: Sequence[Part],
        begin: Callable[[Any, Part], Any],
        *,
        again_after: type[Exception] | tuple[()] = (),
    ) -> Crew[Part]:
        # The second thread answers while the first one works.
        remote = self._ray.remote(max_concurrency=2)(RayWorker)

        def hire(part: Part) -> Any:
            config = self._config.model_copy(update={"shard": str(part.shard)})
            needs = {"num_cpus": 0, "num_gpus": 1} if part.kind == "gpu" else {"num_cpus": 1}
            return remote.options(**needs).remote(self._store_config, self._data_dir, config, part.kind)

        return Crew(self._ray, parts, hire, begin, again_after=again_after)


def merged(reports: Iterable[BackfillReport]) -> BackfillReport:
    """Add up what the workers of one kind did, each on its own shard."""
    calls, is_done = 0, True
    evaluators: dict[str, EvaluatorReport] = {}
    for report in reports:
        calls += report.calls
        is_done &= report.is_done
        for one in report.evaluators:
            before = evaluators.get(one.name)
            counts = ("eligible", "scored", "unscored", "errors", "quarantined", "skipped", "duration_s")
            evaluators[one.name] = replace(
                one,
                **{count: getattr(one, count) + (getattr(before, count) if before else 0) for count in counts},
                waiting=one.waiting or (before.waiting if before else ""),
            )
    return BackfillReport(calls, tuple(evaluators.values()), is_done)
