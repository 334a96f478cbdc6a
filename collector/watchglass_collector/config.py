"""Settings of the collector: section `[collector]`, environment `WATCHGLASS_COLLECTOR__…`."""

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from watchglass_collector.redaction_rules import RedactionConfig


class CollectorConfig(BaseModel, frozen=True, extra="forbid"):
    """Where to listen, how much to take, how much to keep."""

    host: str = Field("127.0.0.1", description="Address to listen on. Beyond loopback an API key is required.")
    grpc_port: int = Field(4317, ge=0, le=65535, description="OTLP/gRPC port; 0 = any free one.")
    http_port: int = Field(4318, ge=0, le=65535, description="OTLP/HTTP port; 0 = any free one.")
    max_request_bytes: int = Field(
        64 * 1024**2, ge=1024, le=1024**3, description="Largest request, after decompression."
    )
    max_request_items: int = Field(50_000, ge=1, description="Most spans or log records in one request.")
    durability: Literal["power", "process"] = Field(
        "power",
        description="What an acknowledged span survives: loss of power, or only the end of any process. 'power' syncs "
        "the spool before each answer, and the store's tables before a segment leaves the spool.",
    )
    max_request_parts: int = Field(
        500_000, ge=1, description="Most attributes, events and links in one request, all together."
    )
    max_value_bytes: int = Field(
        1_000_000,
        ge=1024,
        description="Longest attribute value or log body; more is cut, with its length and SHA-256 at the end.",
    )
    max_in_flight_bytes: int = Field(
        128 * 1024**2,
        ge=1024,
        le=8 * 1024**3,
        description="Most bytes of request bodies in memory at once; beyond it clients are told to try again.",
    )
    request_timeout_s: float = Field(
        20.0,
        gt=0,
        le=600,
        description="How long a client may take to send a request's headers, and again to send its body.",
    )
    auth: Literal["auto", "required", "none"] = Field(
        "auto",
        description="Whether clients need an API key: 'auto' = unless bound to loopback; 'none' is for loopback only.",
    )
    auth_refresh_s: float = Field(
        10.0,
        gt=0,
        le=300,
        description="How often keys and deleted users are read from the store: how long a revoked key goes on working.",
    )
    tls_certificate: Path | None = Field(None, description="PEM file; with it both ports speak TLS.")
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key; only its owner may read it.")
    tls_client_ca: Path | None = Field(
        None, description="PEM file; with it only clients whose certificate it signed are let in."
    )
    redaction: RedactionConfig = Field(
        RedactionConfig(rules=(), custom=(), before_spool=False),
        description="What is taken out of texts before they are stored.",
    )
    spool_max_bytes: int | None = Field(
        None, ge=1024**2, description="Most disk the spool may take. Not set: 5 GiB, or a tenth of the disk if smaller."
    )
    commit_linger_s: float = Field(
        0.002, ge=0, le=0.005, description="How long a commit waits for company before it syncs to disk."
    )
    segment_bytes: int = Field(16 * 1024**2, ge=1024, le=256 * 1024**2, description="Size that closes a segment.")
    segment_age_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Age that closes a segment; up to five times it where inserts take more than a fifth of the time.",
    )
    resend_window_s: float = Field(
        3600.0,
        ge=0,
        le=86_400,
        description="How long an accepted request is known, so that a resend is not stored twice.",
    )
    assembly: bool = Field(
        True,
        description="Whether traces are assembled here. Of several collectors one does, the others stand by.",
    )
    assembly_settle_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="How long a trace must be quiet before it is assembled. Later pieces have it assembled again.",
    )
    stop_timeout_s: float = Field(10.0, ge=0, description="How long stopping waits for the spool to empty.")

    @field_validator("auth")
    @classmethod
    def _none_on_loopback_only(cls, auth: str, info: ValidationInfo) -> str:
        host = info.data.get("host", "")
        if auth == "none" and not _is_loopback(host):
            raise ValueError(
                f"collector.auth = 'none' with collector.host = {host!r}: anyone who reaches the port could write. "
                "Use 'auto' or 'required' and make keys with `watchglass keys create`, or bind to 127.0.0.1."
            )
        return auth

    @property
    def requires_keys(self) -> bool:
        """Whether clients must bring an API key."""
        return self.auth == "required" or (self.auth == "auto" and not _is_loopback(self.host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
