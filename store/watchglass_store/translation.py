"""The one translator of the driver's errors into the store's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, ProgrammingError

from watchglass_store.errors import StoreError, StoreRejected, StoreUnavailable

RETRYABLE = frozenset(
    {
        "ABORTED", "ALL_CONNECTION_TRIES_FAILED", "ALL_REPLICAS_LOST", "AUTHENTICATION_FAILED",
        "CANNOT_ALLOCATE_MEMORY", "CANNOT_CREATE_FILE", "CANNOT_FSYNC", "CANNOT_OPEN_FILE",
        "CANNOT_READ_FROM_FILE_DESCRIPTOR", "CANNOT_SCHEDULE_TASK", "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
        "KEEPER_EXCEPTION", "MEMORY_LIMIT_EXCEEDED", "NETWORK_ERROR", "NOT_ENOUGH_SPACE",
        "NO_REPLICA_HAS_PART", "QUERY_WAS_CANCELLED", "QUOTA_EXCEEDED", "REQUIRED_PASSWORD",
        "SERVER_OVERLOADED", "SESSION_IS_LOCKED", "SHARD_HAS_NO_CONNECTIONS", "SOCKET_TIMEOUT", "STD_EXCEPTION",
        "TABLE_IS_READ_ONLY", "TIMEOUT_EXCEEDED", "TOO_FEW_LIVE_REPLICAS", "TOO_MANY_PARTS",
        "TOO_MANY_SIMULTANEOUS_QUERIES", "TOO_SLOW", "UNKNOWN_STATUS_OF_INSERT",
        "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", "WRONG_PASSWORD",
    }
)  # fmt: skip
"""ClickHouse errors that say nothing against the statement or its rows."""

EXPLAINED = frozenset(
    {
        "AMBIGUOUS_IDENTIFIER", "DATABASE_ALREADY_EXISTS", "ILLEGAL_AGGREGATION", "ILLEGAL_TYPE_OF_ARGUMENT",
        "MEMORY_LIMIT_EXCEEDED", "NOT_AN_AGGREGATE", "NO_SUCH_COLUMN_IN_TABLE",
        "NUMBER_OF_ARGUMENTS_DOESNT_MATCH", "READONLY", "TABLE_ALREADY_EXISTS", "TIMEOUT_EXCEEDED",
        "TOO_MANY_ROWS_OR_BYTES", "TYPE_MISMATCH", "UNKNOWN_DATABASE", "UNKNOWN_FUNCTION",
        "UNKNOWN_IDENTIFIER", "UNKNOWN_QUERY_PARAMETER", "UNKNOWN_SETTING", "UNKNOWN_TABLE",
    }
)  # fmt: skip
"""Errors whose text is about names, types and limits. Others quote rows and literals: not passed on."""

_EXCEPTION = re.compile(r"DB::Exception:\s*(.*?)(?::? In scope\b|: While |\(version |$)", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'")
TOO_HEAVY = frozenset({"MEMORY_LIMIT_EXCEEDED", "TIMEOUT_EXCEEDED", "TOO_SLOW"})
"""Retryable for an insert; a question that is too heavy will be too heavy again."""
MAX_DETAIL = 300
BAD_ARGUMENTS = 36
TYPE_MISMATCH = 53


@contextmanager
def translated(
    where: str, *, reading: bool = False, refused_by_driver: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Raise the driver's errors as the store's.

    The messages hold no row, literal, bound value, statement or password.

    Args:
        where: The server, as a reader of the message should see it.
        reading: Whether it is a question; limits then reject it for good.
        refused_by_driver: What the driver raises, besides its own errors, for values that it cannot send.
    """
    unfit: tuple[type[Exception], ...] = (DataError, *refused_by_driver)
    try:
        yield
    except unfit as error:
        message = f"{where}: a value does not fit its column ({type(error).__name__})"
        raise StoreRejected(message, code=TYPE_MISMATCH, name="TYPE_MISMATCH") from None
    except (ClickHouseError, urllib3.exceptions.HTTPError, OSError) as error:
        raise _translate(error, where, reading=reading) from None


def _translate(error: Exception, where: str, *, reading: bool) -> StoreError:
    code, name = getattr(error, "code", None), getattr(error, "name", None)
    if isinstance(error, ProgrammingError) and code is None:  # raised before anything was sent, about names only
        return StoreRejected(f"{where}: {str(error)[:MAX_DETAIL]}", code=BAD_ARGUMENTS, name="BAD_ARGUMENTS")
    if code is None:
        return StoreUnavailable(f"{where} does not answer ({type(error).__name__})")
    name = name or "UNKNOWN"
    detail = _detail(str(error), name) if name in EXPLAINED else ""
    message = f"{where} refused: {name} (code {code}){detail}"
    if name in RETRYABLE and not (reading and name in TOO_HEAVY):
        return StoreUnavailable(message)
    return StoreRejected(message, code=code, name=name)


def _detail(text: str, name: str) -> str:
    """What the engine says about names, without literals and without the statement."""
    found = _EXCEPTION.search(text)
    words = found[1].replace(f"({name})", "").strip() if found else ""
    return ": " + _LITERAL.sub("'…'", words)[:MAX_DETAIL] if words else ""
