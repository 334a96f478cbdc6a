"""What channels that post JSON have in common: settings with a secret URL, and one POST that answers, never raises."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from watchglass_alerts.channels.base import ChannelConfig, Failed, Retry
from watchglass_alerts.channels.replies import explain_failure
from watchglass_alerts.errors import ConfigError
from watchglass_alerts.http import Reply, post
from watchglass_alerts.network import AddressRefusedError, check_url
from watchglass_alerts.secret import read_secret

JSON = "application/json; charset=utf-8"


class UrlConfig(ChannelConfig):
    """Settings of a channel whose URL is its secret."""

    url: SecretStr | None = Field(None, description="The incoming webhook's URL. It is a secret: prefer the two below.")
    url_env: str = Field("", description="The environment variable that holds the URL.")
    url_file: Path | None = Field(None, description="The file that holds the URL; not readable by everybody.")
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's, in PEM.")

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if sum((self.url is not None, bool(self.url_env), self.url_file is not None)) != 1:
            raise ValueError("set exactly one of url, url_env, url_file")
        return self

    def read_url(self) -> str:
        """The URL itself.

        Raises:
            ConfigError: it cannot be read.
        """
        return read_secret("url", inline=self.url, env=self.url_env, file=self.url_file).get_secret_value()


class Poster:
    """Posts to one address that was checked."""

    def __init__(self, url: str, *, ca_file: Path | None, allow_loopback: bool) -> None:
        """Check the address and read the certificates.

        Raises:
            ConfigError: one of them cannot be used; holds no part of the URL but its host.
        """
        self._allow_loopback = allow_loopback
        try:
            self._target = check_url(url, allow_loopback=allow_loopback)
        except AddressRefusedError as error:
            raise ConfigError(f"url: {error}") from None
        try:
            self._tls = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise ConfigError(f"ca_file: {ca_file} cannot be used: {error.strerror or error}") from None

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply | Retry | Failed:
        """The reply, or what to make of there being none."""
        try:
            return post(
                self._target,
                body,
                headers={"Content-Type": JSON, **(headers or {})},
                allow_loopback=self._allow_loopback,
                tls=self._tls,
            )
        except AddressRefusedError as error:
            return Failed(str(error))
        except (OSError, HTTPException) as error:
            return Retry(None, explain_failure(error))
