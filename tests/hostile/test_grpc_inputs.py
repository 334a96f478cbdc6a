"""Hostile inputs 31 to 39: OTLP/gRPC."""

import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from watchglass_collector.tls import Tls

from .conftest import EXPORT, IS_FULL, MIB, PROTOBUF, Start, Target, good_request

Code = grpc.StatusCode


@pytest.mark.parametrize("size", [512, 1536] if IS_FULL else [128])
def test_31_gzip_bomb(target: Target, size: int) -> None:
    assert target.export_code(bytes(size * MIB), compression=grpc.Compression.Gzip) is Code.RESOURCE_EXHAUSTED


def test_32_exactly_as_large_as_allowed(target: Target) -> None:
    request = good_request()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.name = "x" * (target.max_request - 1000)
    span.name += "x" * (target.max_request - request.ByteSize())
    body = request.SerializeToString()
    with target.counts("received"):
        assert target.export_code(body) is Code.OK
    assert target.export_code(body + b"\x00") is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("size", [20_000, 100_000])
def test_33_metadata(target: Target, size: int) -> None:
    assert target.export_code(b"", metadata=[("x", "y" * size)]) is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("method", ["/x/y", EXPORT + "All"])
def test_34_unknown_methods(target: Target, method: str) -> None:
    assert target.export_code(b"", method=method) is Code.UNIMPLEMENTED


def test_35_no_key_with_a_large_body(start: Start) -> None:
    target = start(auth="required")
    target.forget_peak()
    before = target.peak_rss()
    with target.counts("unauthorized_requests"):
        assert target.export_code(bytes(target.max_request)) is Code.UNAUTHENTICATED
    assert target.peak_rss() < before + 50 * MIB


def test_36_deadline_and_cancellation(target: Target) -> None:
    body = good_request(2).SerializeToString()
    with grpc.insecure_channel(target.grpc) as channel:
        call = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError):
            call(body, timeout=0.0001)
        future = call.future(body)
        future.cancel()
    with target.counts("resent_requests"):
        assert target.export(body) == b""
        assert target.export(body) == b""


def test_37_many_streams_on_one_connection(target: Target) -> None:
    with target.counts("received"), grpc.insecure_channel(target.grpc) as channel:
        call = channel.unary_unary(EXPORT)
        futures = [call.future(good_request().SerializeToString(), timeout=60) for _ in range(1000)]
        for future in futures[::2]:
            future.cancel()
        codes = {future.code() for future in futures[1::2]}
    # Whoever opens and resets streams this fast is told to come again; the fixture shows that others are served.
    assert codes <= {Code.OK, Code.UNAVAILABLE}


@pytest.mark.parametrize(
    "hello", [b"POST / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
)
def test_38_another_protocol(target: Target, hello: bytes) -> None:
    host, _, port = target.grpc.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=40) as connection:
        connection.sendall(hello + bytes(100))
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass


def openssl(directory: Path, *argv: str) -> None:
    subprocess.run(["openssl", *argv], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca, other, and by ca: server, client."""
    directory = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "other"):
        new = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        openssl(directory, "req", "-x509", *new, "-subj", f"/CN={name}", "-days", "2")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        new = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(directory, "req", *new, "-subj", f"/CN={name}")
        by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl(directory, "x509", "-req", "-in", f"{name}.csr", *by, "-out", f"{name}.pem", "-days", "2")
    return directory


def test_38_tls_and_client_certificates(start: Start, certificates: Path) -> None:
    names = {"tls_certificate": "server.pem", "tls_key": "server.key", "tls_client_ca": "ca.pem"}
    target = start(**{setting: certificates / name for setting, name in names.items()})
    assert target.http.startswith("https://")
    body = good_request().SerializeToString()
    ours = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{target.http}/v1/traces", content=body, headers=PROTOBUF, verify=ours)
    ours.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    assert httpx.post(f"{target.http}/v1/traces", content=body, headers=PROTOBUF, verify=ours).status_code == 200
    wrong = ssl.create_default_context(cafile=str(certificates / "other.pem"))
    with pytest.raises(httpx.ConnectError):
        httpx.post(f"{target.http}/v1/traces", content=body, headers=PROTOBUF, verify=wrong)

    def read(name: str) -> bytes:
        return (certificates / name).read_bytes()

    def code(authority: str, *client: str) -> Any:
        credentials = grpc.ssl_channel_credentials(read(authority), *(read(name) for name in client))
        with grpc.secure_channel(target.grpc, credentials) as channel:
            try:
                channel.unary_unary(EXPORT)(good_request().SerializeToString(), timeout=20)
            except grpc.RpcError as error:
                return error.code()
        return Code.OK

    assert code("ca.pem", "client.key", "client.pem") is Code.OK
    assert code("ca.pem") is Code.UNAVAILABLE
    assert code("other.pem", "client.key", "client.pem") is Code.UNAVAILABLE
    (certificates / "server.key").chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        Tls.from_files(certificates / "server.pem", certificates / "server.key", None)


def test_39_a_bug_of_ours(start: Start) -> None:
    target = start("broken")
    with target.counts("deferred_requests"), pytest.raises(grpc.RpcError) as raised:
        target.export(good_request().SerializeToString())
    assert raised.value.code() is Code.UNAVAILABLE
    assert "secret" not in str(raised.value.details())
    retry = RetryInfo.FromString(dict(raised.value.trailing_metadata())["google.rpc.retryinfo-bin"])
    assert 1 <= retry.retry_delay.seconds <= 5
