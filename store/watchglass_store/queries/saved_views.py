"""Saved views of lists: the table `saved_views`."""

from datetime import datetime
from typing import Any

from watchglass_store.client import Store


def saved_views(store: Store, page: str, *, limit: int = 200) -> list[dict[str, Any]]:
    """The views of a page: id, page, name, query, author; by name."""
    return store.query(
        """
        SELECT id, page, name, query, author FROM (SELECT * FROM saved_views ORDER BY id, version DESC LIMIT 1 BY id)
        WHERE page = {page:String} AND deleted = 0 ORDER BY lower(name), id LIMIT {limit:UInt32}
        """,
        {"page": page, "limit": limit},
    )


def add_view_version(
    store: Store, *, id: str, page: str, name: str, query: str, author: str, now: datetime, deleted: bool = False
) -> None:
    """Add a version of a view; the latest wins.

    Args:
        store: where to.
        id: of the view.
        page: where it leads.
        name: what people call it.
        query: the query part of the address.
        author: who made it.
        now: the time.
        deleted: it is gone.
    """
    row = {"id": id, "version": now, "page": page, "name": name, "query": query, "deleted": int(deleted)}
    store.insert("saved_views", [{**row, "author": author}])
