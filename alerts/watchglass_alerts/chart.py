"""The small chart in a message: the alert's last values against its line, as characters and as a picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_VALUES = 30
"""More columns than this are too narrow to see."""
WIDTH, HEIGHT = 480, 72
"""How large the picture is shown, in CSS pixels; it is drawn at twice that."""

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = "·"
_SCALE = 2
_PALETTE = bytes.fromhex("ffffff98a2b3d92d20475467eaecf0")
_PAPER, _GOOD, _BAD, _LINE, _ABSENT = range(5)


@dataclass(frozen=True, slots=True)
class Chart:
    """The values of one alert's last slots."""

    values: tuple[float | None, ...]
    """Oldest first, the message's own last; None where there was nothing to compute it from. At most `MAX_VALUES`."""
    line: float
    is_bad_above: bool
    """Whether values above the line are the bad ones."""
    caption: str
    """'last 30 values, one each minute: 1.2 % to 31.2 %, line at 20 %'."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Chart | None:
        """What `asdict` made, read back."""
        return cls(**{**data, "values": tuple(data["values"])}) if data else None

    @property
    def sparkline(self) -> str:
        """One character for each value: ▁ is the lowest of 0, the values and the line, █ the highest, · no value."""
        top = len(_BLOCKS) - 1
        return "".join(_GAP if value is None else _BLOCKS[round(self._share(value) * top)] for value in self.values)

    def png(self) -> bytes:
        """Columns, red past the line and grey on its good side, and the line itself dashed; about 1 KB."""
        width, height = WIDTH * _SCALE, HEIGHT * _SCALE
        step = width // max(len(self.values), 10)
        rows = [bytearray(width) for _ in range(height)]

        def level(value: float) -> int:
            return round(self._share(value) * (height - 6 * _SCALE)) + 2 * _SCALE

        for index, value in enumerate(self.values):
            start, stop = index * step + _SCALE, (index + 1) * step - _SCALE
            colour = _ABSENT if value is None else _BAD if self._is_bad(value) else _GOOD
            top = height if value is None else level(value)
            for row in rows[height - top :]:
                row[start:stop] = bytes([colour]) * (stop - start)
        for row in rows[height - level(self.line) - 1 :][:_SCALE]:
            for start in range(0, width, 8 * _SCALE):
                row[start : start + 5 * _SCALE] = bytes([_LINE]) * len(row[start : start + 5 * _SCALE])
        return _png(width, rows)

    def _is_bad(self, value: float) -> bool:
        return value > self.line if self.is_bad_above else value < self.line

    def _share(self, value: float) -> float:
        """How far up a value is between the lowest and the highest that are shown, 0 to 1."""
        known = [0.0, self.line, *(each for each in self.values if each is not None)]
        # Halves, because the difference of two of the greatest numbers is not one.
        low, high = min(known) / 2, max(known) / 2
        return (value / 2 - low) / (high - low) if high > low else 0.0


def _png(width: int, rows: list[bytearray]) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    parts = [chunk(b"IHDR", header), chunk(b"PLTE", _PALETTE), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
