"""Plain text tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_CELL = 60
CONTROL = {code: None for code in (*range(32), *range(0x7F, 0xA0)) if code not in (9, 10)}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned columns under their names; long cells are cut, control characters removed.

    >>> print(table([{"name": "bleu", "calls": 3}, {"name": "rouge_l", "calls": 12}]))
    name     calls
    bleu         3
    rouge_l     12
    """
    if not rows:
        return "(no rows)"
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    right = [all(isinstance(row[name], int | float) for row in rows) for name in names]
    lines = [_line(names, widths, right), *(_line(line, widths, right) for line in cells)]
    return "\n".join(line.rstrip() for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    text = text.translate(CONTROL).replace("\n", " ")
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
