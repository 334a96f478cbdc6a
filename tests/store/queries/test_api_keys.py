import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from watchglass_store import Store
from watchglass_store.queries.api_keys import NewKey, create_key, keys, revoke_key, rotate_key

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def made(store: Store, *, now: datetime = NOW) -> NewKey:
    return create_key(store, project="shop", scopes=["query", "ingest"], name="backend", author="ada", now=now)


def test_a_key_is_shown_once_and_kept_as_a_hash(store: Store) -> None:
    key = made(store)
    assert key.secret.startswith("wg_")
    assert len(key.secret) == 46
    (row,) = keys(store)
    assert row["sha256"] == hashlib.sha256(key.secret.encode()).hexdigest()
    assert (row["id"], row["project"], row["scopes"], row["revoked"]) == (key.id, "shop", ["ingest", "query"], 0)
    assert row["expires_at"] is None
    assert key.secret.startswith(row["prefix"])
    assert len(row["prefix"]) == 11
    assert key.secret not in str(row)


def test_two_keys_differ(store: Store) -> None:
    assert made(store).secret != made(store).secret
    assert len(keys(store)) == 2


def test_rotation_leaves_the_old_key_a_grace(store: Store) -> None:
    old = made(store)
    new = rotate_key(store, old.id, grace=timedelta(hours=1), author="bob", now=NOW + timedelta(days=1))
    by_id = {row["id"]: row for row in keys(store)}
    assert by_id[old.id]["expires_at"] == NOW + timedelta(days=1, hours=1)
    assert by_id[new.id]["expires_at"] is None
    assert (by_id[new.id]["project"], by_id[new.id]["scopes"]) == ("shop", ["ingest", "query"])


def test_revoked_is_for_good(store: Store) -> None:
    key = made(store)
    revoke_key(store, key.id, author="bob", now=NOW + timedelta(seconds=1))
    (row,) = keys(store)
    assert (row["revoked"], row["author"]) == (1, "bob")
    with pytest.raises(LookupError, match="revoked"):
        rotate_key(store, key.id, grace=timedelta(), author="bob", now=NOW + timedelta(seconds=2))


def test_mistakes_are_named(store: Store) -> None:
    with pytest.raises(ValueError, match=r"write.*ingest, query, admin"):
        create_key(store, project="shop", scopes=["write"], name="", author="", now=NOW)
    with pytest.raises(ValueError, match="none"):
        create_key(store, project="shop", scopes=[], name="", author="", now=NOW)
    with pytest.raises(ValueError, match="project"):
        create_key(store, project="", scopes=["ingest"], name="", author="", now=NOW)
    with pytest.raises(LookupError, match="key_x"):
        revoke_key(store, "key_x", author="", now=NOW)


def test_every_change_is_in_the_audit_log(store: Store) -> None:
    key = made(store)
    new = rotate_key(store, key.id, grace=timedelta(hours=1), author="bob", now=NOW + timedelta(seconds=1))
    revoke_key(store, new.id, author="eve", now=NOW + timedelta(seconds=2))
    rows = store.query("SELECT actor, action, object FROM audit_log ORDER BY time, action")
    found = [(row["actor"], row["action"], row["object"]) for row in rows]
    assert [row[1:] for row in found] == [
        ("create key", key.id), ("create key", new.id), ("rotate key", key.id), ("revoke key", new.id),
    ]  # fmt: skip
    assert [row[0] for row in found[1:]] == ["bob", "bob", "eve"]
    assert not store.query("SELECT 1 FROM audit_log WHERE position(concat(before, after), 'wg_') > 0")
