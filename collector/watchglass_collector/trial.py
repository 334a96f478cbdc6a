"""Finding out which requests the store cannot decode, without storing anything."""

import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from watchglass_collector.inbox import Inbox, keep
from watchglass_collector.spool import Record
from watchglass_store import Store, StoreRejected


class Trial:
    """A copy of an inbox and of the views behind it that keeps nothing; it exists while the context is open."""

    def __init__(self, store: Store, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox
        self._views = inbox.views(keep)
        # Another collector of the same store may be trying something too.
        self._suffix = f"_trial_{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        self._drop()
        table = self._inbox.table
        self._store.command(self._inbox.ddl.replace(table, self._copy(table), 1))
        for view in self._views:
            self._store.command(f"CREATE TABLE {self._copy(view.rows)} AS {view.rows} ENGINE = Null")
            statement = view.statement.replace(view.name, self._copy(view.name), 1)
            statement = statement.replace(f"TO {view.rows}", f"TO {self._copy(view.rows)}", 1)
            self._store.command(statement.replace(f"FROM {table}", f"FROM {self._copy(table)}"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._drop()

    def _drop(self) -> None:
        names = [view.name for view in self._views] + [self._inbox.table] + [view.rows for view in self._views]
        for name in names:
            self._store.command(f"DROP TABLE IF EXISTS {self._copy(name)} SYNC")

    def refused(self, records: Sequence[Record]) -> list[Record]:
        """Those that cannot be decoded, found by halving.

        Raises:
            StoreUnavailable: the store went away meanwhile.
        """
        if not records or self._takes(records):
            return []
        if len(records) == 1:
            return list(records)
        middle = len(records) // 2
        return self.refused(records[:middle]) + self.refused(records[middle:])

    def _takes(self, records: Sequence[Record]) -> bool:
        data = b"".join(record.payload for record in records)
        table, settings = self._copy(self._inbox.table), self._inbox.settings()
        try:
            self._store.raw_insert(table, data, fmt="ProtobufSingle", settings=settings)
        except StoreRejected:
            return False
        return True

    def _copy(self, name: str) -> str:
        return f"{name}{self._suffix}"
