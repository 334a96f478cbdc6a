"""Builds both wheels, installs them into a fresh environment outside the tree and runs a smoke. `make wheel-test`."""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMOKE = """
import importlib, importlib.metadata, pathlib, watchglass
for part in ("store", "collector", "evaluators", "alerts", "dashboards", "cli"):
    module = importlib.import_module(f"watchglass_{part}")
    folder = pathlib.Path(module.__file__).parent
    assert "site-packages" in str(folder), folder
    assert (folder / "py.typed").is_file(), f"no py.typed in {folder}"
assert importlib.metadata.version("watchglass") == importlib.metadata.version("watchglass-server")
"""


def run(*argv: str | Path, cwd: Path) -> str:
    """Run a command; a failure ends the script with its output."""
    return subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """The whole test."""
    with tempfile.TemporaryDirectory(prefix="watchglass-wheel-") as name:
        outside = Path(name)
        for project in (ROOT / "sdk", ROOT):
            run(sys.executable, "-m", "build", "--wheel", "--outdir", outside / "dist", project, cwd=outside)
        venv.create(outside / "venv", with_pip=True)
        python = outside / "venv" / "bin" / "python"
        wheels = sorted((outside / "dist").glob("*.whl"))
        lock = ROOT / "requirements.lock"
        run(python, "-m", "pip", "install", "--quiet", "--constraint", lock, wheels[0], cwd=outside)
        loaded = run(python, "-c", "import watchglass, sys; print(*sys.modules)", cwd=outside)
        server_parts = [module for module in loaded.split() if module.startswith("watchglass_")]
        if server_parts:
            sys.exit(f"the SDK's wheel loads server parts: {server_parts}")
        run(python, "-m", "pip", "install", "--quiet", "--constraint", lock, *wheels, cwd=outside)
        run(python, "-c", SMOKE, cwd=outside)
        watchglass = outside / "venv" / "bin" / "watchglass"
        run(watchglass, "--help", cwd=outside)
        run(watchglass, "up", "--help", cwd=outside)
        shutil.rmtree(outside / "venv")
    sys.stdout.write(f"wheel test passed: {', '.join(wheel.name for wheel in wheels)}\n")


if __name__ == "__main__":
    main()
