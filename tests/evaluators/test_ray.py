"""Evaluators on a real Ray cluster: actors that are killed lose no score, double none, make none up."""

import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from watchglass_cli.commands.evaluate import evaluate
from watchglass_evaluators import BackfillReport, EvaluatorReport
from watchglass_evaluators.progress import Shard
from watchglass_evaluators.ray_engine import divide, merged
from watchglass_store import Store, StoreConfig

Seed = Callable[..., list[tuple[str, str]]]

HERE = Path(__file__).parent
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'watchglass-server[ray]'"
)
PLUGINS = ("touchy:Touchy", "on_gpu:Device", "on_cpu:NoDevice", "slow:Slow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plug-ins are installed, and where they leave their marks."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "ray_plugins.py", site / "watchglass_ray_plugins.py")
    info = site / "watchglass_ray_plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: watchglass-ray-plugins\nVersion: 1.0\n", "utf-8")
    lines = [f"{p.split(':')[0]} = watchglass_ray_plugins:{p.split(':')[1]}\n" for p in PLUGINS]
    (info / "entry_points.txt").write_text("[watchglass_evaluators]\n" + "".join(lines), encoding="utf-8")
    return site


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return os.environ | token | {"PYTHONPATH": paths, "RAY_TEST_FOLDER": str(folder)}


@pytest.fixture(scope="module")
def cluster(environment: dict[str, str]) -> Iterator[str]:
    """Address of a cluster with two processors and a GPU that Ray believes in."""
    said = Path(environment["RAY_TEST_FOLDER"]) / "cluster.txt"
    with said.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "ray_cluster.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    assert process.stdin
    assert process.stdout
    address = process.stdout.readline().strip()
    assert address, said.read_text(encoding="utf-8")
    yield address
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "watchglass_cli", "evaluate", "--engine", "ray", "--actors", "2", *arguments]


def scores(store: Store, name: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = store.query(
        "SELECT trace_id, span_id, value, error, explanation FROM scores FINAL WHERE name = {n:String}", {"n": name}
    )
    found = {(row["trace_id"], row["span_id"]): row for row in rows}
    assert len(found) == len(rows), "shown twice"
    return found


def wait_for(what: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


@needs_ray
@pytest.mark.slow
def test_a_backfill_outlives_its_actors_and_gives_gpus_to_those_that_want_one(
    store: Store, store_config: StoreConfig, clock: Any, seed: Seed, cluster: str, environment: dict[str, str]
) -> None:
    clock.advance(-3600)
    texts = {7: "poison"}
    ids = seed(120, response_text=lambda i: texts.get(i, "x" * i or "-"))
    since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    done = subprocess.run(
        command("--backfill", "--since", since, "--evaluators", "touchy,on_gpu,on_cpu", "--json"),
        env=environment | {"WATCHGLASS_STORE__URL": store_config.url, "RAY_ADDRESS": cluster},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "died; another goes on where it was" in done.stderr
    report = json.loads(done.stdout)
    assert (report["calls"], report["is_done"]) == (120, True)
    touchy = scores(store, "touchy")
    assert touchy.keys() == set(ids), "none is lost"
    poisoned = touchy.pop(ids[7])
    assert (poisoned["value"], poisoned["error"][:11]) == (None, "quarantined")
    expected = {call: len(texts.get(i, "x" * i or "-")) for i, call in enumerate(ids) if i != 7}
    assert {call: row["value"] for call, row in touchy.items()} == expected, "none is made up"
    on_gpu, on_cpu = scores(store, "on_gpu"), scores(store, "on_cpu")
    assert on_gpu.keys() == on_cpu.keys() == set(ids)
    assert {row["value"] for row in on_gpu.values()} == {1.0}
    assert {row["value"] for row in on_cpu.values()} == {0.0}
    assert len({row["explanation"] for row in on_gpu.values()}) == 1
    assert len({row["explanation"] for row in on_cpu.values()}) >= 2
    shards = store.query(
        "SELECT DISTINCT splitByChar(' ', shard)[1] AS s FROM evaluation_log WHERE evaluator = 'touchy'"
    )
    assert {row["s"] for row in shards} == {"0/2", "1/2"}


@needs_ray
def test_live_traffic_on_a_cluster_of_its_own_outlives_a_killed_actor_and_ends_when_told(
    store: Store, store_config: StoreConfig, clock: Any, seed: Seed, folder: Path, environment: dict[str, str]
) -> None:
    clock.advance(-60)
    ids = seed(80)
    settings = {
        "WATCHGLASS_STORE__URL": store_config.url,
        "WATCHGLASS_EVALUATORS__ENABLED": '["slow"]',
        "WATCHGLASS_EVALUATORS__SETTLE_S": "0",
        "WATCHGLASS_EVALUATORS__POLL_S": "0.2",
    }
    process = subprocess.Popen(
        command("--shard", "0/1"), env=environment | settings, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: bool(list(folder.glob("pid-*"))) or process.poll() is not None)
        victim = int(next(folder.glob("pid-*")).name.removeprefix("pid-"))
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(scores(store, "slow")) == len(ids))
        clock.now = datetime.now(UTC)
        ids += seed(10)
        wait_for(lambda: len(scores(store, "slow")) == len(ids))
        actors = [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]
        assert len(set(actors)) >= 3, "two, and one in place of the one that was killed"
    finally:
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, ""), errors
    assert "died; another goes on where it was" in errors
    assert "Traceback" not in errors
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in actors), 30)
    found = scores(store, "slow")
    assert found.keys() == set(ids)
    assert all(row["value"] >= len("Answer 1.") and not row["error"] for row in found.values())


def test_without_ray_the_command_says_what_to_install(
    store_config: StoreConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("watchglass_cli.commands.evaluate.die_with_parent", lambda: None)
    monkeypatch.setenv("WATCHGLASS_STORE__URL", store_config.url)
    done = CliRunner().invoke(evaluate, ["--engine", "ray"])
    assert (done.exit_code, done.output) == (
        2, "watchglass: Ray is not installed: pip install 'watchglass-server[ray]'\n"
    )  # fmt: skip
    assert CliRunner().invoke(evaluate, ["--actors", "2"]).exit_code == 2


@pytest.mark.parametrize(
    ("shard", "cpus", "gpus", "parts"),
    [
        ("0/1", 2, 0, ["0/2", "1/2"]),
        ("1/2", 2, 0, ["1/4", "3/4"]),
        ("0/1", 1, 2, ["0/2 (gpu)", "1/2 (gpu)", "0/1 (cpu)"]),
    ],
)
def test_a_shard_is_divided_among_actors(shard: str, cpus: int, gpus: int, parts: list[str]) -> None:
    assert [str(part) for part in divide(Shard.parse(shard), cpus=cpus, gpus=gpus)] == parts


def test_reports_of_shards_add_up() -> None:
    one = EvaluatorReport("a", "1", 10, 7, 1, 1, 1, 0, 1.0, "")
    other = EvaluatorReport("a", "1", 5, 5, 0, 0, 0, 2, 0.5, "no weights")
    total = merged([BackfillReport(12, (one,), True), BackfillReport(8, (other,), False)])
    assert (total.calls, total.is_done) == (20, False)
    assert total.evaluators == (EvaluatorReport("a", "1", 15, 12, 1, 1, 1, 2, 1.5, "no weights"),)
    assert merged([]) == BackfillReport(0, (), True)
