from pathlib import Path

import pytest

from watchglass_alerts.errors import RuleError
from watchglass_alerts.rules_file import MAX_BYTES, load_rules, parse_rules

GOOD = """\
rules:
  - name: errors
    metric: error_rate
    filters: {operation_name: chat}
    window: 5m
    interval: 1m
    for: 2m
    condition:
      op: ">"
      threshold: 0.05
    channels: [ops]
"""


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(RuleError) as caught:
        parse_rules(text.encode() if isinstance(text, str) else text, "rules.yaml")
    return caught.value.problems


def test_reads_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD)
    (rule,) = load_rules(file)
    assert (rule.name, rule.window_s, rule.for_s, rule.condition.threshold) == ("errors", 300, 120, 0.05)


def test_every_problem_is_told_with_its_line() -> None:
    text = GOOD.replace("threshold: 0.05", "treshold: 0.05").replace("interval: 1m", "interval: 1ms")
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        "rules.yaml:6",
        "rules.yaml:10",
    ]
    assert "rule 'errors': unknown field condition.treshold; did you mean threshold?" in problems(text)[1]


def test_a_problem_of_the_whole_rule_points_at_the_rule() -> None:
    (problem,) = problems(GOOD.replace("window: 5m", "window: 30s"))
    assert problem.startswith("rules.yaml:2: rule 'errors': window must be at least interval")


def test_two_rules_with_one_name_are_refused() -> None:
    (problem,) = problems(GOOD + GOOD.removeprefix("rules:\n"))
    assert problem == "rules.yaml:12: rule 'errors': the name is used more than once"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules:\n  - name: a\n    name: b\n", "rules.yaml:3: key 'name' appears twice"),
        ("rules:\n- !!python/object/apply:os.system [id]\n", "rules.yaml:2: tag 'tag:yaml.org,2002:python/object"),
        ("rules:\n- !secret x\n", "rules.yaml:2: tag '!secret' is not allowed"),
        ("rules:\n- {1: a}\n", "rules.yaml:2: key 1 must be text"),
        ("rules: [\n", "rules.yaml:2: is not YAML"),
        ("rules:\n\t- a\n", "rules.yaml:2: is not YAML"),
        ("a: *b\n", "rules.yaml:1: is not YAML: found undefined alias"),
        ("", "rules.yaml:1: must hold one key, rules"),
        ("[]", "rules.yaml:1: must hold one key, rules"),
        ("rules: {}\n", "rules.yaml:1: must hold one key, rules"),
        ("groups: []\nrules: []\n", "rules.yaml:1: must hold one key, rules"),
        ("--- 1\n--- 2\n", "is not YAML"),
        ("a: &a [*a]\n", "nested too deeply"),
        ("[" * 5000, "nested too deeply"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"rules: \x00", "is not YAML"),
    ],
)
def test_hostile_and_broken_files(text: str | bytes, expected: str) -> None:
    assert expected in problems(text)[0]


def test_an_alias_bomb_is_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    (problem,) = problems("\n".join(lines))
    assert "more than 100,000 values once its aliases are expanded" in problem


def test_aliases_and_merge_keys_work() -> None:
    rule = GOOD.replace("- name: errors", "- &base\n    name: errors")
    second = "  - <<: *base\n    name: more\n    window: 10m\n"
    one, two = parse_rules((rule + second).encode(), "rules.yaml")
    assert (one.name, one.window_s, two.name, two.window_s) == ("errors", 300, "more", 600)
    assert one.condition == two.condition


def test_a_date_is_text_and_a_number_is_not() -> None:
    (rule,) = parse_rules(GOOD.replace("operation_name: chat", "prompt_version: 2026-01-01").encode(), "r")
    assert rule.filters == {"prompt_version": ("2026-01-01",)}
    (problem,) = problems(GOOD.replace("operation_name: chat", "prompt_version: 3"))
    assert problem.startswith("rules.yaml:4: rule 'errors': filters.prompt_version = 3")


def test_an_unquoted_operator_is_explained() -> None:
    assert "rules.yaml:9: rule 'errors': condition.op = ''" in problems(GOOD.replace('op: ">"', "op: >"))[0]
    assert "rules.yaml:9: is not YAML" in problems(GOOD.replace('op: ">"', "op: >="))[0]


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"#" * (10 * MAX_BYTES))
    with pytest.raises(RuleError, match="larger than 1,000,000 bytes"):
        load_rules(file)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"gone\.yaml: cannot be read: No such file"):
        load_rules(tmp_path / "gone.yaml")
