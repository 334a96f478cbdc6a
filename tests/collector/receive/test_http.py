import base64
import gzip
import http.client
import json
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from backports import zstd
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from watchglass_collector import Collector
from watchglass_collector.admission import Batch
from watchglass_collector.intake import Intake

Post = Callable[..., httpx.Response]
MakeTraces = Callable[..., ExportTraceServiceRequest]
Drained = Callable[[], dict[str, int]]


@pytest.fixture
def post(collector: Collector) -> Iterator[Callable[..., httpx.Response]]:
    """post(path, body, **headers) over one HTTP connection pool."""
    with httpx.Client(base_url=collector.http_url) as client:

        def send(path: str, body: bytes, **headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.post(path, content=body, headers={"content-type": "application/x-protobuf", **named})

        yield send


@pytest.fixture
def is_still_well(post: Post, drained: Drained, make_traces: MakeTraces) -> Iterator[None]:
    """After the test the next good request works."""
    yield
    assert post("/v1/traces", make_traces(1).SerializeToString()).status_code == 200
    drained()


pytestmark = pytest.mark.usefixtures("is_still_well")


def otlp_json(request: ExportTraceServiceRequest) -> bytes:
    document = MessageToDict(request, use_integers_for_enums=True)
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId"):
            span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(document).encode()


def refusal(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/x-protobuf"
    assert "Retry-After" not in response.headers
    return str(Status.FromString(response.content).message)


def test_accepted_means_200_and_an_empty_protobuf_response(
    post: Post, drained: Drained, make_traces: MakeTraces
) -> None:
    response = post("/v1/traces", make_traces(3).SerializeToString())
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "application/x-protobuf"
    assert drained()["stored"] == 3


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
def test_an_empty_body_is_fine(post: Post, path: str) -> None:
    assert post(path, b"").status_code == 200


def test_gzip_in_one_member_in_several_and_chunked(
    post: Post, collector: Collector, drained: Drained, make_traces: MakeTraces
) -> None:
    bodies = [make_traces(2).SerializeToString() for _ in range(3)]
    assert post("/v1/traces", gzip.compress(bodies[0]), content_encoding="gzip").status_code == 200
    members = gzip.compress(bodies[1][:50]) + gzip.compress(b"") + gzip.compress(bodies[1][50:])
    assert post("/v1/traces", members, content_encoding="GZIP").status_code == 200
    packed = gzip.compress(bodies[2])
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    chunks = (packed[place : place + 7] for place in range(0, len(packed), 7))
    assert httpx.post(f"{collector.http_url}/v1/traces", content=chunks, headers=headers).status_code == 200
    assert drained()["stored"] == 6


def test_deflate_and_zstd(post: Post, drained: Drained, make_traces: MakeTraces) -> None:
    bodies = [make_traces(2).SerializeToString() for _ in range(3)]
    assert post("/v1/traces", zlib.compress(bodies[0]), content_encoding="deflate").status_code == 200
    assert post("/v1/traces", zstd.compress(bodies[1]), content_encoding="zstd").status_code == 200
    frames = zstd.compress(bodies[2][:50]) + zstd.compress(bodies[2][50:])
    assert post("/v1/traces", frames, content_encoding="zstd").status_code == 200
    assert drained()["stored"] == 6


@pytest.mark.parametrize(("encoding", "compress"), [("deflate", zlib.compress), ("zstd", zstd.compress)])
def test_other_compression_is_bounded_and_must_be_whole(
    post: Post, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    packed = compress(bytes(64 * 1024**2))
    assert post("/v1/traces", packed, content_encoding=encoding).status_code == 413
    for damaged in (compress(b"")[:-1], compress(b"") + b"garbage", b"garbage"):
        response = post("/v1/traces", damaged, content_encoding=encoding)
        assert (response.status_code, encoding in refusal(response)) == (400, True)


def test_a_zstd_window_beyond_8_mib_is_refused_before_it_is_allocated(post: Post) -> None:
    # Magic, a descriptor without content size, a window of 2 GiB, one empty last block.
    frame = bytes.fromhex("28b52ffd 00 a8 010000")
    assert post("/v1/traces", frame, content_encoding="zstd").status_code == 413


@pytest.mark.parametrize(
    "damage",
    [lambda packed: packed[:-3], lambda packed: packed + b"garbage", gzip.compress, lambda _: b"no gzip"],
    ids=["truncated", "trailing garbage", "twice", "not gzip"],
)
def test_broken_gzip_is_refused(post: Post, make_traces: MakeTraces, damage: Callable[[bytes], bytes]) -> None:
    body = damage(gzip.compress(make_traces(1).SerializeToString()))
    response = post("/v1/traces", body, content_encoding="gzip")
    assert response.status_code == 400
    assert refusal(response)


@pytest.mark.parametrize("encoding", ["br", "compress", "gzip, gzip", "deflate, gzip", "x-unknown"])
def test_other_encodings_are_refused(post: Post, encoding: str) -> None:
    response = post("/v1/traces", b"", content_encoding=encoding)
    assert response.status_code == 415
    assert encoding in refusal(response)


@pytest.mark.parametrize("content_type", ["application/jsonl", "text/plain", ""])
def test_other_content_types_are_refused_and_told_what_to_do(post: Post, content_type: str) -> None:
    response = post("/v1/traces", b"{}", content_type=content_type)
    assert response.status_code == 415
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in refusal(response)


def test_as_large_as_allowed_and_one_more(post: Post, make_traces: MakeTraces) -> None:
    request = make_traces(1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.name = "x" * 99_000
    span.name += "x" * (100_000 - request.ByteSize())
    assert request.ByteSize() == 100_000
    body = request.SerializeToString()
    assert post("/v1/traces", body).status_code == 200
    for response in (
        post("/v1/traces", body + b"\x00"),
        post("/v1/traces", gzip.compress(body + b"\x00"), content_encoding="gzip"),
    ):
        assert response.status_code == 413
        assert "100000 bytes" in refusal(response)


def test_a_gzip_bomb_stops_at_the_limit(post: Post) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1024**2)) for _ in range(256)) + packer.flush()
    assert post("/v1/traces", bomb, content_encoding="gzip").status_code == 413


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x05abc", b"\x0a\x02\x12\x09"])
def test_what_is_not_protobuf_is_refused(post: Post, body: bytes) -> None:
    response = post("/v1/traces", body)
    assert response.status_code == 400
    assert refusal(response).startswith(("not a valid OTLP request", "not a valid OTLP traces request"))


def test_one_bad_span_does_not_reject_its_neighbours(post: Post, drained: Drained, make_traces: MakeTraces) -> None:
    request = make_traces(3)
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = bytes(16)
    response = post("/v1/traces", request.SerializeToString())
    assert response.status_code == 200
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_spans == 1
    assert "trace_id" in partial.error_message
    stats = drained()
    assert (stats["received"], stats["stored"], stats["rejected"]) == (3, 2, 1)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/traces/../admin", "/v1/traces/%2e%2e/admin", "//v1/traces", "/x//v1/traces", "/v1/traces/",
     "/v1/spans", "/api/public/scores", "/api/public/media", "/api/public/ingestion", "/api/public/projects",
     "/v2/traces/0af7651916cd43dd8448eb211c80319c/spans/b7ad6b7169203331/images", "/v1/profiles"],
)  # fmt: skip
def test_other_paths_get_a_clean_404(post: Post, path: str) -> None:
    response = post(path, b"{}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert response.json()["message"]


@pytest.mark.parametrize("prefix", ["/api/public/otel", "/otlp", "/a/b-c/d_e/1.2"])
def test_a_prefix_that_clients_put_before_the_path_is_taken(
    post: Post, drained: Drained, make_traces: MakeTraces, prefix: str
) -> None:
    assert post(f"{prefix}/v1/traces", make_traces(1).SerializeToString()).status_code == 200
    assert drained()["stored"] == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD", "DELETE"])
def test_other_methods_are_405(collector: Collector, method: str) -> None:
    response = httpx.request(method, f"{collector.http_url}/v1/traces", headers={"origin": "https://evil.example"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "access-control-allow-origin" not in response.headers


def test_json_is_answered_in_json(post: Post, drained: Drained, make_traces: MakeTraces) -> None:
    text = otlp_json(make_traces(2))
    response = post("/v1/traces", text, content_type="application/json; charset=UTF-8")
    assert (response.status_code, response.content) == (200, b"{}")
    assert response.headers["content-type"] == "application/json"
    bad = make_traces(2)
    bad.resource_spans[0].scope_spans[0].spans[0].span_id = b"short"
    response = post(
        "/v1/traces", gzip.compress(otlp_json(bad)), content_type="application/json", content_encoding="gzip"
    )
    assert response.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert drained()["stored"] == 3
    for body in (b"{", b'{"resourceSpans": 1}', b"NaN"):
        response = post("/v1/traces", body, content_type="application/json")
        assert (response.status_code, response.json()["code"]) == (400, 3)
        assert "JSON" in response.json()["message"]
    assert post("/v1/traces", b"{}", content_type="application/json;charset=utf-16").status_code == 415


def test_json_that_would_fill_the_memory_is_too_large(post: Post) -> None:
    body = b'{"a":[' + b"{}," * 30_000 + b"{}]}"
    assert post("/v1/traces", body, content_type="application/json").status_code == 200
    assert post("/v1/traces", b'{"a":[' + b"{}," * 32_000 + b"{}]}", content_type="application/json").status_code == 413


def test_a_bug_of_ours_is_try_again_never_500(
    post: Post, make_traces: MakeTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Intake, *_: object) -> Batch:
        raise ZeroDivisionError("secret detail")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "_admit", broken)
        response = post("/v1/traces", make_traces(1).SerializeToString())
    assert response.status_code == 503
    assert 1 <= int(response.headers["retry-after"]) <= 5
    assert b"secret" not in response.content


def test_a_resend_is_acknowledged_and_not_stored_twice(post: Post, drained: Drained, make_traces: MakeTraces) -> None:
    body = make_traces(2).SerializeToString()
    for _ in range(5):
        assert post("/v1/traces", body).status_code == 200
        drained()
    assert post("/v1/traces", gzip.compress(body), content_encoding="gzip").status_code == 200
    assert drained()["stored"] == 2


def test_a_body_shorter_than_announced_leaves_the_server_well(collector: Collector) -> None:
    connection = http.client.HTTPConnection(urlsplit(collector.http_url).netloc)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("content-type", "application/x-protobuf")
    connection.putheader("content-length", "1000")
    connection.endheaders()
    connection.send(b"short")
    connection.close()
