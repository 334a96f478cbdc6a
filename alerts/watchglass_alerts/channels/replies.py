"""What an HTTP receiver's reply means: one table for every channel that posts."""

from __future__ import annotations

import re
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import orjson

from watchglass_alerts.channels.base import Delivered, Failed, Retry, SendResult
from watchglass_alerts.http import Reply
from watchglass_alerts.text import clean

_CODE = re.compile(r"[a-z]{1,30}(_[a-z]{1,30}){0,5}")
RETRYABLE = {408, 425, 429}
"""Besides every 5xx."""
MAX_RETRY_AFTER_S = 3600.0


def classify(receiver: str, reply: Reply) -> SendResult:
    """Delivered for 2xx, Retry for 408, 425, 429 and 5xx, Failed for the rest; redirects are not followed."""
    if 200 <= reply.status < 300:
        return Delivered()
    if reply.status in RETRYABLE or reply.status >= 500:
        return Retry(retry_after(reply), f"{receiver} answered {reply.status}")
    if 300 <= reply.status < 400:
        return Failed(f"{receiver} answered {reply.status}; redirects are not followed")
    return Failed(f"{receiver} answered {reply.status}{error_code(reply)}")


def error_code(reply: Reply) -> str:
    """': invalid_payload' where the body is one such word; '' for other text, which may repeat our own URL."""
    text = reply.body.strip()[:200].decode(errors="replace")
    return f": {text}" if is_code(text) else ""


def is_code(text: str) -> bool:
    """Whether a receiver's text is one plain word such as `channel_not_found`, which can be told to people."""
    return bool(_CODE.fullmatch(text))


def reply_object(reply: Reply) -> dict[str, Any]:
    """The JSON object in a reply's body, {} where there is none."""
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def retry_after(reply: Reply) -> float | None:
    """The seconds that a reply asks for, None where it does not."""
    return parse_retry_after(reply.retry_after, datetime.now(UTC))


def parse_retry_after(header: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, at most an hour; None where it says nothing usable."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        return None
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def explain_failure(error: OSError | HTTPException) -> str:
    """What went wrong on the way, without the error's own text, which may hold a URL."""
    if isinstance(error, TimeoutError):
        return "no complete reply in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS certificate is not valid: {clean(error.verify_message, 100)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {clean(error.reason or 'no reason given', 100)}"
    if isinstance(error, socket.gaierror):
        return "host name does not resolve"
    if isinstance(error, HTTPException):
        return f"the reply is not HTTP ({type(error).__name__})"
    return f"connection failed: {clean(error.strerror or str(error) or type(error).__name__, 100)}"
