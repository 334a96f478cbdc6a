"""Login with a password: a wall before every route, a form, and a cookie. Streamlit is not asked before one is in.

The wall checks the cookie's signature and end; who that is and what they may do is looked up on every run of a page
(`access`), for a websocket lives longer than an answer.
"""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from watchglass_dashboards import sessions
from watchglass_dashboards.attempts import Attempts
from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.login_page import login_page, logout_page
from watchglass_dashboards.passwords import LONGEST, hash_password, is_password
from watchglass_dashboards.source import Source
from watchglass_store import Store, StoreError, connect
from watchglass_store.queries import dashboard_users

_OPEN: Final = ("/login", "/logout", "/app/static/", "/_stcore/health")
_NEXT: Final = re.compile(r"/[A-Za-z0-9_\-]*(\?[A-Za-z0-9_\-.~%=&+:,]*)?")
_MAX_FORM_BYTES: Final = 4096
_MAX_NAME: Final = 100


class LoginWall:
    """ASGI middleware: whoever has no valid cookie gets the form, and no websocket."""

    def __init__(self, app: ASGIApp, key: bytes) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        path = connection.url.path
        is_open = any(path == way or (way.endswith("/") and path.startswith(way)) for way in _OPEN)
        if is_open or session_of(connection, self._key):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(4401, "log in first")
        elif scope["method"] == "GET" and "text/html" in connection.headers.get("accept", ""):
            query = f"?{connection.url.query}" if connection.url.query else ""
            await RedirectResponse(f"/login?next={quote(path + query, safe='')}", 303)(scope, receive, send)
        else:
            await Response("log in first\n", 401, media_type="text/plain")(scope, receive, send)


def session_of(connection: HTTPConnection, key: bytes) -> sessions.Session | None:
    """The login that a request or websocket comes with."""
    try:
        cookies = SimpleCookie(connection.headers.get("cookie", ""))
    except CookieError:
        return None
    found = cookies.get(sessions.COOKIE)
    return sessions.read(found.value, datetime.now(UTC), key) if found else None


def where_to(asked: str) -> str:
    """The page to open after a login: a path of ours, never another host."""
    return asked if _NEXT.fullmatch(asked) and len(asked) <= 2000 else "/"


def is_same_origin(request: Request) -> bool:
    """Whether a form was sent from a page of ours."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


class Login:
    """The routes of the form."""

    def __init__(self, config: DashboardConfig, source: Source, key: bytes) -> None:
        self._config = config
        self._source = source
        self._key = key
        self._attempts = Attempts()
        self._hashing = CapacityLimiter(2)  # each try takes 32 MiB for a moment
        self._unknown = hash_password(secrets.token_urlsafe(24), secrets.token_bytes(16))
        self._store: Store | None = None

    def routes(self) -> list[Route]:
        """What to add to the application."""
        return [
            Route("/login", self._form, methods=["GET"]),
            Route("/login", self._log_in, methods=["POST"]),
            Route("/logout", self._ask_out, methods=["GET"]),
            Route("/logout", self._log_out, methods=["POST"]),
        ]

    async def _form(self, request: Request) -> Response:
        target = where_to(request.query_params.get("next", "/"))
        if session_of(request, self._key):
            return RedirectResponse(target, 303)
        return HTMLResponse(login_page(target))

    async def _log_in(self, request: Request) -> Response:
        if not is_same_origin(request):
            return HTMLResponse(login_page("/", "The form came from another site."), 403)
        fields = await _fields(request)
        if fields is None:
            return HTMLResponse(login_page("/", "That is too long."), 413)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        target = where_to(fields.get("next", "/"))
        wait_s = self._attempts.wait_s(name, time.monotonic())
        if wait_s > 0:
            text = f"Too many wrong passwords. Try again in {max(1, round(wait_s / 60))} minutes."
            return HTMLResponse(login_page(target, text), 429, {"Retry-After": str(int(wait_s) + 1)})
        try:
            is_right = await to_thread.run_sync(self._is_right, name, password, limiter=self._hashing)
        except StoreError:
            return HTMLResponse(login_page(target, "The store does not answer. Try again in a moment."), 503)
        if not is_right:
            self._attempts.failed(name, time.monotonic())
            return HTMLResponse(login_page(target, "Name or password is wrong."), 401)
        self._attempts.succeeded(name)
        length = timedelta(hours=self._config.auth.session_hours)
        cookie = sessions.issue(secrets.token_hex(16), name, datetime.now(UTC), length, self._key)
        answer = RedirectResponse(target, 303)
        answer.set_cookie(
            sessions.COOKIE,
            cookie,
            max_age=int(length.total_seconds()),
            httponly=True,
            secure=self._config.is_https,
            samesite="lax",
        )
        return answer

    def _is_right(self, name: str, password: str) -> bool:
        """Whether the password is the user's; as slow for a user whom there is not."""
        if not 0 < len(name) <= _MAX_NAME or not 0 < len(password) <= LONGEST:
            return False
        if self._store is None:
            self._store = connect(self._source.store, self._source.data_dir, readonly=True)
        row = dashboard_users.user(self._store, name)
        matches = is_password(password, row["password"] if row else self._unknown)
        return matches and row is not None and not row["disabled"]

    async def _ask_out(self, request: Request) -> Response:
        session = session_of(request, self._key)
        return HTMLResponse(logout_page(session.user)) if session else RedirectResponse("/login", 303)

    async def _log_out(self, request: Request) -> Response:
        session = session_of(request, self._key)
        if not is_same_origin(request):
            return Response("the form came from another site\n", 403, media_type="text/plain")
        if session:
            sessions.end(session)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(sessions.COOKIE)
        return answer


async def _fields(request: Request) -> dict[str, str] | None:
    """A small form's fields; None where it is too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            return None
    parsed = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8, keep_blank_values=True)
    return {name: values[0] for name, values in parsed.items()}
