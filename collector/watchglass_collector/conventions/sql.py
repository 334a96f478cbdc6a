"""Small pieces of ClickHouse SQL that every view is built from."""

from collections.abc import Iterable, Mapping, Sequence


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
