"""Small pieces of ClickHouse SQL that every view is built from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

CALL_RETENTION_DAYS: Final = 29
"""A call may be this old when it comes; what is older is kept as if it were of this age, and so for a day."""


def quote(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def strings(texts: Iterable[str]) -> str:
    """An array literal of strings."""
    return "[" + ", ".join(quote(text) for text in texts) + "]"


def selected(columns: Mapping[str, str]) -> str:
    """A select list from name -> expression."""
    return ",\n  ".join(name if name == value else f"{value} AS {name}" for name, value in columns.items())


def level(below: str, keep: Sequence[str], columns: Mapping[str, str]) -> str:
    """A SELECT over another, of some of its columns and of new ones.

    Naming an expression this way is what keeps a later one, that uses it twice, short. Keep few columns: what
    ClickHouse needs to analyse a level, on every insert, grows with their number.

    Args:
        below: A SELECT.
        keep: Names of the columns to pass on.
        columns: Name -> expression of the new ones.
    """
    return f"SELECT {selected({name: name for name in keep} | dict(columns))}\nFROM ({below})"


def one_of(value: str, allowed: Iterable[str], otherwise: str) -> str:
    """The value when it is one of the allowed ones, else a literal."""
    return f"if({value} IN ({', '.join(map(quote, allowed))}), {value}, {quote(otherwise)})"


def retained(time: str, days: int) -> str:
    """A time, held between the given number of days ago and tomorrow: what a partition may be computed from.

    A client with a broken clock would otherwise spread one insert over more partitions than ClickHouse allows,
    and the insert, with everybody else's rows in it, would fail for ever.
    """
    return f"least(greatest({time}, now64(9) - INTERVAL {days} DAY), now64(9) + INTERVAL 1 DAY)"


def project(resource: str) -> str:
    """The project of the API key that something came with, '' = none: the receiver writes it over what a client claims.

    Args:
        resource: a map of resource attributes.
    """
    return f"{resource}['watchglass.project']"


def stored_hour(time: str) -> str:
    """The hour under which `llm_call_parts` keeps what happened at a time.

    A time too far from now to be kept becomes the first hour of the nearest day that is: of a day, so that what is sent
    again soon meets its first copy. `watchglass_store.queries.evaluation.storage_keys` knows the same rule.
    """
    held = retained(time, CALL_RETENTION_DAYS)
    return f"if({held} = {time}, toStartOfHour(toDateTime({time}, 'UTC')), toStartOfDay(toDateTime({held}, 'UTC')))"
