"""How the two failures are said on the wire: google.rpc.Status, with RetryInfo where the client shall try again."""

from typing import Final, cast

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # googleapis publishes no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from watchglass_collector.errors import Refusal, Refused, TryAgain

_GRPC: Final = {
    Refusal.MALFORMED: grpc.StatusCode.INVALID_ARGUMENT,
    Refusal.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Refusal.UNSUPPORTED: grpc.StatusCode.INVALID_ARGUMENT,
    Refusal.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Refusal.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
}


def grpc_code(error: Refused | TryAgain) -> grpc.StatusCode:
    """UNAVAILABLE is the one code that every exporter retries."""
    return grpc.StatusCode.UNAVAILABLE if isinstance(error, TryAgain) else _GRPC[error.refusal]


def retry_info(error: TryAgain) -> bytes:
    """A serialized google.rpc.RetryInfo."""
    return bytes(RetryInfo(retry_delay=Duration(seconds=error.retry_after_s)).SerializeToString())


def status(error: Refused | TryAgain) -> Message:
    """A google.rpc.Status."""
    message = Status(code=grpc_code(error).value[0], message=str(error))
    if isinstance(error, TryAgain):
        detail = Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=retry_info(error))
        message.details.append(detail)
    return cast(Message, message)


def failure_counter(error: Refused | TryAgain) -> str:
    """The name under which a failure is counted."""
    if isinstance(error, TryAgain):
        return "deferred_requests"
    is_about_keys = error.refusal in {Refusal.UNAUTHENTICATED, Refusal.FORBIDDEN}
    return "unauthorized_requests" if is_about_keys else "refused_requests"
