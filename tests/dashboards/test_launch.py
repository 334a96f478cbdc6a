"""How the process is started: nothing of the user's may change it, nothing secret shows."""

import re
import tomllib
from pathlib import Path

import pytest

import watchglass_dashboards
from watchglass_dashboards import DashboardConfig, Installation, command
from watchglass_dashboards.security import policy, script_hashes
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import StoreConfig
from watchglass_store.server.editing import TABLES

SOURCE = Path(watchglass_dashboards.__file__).parent
REMOTE = StoreConfig(url="clickhouse://reader:hunter2@127.0.0.1:8123/watchglass")


def test_the_users_streamlit_settings_are_left_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("STREAMLIT_THEME_BASE", "dark")
    monkeypatch.setenv("PATH_TO_KEEP", "x")
    _, environment = command(Installation(DashboardConfig()), REMOTE, tmp_path)
    assert "STREAMLIT_THEME_BASE" not in environment
    assert environment["PATH_TO_KEEP"] == "x"
    assert Path(environment["HOME"]).is_relative_to(tmp_path)


def test_passwords_are_in_the_environment_only(tmp_path):
    argv, environment = command(Installation(DashboardConfig(port=1234)), REMOTE, tmp_path)
    assert not [word for word in argv if "hunter2" in word]
    assert argv[argv.index("--server.port") + 1] == "1234"
    assert Source.from_environment(environment) == Source(REMOTE, tmp_path.resolve())
    assert "hunter2" not in repr(Source(REMOTE, tmp_path))


def test_a_process_started_by_hand_says_what_is_missing():
    with pytest.raises(KeyError, match=SOURCE_VARIABLE):
        Source.from_environment({})


def test_streamlit_keeps_to_itself():
    settings = tomllib.loads((SOURCE / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["client"]["disableDataExport"] is True
    assert settings["server"]["enableStaticServing"] is True
    for font in settings["theme"]["fontFaces"]:
        assert (SOURCE / "static" / font["url"].rsplit("/", 1)[1]).exists()


def test_the_policy_names_the_inline_scripts_it_allows():
    page = "<html><script>\n a = 1\n</script><script src='x.js'></script></html>"
    hashes = script_hashes(page)
    assert len(hashes) == 1
    assert hashes[0] in policy(hashes)


def test_the_documented_grants_are_what_the_editor_may_write():
    root = Path(__file__).parents[2]
    schema = "".join(path.read_text("utf-8") for path in (root / "store/watchglass_store/schema").glob("*.sql"))
    made = set(re.findall(r"CREATE TABLE `?(\w+)`?", schema))
    granted = re.findall(r"GRANT INSERT ON watchglass\.`?(\w+)`? TO", (root / "docs/dashboard.md").read_text("utf-8"))
    assert sorted(granted) == sorted(TABLES & made)
