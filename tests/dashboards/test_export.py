"""Files that pages offer: a spreadsheet must not run what somebody wrote into a prompt."""

import ast
import csv
import io
from pathlib import Path

import pytest

import watchglass_dashboards
from watchglass_dashboards.ui.export import cell, safe_name, to_csv, to_json


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\x00=1",
        " =1",
        "'=1",
        '"=1',
        '=HYPERLINK("https://evil")',
    ],
)
def test_hostile_85_formulas_are_disarmed(text):
    assert cell(text) == f"'{text}"
    rows = list(csv.reader(io.StringIO(to_csv([{text: text}]).decode())))
    assert all(value.startswith("'") for row in rows for value in row if value)


@pytest.mark.parametrize("value", ["plain", "a=b", "1 - 2", -1.5, 3, True, "", "x\ny"])
def test_other_cells_stay_as_they_are(value):
    assert cell(value) == value


def test_a_file_has_every_row_and_column():
    rows = [{"a": 1, "b": None}, {"a": 2.5, "b": 'x,"y"'}]
    assert to_csv(rows) == b'a,b\r\n1,\r\n2.5,"x,""y"""\r\n'
    assert to_csv([]) == b""


def test_hostile_86_file_names_are_names():
    assert safe_name("../../etc/passwd\r\nX: y") == "etc_passwd_X_y"
    assert safe_name("…") == "watchglass"


def test_json_takes_what_json_does_not_know():
    assert b'"a"' in to_json({"a": {1, 2}})


CHARTS = {"vega_lite_chart", "zoomable"}
#: Charts whose data another function of the same file offers, or that draw what they are given.
ELSEWHERE = {("quality.py", "_card"), ("zoom.py", "zoomable")}


def functions():
    for path in sorted(Path(watchglass_dashboards.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield path.name, node


def calls_of(function):
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def test_every_chart_has_its_data_as_csv():
    drawn, bare = 0, []
    for file, function in functions():
        found = list(calls_of(function))
        charts = sum(name in CHARTS for name, _ in found)
        files = sum(
            name == "csv_button" or (name == "card" and any(keyword.arg == "rows" for keyword in node.keywords))
            for name, node in found
        )
        drawn += charts
        if files < charts and (file, function.name) not in ELSEWHERE:
            bare.append(f"{file}: {function.name} draws {charts} and offers {files}")
    assert not bare
    assert drawn > 15
