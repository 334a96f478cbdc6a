"""Settings of the store, section `[store]`."""

from typing import Self

from pydantic import BaseModel, Field, field_validator, model_validator

from watchglass_store.address import Address


class StoreConfig(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """Where the data is. Environment: `WATCHGLASS_STORE__URL`, `WATCHGLASS_STORE__PORT` and so on."""

    url: str = Field(
        default="",
        description="A ClickHouse server, clickhouse://user:password@host:8123/watchglass, with ?secure=true for TLS "
        "(port 8443). Empty = the embedded engine in the data directory.",
        repr=False,
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address on which the embedded engine listens.")
    port: int = Field(default=8123, ge=1, le=65535, description="Port on which the embedded engine listens.")

    cluster: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="Name of the ClickHouse cluster (as in system.clusters) that the URL is a node of: tables are made "
        "on all of it, replicated and spread by trace. Empty = one server.",
    )

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, value: str) -> str:
        if value:
            Address.parse(value)
        return value

    @model_validator(mode="after")
    def _cluster_has_an_address(self) -> Self:
        if self.cluster and not self.url:
            raise ValueError(f"store.cluster = {self.cluster!r} needs store.url, the address of one of its nodes")
        return self
