"""API keys: who may write, and into which project.

A key is 32 random bytes, so its SHA-256 is all that is kept: there is nothing to guess, and a slow hash would only give
an attacker a way to keep the collector busy.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from watchglass_collector.errors import Refusal, Refused

INGEST: Final = "ingest"
"""The scope that the collector asks for."""
_ADMIN: Final = "admin"
"""The scope of a key whose requests say themselves whose they are: people's feedback, which the dashboard sends."""
_HINT: Final = "send an API key as `Authorization: Bearer wg_…` or `x-api-key: wg_…`"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored."""

    sha256: str
    """Of the secret, hexadecimal."""
    project: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    is_revoked: bool = False


class Guard(Protocol):
    """Decides who may write."""

    def project(self, headers: Mapping[str, str]) -> str:
        """The project of the caller, '' = none is enforced.

        Args:
            headers: of the request, names in lower case. Nothing else of a request can hold a key.

        Raises:
            Refused: the caller may not write.
        """


class Anyone:
    """Everyone who reaches the port may write: for loopback."""

    def project(self, headers: Mapping[str, str]) -> str:
        """No project."""
        return ""


class KeyRing:
    """The keys known now. Thread-safe: they are replaced as a whole.

    Args:
        keys: those to begin with.
        now: the time, for expiry.
    """

    def __init__(self, keys: Iterable[ApiKey] = (), *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._keys: Mapping[str, ApiKey] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Know these keys and no others."""
        self._keys = {key.sha256: key for key in keys}

    def project(self, headers: Mapping[str, str]) -> str:
        """The project of the key in the headers; '' for a key with the scope admin.

        Raises:
            Refused: there is no key, or it is unknown, revoked or expired, or may not write.
        """
        secret = _secret(headers)
        if secret is None:
            raise Refused(Refusal.UNAUTHENTICATED, f"no API key: {_HINT}")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        key = self._keys.get(digest)
        # Looked up by hash, so how long it takes says nothing about any key; compared again all the same.
        if key is None or not hmac.compare_digest(key.sha256, digest) or key.is_revoked:
            raise Refused(Refusal.UNAUTHENTICATED, "the API key is not valid")
        if key.expires_at is not None and key.expires_at <= self._now():
            raise Refused(Refusal.UNAUTHENTICATED, "the API key has expired")
        if INGEST not in key.scopes:
            raise Refused(Refusal.FORBIDDEN, f"the API key may not write: it lacks the scope {INGEST}")
        return "" if _ADMIN in key.scopes else key.project


def _secret(headers: Mapping[str, str]) -> str | None:
    """The key in the headers: bearer, the password of Basic (Langfuse's secret key), or x-api-key."""
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return password or None
    return headers.get("x-api-key", "").strip() or None
