"""The documentation is run: every Python block of docs/sdk.md and sdk/README.md, and the quickstart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watchglass._internal.settings import TABLE, Setting

from .conftest import Script, Sink

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "sdk.md"
PAGES = [GUIDE, ROOT / "sdk" / "README.md"]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_block_runs_and_what_it_records_arrives(block: str, sink: Sink, script: Script) -> None:
    block = block.replace("http://127.0.0.1:4318", sink.url)
    done = script(block, WATCHGLASS_ENDPOINT=sink.url)
    assert (done.returncode, done.stderr) == (0, "")
    sends = "testing" not in block and ("observe" in block or "span(" in block)
    assert bool(sink.spans) == sends


def test_the_quickstart_runs(sink: Sink, model: str, script: Script) -> None:
    code = (ROOT / "examples" / "quickstart.py").read_text("utf-8")
    done = script(code, WATCHGLASS_ENDPOINT=sink.url, OPENAI_BASE_URL=model, OPENAI_API_KEY="none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Rain.\n", "")
    assert sink.span("chat gpt-4o-mini").resource["service.name"] == "quickstart"


def _row(setting: Setting) -> str:
    default = setting.default
    shown = f"`{str(default).lower() if isinstance(default, bool) else default}`" if default not in ("", {}) else "–"
    standard = f"`{setting.standard}`" if setting.standard else "–"
    return f"| `{setting.name}` | {shown} | {standard} | {setting.allowed} | {setting.meaning} |"


def test_the_table_of_settings_is_the_table_in_the_code() -> None:
    head = "| argument | default | OpenTelemetry's variable | allowed | meaning |\n|---|---|---|---|---|"
    expected = "\n".join([head, *map(_row, TABLE)])
    found = GUIDE.read_text("utf-8").partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]
    assert found == expected, f"docs/sdk.md should say:\n{expected}"
