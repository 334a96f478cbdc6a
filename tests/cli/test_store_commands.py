"""Commands that talk to a store, against the real one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner, Result

from watchglass_cli.commands.alerts import alerts
from watchglass_cli.commands.delete import delete
from watchglass_cli.commands.doctor import doctor
from watchglass_cli.commands.keys import keys
from watchglass_cli.commands.prices import prices
from watchglass_cli.commands.rules import rules
from watchglass_cli.commands.verify import quarantine, verify
from watchglass_store import Store, StoreConfig

RULES = """
rules:
  - name: busy
    metric: calls
    window: 5m
    interval: 1m
    condition: {op: ">", threshold: 3}
    min_sample_size: 0
    severity: warning
    channels: [slack]
"""


@pytest.fixture
def served(store: Store, store_config: StoreConfig, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("WATCHGLASS_STORE__URL", store_config.url)
    return store


def run(group: Command, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code == code, done.output
    return done


def test_a_key_is_shown_once_and_listed_without_its_secret(served: Store) -> None:
    made = json.loads(run(keys, "create", "checkout", "--name", "cluster", "--expires-in", "90d", "--json").output)
    assert made["key"].startswith("wg_")
    listed = run(keys, "list", "--json").output
    assert made["key"] not in listed
    (row,) = json.loads(listed)
    assert (row["id"], row["project"], row["revoked"]) == (made["id"], "checkout", 0)


def test_a_price_is_set_listed_and_taken_away(served: Store) -> None:
    key = ("house-model", "--provider", "my-proxy", "--from", "2026-01-01")
    run(prices, "set", *key, "--input", "0.5", "--output", "2")
    run(prices, "set", *key, "--input", "0.6", "--output", "2")
    (row,) = json.loads(run(prices, "list", "--json").output)
    assert (row["model"], row["provider"], row["valid_from"], row["input_usd"]) == (
        "house-model", "my-proxy", "2026-01-01", 0.6,
    )  # fmt: skip
    assert "no price of other was set" in run(prices, "unset", "other", code=2).output
    run(prices, "unset", *key)
    assert json.loads(run(prices, "list", "--json").output) == []
    actions = served.query("SELECT action, before, after FROM audit_log ORDER BY time")
    assert [row["action"] for row in actions] == ["price.set", "price.set", "price.delete"]
    assert json.loads(actions[1]["before"])["input_usd"] == 0.5
    assert "Every call whose usage counts has a cost." in run(prices, "gaps").output


def test_a_key_is_rotated_and_revoked(served: Store) -> None:
    first = json.loads(run(keys, "create", "checkout", "--json").output)
    second = json.loads(run(keys, "rotate", first["id"], "--grace", "1h", "--json").output)
    assert second["key"] != first["key"]
    run(keys, "revoke", second["id"])
    revoked = {row["id"]: row["revoked"] for row in json.loads(run(keys, "list", "--json").output)}
    assert revoked[second["id"]] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "checkout", "--scopes", "everything"], "choose from ingest"),
        (["create", "checkout", "--expires-in", "soon"], "--expires-in soon"),
        (["revoke", "nobody"], "nobody"),
    ],
)
def test_wrong_keys_are_explained(arguments: list[str], message: str, served: Store) -> None:
    assert message in run(keys, *arguments, code=2).output


def test_a_backtest_prints_when_it_would_have_fired_and_draws_it(served: Store, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    burst = datetime.now(UTC) - timedelta(minutes=30)
    rows = [
        {
            "trace_id": f"{n:032x}",
            "span_id": f"{n:016x}",
            "received_at": burst,
            "start_time": burst,
            "duration_s": 1.0,
            "operation_name": "chat",
            "service_name": "shop",
        }
        for n in range(5)
    ]
    served.insert("llm_call_parts", rows)
    picture = tmp_path / "plot.svg"
    done = run(rules, "backtest", str(file), "--since", "1h", "--plot", str(picture), "--json")
    assert [row["kind"] for row in json.loads(done.output)] == ["fired", "resolved"]
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert run(rules, "backtest", str(file), "--rule", "other", code=2).output.count("choose from busy") == 1


def test_nothing_firing_says_so(served: Store) -> None:
    assert run(alerts, "list").output == "nothing is firing\n"
    assert json.loads(run(alerts, "list", "--json").output) == []


def test_the_doctor_names_what_is_not_there_and_what_to_do(served: Store, tmp_path: Path) -> None:
    findings = json.loads(run(doctor, "--json", code=1).output)
    assert {item["check"]: item["ok"] for item in findings}["tables"]
    (wrong,) = [item for item in findings if item["check"] == "dashboard.port"]
    assert not wrong["ok"]
    assert "watchglass up" in wrong["detail"]


def test_the_doctor_tells_what_a_client_leaves_out(served: Store) -> None:
    now = datetime.now(UTC)
    call = {"trace_id": "1" * 32, "span_id": "2" * 16, "received_at": now, "start_time": now}
    served.insert("llm_call_parts", [call | {"operation_name": "chat", "service_name": "shop", "prompt_text": "hi"}])
    (source,) = json.loads(run(doctor, "--sources", "--json").output)
    assert (source["service_name"], source["calls"]) == ("shop", 1)
    assert (source["missing"]["prompt"], source["missing"]["answer"]) == (0, 1)
    assert "answer 100%" in run(doctor, "--sources").output
    assert "--since soon" in run(doctor, "--sources", "--since", "soon", code=2).output


def test_an_empty_store_has_nothing_unaccounted_for(served: Store, tmp_path: Path) -> None:
    assert json.loads(run(verify, "--json", "--data", str(tmp_path)).output) == {"hours": [], "gaps": []}
    assert "accounted for" in run(verify, "--data", str(tmp_path)).output
    assert run(quarantine, "list", "--data", str(tmp_path)).output == "quarantine is empty\n"
    assert "nothing.segment" in run(quarantine, "replay", "nothing.segment", "--data", str(tmp_path), code=2).output


def test_a_user_is_deleted_with_a_receipt(served: Store, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    call = {"trace_id": "1" * 32, "span_id": "2" * 16, "received_at": now, "start_time": now, "user_id": "u-4711"}
    served.insert("llm_call_parts", [call | {"operation_name": "chat"}])
    receipt = json.loads(run(delete, "--user", "u-4711", "--json", "--data", str(tmp_path)).output)
    assert receipt["rows"]["llm_call_parts"] == 1
    assert served.query("SELECT count() AS n FROM llm_calls") == [{"n": 0}]
    assert "collectors drop what still comes" in run(delete, "--user", "u-4711", "--data", str(tmp_path)).output
    assert "--user ''" in run(delete, "--user", "", "--data", str(tmp_path), code=2).output
