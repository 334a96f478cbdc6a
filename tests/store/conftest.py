"""A raw HTTP client of the embedded endpoint, for what an ordinary driver would never send."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from watchglass_store import EmbeddedServer, StoreConfig, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import load_credentials


@dataclass(frozen=True)
class Wire:
    """Posts statements to one database as either user."""

    client: httpx.Client
    database: str
    passwords: dict[str, str]

    def send(
        self, user: str, body: str | bytes = "", *, headers: dict[str, str] | None = None, **values: object
    ) -> httpx.Response:
        """wire.send("readonly", "SELECT 1", max_threads=1): keyword arguments are URL parameters."""
        params = {"database": self.database} | {key: str(value) for key, value in values.items()}
        auth = (user, self.passwords[user])
        return self.client.post("/", params=params, content=body, headers=headers, auth=auth)


@pytest.fixture(scope="session")
def wire(server: EmbeddedServer) -> Iterator[Wire]:
    """A database of its own with all tables, reached without a driver."""
    credentials = load_credentials(server.data_dir)
    address = Address(
        "127.0.0.1", server.config.port, "default", credentials.administrator, f"wire_{secrets.token_hex(4)}"
    )
    store = connect(StoreConfig(url=address.url), Path())
    migrate(store)
    store.close()
    passwords = {
        "default": credentials.administrator,
        "readonly": credentials.readonly,
        "editor": credentials.editor,
    }
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        yield Wire(client, address.database, passwords)
