"""One OTLP request over HTTP, and what its answer means."""

from __future__ import annotations

import email.utils
import encodings.idna  # noqa: F401  # sockets import it late: a fork meanwhile would leave the child its import lock
import gzip
import http.client
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Literal

from watchglass._internal.guard import LOGGER
from watchglass._internal.settings import Settings

RETRYABLE = frozenset({429, 502, 503, 504})
"""The answers that OTLP calls temporary; a lost connection is temporary as well."""

MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request."""

    outcome: Literal["sent", "retry", "refused"]
    reason: str = ""
    """Why it was not sent; never holds a header or captured text."""
    retry_after_s: float | None = None
    """Seconds the server asked to wait."""
    answer: bytes = b""
    """Body of a successful answer."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST loses its body: treat it as the refusal that it is."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Sender:
    """Posts protobuf bodies to one path of the collector."""

    def __init__(self, settings: Settings, path: str) -> None:
        self.url = settings.endpoint + path
        self._gzip = settings.compression == "gzip"
        self._timeout_s = settings.timeout_s
        self._headers = {"User-Agent": "watchglass", **settings.headers, "Content-Type": "application/x-protobuf"}
        if self._gzip:
            self._headers["Content-Encoding"] = "gzip"
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self.url.startswith("https"):
            handlers.append(urllib.request.HTTPSHandler(context=_tls(settings)))
        self._opener = urllib.request.build_opener(*handlers)

    def post(self, body: bytes, timeout_s: float | None = None) -> Verdict:
        """Send one body; blocks for the timeout at most. Never raises."""
        data = gzip.compress(body, compresslevel=6) if self._gzip else body
        try:
            request = urllib.request.Request(self.url, data, self._headers, method="POST")
            with self._opener.open(request, timeout=min(self._timeout_s, timeout_s or self._timeout_s)) as response:
                return Verdict("sent", answer=response.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                status = f"HTTP {error.code}"
                if error.code not in RETRYABLE:
                    return Verdict("refused", status)
                return Verdict("retry", status, retry_after_s(error.headers.get("Retry-After"), time.time()))
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            return Verdict("retry", type(cause).__name__ if isinstance(cause, Exception) else "URLError")
        except Exception as error:
            return Verdict("refused", type(error).__name__)


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date; None when it says nothing usable."""
    text = (header or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except (TypeError, ValueError):
        return None


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if settings.certificate:
            context = ssl.create_default_context(cafile=settings.certificate)
        if settings.client_certificate:
            context.load_cert_chain(settings.client_certificate, settings.client_key or None)
    except (OSError, ssl.SSLError) as error:
        LOGGER.warning("watchglass cannot use its TLS certificate settings: %s", type(error).__name__)
    return context
