"""The endpoint's manners, as a client without a driver sees them."""

import gzip
import json
import threading
import zlib
from typing import Any

import httpx
import lz4.frame
import pytest
from backports import zstd

Wire = Any  # tests/store/conftest.py
RUNNING = "SELECT count() FROM system.processes WHERE startsWith(query, '{}')"


def test_says_that_it_is_there(wire: Wire) -> None:
    assert wire.client.get("/ping").text == "Ok.\n"
    assert wire.client.get("/", auth=("default", wire.passwords["default"])).text == "Ok.\n"
    assert wire.client.get("/elsewhere").status_code == 404
    assert wire.client.put("/").status_code == 405


@pytest.mark.parametrize("place", ["basic", "headers", "url"])
def test_takes_a_login_in_three_places(place: str, wire: Wire) -> None:
    password = wire.passwords["readonly"]
    options: dict[str, Any] = {
        "basic": {"auth": ("readonly", password)},
        "headers": {"headers": {"X-ClickHouse-User": "readonly", "X-ClickHouse-Key": password}},
        "url": {"params": {"user": "readonly", "password": password}},
    }[place]
    assert wire.client.post("/", content="SELECT currentUser() != ''", **options).text == "1\n"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth": ("default", "")},
        {"auth": ("default", "nope")},
        {"auth": ("readonly", "\u00e9")},
        {"auth": ("nobody", "nope")},
        {"headers": {"Authorization": "Basic !!"}},
        {"headers": {"Authorization": "Bearer x"}},
        {"params": {"user": "default"}},
    ],
)
def test_refuses_everybody_else(options: dict[str, Any], wire: Wire) -> None:
    answer = wire.client.post("/", content="SELECT 1", **options)
    assert answer.status_code == 403
    assert answer.headers["x-clickhouse-exception-code"] == "516"
    assert answer.text.startswith("Code: 516. DB::Exception: ")
    assert "(AUTHENTICATION_FAILED)" in answer.text


def test_answers_carry_clickhouse_headers(wire: Wire) -> None:
    answer = wire.send("default", "SELECT number FROM numbers(3) FORMAT JSONCompact", query_id="mine")
    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-format"] == "JSONCompact"
    assert answer.headers["x-clickhouse-timezone"]
    assert json.loads(answer.headers["x-clickhouse-summary"])["read_rows"] == "3"
    assert answer.json()["data"] == [[0], [1], [2]] or answer.json()["data"] == [["0"], ["1"], ["2"]]


def test_the_format_comes_from_statement_header_or_parameter(wire: Wire) -> None:
    assert wire.send("default", "SELECT 1, 'a'").text == "1\ta\n"
    assert wire.send("default", "SELECT 1, 'a' FORMAT CSV").text == '1,"a"\n'
    assert wire.send("default", "SELECT 1, 'a'", default_format="CSV").text == '1,"a"\n'
    assert wire.send("default", "SELECT 1, 'a'", headers={"X-ClickHouse-Format": "CSV"}).text == '1,"a"\n'
    assert wire.send("default", "SELECT 1, 'a' FORMAT TSV", default_format="CSV").text == "1\ta\n"


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("", 400, "62"),
        (b"SELECT '\xff'", 400, "62"),
        ("SELECT nope", 404, "47"),
        ("SELECT * FROM nope", 404, "60"),
        ("SELECT nope()", 404, "46"),
        ("SELECT toUInt8('x')", 400, "6"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1", 408, "159"),
        ("SELECT groupArray(number) FROM numbers(100000000)", 507, "241"),
    ],
)
def test_errors_have_status_and_code(statement: str | bytes, status: int, code: str, wire: Wire) -> None:
    answer = wire.send("default", statement, max_execution_time=1, max_memory_usage=50_000_000)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_settings_last_for_one_request(wire: Wire) -> None:
    ask = "SELECT getSetting('max_threads')"
    before = wire.send("default", ask).text
    assert wire.send("default", ask, max_threads=7).text == "7\n"
    assert wire.send("default", ask).text == before
    assert wire.send("default", ask, **{"max_threads = 1, max_block_size": 1}).status_code == 500
    assert wire.send("default", ask, nope=1).headers["x-clickhouse-exception-code"] == "115"


