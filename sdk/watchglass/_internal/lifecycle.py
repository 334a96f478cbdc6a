"""``init``, ``flush`` and ``shutdown``."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from watchglass._internal import guard, state
from watchglass._internal.guard import LOGGER, never_raises, warn_once

if TYPE_CHECKING:
    from watchglass._internal.pipeline import BatchPipeline
    from watchglass._internal.runtime import Client
    from watchglass._internal.settings import Settings

EXIT_TIMEOUT_S = 5.0

_lock = threading.RLock()


@never_raises(None)
def init(
    endpoint: str | None = None,
    service_name: str | None = None,
    environment: str | None = None,
    headers: Mapping[str, str] | str | None = None,
    *,
    capture_content: bool | None = None,
    instrument: bool | str | list[str] | tuple[str, ...] | None = None,
    enabled: bool | None = None,
    max_text_chars: int | None = None,
    compression: str | None = None,
    timeout_s: float | None = None,
    flush_interval_s: float | None = None,
    queue_size: int | None = None,
    queue_mb: float | None = None,
    batch_size: int | None = None,
    certificate: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
) -> None:
    """Start sending traces and scores to Watchglass.

    Call it once, early, after the application's own OpenTelemetry set-up if it has one: an existing TracerProvider is
    joined, not replaced. Turns on the GenAI instrumentation packages that are installed. A second call does nothing.
    Needs no collector to be there, and raises nothing: a value that cannot be used is reported and left out.

    Every argument can also be set by the variable ``WATCHGLASS_`` + its name in upper case; docs/sdk.md has the table.

    Args:
        endpoint: Where the collector listens for OTLP over HTTP; default http://127.0.0.1:4318.
        service_name: Name of the application.
        environment: Deployment environment, such as ``production``.
        headers: Headers of every request: a mapping, or ``key=value,key=value``.
        capture_content: Whether prompts, answers, arguments and results leave the process; default True.
        instrument: Instrumentation packages to turn on: True for all, False for none, or names.
        enabled: False turns the whole SDK off.
        max_text_chars: Characters kept of each captured input or output.
        compression: ``gzip`` or ``none``.
        timeout_s: Seconds that one request may take.
        flush_interval_s: Seconds that a finished span waits for others.
        queue_size: Finished spans kept while the collector is away.
        queue_mb: The same bound in megabytes of captured text.
        batch_size: Spans in one request at most.
        certificate: Path of CA certificates to trust instead of the system's.
        client_certificate: Path of a client certificate for mutual TLS.
        client_key: Path of its private key.
    """
    arguments = dict(locals())
    with _lock:
        if state.client is not None:
            warn_once("init:twice", "watchglass.init was called again; call watchglass.shutdown() first to change it")
            return
        from watchglass._internal import settings  # here and not above, so that `import watchglass` costs little

        guard.forget_warnings()
        found = settings.resolve(arguments, os.environ)
        if found.enabled:
            state.client = _start(found)
            atexit.unregister(shutdown)  # after another init it is in there
            atexit.register(shutdown)


@never_raises(False)
def flush(timeout_s: float = 5.0) -> bool:
    """Wait until everything recorded so far is with the collector.

    Args:
        timeout_s: Seconds to wait at most.

    Returns:
        True when it is; False when the time was over or something had to be dropped.
    """
    client = state.client
    if client is None:
        return True
    end = time.monotonic() + timeout_s
    done = [pipeline.flush(max(0.0, end - time.monotonic())) for pipeline in client.pipelines]
    return all(done)


@never_raises(None)
def shutdown(timeout_s: float = EXIT_TIMEOUT_S) -> None:
    """Send what is left and stop. Called by itself when the process exits; safe to call twice.

    Args:
        timeout_s: Seconds to wait at most. A collector that cannot be reached gets two attempts only.
    """
    with _lock:
        client, state.client = state.client, None
    if client is None:
        return
    end = time.monotonic() + timeout_s
    for pipeline in client.pipelines:
        pipeline.wind_down(timeout_s)
    for pipeline in client.pipelines:
        pipeline.close(max(0.0, end - time.monotonic()))


def _start(found: Settings) -> Client:
    from watchglass._internal import instrumentation, providers
    from watchglass._internal.runtime import Client

    spans = _pipeline(found, "spans", "/v1/traces", providers.encoded_spans, providers.rejected_spans)
    events = _pipeline(found, "events", "/v1/logs", providers.encoded_events, providers.rejected_events)
    tracers = providers.attach_spans(found, providers.SpanFeed(spans, EXIT_TIMEOUT_S))
    loggers = providers.attach_events(found, providers.EventFeed(events, EXIT_TIMEOUT_S))
    turned_on = instrumentation.turn_on(found, {"tracer_provider": tracers, "logger_provider": loggers})
    LOGGER.info("watchglass sends to %s; instrumented: %s", found.endpoint, ", ".join(turned_on) or "nothing")
    return Client.build(found, tracers, loggers, (spans, events))


def _pipeline(
    found: Settings, what: str, path: str, encode: Callable[[Sequence[Any]], bytes], rejected: Callable[[bytes], int]
) -> BatchPipeline:
    from watchglass._internal.pipeline import BatchPipeline, Limits
    from watchglass._internal.sender import Sender

    limits = Limits(
        queue_size=found.queue_size,
        queue_bytes=int(found.queue_mb * 1_000_000),
        batch_size=found.batch_size,
        interval_s=found.flush_interval_s,
    )
    return BatchPipeline(what, encode, rejected, Sender(found, path), limits, _hook_exit_of_child)


def _hook_exit_of_child() -> None:
    """Have what is queued sent when a child of multiprocessing ends.

    Such a child leaves by os._exit, after multiprocessing's finalizers and without atexit's functions; and the
    finalizers that it inherits are dropped when it starts, so this is called by its first record.
    """
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None and sys.modules["multiprocessing.process"].parent_process() is not None:
        multiprocessing.Finalize(None, shutdown, exitpriority=100)
