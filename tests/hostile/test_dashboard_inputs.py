"""Hostile inputs 56 to 65 and 79 to 88, at the pages and their queries.

Where another test holds one already it is named here: 58 and 59 tests/store/server/test_guard.py and test_editing.py;
85 and names of files tests/dashboards/test_export.py; 83 tests/dashboards/test_trace_tools.py; 88
tests/dashboards/test_login.py; 79 to 82 in a browser tests/dashboards/browser/test_pages.py.
"""

import contextlib
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from watchglass_dashboards import access, connection, data
from watchglass_dashboards.access import Actor
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_dashboards.ui.export import to_csv
from watchglass_dashboards.ui.filters import parse_between
from watchglass_dashboards.ui.text import label, option
from watchglass_dashboards.ui.trace_panel import is_id
from watchglass_dashboards.views import traces
from watchglass_store import Store, StoreConfig, StoreError, StoreRejected, StoreUnavailable
from watchglass_store.queries import pages_cost, pages_people, pages_traces
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_traces import COUNT_LIMIT, FILE_PREVIEW, CallFilter

TEXTS = [
    "' OR 1=1 --",
    "'; DROP TABLE x",
    "\\'",
    "{x:String}",
    "\\",
    "%",
    "_",
    "a\x00b",
    "\u202e",
    "`",
    "--",
    "/*",
    "\n",
]


def scope(**more: Any) -> Scope:
    now = datetime.now(UTC)
    return Scope(now - timedelta(hours=3), now + timedelta(hours=3), **more)


