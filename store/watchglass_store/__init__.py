"""ClickHouse for Watchglass: schema, migrations, client, named queries and the embedded server."""

from watchglass_store.client import Store, connect
from watchglass_store.config import StoreConfig
from watchglass_store.editor import Editor, connect_editor
from watchglass_store.errors import StoreError, StoreRejected, StoreUnavailable
from watchglass_store.late import LateStore
from watchglass_store.migrations import Migration, migrate
from watchglass_store.server.embedded import EmbeddedServer
from watchglass_store.views import replace_views

__all__ = [
    "Editor",
    "EmbeddedServer",
    "LateStore",
    "Migration",
    "Store",
    "StoreConfig",
    "StoreError",
    "StoreRejected",
    "StoreUnavailable",
    "connect",
    "connect_editor",
    "migrate",
    "replace_views",
]
