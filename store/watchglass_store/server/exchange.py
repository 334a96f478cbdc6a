"""A ClickHouse HTTP request taken apart: who asks, what for, with which settings."""

import base64
import binascii
import hmac
import secrets
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request

from watchglass_store.server import editing
from watchglass_store.server.compression import Decoder
from watchglass_store.server.engine import Scope
from watchglass_store.server.guard import LIMITS, check_database, check_settings
from watchglass_store.server.problems import Problem

TRANSPORT_PARAMETERS = frozenset(
    {
        "query",
        "database",
        "user",
        "password",
        "query_id",
        "quota_key",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "role",
        "default_format",
        "compress",
        "decompress",
        "enable_http_compression",
        "http_zlib_compression_level",
        "buffer_size",
        "wait_end_of_query",
        "client_protocol_version",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
        "stacktrace",
    }
)
"""URL parameters that say how to talk and are not settings of the statement."""
MAX_FORM_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    password: str = field(repr=False)
    readonly: bool
    """Statements are guarded and run with readonly=1."""
    edits: bool = False
    """May insert into the tables of settings besides."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, authenticated."""

    user: User
    values: Mapping[str, str]
    """URL parameters and fields of a multipart form together."""
    query_id: str
    chunks: AsyncIterator[bytes]
    """The body as it was sent."""
    coding: str
    """Content-Encoding of the body."""
    accept_encoding: str

    @property
    def bound(self) -> dict[str, str]:
        """Values of `{name:Type}` in the statement."""
        return {key[6:]: value for key, value in self.values.items() if key.startswith("param_")}

    @property
    def settings(self) -> dict[str, str]:
        """Settings of this statement."""
        return {
            key: value
            for key, value in self.values.items()
            if key not in TRANSPORT_PARAMETERS and not key.startswith("param_")
        }

    def scope(self, database: str) -> Scope:
        """Return what to run in; the database is the one used when the client names none."""
        if self.user.readonly:
            check_database(self.values.get("database", ""))
            check_settings(self.settings)
        timeout = self.values.get("session_timeout", "60")
        if not timeout.isdecimal():
            raise Problem(36, "BAD_ARGUMENTS", "session_timeout must be a whole number of seconds")
        return Scope(
            user=self.user.name,
            database=self.values.get("database") or database,
            settings={} if self.user.readonly else self.settings,
            frozen_settings=LIMITS if self.user.readonly else {},
            session_id=self.values.get("session_id", ""),
            session_timeout_s=float(timeout),
            session_must_exist=self.values.get("session_check") == "1",
        )

    def editing_scope(self, database: str) -> Scope:
        """Return what an editor's insert runs in; the database is the one used when the client names none."""
        check_database(self.values.get("database", ""))
        return Scope(
            user=self.user.name,
            database=self.values.get("database") or database,
            settings=editing.settings(self.settings),
            frozen_settings={},
        )

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the decoded body piece by piece."""
        decoder = Decoder(self.coding)
        empty = True
        async for chunk in self.chunks:
            for piece in decoder.feed(chunk) if chunk else ():
                empty = False
                yield piece
        if not empty:
            decoder.finish()


class Users:
    """Who may log in, and how a request says who it is."""

    def __init__(self, users: Iterable[User]) -> None:
        self._users = {user.name: user for user in users}

    def authenticate(self, request: Request) -> User:
        """Return the user of a request: X-ClickHouse-User and -Key, HTTP Basic, or URL parameters.

        Raises:
            Problem: 516, with the same words for an unknown user and a wrong password.
        """
        name, password = _login(request)
        user = self._users.get(name)
        known = user.password if user else secrets.token_urlsafe()
        if not hmac.compare_digest(known.encode(), password.encode()) or user is None:
            raise Problem(
                516,
                "AUTHENTICATION_FAILED",
                f"{ascii(name[:64])[1:-1]}: Authentication failed: password is incorrect, "
                "or there is no user with such name.",
            )
        return user


def _login(request: Request) -> tuple[str, str]:
    headers, query = request.headers, request.query_params
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name or "default", password
    name = headers.get("x-clickhouse-user") or query.get("user") or "default"
    return name, headers.get("x-clickhouse-key") or query.get("password") or ""


async def receive(request: Request, users: Users) -> Exchange:
    """Authenticate a request and take it apart; the body is only read where it is a multipart form."""
    user = users.authenticate(request)
    values = dict(request.query_params)
    if database := request.headers.get("x-clickhouse-database"):
        values.setdefault("database", database)
    if output_format := request.headers.get("x-clickhouse-format"):
        values.setdefault("default_format", output_format)
    chunks: AsyncIterator[bytes] = request.stream()
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        values |= await _form(request)
        chunks = _nothing()
    return Exchange(
        user=user,
        values=values,
        query_id=values.get("query_id") or str(uuid.uuid4()),
        chunks=chunks,
        coding=request.headers.get("content-encoding", ""),
        accept_encoding=request.headers.get("accept-encoding", ""),
    )


async def _form(request: Request) -> dict[str, str]:
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MAX_FORM_BYTES:
        raise Problem(307, "QUERY_IS_TOO_LARGE", f"A form must say its length, at most {MAX_FORM_BYTES} bytes")
    try:
        form = await request.form(max_files=0, max_part_size=MAX_FORM_BYTES)
    except HTTPException as error:
        raise Problem(36, "BAD_ARGUMENTS", f"The form cannot be read: {error.detail}") from None
    return {key: value for key, value in form.items() if isinstance(value, str)}


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
