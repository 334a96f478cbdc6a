import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from watchglass_cli.commands.score import score


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    file = tmp_path / "answers.jsonl"
    lines = [
        {"prompt": "How long?", "response": "Three days.", "reference": "Three days."},
        {"prompt": "Why?", "response": "Because."},
    ]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(score, arguments)


def test_prints_a_table_with_sample_sizes_and_reasons(answers: Path) -> None:
    done = run(str(answers), "--evaluators", "rouge,response_length")
    assert done.exit_code == 0
    assert "2 answers" in done.output
    row = next(line.split() for line in done.output.splitlines() if line.startswith("rouge_l"))
    assert row[1:6] == ["1", "1", "1", "1", "1"], "mean, lowest, highest, n, unscored"


def test_json_is_one_value(answers: Path) -> None:
    report = json.loads(run(str(answers), "--evaluators", "rouge", "--json").output)
    assert report["lines"] == 2
    assert {item["name"]: item["mean"] for item in report["scores"]}["rouge_l"] == 1.0


@pytest.mark.parametrize(("gate", "code"), [("rouge_l=1.0", 0), ("rouge_l=1.1", 1)])
def test_a_gate_decides_the_exit_code(answers: Path, gate: str, code: int) -> None:
    assert run(str(answers), "--evaluators", "rouge", "--fail-under", gate).exit_code == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluators", "rogue"], "rogue"),
        (["--fail-under", "rouge_l"], "SCORE=NUMBER"),
        (["--evaluators", "rouge", "--fail-over", "bleu=1"], "no such score"),
    ],
)
def test_wrong_arguments_are_explained(answers: Path, arguments: list[str], message: str) -> None:
    done = run(str(answers), *arguments)
    assert done.exit_code == 2
    assert message in done.output
