"""Cost, Sessions, Health and Settings on the seeded store; their numbers against numbers computed from the seed."""

from datetime import timedelta
from pathlib import Path

import pytest

from watchglass_collector.assembly.desk import Desk
from watchglass_dashboards import PRICE_DESK_VARIABLE, DashboardConfig, Installation
from watchglass_dashboards.config import AuthConfig
from watchglass_dashboards.spool import waiting
from watchglass_dashboards.ui.format import count
from watchglass_store import Store
from watchglass_store.queries import api_keys, dashboard_users, prices
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_health import evaluation_failures
from watchglass_store.queries.pages_people import count_people, people

from .ledger_seed import ledger


def metrics(page):
    return {metric.label: metric.value for metric in page.metric}


def texts(page):
    return "\n".join(element.value for element in (*page.caption, *page.text, *page.info))


def healthy(page):
    assert not page.exception, page.exception[0].message
    assert not page.error, page.error[0].value


def chats_of_last_day(seed):
    return [chat for chat in seed.chats if chat["start_time"] >= seed.now - timedelta(hours=24)]


def test_cost_is_the_sum_of_what_has_a_price_and_says_what_has_none(view, seeded):
    page = view("cost", range="24h")
    healthy(page)
    chats = chats_of_last_day(seeded.seed)
    priced = [chat["cost_usd"] for chat in chats if chat["cost_usd"] is not None]
    shown = metrics(page)
    assert shown["Cost"] == f"\\${sum(priced):,.2f}"
    assert shown["Calls without a price"] == f"{len(chats) - len(priced):,}"
    assert f"of {len(priced):,} calls with a price" in texts(page)
    assert "their cost is missing from every sum" in texts(page)
    (by_part, by_user) = (frame.value for frame in page.dataframe[:2])
    assert sum(by_part["calls"]) == len(chats)
    assert sum(by_part["unpriced"]) == len(chats) - len(priced)
    spent = dict.fromkeys((chat["user_id"] for chat in chats), 0.0)
    for chat in chats:
        spent[chat["user_id"]] += chat["cost_usd"] or 0
    assert by_user["cost"].iloc[0] == pytest.approx(max(spent.values()))


def test_a_budget_is_shown_as_a_share(view):
    page = view("cost", range="24h", budget="1000.0")
    healthy(page)
    assert "of the budget used" in texts(page)


@pytest.mark.parametrize(("kind", "column"), [("Conversations", "conversation_id"), ("Users", "user_id")])
def test_people_are_counted_once(view, seeded, kind, column):
    page = view("sessions", range="24h", list=kind, sort="Most calls")
    healthy(page)
    chats = chats_of_last_day(seeded.seed)
    names = {chat[column] for chat in chats}
    assert f"{len(names):,} {kind.lower()}" in texts(page)
    first = page.dataframe[0].value.iloc[0]
    most = max(sum(chat[column] == name for chat in chats) for name in names)
    assert first["calls"] == most


def test_people_are_found_by_how_their_id_begins(view):
    page = view("sessions", range="24h", list="Users", id="user-1")
    healthy(page)
    assert all(name.startswith("user-1") for name in page.dataframe[0].value["id"])


def test_health_shows_the_books_of_the_collector(view, seeded):
    page = view("health", range="24h")
    healthy(page)
    shown = metrics(page)
    books = [row for row in ledger(seeded.seed.now) if row["hour"] >= seeded.seed.now - timedelta(hours=24)]
    assert shown["Received"] == count(sum(row["received"] for row in books))
    assert shown["Quarantined or refused"] == "12"
    assert "12 quarantined in 24 h" in texts(page)
    tables = [frame.value for frame in page.dataframe]
    sources = next(table for table in tables if "convention" in table)
    disk = next(table for table in tables if "kept" in table)
    assert set(sources["service"]) == {"support-bot", "contract-review"}
    assert {"llm_call_parts", "otel_traces", "scores"} <= set(disk["table"])
    assert disk.set_index("table").loc["scores", "kept"] == 90


def test_evaluations_that_failed_are_those_of_the_range(seeded, seeded_reader):
    now = seeded.seed.now
    (failed,) = evaluation_failures(seeded_reader, now - timedelta(hours=1), now)
    assert (failed["evaluator"], failed["n"]) == ("rouge", 1)
    assert evaluation_failures(seeded_reader, now - timedelta(hours=9), now - timedelta(hours=1)) == []


def test_what_waits_in_a_spool_is_counted_without_the_quarantine(tmp_path: Path):
    for name, size in (("traces/1.segment", 10), ("traces/2.segment", 5), ("quarantine/3.segment", 7), ("x.lock", 1)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * size)
    found = waiting(tmp_path, 4e9)
    assert (found.segments, found.bytes) == (2, 15)
    assert found.oldest_s is not None
    assert waiting(tmp_path / "nowhere", 4e9).oldest_s is None