@pytest.fixture
def named(store: Store) -> Store:
    """One call for each hostile text, which stands in every column that a page filters on."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = [
        {
            "hour": now, "trace_id": f"{at:032x}", "span_id": f"{at:016x}", "received_at": now,
            "start_time": now, "duration_s": 1.0, "operation_name": "chat", "service_name": text, "environment": text,
            "request_model": text, "prompt_version": text, "user_id": text, "conversation_id": text,
            "prompt_text": f"before {text} after", "usage_counted": 1,
        }
        for at, text in enumerate(TEXTS)
    ]  # fmt: skip
    store.insert("llm_call_parts", rows)
    return store


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_56_values_match_literally(text: str, named: Store) -> None:
    for chosen in (
        CallFilter(scope(service=text)),
        CallFilter(scope(environment=text)),
        CallFilter(scope(models=(text,))),
        CallFilter(scope(prompt_version=text)),
        CallFilter(scope(), who=text),
    ):
        assert pages_traces.count_calls(named, chosen) == 1
    assert [row["id"] for row in pages_people.people(named, scope(), "user_id", limit=99, offset=0)].count(text) == 1
    assert {row["part"]: row["n_calls"] for row in pages_cost.spending(named, scope(), "model")}[text] == 1
    assert len(pages_people.turns_of(named, scope(), text)) == 1


def test_fifty_ids_of_great_length_are_listed(store: Store, readonly_store: Store) -> None:
    now = datetime.now(UTC)
    names = [f"{at:03}" + "x" * 20_000 for at in range(50)]
    store.insert("llm_call_parts", [
        {"trace_id": f"{at:032x}", "span_id": f"{at:016x}", "received_at": now, "start_time": now, "duration_s": 1.0,
         "operation_name": "chat", "conversation_id": name}
        for at, name in enumerate(names)
    ])  # fmt: skip
    shown = pages_people.people(readonly_store, scope(), "conversation_id", limit=50, offset=0)
    assert sorted(row["id"] for row in shown) == names


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: pages_cost.spending(store, scope(), "1; DROP TABLE x"),  # type: ignore[arg-type]
        lambda store: pages_cost.spending_over_time(store, scope(), "trace_id", 60),  # type: ignore[arg-type]
        lambda store: pages_people.people(store, scope(), "user_id) --", limit=1, offset=0),  # type: ignore[arg-type]
        lambda store: pages_people.people(store, scope(), "user_id", order="1", limit=1, offset=0),  # type: ignore[arg-type]
        lambda store: pages_traces.call_ids(store, CallFilter(scope(), status="ok", order="x"), limit=1, offset=0),  # type: ignore[arg-type]
    ],
)
def test_hostile_57_columns_and_orders_are_of_a_list(ask: Callable[[Store], object], store: Store) -> None:
    with pytest.raises((ValueError, KeyError)):
        ask(store)


@pytest.mark.parametrize("text", ["(a+)+$", "a" * 10_000, "%" * 10_000, "*" * 5_000, "[" * 400])
def test_hostile_60_and_61_patterns_are_words_of_bounded_length(text: str, named: Store) -> None:
    chosen = CallFilter(scope(), search=text)
    with contextlib.suppress(StoreRejected):  # a limit, never a pattern that runs
        assert pages_traces.count_calls(named, chosen) <= len(TEXTS)


def test_hostile_60_nothing_of_a_viewer_reaches_pythons_re() -> None:
    found = [
        (path.name, line)
        for folder in ("dashboards/watchglass_dashboards", "store/watchglass_store/queries")
        for path in sorted((Path(__file__).parents[2] / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "re.compile(" in line and not any(quote in line for quote in ('"', "'"))
    ]
    assert found == []


def test_hostile_62_a_range_of_a_century_is_no_range(readonly_store: Store) -> None:
    assert parse_between("1926-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00") is None
    with pytest.raises(StoreRejected) as refusal:
        readonly_store.query("SELECT number FROM numbers(1000000000)")
    assert refusal.value.name in ("TOO_MANY_ROWS_OR_BYTES", "TOO_MANY_ROWS", "TOO_MANY_BYTES")


@pytest.mark.parametrize("number", [-1, 0, 10**6, 10**30])
def test_hostile_63_pages_that_are_not_there(number: int, named: Store) -> None:
    with contextlib.suppress(StoreRejected):
        found = pages_traces.call_ids(named, CallFilter(scope(), status="ok"), limit=50, offset=(number - 1) * 50)
        assert found == []


HEAVY, WRITES = 50, 10


def test_hostile_64_fifty_heavy_questions_at_once_leave_inserts_alone(store: Store, readonly_store: Store) -> None:
    """Readers have threads of their own and a queue with an end, so writers never stand in it."""
    written = threading.Event()

    def ask(_: int) -> set[str]:
        outcomes = set()
        while not outcomes or not written.is_set():
            try:
                readonly_store.query("SELECT sum(cityHash64(number, number + 1)) AS x FROM numbers(2000000)")
                outcomes.add("answered")
            except StoreError as refusal:
                outcomes.add(str(refusal))
        return outcomes

    with ThreadPoolExecutor(HEAVY) as readers:
        asked = [readers.submit(ask, number) for number in range(HEAVY)]
        try:
            for number in range(WRITES):
                store.insert("llm_calls_by_time", [{"trace_id": f"{number:032x}", "received_at": datetime.now(UTC)}])
        finally:
            written.set()
    outcomes = set().union(*(one.result() for one in asked))
    assert "answered" in outcomes
    assert all("TOO_MANY_SIMULTANEOUS_QUERIES" in text for text in outcomes - {"answered"})
    assert store.query("SELECT count() AS n FROM llm_calls_by_time") == [{"n": WRITES}]


@pytest.fixture
def page(readonly_config: StoreConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(SOURCE_VARIABLE, Source(readonly_config, tmp_path).to_json())
    yield
    connection._store(os.environ[SOURCE_VARIABLE]).close()
    st.cache_data.clear()
    st.cache_resource.clear()


def test_hostile_65_an_answer_is_shared_within_a_role_only(page: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def question(store: Store, text: str) -> str:
        asked.append(access.actor().role)
        return f"{access.actor().role}: {text}"

    for role in ("admin", "viewer", "admin"):
        monkeypatch.setattr(access, "actor", lambda role=role: Actor("x", role))
        assert data.read(question, "a") == f"{role}: a"
    assert asked == ["admin", "viewer"]


def test_hostile_65_every_key_of_the_cache_holds_source_and_role() -> None:
    assert 'f"{source} {as_whom} ' in inspect.getsource(connection._key)
    for ask in (connection.ask, connection.ask_seldom):
        assert "_key(source, as_whom, query, args, kwargs)" in inspect.getsource(ask)


def test_hostile_86_a_file_of_everything_is_capped_and_read_in_pieces(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls than a file may have, each with a long text: no answer of the store is larger than a few pages."""
    store.command(
        """
        INSERT INTO llm_call_parts (trace_id, span_id, received_at, start_time, duration_s, operation_name, prompt_text)
        SELECT leftPad(hex(number), 32, '0'), leftPad(hex(number), 16, '0'), now64(3), now64(9), 1, 'chat',
            repeat('=HYPERLINK(1) ', 500)
        FROM numbers({many:UInt64})
        """,
        {"many": COUNT_LIMIT + 500},
    )
    sizes: list[int] = []
    ask = Store.query

    def query(self: Store, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        rows = ask(self, *args, **kwargs)
        if rows and "prompt" in rows[0]:
            sizes.append(len(rows))
        return rows

    monkeypatch.setattr(Store, "query", query)
    found = pages_traces.for_file(store, CallFilter(scope()))
    assert len({row["trace_id"] for row in found}) == len(found) == COUNT_LIMIT
    assert max(sizes) <= 500
    assert {len(row["prompt"]) for row in found} == {FILE_PREVIEW}
    lines = to_csv(found).split(b"\r\n")
    assert len(lines) == COUNT_LIMIT + 2
    assert b",'=HYPERLINK" in lines[1]


def test_hostile_86_no_file_without_a_line_in_the_audit_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the buttons of the list call begins with the line, so a store that cannot note it gives no file."""
    taken: dict[str, Callable[[], object]] = {}

    def refuse(*_: object) -> None:
        raise StoreUnavailable("away")

    for name in ("csv_button", "json_button"):
        monkeypatch.setattr(traces, name, lambda _, rows, key: taken.update({key: rows}))
    monkeypatch.setattr(access, "actor", lambda: Actor("ada", "viewer"))
    monkeypatch.setattr(traces.writing, "exported", refuse)
    monkeypatch.setattr(traces, "ask_now", lambda *_: pytest.fail("texts were read"))
    traces._files(CallFilter(scope()))
    assert set(taken) == {"csv_calls", "json_calls"}
    for rows in taken.values():
        with pytest.raises(StoreUnavailable):
            rows()


@pytest.mark.parametrize(
    "text",
    ["<script>x</script>", "![x](https://evil/?q=1)", "//evil", "[a](javascript:alert(1))", ":material/x:", "$latex$",
     ":red[x]", "# h", "JaVa\tscript:alert(1)", "www.evil.example", "a@evil.example", "**b**", "~~s~~", "|a|b|"],
)  # fmt: skip
def test_hostile_79_to_82_a_label_has_no_markup_left(text: str) -> None:
    for shown in (label(text), option(text)):
        assert "https://" not in shown
        assert "www." not in shown.replace("\u2060", "|")
        for mark in "<>[]()*_`#$|~":
            assert mark not in shown.replace(f"\\{mark}", "")


@pytest.mark.parametrize("text", ["../../etc/passwd", "<script>", "a" * 65, "", "x y", "%00", "1\r\nSet-Cookie: a=b"])
def test_hostile_87_ids_in_the_address_are_ids(text: str) -> None:
    assert not is_id(text)
