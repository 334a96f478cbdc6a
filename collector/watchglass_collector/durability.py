"""Whether rows are on disk, and not only in the kernel's memory, before their segment leaves the spool."""

from typing import Final, Literal

from watchglass_store import Store

Durability = Literal["power", "process"]
_SETTINGS: Final = ("fsync_after_insert", "fsync_part_directory", "min_rows_to_fsync_after_merge")
"""The last one: parts that a merge replaced are deleted, so what replaces them has to be on disk as well."""
_TABLES: Final = """
SELECT name, engine_full FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
    AND (startsWith(name, 'otel_') OR startsWith(name, 'llm_') OR name = 'scores')
ORDER BY name
"""


def set_durability(store: Store, durability: Durability) -> list[str]:
    """Have every table that a segment ends in synced with each insert, or not.

    Set on tables, since ClickHouse has no setting of an insert for it. Safe to call at each start.

    Returns:
        The tables that were changed.
    """
    wanted = dict.fromkeys(_SETTINGS, "1" if durability == "power" else "0")
    assignments = ", ".join(f"{name} = {value}" for name, value in wanted.items())
    changed = []
    for table in store.query(_TABLES):
        is_synced = "fsync_after_insert = 1" in table["engine_full"]
        if is_synced != (durability == "power"):
            store.command(f"ALTER TABLE {table['name']} MODIFY SETTING {assignments}")
            changed.append(str(table["name"]))
    return changed
