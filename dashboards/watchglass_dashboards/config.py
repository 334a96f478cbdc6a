"""Settings of the dashboard, section `[dashboard]`."""

from pydantic import BaseModel, Field


class DashboardConfig(BaseModel, frozen=True, extra="forbid"):
    """Where the dashboard listens. Environment: `WATCHGLASS_DASHBOARD__PORT` and so on."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. There is no login yet: keep it on loopback or behind a proxy that has one.",
    )
    port: int = Field(default=8501, ge=1, le=65535, description="Port to listen on.")
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Host names under which browsers may open the dashboard; others are refused (DNS rebinding).",
    )
