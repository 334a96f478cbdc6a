import importlib
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from watchglass_evaluators import registry

ROOT = Path(__file__).parents[2]


def test_library_files_table_rows_and_headings_are_the_same() -> None:
    files = {path.stem for path in (ROOT / "evaluators/watchglass_evaluators/library").glob("*.py")} - {"__init__"}
    text = (ROOT / "docs/evaluators.md").read_text(encoding="utf-8")
    section = text.split("## The evaluators", 1)[1].split("\n## ", 1)[0]
    assert files == set(registry.BUILTIN) == set(re.findall(r"^### (\w+)$", section, re.MULTILINE))
    assert all(target.startswith(f"watchglass_evaluators.library.{n}:") for n, target in registry.BUILTIN.items())


def test_each_is_documented_by_its_scores() -> None:
    text = (ROOT / "docs/evaluators.md").read_text(encoding="utf-8")
    for name in registry.BUILTIN:
        section = text.split(f"\n### {name}\n", 1)[1].split("\n#", 1)[0]
        for score in score_names(name):
            assert f"`{score}`" in section


def score_names(name: str) -> list[str]:
    """Scores of an evaluator; those it could have where it lacks weights."""
    module, _, factory = registry.BUILTIN[name].partition(":")
    possible = getattr(getattr(importlib.import_module(module), factory), "possible_scores", ())
    return list(possible) or [score.name for score in registry.load(name).spec.scores]


def test_listing_imports_no_evaluator_and_no_library() -> None:
    code = (
        "import sys; from watchglass_evaluators import registry; registry.names();"
        "print([m for m in sys.modules if m.split('.')[0] in ('sklearn', 'sacrebleu', 'profanity_check', 'torch')"
        " or m.startswith('watchglass_evaluators.library.')])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(registry.UnknownEvaluator) as caught:
        registry.load("rogue")
    assert str(caught.value) == (
        f"unknown evaluator 'rogue'; did you mean 'rouge'? (known: {', '.join(sorted(registry.BUILTIN))})"
    )


def test_a_third_partys_evaluator_is_found_by_its_entry_point(install_evaluator: Callable[..., Path]) -> None:
    install_evaluator("kindness")
    assert "kindness" in registry.names()
    assert registry.load("kindness").spec.name == "kindness"


def test_a_name_that_is_taken_is_left_out_with_a_warning(
    install_evaluator: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    install_evaluator("rouge")
    assert type(registry.load("rouge")).__module__ == "watchglass_evaluators.library.rouge"
    assert registry.names().count("rouge") == 1
    assert "'rouge' of wg_rouge" in caplog.text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import a_module_that_is_not_there", "cannot be loaded: ModuleNotFoundError"),
        ("raise RuntimeError('bad')", "cannot be loaded: RuntimeError: bad"),
        ("Other = 1", "cannot be loaded: AttributeError"),
        ("class Plugin: pass", "lacks `spec` or `score`"),
        ("class Plugin:\n    def __init__(self): raise ValueError('no')", "cannot be made: ValueError: no"),
    ],
)
def test_a_broken_plug_in_says_why(install_evaluator: Callable[..., Path], source: str, message: str) -> None:
    folder = install_evaluator("broken")
    next(folder.glob("wg_*.py")).write_text(source, encoding="utf-8")
    assert "broken" in registry.names()
    with pytest.raises(registry.BrokenEvaluator, match=re.escape(message)):
        registry.load("broken")


def test_the_example_package_installs_and_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--target", str(tmp_path), str(ROOT / "examples/evaluator_plugin")],
        check=True,
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "politeness" in registry.names()
    from watchglass_evaluators.testing import assert_evaluator_contract

    assert_evaluator_contract(lambda: registry.load("politeness"))
    assert importlib.metadata.version("watchglass-politeness") == "1.0.0"
