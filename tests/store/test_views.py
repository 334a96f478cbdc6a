import pytest

from watchglass_store import Store, replace_views

INBOX = ("inbox", "CREATE TABLE inbox (n UInt64, s String DEFAULT ';') ENGINE = Null")
ROWS = (
    "inbox_to_kept",
    "CREATE MATERIALIZED VIEW inbox_to_kept TO kept AS -- it's\nSELECT n AS n, 'COMMENT' AS why FROM inbox",
)
LAST = ("last_kept", "CREATE VIEW last_kept AS SELECT max(n) AS n FROM kept;")


@pytest.fixture
def kept(store: Store) -> Store:
    store.command("CREATE TABLE kept (n UInt64, why String) ENGINE = MergeTree ORDER BY n")
    return store


def test_views_are_made_in_order_and_left_alone_when_unchanged(kept: Store) -> None:
    assert replace_views(kept, [INBOX, ROWS, LAST]) == ["inbox", "inbox_to_kept", "last_kept"]
    kept.insert("inbox", [{"n": 1}, {"n": 2}])
    assert kept.query("SELECT n FROM last_kept") == [{"n": 2}]
    made = kept.query("SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    assert replace_views(kept, [INBOX, ROWS, LAST]) == []
    again = kept.query("SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    assert again == made


def test_only_what_changed_is_made_again_and_no_row_is_lost(kept: Store) -> None:
    replace_views(kept, [INBOX, ROWS, LAST])
    kept.insert("inbox", [{"n": 1}])
    changed = (ROWS[0], ROWS[1].replace("n AS n", "n * 10 AS n"))
    assert replace_views(kept, [INBOX, changed, LAST]) == ["inbox_to_kept"]
    kept.insert("inbox", [{"n": 2}])
    assert kept.query("SELECT n FROM kept ORDER BY n") == [{"n": 1}, {"n": 20}]


def test_behind_a_table_that_was_made_again_views_read_from_the_new_one(kept: Store) -> None:
    replace_views(kept, [INBOX, ROWS, LAST])
    wider = (INBOX[0], INBOX[1].replace("n UInt64", "n UInt64, extra String"))
    assert replace_views(kept, [wider, ROWS, LAST]) == ["inbox", "inbox_to_kept", "last_kept"]
    kept.insert("inbox", [{"n": 7, "extra": "x"}])
    assert kept.query("SELECT n FROM last_kept") == [{"n": 7}]


def test_a_view_that_was_dropped_or_made_by_hand_is_made_again(kept: Store) -> None:
    replace_views(kept, [INBOX, ROWS, LAST])
    kept.command("DROP VIEW inbox_to_kept")
    kept.command("CREATE OR REPLACE VIEW last_kept AS SELECT 0 AS n")
    assert replace_views(kept, [INBOX, ROWS, LAST]) == ["inbox_to_kept", "last_kept"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE v (n UInt64) ENGINE = MergeTree ORDER BY n",
        "CREATE TABLE v (n UInt64 DEFAULT 1 + length('ENGINE = Null')) ENGINE = Memory",
        "CREATE DATABASE v",
        "DROP TABLE v",
        "SELECT 1",
        "",
        "CREATE VIEW v AS SELECT 1; DROP TABLE kept",
    ],
)
def test_what_would_lose_rows_is_refused_before_anything_is_done(statement: str, kept: Store) -> None:
    with pytest.raises(ValueError, match="view v: expected"):
        replace_views(kept, [INBOX, ("v", statement)])
    assert kept.query("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'inbox'") == []
