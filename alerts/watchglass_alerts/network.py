"""Where Watchglass may connect to on behalf of a setting: public hosts over http(s), and nothing inside the network.

Checked twice: the URL when the configuration is read, and the resolved addresses at every connect. The connection then
goes to the very address that was checked, so a name that changes its mind in between gains nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}
_NOT_PUBLIC = [
    ip_network(block)
    for block in (
        # is_global calls these public, but they lead to other addresses, or into a cloud's own services.
        "64:ff9b::/96",  # NAT64: an IPv4 address inside
        "64:ff9b:1::/48",
        "2002::/16",  # 6to4: the same
        "2001::/32",  # Teredo: the same
        "::/96",  # IPv4-compatible
        "fec0::/10",  # site-local
        "192.88.99.0/24",  # 6to4 relay
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.0/24",  # of protocols; 192.0.0.192 is Oracle's metadata service
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
]


class AddressRefusedError(Exception):
    """A host or address that Watchglass does not connect to. The text never holds a URL's path or query."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed the check, taken apart."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query; often the secret part."""

    @property
    def is_loopback(self) -> bool:
        """Whether the host says by itself that it is this machine."""
        return is_loopback_host(self.host)

    def __repr__(self) -> str:
        return f"Target({self.scheme}://{self.host}:{self.port}/…)"


def check_url(url: str, *, allow_loopback: bool) -> Target:
    """Take a URL apart, if it is one that may be posted to.

    Args:
        url: from configuration only; telemetry and rules never name one.
        allow_loopback: also accept 127.0.0.0/8, ::1 and localhost, on any port. For tests and the demo.

    Raises:
        AddressRefusedError: anything but http(s) on its usual port to a public host, without user or password.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise AddressRefusedError("is not a URL") from None
    if parts.scheme not in _PORTS:
        raise AddressRefusedError("must be an https URL")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefusedError("holds a space or a character outside ASCII")
    if parts.username is not None or parts.password is not None:
        raise AddressRefusedError("must not hold a user or password")
    literal = _check_host(host)
    is_loopback = is_loopback_host(host)
    if not (is_loopback and allow_loopback):
        if is_loopback or (literal is not None and not is_public(literal)):
            raise AddressRefusedError(f"host {host} is not a public address")
        if port not in (None, _PORTS[parts.scheme]):
            raise AddressRefusedError(f"port {port} is not allowed; use {_PORTS[parts.scheme]}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def is_loopback_host(host: str) -> bool:
    """Whether a host is `localhost` or a literal loopback address, without asking a resolver."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet and to no tunnel out of it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address.version == block.version and address in block for block in _NOT_PUBLIC)


def resolve(target: Target, *, allow_loopback: bool) -> str:
    """The address to connect to.

    Raises:
        AddressRefusedError: one of the host's addresses is not public.
        OSError: the name does not resolve.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not (is_public(address) or (allow_loopback and target.is_loopback and address.is_loopback)):
            raise AddressRefusedError(f"host {target.host} leads to an address that is not public")
    return str(addresses[0])


def _check_host(host: str) -> IPv4Address | IPv6Address | None:
    """The literal address that a host is, None for a name; forms that hide an address are refused."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    labels = host.split(".")
    if not host or not all(labels) or len(host) > 253:
        raise AddressRefusedError("host is empty, too long, or has an empty label or a trailing dot")
    if any(label.startswith("xn--") for label in labels):
        raise AddressRefusedError(f"host {host} is an internationalised name; give its own plain name")
    if not all(char.isalnum() or char in "-_" for label in labels for char in label):
        raise AddressRefusedError("host holds a character that no host name has")
    last = labels[-1]
    if last[0].isdigit():
        # 2130706433, 0x7f000001, 0177.0.0.1 and 127.1 all mean 127.0.0.1 to a resolver.
        raise AddressRefusedError(f"host {host} is an address in an unusual form")
    return None
