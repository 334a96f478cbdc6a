"""API keys: the table `api_keys`. A secret is shown once, when it is made; only its SHA-256 is kept."""

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from watchglass_store.client import Store
from watchglass_store.queries.alerting import add_audit

SCOPES: Final = ("ingest", "query", "admin")
_PREFIX: Final = "wg_"
_SHOWN_CHARACTERS: Final = 8
_COLUMNS: Final = "id, version, project, name, scopes, prefix, sha256, created_at, expires_at, revoked, author"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    id: str
    secret: str
    """`wg_` and 43 characters: 256 random bits. It cannot be had again."""


def keys(store: Store) -> list[dict[str, Any]]:
    """The latest version of every key, revoked and expired ones too, by project and age."""
    return store.query(
        f"SELECT {_COLUMNS} FROM (SELECT * FROM api_keys ORDER BY id, version DESC LIMIT 1 BY id) "
        "ORDER BY project, created_at, id"
    )


def create_key(
    store: Store,
    *,
    project: str,
    scopes: Collection[str],
    name: str,
    author: str,
    now: datetime,
    expires_at: datetime | None = None,
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
) -> NewKey:
    """Make a key.

    Args:
        store: where to.
        project: whose rows it writes and reads; not empty.
        scopes: of `SCOPES`, at least one.
        name: what it is for.
        author: who makes it.
        now: the time.
        expires_at: from when on it is refused; None = never.
        token: makes the random part.

    Raises:
        ValueError: no project, or a scope that does not exist; the message says which do.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ValueError(f"scopes {unknown or '(none)'}: choose from {', '.join(SCOPES)}")
    if not project:
        raise ValueError("a key belongs to a project: its name must not be empty")
    secret = _PREFIX + token()
    sha256 = hashlib.sha256(secret.encode()).hexdigest()
    key_id = f"key_{sha256[:12]}"
    row = {
        "id": key_id,
        "version": now,
        "project": project,
        "name": name,
        "scopes": [scope for scope in SCOPES if scope in scopes],
        "prefix": secret[: len(_PREFIX) + _SHOWN_CHARACTERS],
        "sha256": sha256,
        "created_at": now,
        "expires_at": expires_at,
        "revoked": 0,
        "author": author,
    }
    store.insert("api_keys", [row])
    _audit(store, "create key", key_id, f"{project}: {', '.join(sorted(scopes))}", author, now)
    return NewKey(key_id, secret)


def rotate_key(store: Store, key_id: str, *, grace: timedelta, author: str, now: datetime) -> NewKey:
    """Make a key with the project, scopes and name of another, which expires when the grace is over.

    Raises:
        LookupError: there is no such key, or it is revoked.
    """
    old = _living(store, key_id)
    new = create_key(store, project=old["project"], scopes=old["scopes"], name=old["name"], author=author, now=now)
    ends_at = min(now + grace, old["expires_at"] or now + grace)
    store.insert("api_keys", [{**old, "version": now, "expires_at": ends_at, "author": author}])
    _audit(store, "rotate key", key_id, f"{new.id}; ends {ends_at:%Y-%m-%d %H:%M} UTC", author, now)
    return new


def revoke_key(store: Store, key_id: str, *, author: str, now: datetime) -> None:
    """Refuse a key from now on, for good. Collectors hear of it within seconds.

    Raises:
        LookupError: there is no such key, or it is revoked already.
    """
    store.insert("api_keys", [{**_living(store, key_id), "version": now, "revoked": 1, "author": author}])
    _audit(store, "revoke key", key_id, "", author, now)


def _audit(store: Store, action: str, key_id: str, after: str, author: str, now: datetime) -> None:
    add_audit(store, time=now, actor=author, action=action, target=key_id, before="", after=after)


def _living(store: Store, key_id: str) -> dict[str, Any]:
    for row in keys(store):
        if row["id"] == key_id:
            if row["revoked"]:
                raise LookupError(f"key {key_id} is revoked")
            return row
    raise LookupError(f"there is no key {key_id}")
