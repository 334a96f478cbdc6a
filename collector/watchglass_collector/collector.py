"""The collector: receivers, spool and drains wired together."""

import time
from pathlib import Path

from watchglass_collector import redaction
from watchglass_collector.admission import Stage, stages
from watchglass_collector.assembly.service import AssemblyService
from watchglass_collector.auth import Anyone, Guard, KeyRing
from watchglass_collector.auth_refresh import KeyRefresh
from watchglass_collector.config import CollectorConfig
from watchglass_collector.counters import Counters
from watchglass_collector.deletion import DeletionRefresh, Tombstones
from watchglass_collector.drain import Drain
from watchglass_collector.intake import Intake
from watchglass_collector.limits import MemoryBudget
from watchglass_collector.limits_content import ContentLimits, survey_stage
from watchglass_collector.receive.grpc import GrpcDoor, GrpcReceiver
from watchglass_collector.receive.http import HttpDoor, HttpReceiver
from watchglass_collector.signals import SIGNALS
from watchglass_collector.spool import Spool
from watchglass_collector.tls import Tls
from watchglass_store import Store


class Collector:
    """Takes OTLP, acknowledges what is durable, and sees to it that the store gets it.

    The store need not be there when the collector starts, nor its tables: what arrives is spooled.

    Args:
        config: where to listen, how much to take.
        store: where rows go; its tables and views (`install_views`) are somebody else's job.
        data_dir: the spool is kept in its `spool` folder.

    Raises:
        SpoolLocked: another collector uses this data directory.
    """

    def __init__(self, config: CollectorConfig, store: Store, data_dir: Path) -> None:
        self._counters = Counters()
        self._spool = Spool(data_dir / "spool", [signal.name for signal in SIGNALS], config)
        self._counters.add("received", self._spool.pending_items())
        self._stop_timeout_s = config.stop_timeout_s
        limits = ContentLimits(config.max_value_bytes, config.max_request_parts)
        survey = survey_stage(limits, config.max_request_items)
        tombstones = Tombstones()
        self._deletions = DeletionRefresh(tombstones, store, config.auth_refresh_s)
        admission: tuple[Stage, ...] = (
            survey,
            *stages(config.max_request_items),
            tombstones,
            *redaction.stages(config.redaction),
        )
        intake = Intake(self._spool, admission, self._counters)
        limit = config.max_request_bytes
        budget = MemoryBudget(config.max_in_flight_bytes)
        self._keys: KeyRefresh | None = None
        guard: Guard = Anyone()
        if config.requires_keys:
            guard = ring = KeyRing()
            self._keys = KeyRefresh(ring, store, data_dir / "collector", config.auth_refresh_s)
        tls = Tls.from_files(config.tls_certificate, config.tls_key, config.tls_client_ca)
        timeout_s = config.request_timeout_s
        http_door = HttpDoor(intake, guard, budget, self._counters, max_bytes=limit, timeout_s=timeout_s)
        self._http = HttpReceiver(
            config.host, config.http_port, http_door, self._counters, tls, head_timeout_s=timeout_s
        )
        grpc_door = GrpcDoor(intake, guard, budget, self._counters, timeout_s=timeout_s)
        self._grpc = GrpcReceiver(config.host, config.grpc_port, grpc_door, tls, max_bytes=limit)
        self._assembly: AssemblyService | None = None
        if config.assembly:
            directory = data_dir / "collector"
            self._assembly = AssemblyService(store, directory, config.assembly_settle_s, self._counters)
        self._drains = [Drain(signal, self._spool, store, self._counters) for signal in SIGNALS]

    def start(self) -> None:
        """Listen and drain. Returns once both ports take requests.

        Raises:
            OSError: a port cannot be bound.
        """
        if self._keys is not None:
            self._keys.start()
        try:
            self._http.start()
            self._grpc.start()
        except OSError:
            self.stop()
            raise
        for drain in self._drains:
            drain.start()
        if self._assembly is not None:
            self._assembly.start()
        self._deletions.start()

    def stop(self) -> None:
        """Refuse new requests, empty the spool for a while, keep the rest for the next start.

        Safe without `start` and when called again; a stopped collector cannot be started.
        """
        give_up = time.monotonic() + self._stop_timeout_s
        self._grpc.stop()
        self._http.stop()
        if self._keys is not None:
            self._keys.stop()
        if self._assembly is not None:
            self._assembly.finish_soon()
        self._deletions.stop()
        for drain in self._drains:
            drain.finish_soon()
        for drain in self._drains:
            drain.finish(max(0.0, give_up - time.monotonic()))
        if self._assembly is not None:
            self._assembly.stop(max(0.0, give_up - time.monotonic()))
        self._spool.close()

    @property
    def http_url(self) -> str:
        """Base URL of OTLP/HTTP."""
        return self._http.url

    @property
    def grpc_target(self) -> str:
        """Target of OTLP/gRPC."""
        return self._grpc.target

    def stats(self) -> dict[str, int]:
        """What happened to spans and log records since the start.

        `received` = `stored` + `pending` + `quarantined` + `rejected`; what an earlier process left in the spool counts
        as received. Further keys count requests and incidents, and are there once they happened.
        """
        names = ("received", "stored", "quarantined", "rejected")
        counts = {**dict.fromkeys(names, 0), **self._counters.get()}
        counts["received"] += self._spool.replayed_items()
        return {**counts, "pending": self._spool.pending_items()}
