from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.auth_stamp import PROJECT, stamped

MakeTraces = Callable[..., ExportTraceServiceRequest]


def test_every_resource_gets_the_project_first_and_nothing_else_changes(make_traces: MakeTraces) -> None:
    request = make_traces(300)
    request.resource_spans.add(schema_url="https://example.test").scope_spans.add().spans.add(name="without resource")
    result = ExportTraceServiceRequest.FromString(stamped(request.SerializeToString(), type(request), "shop"))
    for before, after in zip(request.resource_spans, result.resource_spans, strict=True):
        first = after.resource.attributes.pop(0)
        assert (first.key, first.value.string_value) == (PROJECT, "shop")
        assert after.resource.attributes == before.resource.attributes
        assert after.scope_spans == before.scope_spans
        assert after.schema_url == before.schema_url


def test_what_the_request_claims_is_removed(make_traces: MakeTraces) -> None:
    request = make_traces(1)
    for value in ("victim", "other"):
        request.resource_spans[0].resource.attributes.add(key=PROJECT).value.string_value = value
    result = ExportTraceServiceRequest.FromString(stamped(request.SerializeToString(), type(request), "mine"))
    values = [a.value.string_value for a in result.resource_spans[0].resource.attributes if a.key == PROJECT]
    assert values == ["mine"]


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=200)), max_size=4))
def test_logs_with_and_without_resource(parts: list[tuple[bool, str]]) -> None:
    request = ExportLogsServiceRequest()
    for has_resource, text in parts:
        envelope = request.resource_logs.add(schema_url=text)
        if has_resource:
            envelope.resource.attributes.add(key="service.name").value.string_value = text
        envelope.scope_logs.add().log_records.add().body.string_value = text
    result = ExportLogsServiceRequest.FromString(stamped(request.SerializeToString(), type(request), "p"))
    assert all(envelope.resource.attributes.pop(0).key == PROJECT for envelope in result.resource_logs)
    for envelope in request.resource_logs:
        envelope.resource.SetInParent()
    assert result == request
