"""The house rules that a machine can check."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("store", "collector", "evaluators", "alerts", "dashboards", "cli")
PACKAGES = {"watchglass": ROOT / "sdk/watchglass"} | {
    f"watchglass_{part}": ROOT / part / f"watchglass_{part}" for part in PARTS
}
SOURCES = sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))
IMPORT_MS = 150


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked_files() -> list[Path]:
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_the_package_exports(name: str) -> None:
    module = importlib.import_module(name)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    bound = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == name
        for alias in node.names
    } | {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    public = {item for item in bound if not item.startswith("_")}
    assert sorted(module.__all__) == sorted(public)
    assert all(hasattr(module, item) for item in module.__all__)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, "a file has at most 400 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines, at most 60"


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_typed_and_each_home_has_a_readme(name: str) -> None:
    folder = PACKAGES[name]
    assert (folder / "py.typed").is_file()
    readme = (folder.parent / "README.md").read_text(encoding="utf-8").lower()
    if name.startswith("watchglass_"):
        for word in ("takes", "gives", "promises", "fails"):
            assert word in readme, (
                f"{folder.parent.name}/README.md says what it takes, gives, promises and how it fails"
            )


def test_the_sdk_is_cheap_to_import_and_loads_no_server_part() -> None:
    script = (
        "import sys, time; before = time.process_time(); import watchglass; "
        "print((time.process_time() - before) * 1000, *[m for m in sys.modules if m.startswith('watchglass_')])"
    )
    # The best of five: an upper bound on the import's own cost, whatever else the machine does.
    runs = [subprocess.check_output([sys.executable, "-c", script], text=True).split() for _ in range(5)]
    assert all(len(run) == 1 for run in runs), f"server parts loaded: {runs[0][1:]}"
    assert min(float(run[0]) for run in runs) < IMPORT_MS


def test_tables_are_the_headings_of_docs_schema() -> None:
    schema = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("store/watchglass_store/schema/*.sql"))
    )
    tables = set(re.findall(r"^CREATE (?:TABLE|VIEW) `?(\w+)`?", schema, re.MULTILINE))
    docs = (ROOT / "docs/schema.md").read_text(encoding="utf-8")
    assert tables <= set(re.findall(r"^#+ `?(\w+)`?", docs, re.MULTILINE))


def test_the_example_file_shows_every_setting_with_its_default() -> None:
    from watchglass_cli.settings import Settings

    example = (ROOT / "watchglass.example.toml").read_text(encoding="utf-8")
    assert tomllib.loads(example) == {section: {} for section in Settings.model_fields}, "nothing is set by copying it"
    shown = tomllib.loads(re.sub(r"^# ([a-z_]+ = |\[)", r"\1", example, flags=re.MULTILINE))
    for section, part in Settings.model_fields.items():
        model = part.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for key, field in model.model_fields.items():
            named = key in shown[section] or f"For example: {key} = " in example
            assert named, f"watchglass.example.toml lacks {section}.{key}"
            assert field.description, f"{section}.{key} has no description"
        settings = {key: value for key, value in shown[section].items() if not isinstance(value, dict)}
        assert model(**settings) == model(), f"watchglass.example.toml shows another default in [{section}]"


def test_nothing_names_the_place_it_was_built_in() -> None:
    # Assembled here so that this file does not contain them.
    forbidden = ["/".join(("", "work", "main")), "../" + "shared", "/".join(("", "work", "shared")), "/opt/" + "pypi"]
    for path in tracked_files():
        if path.suffix in {".png", ".woff2", ".xz", ".gz", ".zst"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for word in forbidden:
            assert word not in text, f"{relative(path)} names {word}"


def test_no_file_is_large() -> None:
    for path in tracked_files():
        assert path.stat().st_size < 2_000_000, relative(path)


def test_the_lock_pins_every_requirement_and_a_plain_installation_has_no_torch() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower()
    pinned = set(re.findall(r"^([\w.\-]+)==", lock.replace("_", "-"), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    plain = project["dependencies"] + project["optional-dependencies"]["demo"]
    wanted = plain + [item for extra in ("models", "dev") for item in project["optional-dependencies"][extra]]
    names = {re.split(r"[\[<>=!~ ]", item)[0].lower().replace("_", "-") for item in wanted}
    assert names - pinned <= {"watchglass", "watchglass-server"}
    # torch's own wheel says which GPU libraries it takes along; pinning them would force them on everybody.
    assert not {name for name in pinned if name.startswith("nvidia")}
    assert not [item for item in plain if item.startswith(("torch", "transformers", "sentence"))]
