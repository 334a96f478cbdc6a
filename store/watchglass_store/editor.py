"""A connection that adds to the tables of settings and does nothing else: what pages write through."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from watchglass_store.address import Address
from watchglass_store.client import Store, embedded_address
from watchglass_store.config import StoreConfig
from watchglass_store.errors import StoreRejected
from watchglass_store.server.credentials import EDITOR, load_credentials
from watchglass_store.server.editing import TABLES
from watchglass_store.server.local import Data


class Editor(Store):
    """A store whose only writes are rows of the tables of settings.

    The embedded server enforces that (`server/editing.py`). With a ClickHouse server its grants do; this class is then
    the second wall, for a user who has more rights than the documented ones.
    """

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]], *, deduplication_token: str = "") -> None:
        """Add rows to a table of settings.

        Raises:
            StoreRejected: It is another table.
        """
        if table not in TABLES:
            _refuse(f"The editor may not write to {table!r}")
        super().insert(table, rows, deduplication_token=deduplication_token)

    def raw_insert(self, table: str, data: Data, *, fmt: str, settings: Mapping[str, str] | None = None) -> NoReturn:
        """Refused."""
        _refuse(f"The editor may not write bytes to {table!r}")

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> NoReturn:
        """Refused."""
        _refuse("The editor runs no commands")


def connect_editor(config: StoreConfig, data_dir: Path) -> Editor:
    """Connect as the editor: the embedded store's user of that name, or the user of the settings' URL.

    Args:
        config: The section [store].
        data_dir: Where the embedded store keeps its passwords; not looked at when there is a URL.

    Raises:
        StoreUnavailable: Nobody answers, or the user is not let in.
    """
    if config.url:
        return Editor(Address.parse(config.url))
    return Editor(replace(embedded_address(config), username=EDITOR, password=load_credentials(data_dir).editor))


def _refuse(message: str) -> NoReturn:
    raise StoreRejected(message, code=164, name="READONLY")
