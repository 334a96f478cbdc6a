from pathlib import Path

import pytest
from pydantic import ValidationError

from watchglass_cli.settings import ConfigError, load


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "[collector]\nhttp_port = 1111\ngrpc_port = 2222\n")
    monkeypatch.setenv("WATCHGLASS_COLLECTOR__HTTP_PORT", "3333")
    settings = load(file)
    assert (settings.collector.http_port, settings.collector.grpc_port) == (3333, 2222)
    assert settings.dashboard.port == 8501


def test_the_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "watchglass.toml").write_text("[dashboard]\nport = 9999\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load(None).dashboard.port == 9999


def test_settings_cannot_change_while_a_process_runs(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(write(tmp_path, "")).store = None  # type: ignore[assignment, misc]  # the point of the test


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[collector]\nhttp_prot = 1\n", "collector.http_prot: no such setting"),
        ("[colector]\n", "colector: no such setting"),
        ("[collector]\nhttp_port = 99999\n", "collector.http_port = 99999"),
        ("[dashboard]\nport = 'x'\n", "dashboard.port = 'x'"),
        ("[collector\n", "settings.toml"),
        ("collector = 1\n", "collector"),
    ],
)
def test_a_wrong_setting_names_its_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "absent.toml")


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    text = '[alerts.channels.slack]\ntype = "slack"\nurl = "https://hooks.example.com/SECRET"\nurll = "x"\n'
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text + '[store]\nurl = "postgres://user:HUNTER2@host"\n'))
    assert "SECRET" not in str(caught.value)
    assert "HUNTER2" not in str(caught.value)
