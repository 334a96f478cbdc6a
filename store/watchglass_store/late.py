"""A store that need not be there yet."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from watchglass_store.client import Store
from watchglass_store.server.local import Data

if TYPE_CHECKING:
    import pandas as pd


class LateStore(Store):
    """A store that is opened when it is first needed, by whoever needs it; every method does what Store's does.

    While it cannot be opened every call raises what opening raises, StoreUnavailable as a rule, and the next call tries
    again.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        """Remember how to open it.

        Args:
            open_store: connects, and makes the store ready for its users (tables, views).
        """
        self._open_store = open_store
        self._opening = threading.Lock()
        self._opened: Store | None = None

    def open(self) -> Store:
        """Open it, if that was not done yet.

        Raises:
            StoreError: it cannot be opened now.
        """
        with self._opening:
            if self._opened is None:
                self._opened = self._open_store()
            return self._opened

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows as dictionaries, in order."""
        return self.open().query(sql, parameters, settings=settings)

    def query_df(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> "pd.DataFrame":
        """Return a frame."""
        return self.open().query_df(sql, parameters, settings=settings)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]], *, deduplication_token: str = "") -> None:
        """Insert rows."""
        self.open().insert(table, rows, deduplication_token=deduplication_token)

    def raw_insert(self, table: str, data: Data, *, fmt: str, settings: Mapping[str, str] | None = None) -> None:
        """Insert bytes that ClickHouse decodes itself."""
        self.open().raw_insert(table, data, fmt=fmt, settings=settings)

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows."""
        self.open().command(sql, parameters)

    def close(self) -> None:
        """Close the connections, where there are any; may be called twice."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
