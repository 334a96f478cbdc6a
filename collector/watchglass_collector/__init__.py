"""The collector: OTLP in over gRPC and HTTP, a durable spool, rows out to ClickHouse."""

from watchglass_collector.inbox import install_views

__all__ = ["install_views"]
