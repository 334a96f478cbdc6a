"""TLS for both receivers, read from files at the start."""

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate, its key, and the authority whose clients are let in."""

    certificate: Path
    key: Path
    client_ca: Path | None

    @classmethod
    def from_files(cls, certificate: Path | None, key: Path | None, client_ca: Path | None) -> "Tls | None":
        """Check what the settings name; None when they name nothing.

        Raises:
            ValueError: one of certificate and key is missing or unreadable, they do not belong together, or everyone
                on the machine may read the key. The message names the setting.
        """
        if certificate is None and key is None and client_ca is None:
            return None
        if certificate is None or key is None:
            raise ValueError("collector.tls_certificate and collector.tls_key must be set together")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            if key.stat().st_mode & stat.S_IRWXO:
                raise ValueError(f"collector.tls_key = {key}: other users of this machine may read it; chmod 600 it")
            context.load_cert_chain(certificate, key)
            if client_ca is not None:
                context.load_verify_locations(client_ca)
        except OSError as error:
            raise ValueError(
                f"collector.tls_certificate = {certificate}, collector.tls_key = {key}, "
                f"collector.tls_client_ca = {client_ca}: {error}"
            ) from None
        return cls(certificate, key, client_ca)

    def for_uvicorn(self) -> dict[str, Any]:
        """Arguments of `uvicorn.Config`."""
        return {
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
            "ssl_ca_certs": self.client_ca,
            "ssl_cert_reqs": ssl.CERT_REQUIRED if self.client_ca else ssl.CERT_NONE,
        }

    def for_grpc(self) -> grpc.ServerCredentials:
        """Credentials of a gRPC port."""
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            root_certificates=self.client_ca.read_bytes() if self.client_ca else None,
            require_client_auth=self.client_ca is not None,
        )
