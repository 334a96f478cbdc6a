"""What is read is what was asked for, also where a read leaves granules out (design/0023-block-sizes.md)."""

import re
import time
from collections.abc import Callable

import pytest

from watchglass_store import Store

GRANULES, ROWS = 16, 256


@pytest.fixture
def copy_of_parts(store: Store):
    """`llm_call_parts` as it is on disk when it is large: a file for each column; ids of 32 characters, in order."""
    (table,) = store.query(
        "SELECT create_table_query AS sql FROM system.tables "
        "WHERE name = 'llm_call_parts' AND database = currentDatabase()"
    )

    def make(name: str, settings: str = "") -> str:
        sql = table["sql"].replace(".llm_call_parts", f".{name}", 1)
        sql, found = re.subn(r"min_bytes_for_wide_part = \d+", f"min_bytes_for_wide_part = 0{settings}", sql)
        assert found == 1
        store.command(sql)
        store.command(
            f"INSERT INTO {name} (trace_id, span_id, start_time, operation_name) "
            "SELECT leftPad(toString(number), 32, '0'), 's', now(), 'chat' "
            f"FROM numbers({GRANULES * ROWS})"
        )
        store.command(f"OPTIMIZE TABLE {name} FINAL")
        return name

    return make


def wrong_reads(store: Store, table: str) -> list[tuple[int, int, int]]:
    """Reads of granules [first, end) and of one more, behind a gap, that give other rows than those."""
    found = []
    for first in (1, 2):
        for end in range(first + 1, GRANULES - 1):
            for other in range(end + 1, GRANULES):
                (row,) = store.query(
                    f"SELECT countIf(toUInt64(trace_id) != _part_offset) AS wrong, count() AS n FROM {table} "
                    f"WHERE indexHint({_within(first, end)} OR {_within(other, other + 1)})"
                )
                assert row["n"] == (end - first + 1) * ROWS
                if row["wrong"]:
                    found.append((first, end, other))
    return found


def _within(first: int, end: int) -> str:
    """Of granules [first, end), and of those around them nothing."""
    return f"(trace_id > '{first * ROWS:032}' AND trace_id < '{end * ROWS - 1:032}')"


def test_a_read_with_a_gap_gives_the_rows_that_are_there(store: Store, copy_of_parts) -> None:
    assert wrong_reads(store, copy_of_parts("as_it_is")) == []


def test_the_engine_still_needs_blocks_of_one_size(store: Store, copy_of_parts) -> None:
    """When this fails, the engine is mended, and the setting may be what it likes."""
    assert wrong_reads(store, copy_of_parts("growing", ", min_columns_to_activate_adaptive_write_buffer = 1"))


def test_no_table_has_blocks_of_growing_size(store: Store) -> None:
    rows = store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND engine_full LIKE '%min_columns_to_activate_adaptive_write_buffer%'"
    )
    assert rows == []


def test_a_day_at_rest_becomes_one_part(store: Store) -> None:
    """As the tables are, but for how long a day must have been at rest."""
    for table, columns, row in (
        ("llm_figure_parts", "hour, trace_id, span_id", "toStartOfHour(now() - toIntervalDay(2)), toString({0}), 's'"),
        ("scores", "call_time, trace_id", "now() - toIntervalDay(2), toString({0})"),
    ):
        (found,) = store.query(
            "SELECT create_table_query AS sql FROM system.tables WHERE name = {name:String} "
            "AND database = currentDatabase()",
            {"name": table},
        )
        sql, changed = re.subn(
            "min_age_to_force_merge_seconds = 3600", "min_age_to_force_merge_seconds = 1", found["sql"]
        )
        assert changed == 1
        store.command(f"{sql.replace(f'.{table}', f'.{table}_at_rest', 1)}, merge_selecting_sleep_ms = 100")
        for number in range(3):
            store.command(f"INSERT INTO {table}_at_rest ({columns}) SELECT {row.format(number)}")
        assert within(30, lambda name=table: _parts(store, f"{name}_at_rest") == [3])


def test_minutes_of_different_parts_are_read_without_merging_them(store: Store) -> None:
    """That is most of what the figures of the current hour would take."""

    def merging() -> int:
        plan = store.query("EXPLAIN PIPELINE SELECT user_id, count() FROM llm_figures GROUP BY user_id")
        return sum("AggregatingSortedTransform" in row["explain"] for row in plan)

    hour = "toStartOfHour(now())"
    for first_minute in (0, 30):
        store.command(
            f"INSERT INTO llm_figure_parts (hour, minute, trace_id, span_id, operation_name) "
            f"SELECT {hour}, {hour} + INTERVAL {first_minute} + number % 20 MINUTE, toString(number), 's', 'chat' "
            "FROM numbers(1000)"
        )
    assert len(_parts(store, "llm_figure_parts")) == 2
    assert merging() == 0
    store.command(
        f"INSERT INTO llm_figure_parts (hour, minute, trace_id, span_id, usage_counted) "
        f"VALUES ({hour}, {hour}, '0', 's', 1)"
    )
    assert merging() > 0
    assert store.query("SELECT count() AS n, sum(usage_counted) AS counted FROM llm_figures") == [
        {"n": 2000, "counted": 1}
    ]


def _parts(store: Store, table: str) -> list[int]:
    rows = store.query(
        "SELECT rows FROM system.parts WHERE active AND table = {t:String} AND database = currentDatabase()",
        {"t": table},
    )
    return [row["rows"] for row in rows]


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return is_so()


def test_what_people_say_is_found_without_reading_what_evaluators_found(store: Store) -> None:
    columns = "name, evaluator, source, call_time, trace_id"
    for name, source, many in (("refusal", "code", 20_000), ("thumbs", "human", 2)):
        store.command(
            f"INSERT INTO scores ({columns}) "
            f"SELECT '{name}', 'e', '{source}', '2050-01-01 12:00:00', toString(number) FROM numbers({many})"
        )
    store.command("OPTIMIZE TABLE scores FINAL")
    plan = store.query("EXPLAIN indexes = 1 SELECT count() FROM scores WHERE source IN ('human', 'external')")
    assert "Granules: 1/3" in " ".join(row["explain"] for row in plan)
