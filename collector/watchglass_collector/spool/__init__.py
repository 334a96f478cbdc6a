"""Durable queue on disk between the receivers and the store."""

from watchglass_collector.spool.record import Record
from watchglass_collector.spool.segment import Segment, token
from watchglass_collector.spool.spool import Spool, SpoolLocked

__all__ = ["Record", "Segment", "Spool", "SpoolLocked", "token"]
