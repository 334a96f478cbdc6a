"""The kinds of telemetry that are taken, each with everything that differs between them."""

from dataclasses import dataclass
from typing import Final

from watchglass_collector import inbox, metrics, wire


@dataclass(frozen=True, slots=True)
class Signal:
    """One kind of telemetry, from its address on the wire to its inbox in the store."""

    name: str
    """Also the name of its folder in the spool."""
    http_path: str
    grpc_service: str
    """Full name of the service whose only method is Export."""
    shape: wire.Shape
    inbox: inbox.Inbox
    needs_ids: bool
    """Whether an item without a valid trace id and span id is invalid."""


TRACES: Final = Signal(
    name="traces",
    http_path="/v1/traces",
    grpc_service="opentelemetry.proto.collector.trace.v1.TraceService",
    shape=wire.TRACES,
    inbox=inbox.TRACES,
    needs_ids=True,
)
LOGS: Final = Signal(
    name="logs",
    http_path="/v1/logs",
    grpc_service="opentelemetry.proto.collector.logs.v1.LogsService",
    shape=wire.LOGS,
    inbox=inbox.LOGS,
    needs_ids=False,
)
METRICS: Final = Signal(
    name="metrics",
    http_path="/v1/metrics",
    grpc_service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    shape=wire.METRICS,
    inbox=metrics.METRICS,
    needs_ids=False,
)
SIGNALS: Final = (TRACES, LOGS, METRICS)