def test_a_session_keeps_what_was_set_and_made(wire: Wire) -> None:
    def send(statement: str, **values: object) -> httpx.Response:
        answer: httpx.Response = wire.send("default", statement, session_id="kept", **values)
        return answer

    assert send("SET max_threads = 5").status_code == 200
    assert send("CREATE TEMPORARY TABLE mine (x Int8)").status_code == 200
    assert send("INSERT INTO mine FORMAT CSV\n1\n2\n").status_code == 200
    assert send("SELECT sum(x) FROM mine").text == "3\n"
    assert send("SELECT getSetting('max_threads')", max_threads=6).text == "6\n"
    assert send("SELECT getSetting('max_threads')").text == "5\n"
    assert wire.send("default", "SELECT * FROM mine", session_id="other").headers["x-clickhouse-exception-code"] == "60"
    unknown = wire.send("default", "SELECT 1", session_id="never", session_check=1)
    assert unknown.headers["x-clickhouse-exception-code"] == "372"
    for timeout in ("y", "nan", "-1", ""):
        assert wire.send("default", "SELECT 1", session_id="x", session_timeout=timeout).status_code == 400


def test_a_session_takes_one_statement_at_a_time_and_ends(wire: Wire) -> None:
    slow = threading.Thread(target=wire.send, args=("default", "SELECT sleep(1.5)"), kwargs={"session_id": "busy"})
    slow.start()
    while wire.send("default", RUNNING.format("SELECT sleep(1.5)")).text == "0\n":
        assert slow.is_alive()
    answer = wire.send("default", "SELECT 1", session_id="busy")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (423, "373")
    slow.join()
    assert wire.send("default", "SELECT 1", session_id="busy").text == "1\n"

    wire.send("default", "CREATE TEMPORARY TABLE mine (x Int8)", session_id="short", session_timeout=0)
    wire.send("default", "SELECT 1", session_id="somebody else's, which sweeps")
    answer = wire.send("default", "SELECT * FROM mine", session_id="short")
    assert answer.headers["x-clickhouse-exception-code"] == "60"


@pytest.mark.parametrize(
    ("coding", "squeeze"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("lz4", lz4.frame.compress),
        ("zstd", zstd.compress),
    ],
)
def test_inserts_come_in_any_coding(coding: str, squeeze: Any, wire: Wire) -> None:
    table = f"coded_{coding}"
    wire.send("default", f"CREATE TABLE {table} (n UInt64, s String) ENGINE = Memory")
    rows = "".join(f'{{"n": {n}, "s": "{n}"}}\n' for n in range(200_000))
    headers = {"Content-Encoding": coding}
    whole = wire.send("default", squeeze(f"INSERT INTO {table} FORMAT JSONEachRow\n{rows}".encode()), headers=headers)
    apart = wire.send(
        "default", squeeze(rows.encode()), headers=headers, query=f"INSERT INTO {table} FORMAT JSONEachRow"
    )
    for answer in (whole, apart):
        assert answer.status_code == 200, answer.text
        assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "200000"
    assert wire.send("default", f"SELECT count(), sum(n) FROM {table}").text == "400000\t39999800000\n"


def test_an_insert_that_fails_stores_nothing(wire: Wire) -> None:
    wire.send("default", "CREATE TABLE strict (n UInt8) ENGINE = MergeTree ORDER BY n")
    answer = wire.send("default", "INSERT INTO strict FORMAT CSV\n1\n2\nx\n")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (400, "117")
    cut = gzip.compress(b"INSERT INTO strict FORMAT CSV\n" + b"1\n" * 100_000)[:-20]
    answer = wire.send("default", cut, headers={"Content-Encoding": "gzip"})
    assert answer.headers["x-clickhouse-exception-code"] == "354"
    assert wire.send("default", "SELECT count() FROM strict").text == "0\n"
    answer = wire.send("default", "INSERT INTO strict FORMAT CSV\n1\n", headers={"Content-Encoding": "br"})
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (400, "1")


def test_other_ways_to_insert(wire: Wire) -> None:
    wire.send("default", "CREATE TABLE ways (n UInt8, s String) ENGINE = MergeTree ORDER BY n")
    for statement, values in (
        ("INSERT INTO ways VALUES (1, 'a'), (1 + 1, concat('b', 'c'))", {}),
        ("INSERT INTO ways (n, s) SELECT {n:UInt8}, {s:String}", {"param_n": 3, "param_s": "FORMAT CSV"}),
        ("INSERT INTO ways (n) SETTINGS async_insert = 0 FORMAT CSV\r\n4\r\n", {}),
        ("-- a comment FORMAT CSV\ninsert /* x */ into table ways(`s`, n) format  TabSeparated \t\ne\t5", {}),
        ('{"n": 7}', {"query": 'INSERT INTO ways FORMAT JSONEachRow {"n": 6}'}),
        ("8,h", {"query": "INSERT INTO ways FORMAT CSV"}),
        ("(9, 'i')", {"query": "INSERT INTO ways VALUES"}),
        ("", {"query": "INSERT INTO ways FORMAT CSV"}),
    ):
        answer = wire.send("default", statement, **values)
        assert answer.status_code == 200, (statement, answer.text)
    answer = wire.send("default", "SELECT n, s FROM ways ORDER BY n FORMAT CSV")
    assert answer.text == '1,"a"\n2,"bc"\n3,"FORMAT CSV"\n4,""\n5,"e"\n6,""\n7,""\n8,"h"\n9,"i"\n'


