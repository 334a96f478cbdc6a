import base64
import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from watchglass_collector.errors import Refusal, Refused
from watchglass_collector.otlp_json import to_protobuf

REQUESTS = (ExportTraceServiceRequest, ExportLogsServiceRequest, ExportMetricsServiceRequest)
IDS = {"traceId", "spanId", "parentSpanId"}


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def scalars(field: Any) -> st.SearchStrategy[Any]:
    kinds: dict[int, st.SearchStrategy[Any]] = {
        field.CPPTYPE_STRING: texts() if field.type == field.TYPE_STRING else st.binary(max_size=17),
        field.CPPTYPE_BOOL: st.booleans(),
        field.CPPTYPE_DOUBLE: st.floats().map(lambda x: math.nan if math.isnan(x) else x),  # JSON knows one NaN
        field.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
        field.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
        field.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
        field.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    }
    if field.cpp_type == field.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return kinds[field.cpp_type]


@st.composite
def messages(draw: st.DrawFn, message: type[Message], depth: int = 0) -> Message:
    """Any message of a type, unknown fields aside."""
    filled: Any = message()
    fields = draw(
        st.lists(st.sampled_from(list(message.DESCRIPTOR.fields)), unique_by=lambda field: field.name, max_size=6)
    )
    for field in fields:
        if field.type != field.TYPE_MESSAGE:
            if field.is_repeated:
                getattr(filled, field.name).extend(draw(st.lists(scalars(field), max_size=2)))
            else:
                setattr(filled, field.name, draw(scalars(field)))
        elif depth < 9:
            of_type = messages(field.message_type._concrete_class, depth + 1)
            if field.is_repeated:
                getattr(filled, field.name).extend(draw(st.lists(of_type, max_size=2)))
            else:
                getattr(filled, field.name).CopyFrom(draw(of_type))
    return filled


def with_hex_ids(value: Any, name: str = "") -> Any:
    """Protobuf's own JSON, as OTLP wants it."""
    if isinstance(value, dict):
        return {name: with_hex_ids(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [with_hex_ids(item) for item in value]
    return base64.b64decode(value).hex() if name in IDS else value


@settings(max_examples=60)
@pytest.mark.parametrize("request_type", REQUESTS)
@given(data=st.data())
def test_every_message_survives_its_json_form(request_type: type[Message], data: st.DataObject) -> None:
    message = data.draw(messages(request_type))
    text = json.dumps(with_hex_ids(MessageToDict(message, use_integers_for_enums=True)))
    again = request_type.FromString(to_protobuf(text.encode(), request_type))
    # Compared as bytes: two NaN are not equal.
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | texts() | st.sampled_from(["spans"]),
    lambda inner: st.lists(inner) | st.dictionaries(texts() | st.sampled_from(
        ["resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "value", "arrayValue", "values"]), inner),
))  # fmt: skip
def test_any_json_is_converted_or_refused(document: Any) -> None:
    try:
        body = to_protobuf(json.dumps(document).encode(), ExportTraceServiceRequest)
    except Refused as error:
        assert error.refusal is Refusal.MALFORMED  # noqa: PT017
    else:
        ExportTraceServiceRequest.FromString(body)


def span(**fields: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}).encode()


def read(body: bytes) -> Any:
    request = ExportTraceServiceRequest.FromString(to_protobuf(body, ExportTraceServiceRequest))
    return request.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize("text", ["0af7651916cd43dd8448eb211c80319c", "0AF7651916CD43DD8448EB211C80319C"])
def test_ids_are_hexadecimal_in_either_case(text: str) -> None:
    assert read(span(traceId=text)).trace_id.hex() == text.lower()


@pytest.mark.parametrize("text", ["CvdlGRbNQ92ESOshHIAxnA==", "0af7 651916cd43dd8448eb211c80319c", "zz", "\u0660" * 32])
def test_what_is_not_hexadecimal_is_an_invalid_id(text: str) -> None:
    assert len(read(span(traceId=text)).trace_id) != 16


@pytest.mark.parametrize("number", ["1790000000000000001", 1790000000000000001])
def test_64_bit_integers_are_text_or_number(number: object) -> None:
    assert read(span(startTimeUnixNano=number)).start_time_unix_nano == 1790000000000000001


def test_a_whole_float_is_an_integer_and_text_is_a_double() -> None:
    attributes = [{"key": "a", "value": {"intValue": 3.0}}, {"key": "b", "value": {"doubleValue": "-Infinity"}}]
    first, second = read(span(attributes=attributes)).attributes
    assert (first.value.int_value, second.value.double_value) == (3, -math.inf)


def test_unknown_and_snake_case_names_are_ignored_and_null_is_absent() -> None:
    found = read(span(name="chat", trace_id="00" * 16, novelty={"a": [1]}, kind=None, end_time_unix_nano="x"))
    assert (found.name, found.trace_id, found.kind, found.end_time_unix_nano) == ("chat", b"", 0, 0)


def test_the_last_of_two_equal_keys_wins() -> None:
    assert read(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","name":"b"}]}]}]}').name == "b"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "SPAN_KIND_CLIENT"}, {"kind": "3"}, {"kind": 2**31}, {"name": 3}, {"startTimeUnixNano": "1e3"},
        {"startTimeUnixNano": -1}, {"startTimeUnixNano": 2**64}, {"startTimeUnixNano": 1.5}, {"flags": True},
        {"attributes": {}}, {"attributes": [None]}, {"attributes": [{"value": {"boolValue": 1}}]}, {"status": []},
        {"attributes": [{"value": {"bytesValue": "?"}}]}, {"attributes": [{"value": {"doubleValue": "1e999"}}]},
        {"attributes": [{"value": {"intValue": "9" * 5000}}]}, {"traceId": 5},
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="not valid OTLP JSON"):
        to_protobuf(span(**fields), ExportTraceServiceRequest)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b'{"a":NaN}', b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":"\\ud83d"}',
     b'{"a":"\xff"}', b"[" * 100_000, b"\xef\xbb\xbf{}", b"{}{}"],
)  # fmt: skip
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="not valid JSON"):
        to_protobuf(body, ExportTraceServiceRequest)


@pytest.mark.parametrize(("depth", "is_taken"), [(40, True), (60, False), (300, False)])
def test_as_deep_as_protobuf_itself_and_no_deeper(depth: int, is_taken: bool) -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    body = span(attributes=[{"key": "deep", "value": value}])
    if is_taken:
        ExportTraceServiceRequest.FromString(to_protobuf(body, ExportTraceServiceRequest))
    else:
        with pytest.raises(Refused, match="deep"):
            to_protobuf(body, ExportTraceServiceRequest)
