"""Where a ClickHouse server is, and as whom to talk to it."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

DATABASE = "watchglass"
SCHEMES = ("clickhouse", "clickhouses", "http", "https")
_DATABASE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Address:
    """One server, one user, one database."""

    host: str
    port: int
    username: str = "default"
    password: str = field(default="", repr=False)
    database: str = DATABASE
    secure: bool = False
    """Speak TLS."""
    verify: bool = True
    """Check the server's certificate; only meaningful when secure."""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `clickhouse://user:password@host:port/database?secure=true`.

        `clickhouses://` and `https://` mean secure=true. The port defaults to 8123, or 8443 when secure. The error
        texts never repeat the URL, since it holds a password.

        Raises:
            ValueError: The URL is not understood; the text names the part, its value and what is allowed.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("url: the port must be a number from 1 to 65535") from None
        if parts.scheme not in SCHEMES:
            raise ValueError(f"url: scheme {parts.scheme!r} is not one of {', '.join(SCHEMES)}")
        if not parts.hostname:
            raise ValueError("url: the host is missing; expected clickhouse://user:password@host:8123/watchglass")
        if port == 0:
            raise ValueError("url: port 0 is not a number from 1 to 65535")
        options = _options(parts.query, secure=parts.scheme in ("clickhouses", "https"))
        return cls(
            host=parts.hostname,
            port=port or (8443 if options["secure"] else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=_database(unquote(parts.path.strip("/"))),
            **options,
        )

    @property
    def url(self) -> str:
        """The address as `parse` reads it, password included."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        who = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@"
        options = f"?secure=true&verify={str(self.verify).lower()}" if self.secure else ""
        return f"clickhouse://{who}{host}:{self.port}/{self.database}{options}"

    def __str__(self) -> str:
        return f"clickhouse://{self.username}@{self.host}:{self.port}/{self.database}"


def _database(name: str) -> str:
    if not name:
        return DATABASE
    if not _DATABASE_NAME.match(name):
        raise ValueError(f"url: database {name!r} is not a name of letters, digits and _ (at most 64)")
    return name


def _options(query: str, *, secure: bool) -> dict[str, bool]:
    options = {"secure": secure, "verify": True}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in options:
            raise ValueError(f"url: parameter {key!r} is not one of {', '.join(options)}")
        if value.lower() not in _TRUTH:
            raise ValueError(f"url: {key}={value!r} is not one of {', '.join(_TRUTH)}")
        options[key] = _TRUTH[value.lower()]
    return options
