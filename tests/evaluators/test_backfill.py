"""The past: scored once, resumable, beside a live worker."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from watchglass_cli.commands.evaluate import evaluate
from watchglass_evaluators import Backfill, EvaluatorsConfig, Runner
from watchglass_store import Store, StoreConfig

Seed = Callable[..., list[tuple[str, str]]]


def past(store: Store, clock: Any, *names: str, hours: float = 48, **options: Any) -> Backfill:
    since = clock() - timedelta(hours=hours)
    config = EvaluatorsConfig(enabled=("refusal", "response_length"), batch_calls=20)
    return Backfill(store, config, since=since, until=clock(), names=names, clock=clock, **options)


def count(store: Store, name: str = "refusal", final: str = "FINAL") -> int:
    return int(store.query(f"SELECT count() AS n FROM scores {final} WHERE name = {{n:String}}", {"n": name})[0]["n"])


def test_the_past_is_scored_once_beside_what_has_scores(store: Store, clock: Any, seed: Seed) -> None:
    seed(50)
    clock.advance(36 * 3600)
    runner = Runner(store, EvaluatorsConfig(enabled=("refusal",), lookback_s=60), clock=clock)
    seed(30)
    clock.advance(10)
    runner.run_once()
    assert count(store) == 30
    told: list[tuple[int, int]] = []
    report = past(store, clock, "refusal").run(lambda done, total: told.append((done, total)))
    assert (report.calls, report.is_done, report.evaluators[0].scored) == (80, True, 50)
    assert told[-1] == (80, 80)
    assert (count(store), count(store, final="")) == (80, 80), "nothing was scored twice"
    clock.advance(5)
    runner.run_once()
    assert past(store, clock, "refusal").run().evaluators[0].scored == 0
    assert count(store, final="") == 80


def test_it_goes_on_where_it_was_told_to_stop(store: Store, clock: Any, seed: Seed) -> None:
    for _ in range(5):
        seed(20)
        clock.advance(1)
    clock.advance(60)
    stop = threading.Event()
    first = past(store, clock, stop=stop).run(lambda done, _: stop.set() if done >= 40 else None)
    assert not first.is_done
    some = count(store)
    assert 40 <= some < 100
    second = past(store, clock).run()
    assert (second.is_done, second.evaluators[0].scored) == (True, 100 - some)
    assert second.calls <= 100 - 20, "what the first try did is not looked at again"
    assert (count(store), count(store, "response_length")) == (100, 100)


def test_the_command_shows_progress_and_says_how_to_go_on(
    store: Store, store_config: StoreConfig, clock: Any, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHGLASS_STORE__URL", store_config.url)
    monkeypatch.setattr("watchglass_cli.commands.evaluate.die_with_parent", lambda: None)
    monkeypatch.setattr("watchglass_cli.commands.evaluate.stop_on_signal", threading.Event)
    seed(7, received_at=clock() - timedelta(seconds=30))
    done = CliRunner().invoke(evaluate, ["--backfill", "--since", "7d", "--evaluators", "refusal", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["calls"], report["evaluators"][0]["scored"], report["is_done"]) == (7, 7, True)
    waits = CliRunner().invoke(evaluate, ["--backfill", "--since", "7d", "--evaluators", "judge_safety"])
    assert waits.exit_code == 1
    assert "set base_url in [evaluators.judge]" in waits.output
    assert "goes on from here" in waits.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backfill"], "--backfill needs --since"),
        (["--since", "7d"], "belong to --backfill"),
        (["--backfill", "--since", "yesterday"], "--since yesterday: a time such as"),
        (["--backfill", "--since", "2026-01-02", "--until", "2026-01-01"], "is not before until"),
        (["--backfill", "--since", "7d", "--evaluators", "rogue"], "unknown evaluator 'rogue'"),
        (["--shard", "4/4"], "--shard 4/4: i/n with 0 <= i < n"),
    ],
)
def test_what_makes_no_sense_is_explained(
    arguments: list[str], message: str, store: Store, store_config: StoreConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHGLASS_STORE__URL", store_config.url)
    monkeypatch.setattr("watchglass_cli.commands.evaluate.die_with_parent", lambda: None)
    monkeypatch.setattr("watchglass_cli.commands.evaluate.stop_on_signal", threading.Event)
    done = CliRunner().invoke(evaluate, arguments)
    assert done.exit_code == 2, done.output
    assert message in done.output
