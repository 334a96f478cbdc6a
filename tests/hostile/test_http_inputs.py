"""Hostile inputs 1 to 30: OTLP/HTTP. Numbers are those of the test plan; see docs/ingest.md for what is promised."""

import gzip
import json
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from backports import zstd
from google.rpc.status_pb2 import Status

from watchglass_store import Store
from watchglass_store.queries.api_keys import create_key, revoke_key

from .conftest import IS_FULL, MIB, Start, Target, good_request

HTTP = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
REFUSED = "refused_requests"


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


def frame(tag: int, content: bytes) -> bytes:
    size, length = b"", len(content)
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([tag]) + size + bytes([length]) + content


def as_json(**fields: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}).encode()


def span_json(**fields: Any) -> dict[str, Any]:
    span = good_request().resource_spans[0].scope_spans[0].spans[0]
    return {"traceId": span.trace_id.hex(), "spanId": span.span_id.hex(), "name": "chat", **fields}


def test_01_gzip_bomb(target: Target) -> None:
    with target.counts(REFUSED):
        assert target.post(bomb((1024 if IS_FULL else 256) * MIB), content_encoding="gzip").status_code == 413


def test_02_broken_gzip(target: Target) -> None:
    packed = gzip.compress(good_request().SerializeToString())
    with target.counts(REFUSED, 3):
        for body in (gzip.compress(packed), packed[:-4], packed + b"garbage"):
            assert target.post(body, content_encoding="gzip").status_code == 400


def test_03_multi_member_gzip(target: Target) -> None:
    body = good_request(3).SerializeToString()
    with target.counts("received", 3):
        packed = gzip.compress(body[:20]) + gzip.compress(body[20:])
        assert target.post(packed, content_encoding="gzip").status_code == 200


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "compress", "x"])
def test_04_unknown_encodings(target: Target, encoding: str) -> None:
    with target.counts(REFUSED):
        assert target.post(b"", content_encoding=encoding).status_code == 415


def test_05_zstd_window_and_bomb(target: Target) -> None:
    with target.counts(REFUSED, 2):
        window = bytes.fromhex("28b52ffd00a8010000")
        assert target.post(window, content_encoding="zstd").status_code == 413
        assert target.post(zstd.compress(bytes(256 * MIB)), content_encoding="zstd").status_code == 413


@pytest.fixture(scope="module")
def impatient(start: Start) -> Target:
    """A collector that waits for nobody."""
    return start(request_timeout_s=1)


def test_06_content_length_that_is_wrong_and_chunks_that_end_too_late(target: Target, impatient: Target) -> None:
    body = good_request().SerializeToString()
    with target.counts(REFUSED):
        head = HTTP + f"content-length: {len(body) - 2}\r\n\r\n".encode()
        assert target.raw(head + body + b"\r\n\r\n").count(b"HTTP/1.1 400") >= 1
    with impatient.counts("deferred_requests"):
        answer = impatient.raw(HTTP + b"transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n")
    assert b" 503 " in answer
    assert b"the body did not arrive within 1 seconds" in answer


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 0\r\ncontent-length: 5\r\n\r\n",
        b"transfer-encoding: identity, chunked, x\r\n\r\n",
        b"x: y\ncontent-length: 0\n\n",
        b"content-length: -1\r\n\r\n",
    ],
)
def test_07_smuggling(target: Target, head: bytes) -> None:
    with target.counts(REFUSED):
        answer = target.raw(HTTP + head)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_08_slow_headers(impatient: Target) -> None:
    with impatient.counts(REFUSED):
        assert b" 408 " in impatient.raw(b"POST /v1/traces HTTP/1.1\r\nx: ")


def test_09_exactly_as_large_as_allowed(target: Target) -> None:
    request = good_request()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.name = "x" * (target.max_request - 1000)
    span.name += "x" * (target.max_request - request.ByteSize())
    body = request.SerializeToString()
    assert len(body) == target.max_request
    assert target.post(body).status_code == 200
    with target.counts(REFUSED):
        assert target.post(body + b"\x00").status_code == 413


@pytest.mark.parametrize("part", [b"\x12\x00", b"\x0a\x00"], ids=["spans", "envelopes"])
def test_10_amplification(target: Target, part: bytes) -> None:
    body = frame(0x0A, frame(0x12, part * 2_000_000)) if part[0] == 0x12 else part * 1_000_000
    before = target.peak_rss()
    with target.counts(REFUSED):
        assert target.post(gzip.compress(body), content_encoding="gzip").status_code == 413
    assert target.peak_rss() < before + 50 * MIB


