"""Any Python value as bounded JSON text, at a bounded cost and without trusting the value.

Captured arguments belong to somebody else: they may be a gigabyte, contain themselves, or raise from ``__repr__``.
So a value is first copied into plain data, spending a budget of characters, and only the copy is serialised. Text is
cut inside the copy, so what comes out is always valid JSON.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

MAX_DEPTH = 20
NODE_COST = 8
"""Characters charged for each value besides its text: bounds the number of values visited."""

MASK = "***"
SECRET_NAMES = frozenset((
    "api_key", "apikey", "api_token", "access_token", "auth_token", "refresh_token",
    "id_token", "authorization", "bearer", "client_secret", "secret", "secret_key",
    "password", "passwd", "private_key", "credentials",
))  # fmt: skip
"""Arguments and keys with these names (any case, - read as _) are shown as ``***``."""


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: object, limit: int) -> str:
    """Serialise any value.

    Args:
        value: Anything; what JSON cannot hold is described in text such as ``<numpy.ndarray (3, 4)>``.
        limit: About how many characters of text to keep (the JSON syntax around it comes on top).

    Returns:
        Valid JSON that encodes to UTF-8. Cut text ends in ``…[cut N characters]``.
    """
    return dump(to_plain(value, limit))


def dump(plain: object) -> str:
    """Serialise plain data as compact JSON that encodes to UTF-8 (a lone surrogate stays as its JSON escape)."""
    return encodable(_encode(plain))


def to_plain(value: object, limit: int) -> Any:
    """Copy any value into None, bool, int, float, str, list and dict, keeping about ``limit`` characters."""
    return _Copier(limit).copy(value, 0)


def to_text(value: object, limit: int) -> str:
    """Return a string as it is and anything else as JSON, both cut at ``limit`` and safe to encode."""
    return encodable(cut(value, limit)) if type(value) is str else to_json(value, limit)


def cut(text: str, limit: int) -> str:
    """Keep the first ``limit`` characters and say how many are gone."""
    return text if len(text) <= limit else f"{text[:limit]}…[cut {len(text) - limit} characters]"


def encodable(text: str) -> str:
    r"""Make text that has lone surrogates encodable as UTF-8, writing them as ``\udXXX``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def type_name(kind: type) -> str:
    """Return the name of a type as tracebacks show it: ``ValueError``, ``openai.RateLimitError``."""
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"


class _Copier:
    """Copies one value; ``left`` is the budget that remains, ``open`` the ids of the containers being copied."""

    __slots__ = ("left", "open")

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.open: set[int] = set()

    def copy(self, value: object, depth: int) -> Any:
        self.left -= NODE_COST
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]  # mypy does not narrow by `type(x) is`
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if value.bit_length() <= 256 else f"<int of {value.bit_length()} bits>"  # type: ignore[attr-defined]  # as above
        if kind is float:
            return value if math.isfinite(value) else str(value)  # type: ignore[arg-type]  # as above
        if depth >= MAX_DEPTH or id(value) in self.open:
            return f"<{type_name(kind)} …>"
        self.open.add(id(value))
        try:
            return self._compound(value, kind, depth + 1)
        except Exception as error:
            return f"<unreadable {type_name(kind)}: {type_name(type(error))}>"
        finally:
            self.open.discard(id(value))

    def _compound(self, value: object, kind: type, depth: int) -> Any:
        if isinstance(value, dict):
            return self._mapping(dict.items(value), dict.__len__(value), depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._sequence(value, depth)
        if isinstance(value, enum.Enum):
            return self.copy(value.value, depth)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            return self.copy(int.__index__(value), depth)
        if isinstance(value, float):
            return self.copy(float.__float__(value), depth)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{type_name(kind)} of {len(value)} bytes>"
        if dataclasses.is_dataclass(value):
            fields = dataclasses.fields(value)
            return self._mapping(((field.name, getattr(value, field.name)) for field in fields), len(fields), depth)
        if hasattr(kind, "model_fields"):  # pydantic: the fields, without running its serialisers
            return self._mapping(vars(value).items(), len(vars(value)), depth)
        return self._description(value, kind)

    def _mapping(self, items: Iterable[tuple[Any, Any]], length: int, depth: int) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for key, item in self._affordable(items):
            name = key if type(key) is str else str(self.copy(key, depth))
            is_secret = name.lower().replace("-", "_") in SECRET_NAMES and item is not None
            shown = self._text(name)
            copied[shown] = MASK if is_secret else self.copy(item, depth)
        if len(copied) < length:
            copied["…"] = f"[cut {length - len(copied)} items]"
        return copied

    def _sequence(self, value: list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any], depth: int) -> list[Any]:
        copied = [self.copy(item, depth) for item in self._affordable(value)]
        if len(copied) < len(value):
            copied.append(f"…[cut {len(value) - len(copied)} items]")
        return copied

    def _affordable(self, items: Iterable[Any]) -> Iterator[Any]:
        """Yield items while there is budget; taken in one go, so that another thread may change the container."""
        for item in list(islice(items, max(0, self.left) // NODE_COST)):
            if self.left <= 0:
                return
            yield item

    def _text(self, text: str) -> str:
        kept = cut(text, max(0, self.left))
        self.left -= len(kept)
        return kept

    def _description(self, value: object, kind: type) -> str:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):  # arrays, tensors and frames: their repr is slow and may wait for a GPU
            return f"<{type_name(kind)} {shape}>"
        if getattr(kind, "__repr__", None) is object.__repr__:
            return f"<{type_name(kind)}>"
        return self._text(repr(value))
