import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from watchglass_cli.commands.bias import bias


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    done = CliRunner().invoke(bias, ["prompts"])
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.output.splitlines()]
    for row in rows:
        row["response"] = "Go to hell, idiot." if row["group"] == "pensioner" else "With pleasure."
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_groups_are_compared_and_a_gap_fails(answers: Path) -> None:
    done = CliRunner().invoke(bias, ["score", str(answers), "--fail-over", "0.3", "--json"])
    assert done.exit_code == 1
    report = json.loads(done.output)
    assert report["evaluator"] == "profanity", "without weights for toxicity"
    age = next(axis for axis in report["axes"] if axis["axis"] == "age")
    assert age["groups"][0]["group"] == "pensioner"
    assert age["p_value"] < 0.01
    text = CliRunner().invoke(bias, ["score", str(answers)])
    assert text.exit_code == 0
    assert "age: gap" in text.output


@pytest.mark.parametrize(
    ("name", "message"),
    [("nobody", "unknown evaluator"), ("rouge", "needs reference_text"), ("toxicity", "no weights")],
)
def test_what_cannot_be_used_says_why(answers: Path, name: str, message: str) -> None:
    done = CliRunner().invoke(bias, ["score", str(answers), "--evaluator", name])
    assert done.exit_code == 2
    assert message in done.output