def test_11_a_hundred_large_bodies_at_once(target: Target) -> None:
    body = gzip.compress(bytes(target.max_request))

    def send(_: int) -> httpx.Response:
        return target.post(body, content_encoding="gzip")

    with target.counts("deferred_requests"), ThreadPoolExecutor(100) as senders:
        answers = list(senders.map(send, range(100)))
    assert {answer.status_code for answer in answers} <= {400, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert 1 <= int(answer.headers["retry-after"]) <= 5


def test_12_nothing_to_store(target: Target) -> None:
    assert target.post(b"").content == b""
    for body in (b"", b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":[{"scopeSpans":[{}]}]}'):
        answer = target.post_json(body)
        assert (answer.status_code, answer.content) == (200, b"{}")


def test_13_garbage(target: Target) -> None:
    body = good_request().SerializeToString()
    with target.counts(REFUSED, 5):
        for bad in (b"\xff\x00\x17" * 50, body[:-3], b"\x0a\x03abc"):
            answer = target.post(bad)
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/x-protobuf")
            assert Status.FromString(answer.content).code == 3
        for bad in (b"\x00\x01", b"[1]"):
            answer = target.post_json(bad)
            assert (answer.status_code, answer.json()["code"]) == (400, 3)


@pytest.mark.parametrize(("depth", "code"), [(40, 200), (60, 400), (10_000, 400)])
def test_14_any_value_depth(target: Target, depth: int, code: int) -> None:
    value = frame(0x0A, b"x")
    for _ in range(depth):
        value = frame(0x2A, frame(0x0A, value))
    request = good_request()
    span = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString() + frame(
        0x4A, frame(0x0A, b"k") + frame(0x12, value)
    )
    assert target.post(frame(0x0A, frame(0x12, frame(0x12, span)))).status_code == code


@pytest.mark.parametrize("depth", [500, 100_000])
def test_15_json_depth(target: Target, depth: int) -> None:
    with target.counts(REFUSED):
        assert target.post_json(b'{"resourceSpans":' + b"[" * depth + b"]" * depth + b"}").status_code == 400


def test_16_json_numbers(target: Target) -> None:
    with target.counts(REFUSED, 3):
        for number in (b"NaN", b"1e999", b"9" * 5000):
            assert (
                target.post_json(as_json(**span_json(flags=1)).replace(b'"flags": 1', b'"flags":' + number)).status_code
                == 400
            )
    for form in ("1790000000000000001", 1790000000000000001):
        assert target.post_json(as_json(**span_json(startTimeUnixNano=form))).status_code == 200


def test_17_duplicate_json_keys(target: Target, hostile_store: Store) -> None:
    span = span_json()
    body = as_json(**span).replace(b'"name": "chat"', b'"name":"first","name":"last"')
    assert target.post_json(body).status_code == 200
    assert stored(target, hostile_store, span["traceId"])[0]["SpanName"] == "last"


def stored(target: Target, store: Store, trace_id: str) -> list[dict[str, Any]]:
    target.drained()
    return store.query("SELECT * FROM otel_traces WHERE TraceId = {id:String}", {"id": trace_id})


def test_18_unknown_fields_and_snake_case(target: Target, hostile_store: Store) -> None:
    span = span_json(trace_id="junk", novelty={"a": [1]}, start_time_unix_nano={})
    assert target.post_json(as_json(**span)).content == b"{}"
    assert len(stored(target, hostile_store, span["traceId"])) == 1


def test_19_enum_names(target: Target) -> None:
    with target.counts(REFUSED):
        assert target.post_json(as_json(**span_json(kind="SPAN_KIND_CLIENT"))).status_code == 400


def test_20_hex_in_any_case(target: Target, hostile_store: Store) -> None:
    for number, case in enumerate((str.upper, str.lower, str.swapcase)):
        span = span_json(spanId=f"{number + 1:016x}")
        trace_id = f"abcdef{span['traceId'][6:]}"
        assert target.post_json(as_json(**{**span, "traceId": case(trace_id)})).content == b"{}"
        assert len(stored(target, hostile_store, trace_id)) == 1


@pytest.mark.parametrize("bad", ["q83vAAAAAAAAAAAAAAAAAA==", "ab" * 15, "00" * 16, "", None])
def test_21_invalid_ids(target: Target, bad: str | None) -> None:
    spans = [span_json(), {**span_json(), "traceId": bad}]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    with target.counts("rejected"):
        answer = target.post_json(body)
    assert (answer.status_code, answer.json()["partialSuccess"]["rejectedSpans"]) == (200, "1")


def test_22_text_that_is_no_text(target: Target, hostile_store: Store) -> None:
    request = good_request()
    request.resource_spans[0].scope_spans[0].spans[0].name = "name-here"
    with target.counts(REFUSED, 2):
        assert target.post(request.SerializeToString().replace(b"name-here", b"name\xffhere")).status_code == 400
        assert target.post_json(as_json(**span_json()).replace(b"chat", b"\\ud83d")).status_code == 400
    span = span_json(name="a\0b")
    assert target.post_json(as_json(**span)).status_code == 200
    assert stored(target, hostile_store, span["traceId"])[0]["SpanName"] == "a\0b"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=utf-16"])
def test_23_content_types(target: Target, content_type: str) -> None:
    with target.counts(REFUSED):
        assert target.post(b"{}", content_type=content_type).status_code == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
def test_24_methods(target: Target, method: str) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    with target.counts(REFUSED):
        answer = httpx.request(method, f"{target.http}/v1/traces", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("path", "code"),
    [(b"/v1/traces/../admin", 404), (b"/../v1/traces", 404), (b"/%2e%2e/v1/traces", 404), (b"//v1/traces", 404),
     (b"/x" * 50_000, 414)],
)  # fmt: skip
def test_25_paths(target: Target, path: bytes, code: int) -> None:
    with target.counts(REFUSED):
        answer = target.raw(b"POST " + path + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {code} ".encode())


@pytest.mark.parametrize("headers", [b"x: " + b"y" * MIB + b"\r\n", b"x: y\r\n" * 10_000], ids=["long", "many"])
def test_26_headers(target: Target, headers: bytes) -> None:
    with target.counts(REFUSED):
        where = urlsplit(target.http)
        with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
            try:
                connection.sendall(HTTP + headers + b"\r\n")
                answer = connection.recv(100)
            except ConnectionError:
                # Closed while more was being sent: the answer may have been lost on the way.
                answer = b"HTTP/1.1 431 "
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_27_28_keys(start: Start, hostile_store: Store) -> None:
    now = datetime.now(UTC)

    def key(scope: str = "ingest", **fields: Any) -> Any:
        return create_key(hostile_store, project="p", scopes=[scope], name="", author="", now=now, **fields)

    good, revoked, expired, other = key(), key(), key(expires_at=now - timedelta(seconds=1)), key("query")
    revoke_key(hostile_store, revoked.id, author="", now=now + timedelta(seconds=1))
    target = start(auth="required")
    body = good_request().SerializeToString()
    with target.counts("unauthorized_requests", 6):
        assert target.post(body).status_code == 401
        for secret, code in (("wg_x", 401), (revoked.secret, 401), (expired.secret, 401), (other.secret, 403)):
            assert target.post(body, authorization=f"Bearer {secret}").status_code == code
        # The body is announced and never sent: it is not waited for.
        assert b" 401 " in target.raw(HTTP + b"content-length: 1000000\r\n\r\n", timeout_s=5)
    for path, headers in ((f"/v1/traces?key={good.secret}", {}), ("/v1/traces", {"cookie": f"key={good.secret}"})):
        assert target.post(body, path, **headers).status_code == 401
    assert target.post(body, authorization=f"Bearer {good.secret}").status_code == 200


def test_29_a_bug_of_ours(start: Start) -> None:
    target = start("broken")
    with target.counts("deferred_requests"):
        answer = target.post(good_request().SerializeToString())
    assert (answer.status_code, b"secret" in answer.content) == (503, False)
    assert 1 <= int(answer.headers["retry-after"]) <= 5


def test_30_what_is_not_collected(target: Target) -> None:
    with target.counts(REFUSED, 4):
        for path in ("/v1development/profiles", "/api/public/scores", "/api/public/media", "/api/public/ingestion"):
            answer = target.post(b"[]", path)
            assert answer.status_code == 404
            assert answer.json()["message"]
