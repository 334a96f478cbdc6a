"""The code that an empty dashboard shows is run as it stands, against a real collector."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_dashboards.ui.first_span import WAYS, snippets
from watchglass_store import Store


@pytest.fixture
def collector(store: Store, tmp_path: Path) -> Iterator[Collector]:
    install_views(store)
    running = Collector(CollectorConfig(grpc_port=0, http_port=0, segment_age_s=0.02), store, tmp_path / "collector")
    running.start()
    yield running
    running.stop()


def run(way: str, code: str, folder: Path) -> None:
    program = {"Python": sys.executable, "JavaScript": shutil.which("node"), "curl": shutil.which("bash")}[way]
    if program is None or (way == "curl" and shutil.which("curl") is None):
        pytest.skip(f"{way} is not installed")
    file = folder / {"Python": "first.py", "JavaScript": "first.mjs", "curl": "first.sh"}[way]
    file.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [program, file], capture_output=True, text=True, timeout=120, cwd=folder, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["Python", "JavaScript", "curl"])
def test_the_code_on_the_empty_page_sends_a_call(way: str, collector: Collector, store: Store, tmp_path: Path) -> None:
    code, _ = snippets(collector.http_url, needs_key=False)[way]
    run(way, code, tmp_path)
    deadline = time.monotonic() + 30
    sql = "SELECT service_name, request_model, prompt_text FROM llm_calls"
    while not (rows := store.query(sql)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert rows == [{"service_name": "my-app", "request_model": "my-model", "prompt_text": "Hello"}]


def test_code_for_a_collector_with_keys_says_where_the_key_goes() -> None:
    for way in WAYS:
        with_key, _ = snippets("https://c.example:4318/", needs_key=True)[way]
        assert "wg_…" in with_key
        assert "https://c.example:4318" in with_key
        assert "4318//" not in with_key
        assert "wg_" not in snippets("https://c.example:4318", needs_key=False)[way][0]
