from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from watchglass_collector import Collector
from watchglass_collector.errors import TryAgain
from watchglass_collector.intake import Intake

Export = Callable[..., bytes]
MakeTraces = Callable[..., ExportTraceServiceRequest]
Drained = Callable[[], dict[str, int]]
TRACE_SERVICE = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def export(collector: Collector) -> Iterator[Export]:
    with grpc.insecure_channel(collector.grpc_target) as channel:

        def send(body: bytes, method: str = TRACE_SERVICE, **options: Any) -> bytes:
            return bytes(channel.unary_unary(method)(body, timeout=30, **options))

        yield send


@pytest.fixture(autouse=True)
def is_still_well(export: Export, drained: Drained, make_traces: MakeTraces) -> Iterator[None]:
    """After the test the next good request works."""
    yield
    assert export(make_traces(1).SerializeToString()) == b""
    drained()


def failure(call: Callable[[], object]) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as error:
        call()
    raised = error.value
    assert isinstance(raised, grpc.Call)
    return raised


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_accepted(export: Export, drained: Drained, make_traces: MakeTraces, compression: grpc.Compression) -> None:
    assert export(make_traces(3).SerializeToString(), compression=compression) == b""
    assert drained()["stored"] == 3


def test_the_official_exporter_is_content(collector: Collector, drained: Drained) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(collector.grpc_target, insecure=True)))
    with provider.get_tracer("test").start_as_current_span("chat") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
    provider.shutdown()
    assert drained()["stored"] == 1


def test_what_is_not_protobuf_is_invalid_argument_with_a_status(export: Export) -> None:
    error = failure(lambda: export(b"\xff\xff\xff"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = Status.FromString(details)
    assert (status.code, status.message) == (3, error.details())
    assert not status.details


def test_one_bad_span_does_not_reject_its_neighbours(export: Export, drained: Drained, make_traces: MakeTraces) -> None:
    request = make_traces(3)
    request.resource_spans[0].scope_spans[0].spans[2].span_id = b""
    answer = ExportTraceServiceResponse.FromString(export(request.SerializeToString()))
    assert answer.partial_success.rejected_spans == 1
    assert drained()["stored"] == 2


def test_as_large_as_allowed_and_one_more(export: Export, make_traces: MakeTraces) -> None:
    request = make_traces(1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.name = "x" * 99_000
    span.name += "x" * (100_000 - request.ByteSize())
    assert export(request.SerializeToString()) == b""
    span.name += "x"
    assert failure(lambda: export(request.SerializeToString())).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_gzip_bomb_stops_at_the_limit(export: Export) -> None:
    error = failure(lambda: export(bytes(64 * 1024**2), compression=grpc.Compression.Gzip))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in dict(error.trailing_metadata() or ())


@pytest.mark.parametrize(
    "method", ["/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", TRACE_SERVICE + "All", "/x/y"]
)
def test_other_methods_are_unimplemented(export: Export, method: str) -> None:
    assert failure(lambda: export(b"", method)).code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("raised", [TryAgain("the spool is full", retry_after_s=5), ZeroDivisionError("secret detail")])
def test_what_may_pass_is_unavailable_with_retry_info(
    export: Export, make_traces: MakeTraces, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def broken(self: Intake, *_: object) -> object:
        raise raised

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "_admit", broken)
        error = failure(lambda: export(make_traces(1).SerializeToString()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "secret" not in str(error.details())
    metadata = dict(error.trailing_metadata())
    wait_s = RetryInfo.FromString(metadata["google.rpc.retryinfo-bin"]).retry_delay.seconds
    assert 1 <= wait_s <= 5
    (detail,) = Status.FromString(metadata["grpc-status-details-bin"]).details
    assert detail.type_url.endswith("google.rpc.RetryInfo")
    assert detail.value == metadata["google.rpc.retryinfo-bin"]
