"""Small pieces of ClickHouse SQL that every view is built from."""

from collections.abc import Iterable, Sequence


def quote(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def strings(texts: Iterable[str]) -> str:
    """An array literal of strings."""
    return "[" + ", ".join(quote(text) for text in texts) + "]"


def selected(columns: Sequence[tuple[str, str]]) -> str:
    """A select list from (alias, expression)."""
    return ",\n  ".join(
        expression if alias == expression else f"{expression} AS {alias}" for alias, expression in columns
    )


def one_of(value: str, allowed: Iterable[str], otherwise: str) -> str:
    """The value when it is one of the allowed ones, else a literal."""
    return f"if({value} IN ({', '.join(map(quote, allowed))}), {value}, {quote(otherwise)})"


def retained(time: str, days: int) -> str:
    """A time, held between the given number of days ago and tomorrow: what a partition may be computed from.

    A client with a broken clock would otherwise spread one insert over more partitions than ClickHouse allows,
    and the insert, with everybody else's rows in it, would fail for ever.
    """
    return f"least(greatest({time}, now64(9) - INTERVAL {days} DAY), now64(9) + INTERVAL 1 DAY)"
