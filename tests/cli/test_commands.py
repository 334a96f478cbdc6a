"""The command line as users meet it: exit codes, one line per error, and that a process of its own does the same."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from watchglass_cli.main import COMMANDS, cli
from watchglass_store import Store, StoreConfig

Run = Callable[..., Result]


def watchglass(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process."""
    return subprocess.run(
        [sys.executable, "-m", "watchglass_cli", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(*arguments, **environment): the command in this process, in an empty directory; raises what it raises."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **environment: CliRunner(env=environment).invoke(cli, arguments, catch_exceptions=False)


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = watchglass("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", ["up", "demo", "query", "score", "bias", "collect", "evaluate", "alert", "dashboard"])
def test_help_of_a_command_shows_an_example(name: str, run: Run) -> None:
    done = run(name, "--help")
    assert done.exit_code == 0
    lines = [line.strip() for line in done.stdout.split("Usage:")[1].splitlines()[1:]]
    assert any(line.startswith(f"watchglass {name}") for line in lines), "on a line of its own"
    assert "\\b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["up", "--only", "collect,colect"], 2, "--only colect: no such part; choose from collect"),
        (["query", "SELECT 1", "--config", "absent.toml"], 2, "no such file"),
        (["query", "SELECT 1", "--data", "nowhere"], 1, "nowhere"),
        (["rules", "check", "rules.yaml"], 1, "rules.yaml:2"),
        (["references", "add", "golden.csv"], 2, "no column reference"),
    ],
)
def test_an_error_is_a_sentence_and_an_exit_code(
    arguments: list[str], code: int, message: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - nome: x\n", encoding="utf-8")
    (tmp_path / "golden.csv").write_text("prompt,answer\na,b\n", encoding="utf-8")
    done = run(*arguments)
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.startswith("watchglass: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_fails_says_the_same_and_no_more(tmp_path: Path) -> None:
    done = watchglass("query", "SELECT 1", "--data", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("watchglass: ")
    assert done.stderr.count("\n") == 1


def test_a_setting_in_the_environment_is_checked(run: Run) -> None:
    done = run("query", "SELECT 1", WATCHGLASS_DASHBOARD__PORT="high")
    assert done.exit_code == 2
    assert "dashboard.port = 'high'" in done.stderr


def test_queries_from_another_process(store: Store, store_config: StoreConfig, run: Run, tmp_path: Path) -> None:
    environment = {"WATCHGLASS_STORE__URL": store_config.url}
    done = watchglass("query", "SELECT 'a' AS x, 1 AS n", "--json", cwd=tmp_path, **environment)
    assert json.loads(done.stdout) == [{"x": "a", "n": 1}]
    refused = run("query", "SELECT nope", **environment)
    assert refused.exit_code == 1
    assert "nope" in refused.stderr
    golden = tmp_path / "golden.csv"
    golden.write_text("prompt,reference\nHow long?,Three days.\n", encoding="utf-8")
    assert run("references", "add", str(golden), **environment).exit_code == 0
    assert store.query("SELECT reference_text FROM `references`") == [{"reference_text": "Three days."}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["rule"], "write LABEL=VALUE"), (["rule=x", "--for", "soon"], "--for soon: must be a duration")],
)
def test_a_wrong_silence_is_explained(arguments: list[str], message: str, run: Run) -> None:
    done = run("alerts", "silence", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
