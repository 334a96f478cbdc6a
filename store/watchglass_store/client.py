"""The one way to the data: a thin client over ClickHouse's HTTP interface, the same for both modes."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.common import set_setting
from clickhouse_connect.driver.httputil import all_managers, get_pool_manager

from watchglass_store import cluster as clusters
from watchglass_store.address import Address
from watchglass_store.config import StoreConfig
from watchglass_store.errors import StoreRejected
from watchglass_store.server.credentials import ADMINISTRATOR, READONLY, load_credentials
from watchglass_store.server.local import Data, local_engine
from watchglass_store.sql import quote_name
from watchglass_store.translation import translated

if TYPE_CHECKING:
    import pandas as pd

set_setting("dict_parameter_format", "map")  # the default, JSON, is not how ClickHouse reads a bound Map
_PLACEHOLDER = re.compile(r"\{\s*\w+\s*:")
_UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, struct.error)
"""What the driver raises for a value that does not fit its column."""
CONNECTIONS = 32
CONNECT_TIMEOUT_S = 5
TIMEOUT_S = 300
LOOPBACK = ("127.0.0.1", "::1", "localhost")

READ_LIMITS: Mapping[str, str] = {
    "max_execution_time": "30",
    "max_memory_usage": str(2 << 30),
    "max_result_rows": "5000000",
    "max_result_bytes": str(1 << 30),
    "do_not_merge_across_partitions_select_final": "1",
}
"""What a read-only client of a ClickHouse server asks for itself; the embedded server has limits of its own."""

WRITE_SETTINGS: Mapping[str, str] = {
    "async_insert": "0",
    "insert_deduplicate": "1",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
}
"""An insert is answered when it is stored, and a token that was seen before is dropped in every table it reaches."""


class Store:
    """Queries and inserts. Thread-safe; every method raises StoreUnavailable or StoreRejected and nothing else.

    Values are always bound by the server: `store.query("SELECT {name:String}", {"name": value})`. Datetimes go in and
    come out aware, in UTC.
    """

    def __init__(
        self, address: Address, *, readonly_settings: bool = False, data_dir: Path | None = None, cluster: str = ""
    ) -> None:
        """Connect to an address.

        Args:
            address: Server, user and database.
            readonly_settings: Ask for readonly=1 and limits on top of what the user may do.
            data_dir: What the address serves. Where this process is its owner, bytes are inserted there directly.
            cluster: What is defined is defined on this cluster, and inserts wait for its replicas; '' = one server.
        """
        self.database = address.database
        self._port = address.port
        self._data_dir = data_dir
        self._cluster = clusters.cluster(cluster, address.database) if cluster else None
        self._types: dict[str, dict[str, Any]] = {}
        self._write_settings = {**WRITE_SETTINGS, **(clusters.WRITE_SETTINGS if cluster else {})}
        self._pool = get_pool_manager(maxsize=CONNECTIONS, verify=address.verify)
        try:
            with translated(str(address)):
                self._client = clickhouse_connect.get_client(
                    host=address.host,
                    port=address.port,
                    username=address.username,
                    password=address.password,
                    database=address.database,
                    interface="https" if address.secure else "http",
                    verify=address.verify,
                    compress=address.host not in LOOPBACK,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    send_receive_timeout=TIMEOUT_S,
                    autogenerate_session_id=False,
                    tz_mode="aware",
                    pool_mgr=self._pool,
                )
        except BaseException:
            self._close_pool()
            raise
        self._where = str(address)
        if readonly_settings and self._client.server_settings["readonly"].value == "0":
            for name, value in {**READ_LIMITS, "readonly": "1"}.items():
                self._client.set_client_setting(name, value)

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows as dictionaries, in order."""
        with translated(self._where, reading=True):
            result = self._client.query(sql, parameters=_bound(sql, parameters), settings=self._settable(settings))
        names = result.column_names
        return [dict(zip(names, row, strict=True)) for row in result.result_rows]

    def query_columns(
        self, sql: str, names: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> dict[str, Sequence[Any]]:
        """Return columns, each with a value for each row: of tens of thousands of rows, dictionaries cost most.

        Args:
            sql: The query.
            names: Of its columns, in order: an answer without rows does not say them.
            parameters: What is bound.
        """
        with translated(self._where, reading=True):
            columns = self._client.query(sql, parameters=_bound(sql, parameters)).result_columns
        return dict(zip(names, columns or [[] for _ in names], strict=True))

    def query_df(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> "pd.DataFrame":
        """Return a frame: integers as int64 (Int64 where NULL), times as datetime64[UTC]; empty ones have columns."""
        from watchglass_store.frames import one_row_of, with_signed_integers

        with translated(self._where, reading=True):
            frame = self._client.query_df(sql, parameters=_bound(sql, parameters), settings=_settings(settings))
            if not len(frame.columns):
                probe = f"SELECT * FROM ({sql}) LIMIT 0"
                result = self._client.query(probe, parameters=_bound(sql, parameters), settings=_settings(settings))
                types = [column_type.name for column_type in result.column_types]
                frame = self._client.query_df(one_row_of(result.column_names, types)).iloc[:0]
        return with_signed_integers(frame)

    def _settable(self, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Limits of one query, without those that this user may not set because the server sets its own."""
        return {name: value for name, value in (settings or {}).items() if self._may_set(name)} or None

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]], *, deduplication_token: str = "") -> None:
        """Insert rows, in one block as far as possible.

        Args:
            table: A table of this database.
            rows: All with the keys of the first, which are the columns; other columns take their defaults.
            deduplication_token: Where given, an insert with a token seen before changes nothing.

        Raises:
            ValueError: The rows have not all the same keys.
        """
        if not rows:
            return
        columns = list(rows[0])
        if any(row.keys() != rows[0].keys() for row in rows):
            raise ValueError(f"rows for {table} must all have the columns {', '.join(columns)}")
        settings = {name: value for name, value in self._write_settings.items() if self._may_set(name)}
        if deduplication_token:
            settings["insert_deduplication_token"] = deduplication_token
        with translated(self._where, refused_by_driver=_UNFIT):
            try:
                self._client.insert(
                    table,
                    [[row[column] for column in columns] for row in rows],
                    column_names=columns,
                    column_types=self._types_of(table, columns),
                    settings=settings,
                )
            except BaseException:
                self._types.pop(table, None)
                raise

    def _types_of(self, table: str, columns: Sequence[str]) -> list[Any]:
        """The columns' types, asked for once: the driver by itself would ask before each insert.

        Where a migration changes a type meanwhile, the server converts.
        """
        known = self._types.get(table, {})
        if not known.keys() >= set(columns):
            found = self._client.create_insert_context(table, columns).column_types
            known = self._types[table] = {**known, **dict(zip(columns, found, strict=True))}
        return [known[column] for column in columns]

    def _may_set(self, name: str) -> bool:
        """False for the editor of the embedded server, which sets what an insert needs by itself."""
        return not self._client.server_settings[name].readonly

    def raw_insert(self, table: str, data: Data, *, fmt: str, settings: Mapping[str, str] | None = None) -> None:
        """Insert bytes that ClickHouse decodes itself, for example fmt="JSONEachRow" or fmt="ProtobufSingle".

        Args:
            table: a table of this database.
            data: in one piece or in several that follow each other; large ones are then not copied together.
            fmt: ClickHouse's name of the format.
            settings: of this insert.
        """
        all_settings = {**self._write_settings, **(settings or {})}
        local = local_engine(self._data_dir, self._port) if self._data_dir else None
        with translated(self._where):
            if local is not None:
                local.insert(table, data, fmt=fmt, settings=all_settings)
            else:
                block = data if isinstance(data, bytes) else b"".join(data)
                self._client.raw_insert(quote_name(table), insert_block=block, fmt=fmt, settings=all_settings)

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows."""
        for statement in self._cluster.rendered(sql) if self._cluster else [sql]:
            with translated(self._where):
                self._client.command(statement, parameters=_bound(statement, parameters))

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._client.close()
        self._close_pool()

    def _close_pool(self) -> None:
        self._pool.clear()
        all_managers.pop(self._pool, None)


def connect(config: StoreConfig, data_dir: Path, *, readonly: bool = False) -> Store:
    """Connect to the ClickHouse server of the settings, or to the owner of the data directory.

    Args:
        config: The section [store].
        data_dir: Where the embedded store keeps its passwords; not looked at when there is a URL.
        readonly: As the read-only user (embedded), or with readonly=1 and limits (server).

    Raises:
        StoreUnavailable: Nobody answers, or the user is not let in.
    """
    if config.url:
        return _server(Address.parse(config.url), readonly=readonly, cluster=config.cluster)
    credentials = load_credentials(data_dir)
    name, password = (READONLY, credentials.readonly) if readonly else (ADMINISTRATOR, credentials.administrator)
    address = replace(embedded_address(config), username=name, password=password)
    return Store(address, data_dir=None if readonly else data_dir)


def embedded_address(config: StoreConfig) -> Address:
    """Where the embedded store listens, as nobody in particular."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    return Address(host=host, port=config.port, username="", password="")


def _server(address: Address, *, readonly: bool, cluster: str) -> Store:
    """Connect to a server, making the database where there is none yet."""
    try:
        return Store(address, readonly_settings=readonly, cluster=cluster)
    except StoreRejected as error:
        if readonly or error.name != "UNKNOWN_DATABASE":
            raise
    anywhere = Store(replace(address, database="default"))
    try:
        place = f" ON CLUSTER {quote_name(cluster)}" if cluster else ""
        anywhere.command(f"CREATE DATABASE IF NOT EXISTS {quote_name(address.database)}{place}")
    finally:
        anywhere.close()
    return Store(address, cluster=cluster)


def _bound(sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Parameters as the driver takes them.

    A tuple would be bound as a Tuple, so it becomes a list. Without a placeholder nothing is passed on: the driver
    would then format values into the text itself.
    """
    if not parameters or not _PLACEHOLDER.search(sql):
        return None
    return {
        name: list(value) if isinstance(value, (tuple, set, frozenset)) else value for name, value in parameters.items()
    }


def _settings(settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return dict(settings) if settings else None
