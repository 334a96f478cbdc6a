"""Every hostile input of the plan that a collector meets has a test that says so in its name."""

import ast
import re
from pathlib import Path

COLLECTOR = range(1, 56)
PLAN = range(1, 101)


def test_no_number_is_missing() -> None:
    found: set[int] = set()
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.update(int(number) for number in re.findall(r"(?<=_)([0-9]{2})(?=_)", node.name))
    assert sorted(set(COLLECTOR) - found) == []
    assert found <= set(PLAN)
