"""Settings of the dashboard, section `[dashboard]`."""

import ipaddress
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, model_validator

Role = Literal["viewer", "annotator", "editor", "admin"]


class OidcConfig(BaseModel, frozen=True, extra="forbid"):
    """An OpenID Connect provider, and which role its people get."""

    metadata_url: str = Field(
        pattern=r"^https?://", description="The provider's `…/.well-known/openid-configuration` document."
    )
    client_id: str = Field(min_length=1, description="As the provider knows the dashboard.")
    client_secret_env: str = Field(min_length=1, description="Environment variable that holds the client's secret.")
    role_claim: str = Field(
        default="groups", min_length=1, description="Claim of the identity token that is looked up."
    )
    roles: dict[str, Role] = Field(
        default={}, description="Value of that claim -> role; of several that match the highest counts."
    )
    default_role: Role | None = Field(
        default=None, description="Role of people whom `roles` does not name; not set: they are not let in."
    )


class AuthConfig(BaseModel, frozen=True, extra="forbid"):
    """Who may use the dashboard."""

    mode: Literal["none", "password", "oidc"] = Field(
        default="none",
        description="'none' = everybody who reaches it, as administrator: for loopback only. 'password' = the users of "
        "`watchglass users`. 'oidc' = a provider's people.",
    )
    session_hours: float = Field(default=12.0, gt=0, le=720, description="How long a login is good for, hours.")
    oidc: OidcConfig | None = Field(default=None, description="The provider, for mode 'oidc'.")


class DashboardConfig(BaseModel, frozen=True, extra="forbid"):
    """Where the dashboard listens and who may use it. Environment: `WATCHGLASS_DASHBOARD__PORT` and so on."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. Beyond loopback a login is required: see dashboard.auth.",
    )
    port: int = Field(default=8501, ge=1, le=65535, description="Port to listen on.")
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Host names under which browsers may open the dashboard; others are refused (DNS rebinding).",
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+)?$",
        description="How browsers reach it, https://watchglass.example.com, without a path. With https the login's "
        "cookie is never sent in clear.",
    )
    collector_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where feedback is sent (OTLP over HTTP). Empty = this installation's collector.",
    )
    collector_key_env: str = Field(
        default="", description="Environment variable that holds an API key for it, where it asks for one."
    )
    auth: AuthConfig = Field(default=AuthConfig(), description="Who may use the dashboard.")

    @model_validator(mode="after")
    def _auth_fits(self) -> Self:
        if self.auth.mode == "none" and not is_loopback(self.host):
            raise ValueError(
                f"dashboard.auth.mode = 'none' with dashboard.host = {self.host!r}: anyone who reaches the port could "
                "read every prompt. Use mode 'password' and `watchglass users add`, or bind to 127.0.0.1."
            )
        if self.auth.mode == "oidc" and self.auth.oidc is None:
            raise ValueError("dashboard.auth.mode = 'oidc' needs the section [dashboard.auth.oidc]")
        if self.auth.mode == "oidc" and not self.public_url:
            raise ValueError(
                "dashboard.auth.mode = 'oidc' needs dashboard.public_url, to which the provider sends people back"
            )
        return self

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it by TLS."""
        return urlsplit(self.public_url).scheme == "https"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
