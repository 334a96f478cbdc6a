"""Finding out which requests the store cannot decode, without storing anything."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from watchglass_collector.inbox import Inbox
from watchglass_collector.spool import Record
from watchglass_store import Store, StoreRejected


class Trial:
    """A copy of an inbox and of the view behind it that keeps nothing; it exists while the context is open."""

    def __init__(self, store: Store, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox
        self._table = f"{inbox.table}_trial"
        self._view = f"{inbox.view[0]}_trial"
        self._rows = f"{inbox.rows}_trial"

    def __enter__(self) -> Self:
        self._drop()
        inbox = self._inbox
        self._store.command(f"CREATE TABLE {self._rows} AS {inbox.rows} ENGINE = Null")
        self._store.command(inbox.ddl.replace(inbox.table, self._table, 1))
        view = inbox.view[1].replace(inbox.view[0], self._view, 1).replace(f"TO {inbox.rows}", f"TO {self._rows}", 1)
        self._store.command(view.replace(f"FROM {inbox.table}", f"FROM {self._table}"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._drop()

    def _drop(self) -> None:
        for name in (self._view, self._table, self._rows):
            self._store.command(f"DROP TABLE IF EXISTS {name} SYNC")

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
        try:
            self._store.raw_insert(self._table, data, fmt="ProtobufSingle", settings=self._inbox.settings())
        except StoreRejected:
            return False
        return True
