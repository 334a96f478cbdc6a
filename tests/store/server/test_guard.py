"""What the read-only user may and may not do, at the endpoint where an attacker would try it."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from watchglass_store.server import guard_lists as lists
from watchglass_store.server.guard import LIMITS

Wire = Any  # tests/store/conftest.py
CANARY = "canary-4711"
SAME_FOR_ALL = re.compile("now\\(\\)|system.settings")

REFUSED = [
    # reading files and the network
    "SELECT file('{secret}')",
    "SELECT `file`('{secret}')",
    'SELECT "file"(\'{secret}\')',
    "SELECT FILE('{secret}')",
    "SELECT fi/**/le('{secret}')",
    "SELECT /* x */ file /* y */ ( /* z */ '{secret}')",
    "SELECT file -- comment\n('{secret}')",
    "SELECT file # comment\n('{secret}')",
    "SELECT file($$ {secret} $$)",
    "SELECT file($tag${secret}$tag$)",
    "SELECT file('\\x2f' || substring('{secret}', 2))",
    "SELECT 1 WHERE file('{secret}') != ''",
    "WITH (SELECT file('{secret}')) AS x SELECT x",
    "WITH a AS (WITH b AS (SELECT file('{secret}') AS c) SELECT c FROM b) SELECT * FROM a",
    "SELECT (SELECT (SELECT file('{secret}')))",
    "SELECT arrayMap(x -> file(x), ['{secret}'])",
    "SELECT arrayMap(file, ['{secret}'])",
    "SELECT * APPLY(file) FROM (SELECT '{secret}')",
    "SELECT * APPLY file FROM (SELECT '{secret}')",
    "SELECT COLUMNS('x') APPLY(x -> file(x)) FROM (SELECT '{secret}' AS x)",
    "SELECT 1 AS file, file('{secret}')",
    "SELECT * FROM file('{secret}', 'LineAsString')",
    "SELECT * FROM `file`('{secret}', 'LineAsString')",
    "SELECT * FROM FILE('{secret}', LineAsString, 'line String')",
    "SELECT * FROM default.`{secret}`",
    "SELECT * FROM `default`.`{secret}`",
    "SELECT * FROM `default.{secret}`",
    "DESCRIBE TABLE default.`{secret}`",
    "DESCRIBE file('{secret}')",
    "DESCRIBE TABLE file('{secret}', 'LineAsString')",
    "EXISTS TABLE default.`{secret}`",
    "SELECT * FROM url('http://127.0.0.1:9/x', 'LineAsString')",
    "SELECT * FROM urlCluster('default', 'http://127.0.0.1:9/x', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:9/b/k', 'CSV')",
    "SELECT * FROM gcs('http://127.0.0.1:9/b/k', 'CSV')",
    "SELECT * FROM azureBlobStorage('DefaultEndpointsProtocol=http', 'c', 'b')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:9/x', 'CSV')",
    "SELECT * FROM deltaLakeLocal('/')",
    "SELECT * FROM icebergLocal('/')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT * FROM remote('127.0.0.1:9', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1:9', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('127.0.0.1:9', 'd', 't', 'u', 'p', 'x Int8')",
    "SELECT * FROM redis('127.0.0.1:9', 'k', 'k String, v String')",
    "SELECT * FROM sqlite('{secret}', 't')",
    "SELECT * FROM odbc('DSN=x', 't')",
    "SELECT * FROM jdbc('x', 't')",
    "SELECT * FROM executable('id', 'TSV', 'x String')",
    "SELECT * FROM Python(x)",
    "SELECT * FROM python('x')",
    "SELECT * FROM input('x String')",
    "SELECT * FROM dictionary('d')",
    "SELECT dictGet('d', 'x', 1)",
    "SELECT * FROM loop(system.one)",
    "SELECT * FROM merge('system', 'one')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM fuzzQuery('SELECT 1')",
    "SELECT * FROM mergeTreeIndex(currentDatabase(), 'scores')",
    "SELECT * FROM format(Template, '{secret}')",
    "SELECT catboostEvaluate('{secret}', 1)",
    "SELECT evalMLMethod('{secret}', 1)",
    "SELECT aiGenerate('x', 'y')",
    "SELECT AIGenerate('x', 'y')",
    "SELECT joinGet('x', 'y', 1)",
    "SELECT addressToLine(1)",
    "SELECT getMacro('x')",
    "SELECT getServerPort('tcp_port')",
    "SELECT showCertificate()",
    "SELECT sleep(1)",
    "SELECT sleepEachRow(1) FROM numbers(3)",
    "SELECT logTrace('x')",
    # writing
    "INSERT INTO canary VALUES (2)",
    "INSERT INTO canary FORMAT JSONEachRow {{\"x\": 2}}",
    "INSERT INTO canary SELECT 2",
    "/* x */ INSERT INTO canary SELECT 2",
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'x String') VALUES ('x')",
    "INSERT INTO TABLE FUNCTION file('{out}', 'CSV', 'x String') SELECT 'x'",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' FORMAT CSV",
    "SELECT 1 into/**/outfile '{out}' append and stdout format CSV",
    "(SELECT 1) INTO OUTFILE '{out}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "DESCRIBE TABLE canary INTO OUTFILE '{out}'",
    "DROP TABLE canary",
    "TRUNCATE TABLE canary",
    "ALTER TABLE canary DELETE WHERE 1",
    "DELETE FROM canary WHERE 1",
    "UPDATE canary SET x = 2 WHERE 1",
    "RENAME TABLE canary TO b",
    "EXCHANGE TABLES canary AND b",
    "CREATE TABLE b (x Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE b (x Int8)",
    "CREATE VIEW b AS SELECT 1",
    "CREATE FUNCTION f AS x -> x",
    "CREATE USER u",
    "DETACH TABLE canary",
    "ATTACH TABLE b FROM '{secret}' (x Int8) ENGINE = File(CSV)",
    "OPTIMIZE TABLE canary FINAL",
    "UNDROP TABLE canary",
    "BACKUP DATABASE default TO File('{out}')",
    "CHECK TABLE canary",
    # other people's statements, the server, settings
    "KILL QUERY WHERE 1",
    "KILL QUERY WHERE 1 SYNC",
    "KILL MUTATION WHERE 1",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SET max_memory_usage = 0",
    "SET readonly = 0",
    "USE system",
    "GRANT ALL ON *.* TO readonly",
    "EXECUTE AS default SELECT 1",
    "BEGIN TRANSACTION",
    "WATCH canary",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT 1 SETTINGS max_threads = 1 FORMAT CSV",
    "SELECT 1 FORMAT CSV SETTINGS max_threads = 1",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT Protobuf",
    "SELECT 1 FORMAT CapnProto",
    "SELECT 1 FORMAT Npy",
    "SELECT 1; DROP TABLE canary",
    "SELECT 1; SELECT file('{secret}')",
    "SELECT 1;;DROP TABLE canary",
    "SELECT 1 /* ; */ ; DROP TABLE canary",
    "EXPLAIN AST DROP TABLE canary",
    "EXPLAIN SYNTAX SELECT file('{secret}')",
    "EXPLAIN QUERY TREE SELECT file('{secret}')",
    "EXPLAIN PLAN SELECT * FROM file('{secret}')",
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:9', 'd', 't', 'u', 'p') PARTITION BY x",
    "EXPLAIN CURRENT TRANSACTION",
    "SELECT * FROM (EXPLAIN SELECT file('{secret}'))",
    "SELECT * FROM system.processes",
    "SELECT * FROM system . processes",
    "SELECT * FROM `system`.`processes`",
    "SELECT * FROM \"system\".\"processes\"",
    "SELECT * FROM `system.processes`",
    "SELECT * FROM SYSTEM.processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.user_processes",
    "SELECT * FROM system.user_directories",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.disks",
    "SELECT 1 WHERE 1 IN (SELECT 1 FROM system.processes)",
    "SELECT 1 WHERE 1 IN system.processes",
    "SELECT * FROM (SELECT 1) AS a JOIN system.processes AS b ON 1",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.tables",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW USERS",
    "SHOW TABLES FROM system",
    "SHOW CREATE TABLE system.processes",
    "SHOW SETTINGS LIKE '%'",
    "DESCRIBE TABLE system.processes",
    # not SQL at all
    "",
    ";",
    "-- nothing",
    "SELECT 'unclosed",
    "SELECT `unclosed",
    "SELECT /* unclosed",
    "SELECT ‘file’('{secret}')",
    "SELECT \u200bfile('{secret}')",
    "SELECT\u00a0file('{secret}')",
    "ſELECT file('{secret}')",
    "SELECT fıle('{secret}')",
    "\x00SELECT 1",
    "SELECT 1\x00; DROP TABLE canary",
]  # fmt: skip

ALLOWED = [
    "SELECT 1",
    "select 1;",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SELECT 'file(''x'') INTO OUTFILE ; SETTINGS readonly=0 -- DROP'",
    "SELECT 'system.processes', \"x\" FROM (SELECT 1 AS x)",
    "SELECT 1 /* file('x'); INTO OUTFILE */ -- SETTINGS a=1",
    "WITH 1 AS a, b AS (SELECT a AS c) SELECT c FROM b",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r",
    "SELECT number, toString(number) FROM numbers(3) WHERE number IN (1, 2) ORDER BY number LIMIT 1 WITH TIES",
    "SELECT quantilesTDigestMerge(0.5, 0.95)(s) FROM (SELECT quantilesTDigestStateIf(0.5, 0.95)(1., 1 = 1) AS s)",
    "SELECT sumIfOrNull(number, number > 1), countIf(1), uniqExactArrayIf([1], 1) FROM numbers(3)",
    "SELECT arraySort(x -> -x, [1, 2]), arrayMap((x, y) -> (x, y), [1], [2]), map('a', 1)['a']",
    "SELECT CAST('1' AS Nullable(Decimal(10, 2))), '2026-01-01'::Date, '[1]'::Array(UInt8)",
    "SELECT toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + INTERVAL 1 DAY, INTERVAL (1 + 1) HOUR",
    "SELECT CASE WHEN (1 = 1) THEN (2) ELSE (3) END, NOT (1), 1 BETWEEN (0) AND (2), 'a' LIKE ('a')",
    "SELECT row_number() OVER (PARTITION BY 1 ORDER BY 2 ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "SELECT a.number FROM numbers(3) AS a ANY LEFT JOIN numbers(2) AS b USING (number)",
    "SELECT a.number FROM numbers(3) AS a GLOBAL ANY JOIN numbers(1) AS c ON (a.number = c.number)",
    "SELECT number % 2 AS k, count() FROM numbers(3) GROUP BY GROUPING SETS ((k), ()) HAVING (k >= 0) ORDER BY (k), 2",
    "SELECT toStartOfInterval(now(), INTERVAL 5 MINUTE), dateDiff('second', now(), now()), extract('a1', '[0-9]')",
    "SELECT EXTRACT(YEAR FROM today()), substring('abc' FROM 2 FOR 1), position('b' IN 'abc')",
    "SELECT trim(BOTH 'x' FROM 'xax')",
    "SELECT * EXCEPT (a) REPLACE (b + 1 AS b) FROM (SELECT 1 AS a, 2 AS b)",
    "SELECT COLUMNS('a') APPLY(toString) FROM (SELECT 1 AS a)",
    "SELECT x FROM (SELECT [1, 2] AS xs) ARRAY JOIN xs AS x",
    "SELECT format, user, version FROM (SELECT 1 AS format, 2 AS user, 3 AS version)",
    "SELECT day FROM llm_calls WHERE hasToken(lower(prompt_text), 'a') AND match(response_text, '^a')",
    "SELECT day FROM llm_calls LIMIT 1 BY day LIMIT 5, 10",
    "SELECT * FROM scores FINAL PREWHERE name = 'x' WHERE (name, evaluator) IN (('a', 'b')) LIMIT 1",
    "SELECT cityHash64('a') % 4, CASE 1 WHEN 1 THEN 'a' ELSE 'b' END",
    "SELECT name, value, readonly FROM system.settings LIMIT 1",
    "SELECT count() FROM system.parts WHERE active AND database = currentDatabase()",
    "SELECT name FROM system.columns WHERE table = 'scores' ORDER BY position",
    "SELECT version(), timezone()",
    "SHOW TABLES",
    "SHOW DATABASES",
    "SHOW CREATE TABLE scores",
    "DESCRIBE TABLE scores",
    "DESCRIBE (SELECT 1 AS a)",
    "EXISTS TABLE scores",
    "EXPLAIN SELECT 1",
    "EXPLAIN PLAN indexes = 1, actions = 1 SELECT count() FROM scores",
    "EXPLAIN SYNTAX SELECT 1",
    "EXPLAIN PIPELINE SELECT 1",
    "EXPLAIN ESTIMATE SELECT 1",
    "SELECT 1 FORMAT JSONEachRow",
    "SELECT 1 FORMAT Native",
]  # fmt: skip


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("host") / "secret.txt"
    path.write_text(CANARY)
    return path


@pytest.fixture(scope="module", autouse=True)
def canary(wire: Wire) -> None:
    wire.send("default", "CREATE TABLE canary (x Int8) ENGINE = MergeTree ORDER BY x").raise_for_status()
    wire.send("default", "INSERT INTO canary VALUES (1)").raise_for_status()


def refused(wire: Wire, secret: Path, answer: httpx.Response, codes: tuple[str, ...] = ("164", "62")) -> None:
    assert answer.status_code in (400, 403, 404), answer.text
    assert answer.headers["x-clickhouse-exception-code"] in codes, answer.text
    assert CANARY not in answer.text
    assert [path.name for path in secret.parent.iterdir()] == [secret.name]
    assert wire.send("default", "SELECT x FROM canary").text == "1\n"


@pytest.mark.parametrize("attempt", REFUSED)
def test_refused(attempt: str, wire: Wire, secret: Path) -> None:
    statement = attempt.format(secret=secret, out=secret.parent / "out")
    refused(wire, secret, wire.send("readonly", statement.encode()))


@pytest.mark.parametrize("path", ["'{secret}'", "`{secret}`", '"{secret}"'])
def test_a_path_is_no_table(path: str, wire: Wire, secret: Path) -> None:
    answer = wire.send("readonly", f"SELECT * FROM {path.format(secret=secret)}")
    refused(wire, secret, answer, codes=("60",))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"database": "system"}, "164"),
        ({"database": "default"}, "164"),
        ({"database": "DEFAULT"}, "164"),
        ({"database": "information_schema"}, "164"),
        ({"readonly": 0}, "164"),
        ({"readonly": 2}, "164"),
        ({"max_execution_time": 0}, "164"),
        ({"max_memory_usage": 0}, "164"),
        ({"allow_introspection_functions": 1}, "164"),
        ({"format_schema": "x"}, "164"),
        ({"MAX_EXECUTION_TIME": 0}, "164"),
        ({"max_execution_time = 0, readonly": 0}, "164"),
        ({"default_format": "Template"}, "164"),
        ({"default_format": "Protobuf"}, "164"),
        ({"query": "SELECT file('{secret}')"}, "62"),
        ({"query": "SELECT 1;"}, "62"),
        ({"query": "INSERT INTO canary VALUES"}, "164"),
        ({"query": "INSERT INTO canary FORMAT CSV"}, "164"),
        ({"query": "KILL QUERY WHERE"}, "62"),
    ],
)
def test_parameters_are_guarded(values: dict[str, str], code: str, wire: Wire, secret: Path) -> None:
    values = {key: str(value).format(secret=secret) for key, value in values.items()}
    refused(wire, secret, wire.send("readonly", "SELECT 1", **values), codes=(code,))


def test_statement_is_what_url_and_body_make_together(wire: Wire, secret: Path) -> None:
    refused(wire, secret, wire.send("readonly", f"('{secret}')", query="SELECT file"))
    assert wire.send("readonly", "'x' */ 1", query="SELECT /*").text == "1\n"


@pytest.mark.parametrize("value", ["system.processes", "processes", "file"])
@pytest.mark.parametrize(
    "statement", ["SELECT * FROM {x:Identifier}", "SELECT {x:Identifier}('a')", "SELECT * FROM system.{x:Identifier}"]
)
def test_names_cannot_be_bound(statement: str, value: str, wire: Wire, secret: Path) -> None:
    refused(wire, secret, wire.send("readonly", statement, param_x=value))


def test_values_are_bound_literally(wire: Wire) -> None:
    for hostile in ["' OR 1=1 --", "'; DROP TABLE canary", "\\\\'", "{x:String}", "file('/etc/passwd')"]:
        sent = hostile.replace("\\", "\\\\")
        assert wire.send("readonly", "SELECT {x:String} FORMAT RawBLOB", param_x=sent).text == hostile


def test_headers_are_guarded(wire: Wire, secret: Path) -> None:
    refused(wire, secret, wire.send("readonly", "SELECT 1", headers={"X-ClickHouse-Format": "Template"}))
    login = {"X-ClickHouse-User": "readonly", "X-ClickHouse-Key": wire.passwords["readonly"]}
    answer = wire.client.post("/", content="SELECT * FROM one", headers=login | {"X-ClickHouse-Database": "system"})
    refused(wire, secret, answer)


def test_forms_are_guarded(wire: Wire, secret: Path) -> None:
    def send(**fields: str) -> httpx.Response:
        parts = {key: (None, value) for key, value in fields.items()}
        return wire.client.post("/", files=parts, auth=("readonly", wire.passwords["readonly"]))

    assert send(query="SELECT {x:String}", param_x="a").text == "a\n"
    refused(wire, secret, send(query=f"SELECT file('{secret}')"))
    refused(wire, secret, send(query="SELECT 1", readonly="0"))
    refused(wire, secret, send(query="SELECT 1", database="default"))
    refused(wire, secret, send(query="SELECT 1", user="default", max_execution_time="0"))


def test_sessions_are_guarded_and_not_shared_with_other_users(wire: Wire, secret: Path) -> None:
    assert wire.send("default", "SET max_threads = 1", session_id="shared").status_code == 200
    assert wire.send("default", "CREATE TEMPORARY TABLE mine (x Int8)", session_id="shared").status_code == 200
    assert wire.send("readonly", "SELECT 1", session_id="shared").text == "1\n"
    refused(wire, secret, wire.send("readonly", "SELECT * FROM mine", session_id="shared"), codes=("60",))
    refused(wire, secret, wire.send("readonly", "SET max_execution_time = 0", session_id="shared"))
    refused(wire, secret, wire.send("readonly", "USE system", session_id="shared"))
    refused(wire, secret, wire.send("readonly", "SELECT * FROM one", session_id="shared"), codes=("60",))
    assert wire.send("readonly", "SELECT getSetting('readonly')", session_id="shared").text == "1\n"


def test_compressed_statements_are_guarded(wire: Wire, secret: Path) -> None:
    body = gzip.compress(f"SELECT file('{secret}')".encode())
    refused(wire, secret, wire.send("readonly", body, headers={"Content-Encoding": "gzip"}))


def test_limits_hold_and_cannot_be_changed(wire: Wire) -> None:
    names = ", ".join(f"'{name}'" for name in LIMITS)
    sql = f"SELECT name, value FROM system.settings WHERE name IN ({names}) FORMAT JSONCompactEachRow"
    rows = [json.loads(line) for line in wire.send("readonly", sql).text.splitlines()]
    assert dict(rows) == dict(LIMITS)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT number FROM numbers(10000000) FORMAT Null", "396"),
        ("SELECT groupArray(number) FROM numbers(1000000000) FORMAT Null", "241"),
        ("SELECT range(1000000000)", "69"),
        (f"SELECT {'+'.join('1' * 10_500)}", "62"),
        (f"SELECT {'(' * 3_000}1{')' * 3_000}", "62"),
        (f"SELECT sum{'If' * 60_000}(1)", "164"),
        (f"SELECT '{'x' * 300_000}'", "307"),
        (f"SELECT 1 WHERE 1 IN ({','.join('1' * 200_000)})", "307"),
    ],
)
def test_a_heavy_statement_is_cut_off(statement: str, code: str, wire: Wire) -> None:
    answer = wire.send("readonly", statement)
    assert answer.headers.get("x-clickhouse-exception-code") == code, answer.text[:300]


@pytest.mark.parametrize("statement", ALLOWED)
def test_allowed(statement: str, wire: Wire) -> None:
    answer = wire.send("readonly", statement)
    assert answer.status_code == 200, answer.text
    if not SAME_FOR_ALL.search(statement):
        assert answer.content == wire.send("default", statement).content


def test_every_function_of_the_engine_was_looked_at(wire: Wire) -> None:
    """A new engine brings new functions: look at them, sort them in guard_lists, and only then change the numbers."""
    sql = "SELECT categories, count() FROM system.functions WHERE NOT is_aggregate GROUP BY 1 FORMAT JSONCompactEachRow"
    counted = {category: int(count) for category, count in map(json.loads, wire.send("default", sql).text.splitlines())}
    refused_categories = {
        "", "AI", "Dictionary", "Embedded Dictionary", "Encryption", "Internal", "Introspection", "Machine Learning",
        "Other", "QBit", "Time Series",
    }  # fmt: skip
    assert set(counted) == lists.CATEGORIES | refused_categories
    assert sum(counted.values()) == 1627
