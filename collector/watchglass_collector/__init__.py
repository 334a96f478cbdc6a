"""The collector: OTLP in over gRPC and HTTP, a durable spool, rows out to ClickHouse."""

from watchglass_collector.collector import Collector
from watchglass_collector.config import CollectorConfig
from watchglass_collector.heap import share_one_heap
from watchglass_collector.spool import SpoolLocked
from watchglass_collector.views import install_views

__all__ = ["Collector", "CollectorConfig", "SpoolLocked", "install_views", "share_one_heap"]
