"""Views that are made from code and may change with every version, unlike tables."""

import hashlib
from collections.abc import Sequence
from itertools import islice

from watchglass_store.client import Store
from watchglass_store.sql import quote_name, split_statements, tokens

_MARK = "watchglass sha256:"


def replace_views(store: Store, views: Sequence[tuple[str, str]]) -> list[str]:
    """Create views, and recreate those whose text is not the one they were made from.

    The text's hash is kept in the view's comment. While a materialized view is being recreated, rows that are
    inserted pass it by: call this before anything writes. Behind a table that was recreated, all that follow are too,
    since they would still read from the old one.

    Args:
        store: Connected as a user who may create views.
        views: Name and whole CREATE statement, in order of creation. Tables may be among them where they keep no
            rows (ENGINE = Null).

    Returns:
        The names that were created or recreated.

    Raises:
        ValueError: A statement creates something that would lose rows when it is dropped.
    """
    for name, statement in views:
        _check(name, statement)
    rows = store.query("SELECT name, comment FROM system.tables WHERE database = currentDatabase()")
    present = {row["name"]: row["comment"] for row in rows}
    replaced: list[str] = []
    all_that_follow = False
    for name, statement in views:
        mark = _MARK + hashlib.sha256(statement.encode()).hexdigest()
        if present.get(name) == mark and not all_that_follow:
            continue
        store.command(f"DROP TABLE IF EXISTS {quote_name(name)} SYNC")
        store.command(f"{split_statements(statement)[0]} COMMENT '{mark}'")
        replaced.append(name)
        all_that_follow = all_that_follow or _kind(statement) == "TABLE"
    return replaced


def _check(name: str, statement: str) -> None:
    if len(split_statements(statement)) != 1:
        raise ValueError(f"view {name}: expected one statement")
    kind = _kind(statement)
    words = [token.text for token in tokens(statement)]
    keeps_nothing = any(words[index : index + 3] == ["ENGINE", "=", "Null"] for index in range(len(words)))
    if kind != "VIEW" and not (kind == "TABLE" and keeps_nothing):
        raise ValueError(f"view {name}: expected CREATE [MATERIALIZED] VIEW, or CREATE TABLE with ENGINE = Null")


def _kind(statement: str) -> str:
    """VIEW or TABLE, for a statement that creates one; else ''."""
    words = [token.keyword for token in islice(tokens(statement), 3)]
    if words[:1] != ["CREATE"]:
        return ""
    return next((word for word in words[1:] if word in ("VIEW", "TABLE")), "")
