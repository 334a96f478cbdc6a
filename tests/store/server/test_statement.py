import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_store.server.problems import Problem
from watchglass_store.server.statement import InsertHead, Statement, insert_head, read


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("SELECT 1", Statement("SELECT", "")),
        ("  -- FORMAT CSV\n select 1 format\nCSV ; ", Statement("SELECT", "CSV")),
        ("((SELECT 1) UNION ALL (SELECT 2)) FORMAT TSV SETTINGS a = 1", Statement("SELECT", "TSV")),
        ("WITH 1 AS a SELECT 'FORMAT CSV', `FORMAT CSV`", Statement("WITH", "")),
        ("SELECT * FROM (SELECT 1 FORMAT CSV)", Statement("SELECT", "")),
        ("CREATE TABLE t (x Int8)", Statement("CREATE", "")),
    ],
)
def test_verb_and_format_are_found(text: str, statement: Statement) -> None:
    assert read(text) == statement


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", ";SELECT 1; x", "SELECT 1;;--\nx", "SELECT 1\0"])
def test_one_statement_only(text: str) -> None:
    with pytest.raises(Problem, match=r"\(SYNTAX_ERROR\)"):
        read(text)


@pytest.mark.parametrize("text", ["", " ", ";", "-- x", "/* x"])
def test_nothing_is_no_statement(text: str) -> None:
    with pytest.raises(Problem, match="Empty query"):
        read(text)


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("INSERT INTO t FORMAT CSV\n1", InsertHead("INSERT INTO t", "", "CSV", 25)),
        ("INSERT INTO t FORMAT CSV 1", InsertHead("INSERT INTO t", "", "CSV", 25)),
        ("insert into t (`a`, b) format Native\n\n", InsertHead("insert into t (`a`, b)", "", "Native", 37)),
        ("INSERT INTO é FORMAT CSV \t\r\n\t1", InsertHead("INSERT INTO é", "", "CSV", 29)),
        ("INSERT INTO t (format) SETTINGS a=1 FORMAT X", InsertHead("INSERT INTO t (format)", "SETTINGS a=1", "X", 44)),
        (
            "INSERT INTO FUNCTION null('FORMAT x') FORMAT X",
            InsertHead("INSERT INTO FUNCTION null('FORMAT x')", "", "X", 46),
        ),
        ("INSERT INTO settings FORMAT X", InsertHead("INSERT INTO settings", "", "X", 29)),
        ("INSERT INTO t VALUES (1)", None),
        ("INSERT INTO t SELECT 1 FORMAT CSV", None),
        ("INSERT INTO t WITH 1 AS x SELECT x FORMAT CSV", None),
        ("SELECT 'INSERT INTO t FORMAT CSV'", None),
        ("INSERT INTO t (a", None),
        ("", None),
    ],
)
def test_data_begin_behind_the_format(text: str, head: InsertHead | None) -> None:
    assert insert_head(text) == head


@given(st.binary())
def test_data_are_never_looked_at(data: bytes) -> None:
    start = b"INSERT INTO t FORMAT Native\n"
    head = insert_head((start + data).decode("utf-8", "surrogateescape"))
    assert head == InsertHead("INSERT INTO t", "", "Native", len(start))
