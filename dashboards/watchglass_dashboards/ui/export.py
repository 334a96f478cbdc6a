"""What is shown, as a file. A spreadsheet runs a cell that begins like a formula, so such cells are disarmed."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import streamlit as st

#: Rows of a CSV file; a page never shows more.
MOST_ROWS = 50_000
_FORMULA = re.compile(r"""[\s'"\x00]*[=+\-@\t\r\x00]""")
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9_\-]+")


def csv_button(
    name: str, rows: Sequence[Mapping[str, Any]] | Callable[[], Sequence[Mapping[str, Any]]], *, key: str
) -> None:
    """A button that downloads the rows of a table or chart.

    Args:
        name: Of the file, without its ending.
        rows: All with the keys of the first, which become the columns; or what gives them when the button is clicked.
        key: Of the widget.
    """
    _button(
        "CSV",
        f"{safe_name(name)}.csv",
        lambda: to_csv(rows() if callable(rows) else rows),
        "text/csv",
        key,
        is_off=not rows,
    )


def json_button(name: str, value: Callable[[], Any], *, key: str) -> None:
    """A button that downloads a value as JSON; it is made when the button is clicked."""
    _button("JSON", f"{safe_name(name)}.json", lambda: to_json(value()), "application/json", key)


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV (UTF-8, CRLF) that is safe to open in a spreadsheet."""
    if not rows:
        return b""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(name) for name in rows[0]])
    writer.writerows([cell(value) for value in row.values()] for row in rows[:MOST_ROWS])
    return text.getvalue().encode("utf-8", "replace")


def cell(value: object) -> object:
    """A value as a cell: numbers stay numbers, and text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return value
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def to_json(value: Any) -> bytes:
    """A value as indented JSON; times as ISO 8601, what JSON does not know as text."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)


def safe_name(name: str) -> str:
    """A file name without anything that means something to a file system or a header."""
    return _UNSAFE_NAME.sub("_", name).strip("_")[:80] or "watchglass"


def _button(title: str, file: str, data: Callable[[], bytes], mime: str, key: str, *, is_off: bool = False) -> None:
    st.download_button(
        title,
        data,
        file,
        mime,
        key=key,
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
        disabled=is_off,
    )
