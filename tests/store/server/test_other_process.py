"""An ordinary clickhouse_connect client in another process, as Grafana's or a notebook's would be."""

import subprocess
import sys
import textwrap
from typing import Any

import pytest

Wire = Any  # tests/store/conftest.py

PREAMBLE = """
import sys
import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

def connect(**options):
    port, database, username, password = sys.argv[1:5]
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=int(port), username=username, password=password, database=database, **options
    )

client = connect()
"""


@pytest.fixture
def elsewhere(wire: Wire) -> Any:
    """elsewhere("print(1)") -> what a client script printed in a process of its own."""

    def run(script: str, user: str = "default") -> str:
        command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]
        arguments = [str(wire.client.base_url.port), wire.database, user, wire.passwords[user]]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_writes_and_reads(elsewhere: Any, wire: Wire) -> None:
    script = """
        import datetime as dt
        client.command("DROP TABLE IF EXISTS made_elsewhere")
        client.command(
            "CREATE TABLE made_elsewhere (id UInt32, text String, tags Map(String, String), doc JSON, "
            "at DateTime64(6, 'UTC'), kind LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY id"
        )
        at = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.timezone.utc)
        rows = [[1, "a", {"k": "v"}, {"x": {"y": 1}}, at, "q"], [2, "b\\n'\\\\", {}, {}, at, None]]
        summary = client.insert("made_elsewhere", rows, column_names=["id", "text", "tags", "doc", "at", "kind"])
        print(summary.written_rows)
        print(client.query("SELECT id, text, tags, kind, doc.x.y FROM made_elsewhere ORDER BY id").result_rows)
    """
    assert elsewhere(script) == "2\n[(1, 'a', {'k': 'v'}, 'q', 1), (2, \"b\\n'\\\\\", {}, None, None)]"
    assert wire.send("readonly", "SELECT count() FROM made_elsewhere").text == "2\n"


@pytest.mark.parametrize("user", ["default", "readonly"])
def test_streams_a_million_rows(user: str, elsewhere: Any) -> None:
    script = """
        rows = total = 0
        with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(1000000)") as stream:
            for block in stream:
                rows += len(block)
                total += sum(row[0] for row in block)
        print(rows, total)
    """
    assert elsewhere(script, user) == "1000000 499999500000"


@pytest.mark.parametrize("user", ["default", "readonly"])
def test_binds_parameters(user: str, elsewhere: Any) -> None:
    script = """
        import datetime as dt
        values = {"s": "it's\\ta {x:String} \\\\ \\n", "a": [1, 2], "d": dt.datetime(2026, 1, 2, 3, 4, 5), "n": None}
        sql = "SELECT {s:String}, {a:Array(UInt32)}, {d:DateTime('UTC')}, {n:Nullable(String)}"
        row = client.query(sql, parameters=values).result_rows[0]
        print(list(row[:2]) == [values["s"], [1, 2]], row[2], row[3])
    """
    assert elsewhere(script, user) == "True 2026-01-02 03:04:05 None"


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("SELECT nope", 47, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT * FROM nope", 60, "UNKNOWN_TABLE"),
        ("SELECT nope(1)", 46, "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 SETTINGS nope = 1", 115, "UNKNOWN_SETTING"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("INSERT INTO scores (nope) VALUES (1)", 16, "NO_SUCH_COLUMN_IN_TABLE"),
    ],
)
def test_gets_real_error_codes(statement: str, code: int, name: str, elsewhere: Any) -> None:
    script = f"""
        try:
            client.command({statement!r})
        except DatabaseError as error:
            print(error.code, error.name)
    """
    assert elsewhere(script) == f"{code} {name}"


def test_gets_the_code_of_a_wrong_password(elsewhere: Any) -> None:
    script = """
        for name, password in (("default", "wrong"), ("nobody", ""), ("readonly", sys.argv[4])):
            sys.argv[3:5] = name, password
            try:
                connect()
            except DatabaseError as error:
                print(error.code, error.name)
    """
    assert elsewhere(script) == "\n".join(["516 AUTHENTICATION_FAILED"] * 3)


def test_hears_of_a_failure_in_mid_stream(elsewhere: Any) -> None:
    script = """
        sql = "SELECT throwIf(number = 1500000, 'too far') FROM numbers(2000000)"
        rows = 0
        try:
            with client.query_row_block_stream(sql, settings={"max_block_size": 65536}) as stream:
                for block in stream:
                    rows += len(block)
        except StreamFailureError as error:
            print(rows > 500000, "too far" in str(error), "395" in str(error))
    """
    assert elsewhere(script) == "True True True"


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip"])
def test_compresses_both_ways(coding: str, elsewhere: Any) -> None:
    script = f"""
        client = connect(compress={coding!r})
        client.command("CREATE OR REPLACE TABLE squeezed (id UInt32, s String) ENGINE = Memory")
        client.insert("squeezed", [[n, "x" * 50] for n in range(50000)], column_names=["id", "s"])
        print(client.query("SELECT count(), sum(id), sum(length(s)) FROM squeezed").result_rows)
        print(len(client.query("SELECT * FROM squeezed").result_rows))
    """
    assert elsewhere(script) == "[(50000, 1249975000, 2500000)]\n50000"


def test_uses_frames_arrow_raw_formats_and_sessions(elsewhere: Any) -> None:
    script = """
        import pandas
        client.command("CREATE TEMPORARY TABLE mine (id UInt32, s String)")
        client.insert_df("mine", pandas.DataFrame({"id": range(1000), "s": "x"}))
        client.raw_insert("mine", ["id", "s"], '{"id": 5, "s": "json"}', fmt="JSONEachRow")
        print(len(client.query_df("SELECT * FROM mine")), client.query_arrow("SELECT * FROM mine").num_rows)
        print(client.raw_query("SELECT 1, 'a'", fmt="CSV"))
        print(client.query("SELECT 1 AS a, toDate(1) AS b LIMIT 0").column_names)
        print(client.command("SELECT getSetting('max_threads')", settings={"max_threads": 3}))
    """
    assert elsewhere(script) == "1001 1001\nb'1,\"a\"\\n'\n('a', 'b')\n3"


def test_the_read_only_user_is_held(elsewhere: Any) -> None:
    script = """
        for statement in (
            "INSERT INTO scores (name) VALUES ('x')", "SELECT file('/etc/hostname')", "KILL QUERY WHERE 1",
            "SELECT * FROM url('http://127.0.0.1:9', 'CSV', 'a String')", "SET max_threads = 1", "DROP TABLE scores",
        ):
            try:
                print(client.command(statement))
            except DatabaseError as error:
                print(error.code, error.name)
    """
    assert elsewhere(script, "readonly") == "\n".join(["164 READONLY"] * 6)
