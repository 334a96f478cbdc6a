import json
from pathlib import Path

import pytest

from watchglass_evaluators import registry
from watchglass_evaluators.offline import FileFormatError, Gate, GateError, check_gates, score_file


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    rows = [
        {"prompt": "2+2?", "response": "four", "reference": "four", "model": "m"},
        {"prompt": "Capital?", "response": "It is Lyon", "reference": "It is Paris", "id": 7},
        {"response": "I can't help with that.", "reference": None, "model": "m"},
    ]
    path.write_text("\n\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_a_file_is_scored_and_summed_up(answers: Path) -> None:
    report = score_file(answers, ["rouge", "refusal", "rouge"])
    assert (report.lines, report.unknown_keys) == (3, {"model": 2, "id": 1})
    by_name = {summary.name: summary for summary in report.scores}
    assert list(by_name) == ["rouge_1", "rouge_2", "rouge_l", "rouge_lsum", "refusal"]
    rouge = by_name["rouge_l"]
    assert (rouge.scored, rouge.unscored, rouge.reasons) == (2, 1, {"no reference_text": 1})
    assert rouge.mean == pytest.approx((1 + 2 / 3) / 2)
    assert (rouge.lowest, rouge.highest, rouge.direction) == (pytest.approx(2 / 3), 1.0, "higher_is_better")
    assert by_name["refusal"].mean == pytest.approx(1 / 3)


def test_gates(answers: Path) -> None:
    report = score_file(answers, ["rouge", "refusal"])
    gates = [
        Gate.parse("rouge_l=0.8", "under"),
        Gate.parse("rouge_l=0.9", "under"),
        Gate.parse("refusal=0.1", "over"),
        Gate.parse("refusal=0.34", "over"),
    ]
    assert [(result.passed, result.reason) for result in check_gates(report, gates)] == [
        (True, "rouge_l: mean 0.8333 is not under 0.8"),
        (False, "rouge_l: mean 0.8333 is under 0.9"),
        (False, "refusal: mean 0.3333 is over 0.1"),
        (True, "refusal: mean 0.3333 is not over 0.34"),
    ]


def test_a_gate_on_what_was_not_scored_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"response": "x"}\n', encoding="utf-8")
    report = score_file(path, ["bleu"])
    assert report.scores[0].mean is None
    [result] = check_gates(report, [Gate("bleu", "under", 0.0)])
    assert (result.passed, result.reason) == (False, "bleu: no line has a value")


@pytest.mark.parametrize("text", ["rouge_l", "rouge_l=", "=0.4", "rouge_l=high", "rouge_l=nan"])
def test_a_gate_that_makes_no_sense_says_how_to_write_one(text: str) -> None:
    with pytest.raises(GateError, match=r"write SCORE=NUMBER, for example rouge_l=0\.4"):
        Gate.parse(text, "under")


def test_a_gate_on_an_unknown_score_lists_what_there_is(answers: Path) -> None:
    report = score_file(answers, ["bleu"])
    with pytest.raises(GateError, match=r"--fail-under rouge: no such score here \(there are bleu\)"):
        check_gates(report, [Gate("rouge", "under", 0.1)])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{nope", "a.jsonl:2: not JSON"),
        ("[1]", 'a.jsonl:2: list where an object is needed, for example {"response": "…"}'),
        ('{"answer": "x"}', "a.jsonl:2: no 'response' (found 'answer'); name the answer's key 'response'"),
        ('{"response": 4}', "a.jsonl:2: 'response' must be text, not int; put it in quotes"),
        ('{"response": "x", "reference": ["a"]}', "a.jsonl:2: 'reference' must be text, not list; put it in quotes"),
        ("[" * 100_000, "a.jsonl:2: not JSON"),
    ],
)
def test_a_bad_line_is_named_with_what_to_do(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"response": "fine"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        score_file(path, ["refusal"])
    assert message in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="No such file"):
        score_file(tmp_path / "missing.jsonl", ["refusal"])
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(FileFormatError, match="not UTF-8"):
        score_file(tmp_path / "binary.jsonl", ["refusal"])


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    report = score_file(tmp_path / "empty.jsonl", ["rouge"])
    assert (report.lines, report.scores[0].mean) == (0, None)


def test_an_unknown_evaluator(answers: Path) -> None:
    with pytest.raises(registry.UnknownEvaluator):
        score_file(answers, ["kindness"])


def test_tools_messages_and_schema_may_be_json_or_text_that_holds_it(tmp_path: Path) -> None:
    part = {"type": "tool_call", "name": "now", "arguments": {}}
    row = {
        "response": '{"city": "Bern"}',
        "schema": {"required": ["city"]},
        "tools": [{"name": "now"}],
        "output_messages": json.dumps([{"role": "assistant", "parts": [part]}]),
    }
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    done: list[int] = []
    report = score_file(path, ["output_schema", "tool_calls"], on_progress=done.append)
    assert [(summary.name, summary.mean) for summary in report.scores] == [
        ("output_schema_valid", 1.0),
        ("tool_call_validity", 1.0),
    ]
    assert done == [1]
