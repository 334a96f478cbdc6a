"""Private: everything here may change without notice.

Importing ``watchglass`` loads only the modules that touch the standard library. ``runtime``, ``providers``,
``pipeline`` and ``sender`` bring OpenTelemetry and HTTP, and are imported by ``init``.
"""
