"""The command line as users meet it: separate processes, exit codes, one line per error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchglass_cli.main import COMMANDS
from watchglass_store import Store, StoreConfig


def watchglass(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "watchglass_cli", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = watchglass("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", ["up", "demo", "query", "score", "bias", "collect", "evaluate", "alert", "dashboard"])
def test_help_of_a_command_shows_an_example(name: str, tmp_path: Path) -> None:
    done = watchglass(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
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
def test_an_error_is_one_line_without_a_traceback(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - nome: x\n", encoding="utf-8")
    (tmp_path / "golden.csv").write_text("prompt,answer\na,b\n", encoding="utf-8")
    done = watchglass(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("watchglass: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_in_the_environment_is_checked(tmp_path: Path) -> None:
    done = watchglass("query", "SELECT 1", cwd=tmp_path, WATCHGLASS_DASHBOARD__PORT="high")
    assert done.returncode == 2
    assert "dashboard.port = 'high'" in done.stderr


def test_queries_from_another_process(store: Store, store_config: StoreConfig, tmp_path: Path) -> None:
    environment = {"WATCHGLASS_STORE__URL": store_config.url}
    done = watchglass("query", "SELECT 'a' AS x, 1 AS n", "--json", cwd=tmp_path, **environment)
    assert json.loads(done.stdout) == [{"x": "a", "n": 1}]
    done = watchglass("query", "SELECT nope", cwd=tmp_path, **environment)
    assert done.returncode == 1
    assert "nope" in done.stderr
    assert "Traceback" not in done.stderr
    golden = tmp_path / "golden.csv"
    golden.write_text("prompt,reference\nHow long?,Three days.\n", encoding="utf-8")
    done = watchglass("references", "add", str(golden), cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert store.query("SELECT reference_text FROM `references`") == [{"reference_text": "Three days."}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["rule"], "write LABEL=VALUE"), (["rule=x", "--for", "soon"], "--for soon: must be a duration")],
)
def test_a_wrong_silence_is_explained(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = watchglass("alerts", "silence", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
