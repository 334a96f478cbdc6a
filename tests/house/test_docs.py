"""The documentation holds: links lead somewhere, commands exist, the README's code runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchglass_cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
NAMES = subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).splitlines()
PAGES = [ROOT / name for name in NAMES if (ROOT / name).is_file()]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_and_pictures_exist(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{relative(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_in_the_text_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md" or page.parent.name == "design":
        return
    for name in re.findall(r"^(?:\$ )?watchglass ([a-z]+)|`watchglass ([a-z]+)", page.read_text("utf-8"), re.MULTILINE):
        assert (name[0] or name[1]) in COMMANDS, f"{relative(page)} shows watchglass {name[0] or name[1]}"


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"README.md shows make {target}"


def test_the_readme_code_runs_with_nothing_listening(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "OPENAI_API_KEY": "unused"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