@pytest.mark.parametrize(
    "obstacle",
    [
        "ALTER TABLE {table} ADD CONSTRAINT small CHECK n < 5",
        "CREATE MATERIALIZED VIEW {table}_view ENGINE = MergeTree ORDER BY n "
        "AS SELECT n FROM {table} WHERE throwIf(n = 7) = 0",
    ],
    ids=["constraint", "view"],
)
def test_an_insert_that_cannot_be_written_is_an_error(
    obstacle: str, wire: Wire, request: pytest.FixtureRequest
) -> None:
    table = f"refusing_{request.node.callspec.id}"
    wire.send("default", f"CREATE TABLE {table} (n UInt8) ENGINE = MergeTree ORDER BY n")
    assert wire.send("default", obstacle.format(table=table)).status_code == 200
    answer = wire.send("default", f"INSERT INTO {table} FORMAT CSV\n7\n")
    assert answer.status_code >= 400, "chDB's own streaming insert says 200 here"
    assert wire.send("default", f"INSERT INTO {table} FORMAT CSV\n1\n").status_code == 200


def test_data_may_begin_with_a_line_feed(wire: Wire) -> None:
    wire.send("default", "CREATE TABLE feeds (s String) ENGINE = MergeTree ORDER BY s")
    head = "INSERT INTO feeds FORMAT RawBLOB\n"
    assert wire.send("default", head + "\n\x01x\n").status_code == 200
    assert wire.send("default", "SELECT hex(s) FROM feeds").text == "0A01780A\n"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "lz4", "zstd", "br", ""])
def test_answers_are_compressed_for_those_who_ask(coding: str, wire: Wire) -> None:
    undo = {"lz4": lz4.frame.decompress, "zstd": zstd.decompress}.get(coding)
    for rows in (10, 300_000):
        sql = f"SELECT toString(number) FROM numbers({rows})"
        request = wire.client.build_request(
            "POST",
            "/",
            content=sql,
            params={"enable_http_compression": "1", "user": "default", "password": wire.passwords["default"]},
            headers={"Accept-Encoding": coding},
        )
        answer = wire.client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
        assert answer.headers.get("content-encoding", "") == ("" if coding == "br" else coding)
        if coding in ("gzip", "deflate"):
            raw = zlib.decompress(raw, 47)
        text = undo(raw) if undo else raw
        assert text.count(b"\n") == rows
        assert text.endswith(f"\n{rows - 1}\n".encode())


def test_a_long_answer_is_streamed_and_may_fail_on_the_way(wire: Wire) -> None:
    sql = "SELECT throwIf(number = 1500000, 'too far') FROM numbers(2000000)"
    answer = wire.send("default", sql, max_block_size=65536)
    tag = answer.headers["x-clickhouse-exception-tag"]
    assert answer.status_code == 200
    body, _, trailer = answer.text.partition(f"\r\n__exception__\r\n{tag}\r\n")
    assert body.startswith("0\n")
    message, _, rest = trailer.partition(f" {tag}\r\n__exception__\r\n")
    text, _, length = message.rpartition("\n")
    assert text.startswith("Code: 395. DB::Exception: too far")
    assert (int(length), rest) == (len(text) + 1, "")
    assert wire.send("default", sql, wait_end_of_query=1, max_block_size=65536).status_code == 500


def test_a_client_that_leaves_ends_its_statement(wire: Wire) -> None:
    auth = ("default", wire.passwords["default"])
    sql = "SELECT number AS left_behind FROM numbers(100000000000)"
    with wire.client.stream("POST", "/", content=sql, auth=auth) as answer:
        next(answer.iter_raw())
    while wire.send("default", RUNNING.format(sql)).text != "0\n":
        threading.Event().wait(0.05)


def test_statements_of_one_user_run_side_by_side(wire: Wire) -> None:
    """Four sleeping statements are seen running at the same time."""
    seen = []
    threads = [threading.Thread(target=wire.send, args=("default", "SELECT sleep(2)")) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(int(wire.send("default", RUNNING.format("SELECT sleep(2)")).text))
    for thread in threads:
        thread.join()
    assert max(seen) == 4