def test_settings_hide_secrets_and_show_where_to_change_them(view):
    there = Installation(
        DashboardConfig(),
        file="/etc/watchglass.toml",
        sections={"alerts": {"channels": {"oncall": {"type": "slack", "url": "https://hooks/hunter2"}}}},
    )
    page = view("settings", installation=there)
    healthy(page)
    assert "/etc/watchglass.toml" in texts(page)
    assert page.dataframe[0].value["channel"].tolist() == ["oncall"]
    assert "hunter2" not in str(page)


def test_a_key_is_made_shown_once_and_revoked(view, fresh):
    source, store = fresh
    page = view("settings", source=source, section="API keys")
    healthy(page)
    page.text_input[0].input("checkout")
    page.button[[b.label for b in page.button].index("Make a key")].click().run()
    healthy(page)
    (key,) = api_keys.keys(store)
    secret = page.code[0].value
    assert secret.startswith(key["prefix"])
    assert key["project"] == "checkout"
    assert [row["action"] for row in store.query("SELECT action FROM audit_log")] == ["create key"]
    assert secret not in str(store.query("SELECT * FROM audit_log"))


def test_a_user_is_made_on_the_page(view, fresh):
    source, store = fresh
    there = Installation(DashboardConfig(auth=AuthConfig(mode="none")))
    page = view("settings", source=source, installation=there, section="Users")
    healthy(page)
    name, password = page.text_input
    name.input("ada")
    password.input("correct horse battery")
    page.selectbox[-1].select("editor")
    page.button[[b.label for b in page.button].index("Save")].click().run()
    healthy(page)
    row = dashboard_users.user(store, "ada")
    assert row is not None
    assert row["role"] == "editor"
    assert "correct horse" not in str(row)
    assert "correct horse" not in str(store.query("SELECT * FROM audit_log"))


def test_a_price_is_set_on_the_page(view, fresh):
    source, store = fresh
    page = view("settings", source=source, section="Models and prices")
    healthy(page)
    page.text_input[0].input("my-model")
    page.number_input[0].set_value(1.5)
    page.button[[b.label for b in page.button].index("Save")].click().run()
    healthy(page)
    (price,) = prices.current(store)
    assert (price["model"], price["input_usd"], price["output_usd"]) == ("my-model", 1.5, None)
    assert [row["action"] for row in store.query("SELECT action FROM audit_log")] == ["price.set"]
    page.selectbox[-1].select_index(0)
    page.button[[b.label for b in page.button].index("Take it away")].click().run()
    healthy(page)
    assert prices.current(store) == []
    assert [row["action"] for row in store.query("SELECT action FROM audit_log ORDER BY time")][1:] == ["price.delete"]


def test_models_are_listed_with_their_price_and_those_without_one_stand_first(view, seeded, seeded_reader, monkeypatch):
    monkeypatch.setenv(PRICE_DESK_VARIABLE, "watchglass_collector.assembly.desk:Desk")
    page = view("settings", section="Models and prices")
    healthy(page)
    frame = page.dataframe[0].value
    calls = {}
    for chat in seeded.seed.chats:
        calls[chat["response_model"]] = calls.get(chat["response_model"], 0) + 1
    assert dict(zip(frame["model"], frame["calls"], strict=True)) == calls
    assert frame["model"].iloc[0] == "qwen/qwen3-32b"
    assert frame["unpriced"].iloc[0] == calls["qwen/qwen3-32b"]
    by_model = frame.set_index("model")
    (price,) = Desk().in_force(seeded_reader, [("openai", "gpt-4.1-mini")], seeded.seed.now.date())
    assert by_model.loc["gpt-4.1-mini", "input"] == price["input_usd"] > 0
    assert by_model.loc["gpt-4.1-mini", "source"] == price["source"]
    assert by_model.loc["qwen/qwen3-32b", "source"] == "no price"
    assert "calls have no price" in page.warning[0].value


@pytest.fixture
def fresh(editor_config, store: Store):
    return editor_config, store


@pytest.mark.parametrize(("order", "key"), [
    ("newest", lambda row: -row["last_ms"]), ("most calls", lambda row: -row["n_calls"]),
    ("most errors", lambda row: -row["n_errors"]), ("dearest", lambda row: -(row["total_cost_usd"] or 0)),
])  # fmt: skip
def test_a_page_of_people_is_that_part_of_the_whole_list(seeded, seeded_reader, order, key):
    scope = Scope(seeded.seed.now - timedelta(hours=40), seeded.seed.now)
    whole = people(seeded_reader, scope, "user_id", order=order, limit=1000, offset=0)
    assert len(whole) == count_people(seeded_reader, scope, "user_id") == len({row["id"] for row in whole}) > 60
    assert whole == sorted(whole, key=lambda row: (key(row), row["id"]))
    for first, last in ((0, 3), (30, 50), (60, len(whole) + 9)):
        shown = people(seeded_reader, scope, "user_id", order=order, limit=last - first, offset=first)
        assert shown == whole[first:last]
