"""Passwords: kept as scrypt hashes, each with a salt of its own."""

import base64
import hashlib
import hmac
from typing import Final

# 2^15 blocks of 8 KiB: 32 MiB and about a tenth of a second for each try.
_N: Final = 2**15
_R: Final = 8
_P: Final = 1
_MEMORY_BYTES: Final = 128 * _N * _R * 2
_SALT_BYTES: Final = 16
SHORTEST: Final = 10
LONGEST: Final = 200


def hash_password(password: str, salt: bytes) -> str:
    """The text to keep of a password: `scrypt$N$r$p$salt$hash`.

    Args:
        password: `SHORTEST` to `LONGEST` characters.
        salt: 16 random bytes, never used twice.

    Raises:
        ValueError: The password is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(salt) != _SALT_BYTES:
        raise ValueError(f"a salt has {_SALT_BYTES} bytes")
    parts = (base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt, _N, _R, _P)))
    return "$".join(["scrypt", str(_N), str(_R), str(_P), *parts])


def is_password(password: str, kept: str) -> bool:
    """Whether a password is the one whose hash was kept; False for a text that is no such hash."""
    try:
        kind, n, r, p, salt, digest = kept.split("$")
        if kind != "scrypt" or (int(n), int(r), int(p)) != (_N, _R, _P) or len(password) > LONGEST:
            return False
        return hmac.compare_digest(
            _scrypt(password, base64.b64decode(salt), _N, _R, _P), base64.b64decode(digest, validate=True)
        )
    except ValueError:
        return False


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY_BYTES, dklen=32)
