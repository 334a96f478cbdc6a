"""Users of the embedded endpoint: `default` may do everything, `readonly` may read, `editor` may read and add settings.

Passwords are made at random.
"""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from watchglass_store.errors import StoreUnavailable

ADMINISTRATOR = "default"
READONLY = "readonly"
EDITOR = "editor"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The password of each user."""

    administrator: str = field(repr=False)
    readonly: str = field(repr=False)
    editor: str = field(repr=False)


def credentials_path(data_dir: Path) -> Path:
    """Return where the passwords are kept, readable by their owner alone."""
    return data_dir / "store" / "credentials.json"


def load_credentials(data_dir: Path) -> Credentials:
    """Read the passwords.

    Raises:
        StoreUnavailable: They have not been made yet, or this user may not read them.
    """
    path = credentials_path(data_dir)
    try:
        users = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(
            administrator=_text(users[ADMINISTRATOR]), readonly=_text(users[READONLY]), editor=_text(users[EDITOR])
        )
    except FileNotFoundError:
        raise StoreUnavailable(f"No store in {data_dir}: start its owner first (`watchglass up --data DIR`)") from None
    except PermissionError:
        raise StoreUnavailable(f"{path} cannot be read by this user") from None
    except (ValueError, KeyError, TypeError):
        raise StoreUnavailable(f"{path} is damaged; delete it and start the store's owner again") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def ensure_credentials(data_dir: Path) -> Credentials:
    """Read the passwords, making them first where there are none."""
    path = credentials_path(data_dir)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        users = {name: secrets.token_urlsafe(32) for name in (ADMINISTRATOR, READONLY, EDITOR)}
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(users, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    return load_credentials(data_dir)
