"""Secrets from the environment, a file, or the configuration itself; never in an error, a log line or a repr."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import SecretStr

from watchglass_alerts.errors import ConfigError

MAX_BYTES = 10_000
#: What examples, and people in a hurry, write in place of a secret.
SAMPLES = frozenset(
    {"changeme", "example", "password", "secret", "token", "test", "todo", "xxx", "yoursecret", "yourtoken", "yourkey"}
)


def read_secret(key: str, *, inline: SecretStr | None, env: str, file: Path | None) -> SecretStr:
    """The secret behind `key`, `key_env` or `key_file`, of which exactly one must be set.

    Raises:
        ConfigError: none or several are set, the variable is missing or empty, the file cannot be read or can be
            read by everybody, or the secret is a sample such as "changeme".
    """
    given = [inline is not None, bool(env), file is not None]
    if sum(given) != 1:
        raise ConfigError(f"set exactly one of {key}, {key}_env, {key}_file")
    if inline is not None:
        text = inline.get_secret_value()
    elif file is not None:
        text = _from_file(f"{key}_file", file)
    else:
        text = os.environ.get(env, "")
        if not text.strip():
            raise ConfigError(f"{key}_env: the environment variable {env} is not set")
    text = text.strip()
    if not text or not text.isprintable():
        raise ConfigError(f"{key} is empty or holds unprintable characters")
    if "".join(letter for letter in text.lower() if letter.isalnum()) in SAMPLES:
        raise ConfigError(f"{key} is a sample, not a secret; put the real one in its place")
    return SecretStr(text)


def _from_file(key: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{key}: {file} cannot be read: {error.strerror}") from None
    if mode & stat.S_IROTH:
        raise ConfigError(f"{key}: {file} can be read by every user of this machine; chmod 600 it")
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{key}: {file} is larger than {MAX_BYTES:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{key}: {file} is not UTF-8 text") from None
