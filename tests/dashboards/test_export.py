"""Files that pages offer: a spreadsheet must not run what somebody wrote into a prompt."""

import csv
import io

import pytest

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
