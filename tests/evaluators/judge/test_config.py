from typing import Any

import pytest
from pydantic import ValidationError

from watchglass_evaluators import EvaluatorsConfig, EvaluatorUnavailable
from watchglass_evaluators.judge.factory import read_key, rubric_of
from watchglass_evaluators.judge.rubrics import BUILTIN, CANNOT_JUDGE
from watchglass_store import Store

OWN = {"prompt": "Polite?", "choices": {"no": 0, "yes": 1}, "direction": "higher_is_better"}


def test_judges_are_off_until_they_are_named() -> None:
    config = EvaluatorsConfig()
    assert (config.judge.rubrics, config.judge.base_url, config.judge.daily_budget_usd) == ((), "", 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rubrics": ["kindness"]}, "unknown rubric 'kindness' (known: helpfulness, correctness, faithfulness,"),
        ({"base_url": "api.example.com/v1"}, "not an http:// or https:// address"),
        ({"base_url": "file:///etc/passwd"}, "not an http:// or https:// address"),
        ({"base_url": "https://user:secret@api.example.com"}, "the key goes into api_key_env"),
        ({"base_url": "https://api.example.com/v1?key=abc"}, "the key goes into api_key_env"),
        ({"votes": 0}, "greater than or equal to 1"),
        ({"daily_budget_usd": float("inf")}, "finite"),
        ({"daily_budget_usd": -1}, "greater than or equal to 0"),
        ({"custom": {"safety": OWN}}, "custom.safety: the name of a built-in rubric"),
        ({"custom": {"x y": OWN}}, "should match pattern"),
        ({"custom": {"own": OWN | {"choices": {"yes": 1}}}}, "at least 2"),
        ({"custom": {"own": OWN | {"choices": {"no": 1, "yes": 1}}}}, "at least two of the values must differ"),
        ({"custom": {"own": OWN | {"choices": {CANNOT_JUDGE: 0, "yes": 1}}}}, "always offered"),
        ({"custom": {"own": OWN | {"choices": {"no": float("nan"), "yes": 1}}}}, "finite"),
        ({"custom": {"own": OWN | {"choices": {'"': 0, "yes": 1}}}}, "should match pattern"),
        ({"only_when": {"safety": {"share": 0.1}}}, "only_when.safety: not among the rubrics (none)"),
        ({"rubrics": ["safety"], "only_when": {"safety": {"share": 2}}}, "less than or equal to 1"),
        ({"api_key": "sk-1"}, "Extra inputs"),
    ],
)
def test_a_bad_value_names_the_key_and_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EvaluatorsConfig.model_validate({"judge": settings})
    assert message in str(caught.value)


def test_a_judge_has_options_like_any_evaluator() -> None:
    options = {"judge_safety": {"sample_rate": 0.1}}
    EvaluatorsConfig.model_validate({"judge": {"rubrics": ["safety"]}, "options": options})
    EvaluatorsConfig.model_validate({"options": options})  # it may be turned on later
    with pytest.raises(ValidationError, match=r"options\.judge_saftey: there is no such evaluator"):
        EvaluatorsConfig.model_validate({"options": {"judge_saftey": {"sample_rate": 0.1}}})


@pytest.mark.parametrize("value", ["", "  ", "two words", "sk-é", "sk\x00-1", "sk\n-1"])
def test_a_key_that_cannot_be_one_is_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "\x00" in value:
        monkeypatch.setattr("os.environ", {"MY_KEY": value})
    else:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(EvaluatorUnavailable, match="environment variable MY_KEY") as caught:
        read_key("MY_KEY")
    assert not value.strip() or value.strip() not in str(caught.value)


def test_every_rubric_can_be_scored() -> None:
    for rubric in BUILTIN.values():
        assert len({choice.value for choice in rubric.choices}) >= 2
        assert min(rubric.values.values()) == 0
        assert max(rubric.values.values()) == 1
        assert CANNOT_JUDGE not in rubric.values
        assert CANNOT_JUDGE in rubric.offered


def test_a_custom_rubric_keeps_its_choices(store: Store) -> None:
    config = EvaluatorsConfig.model_validate({"judge": {"rubrics": ["own"], "custom": {"own": OWN}}}).judge
    rubric = rubric_of(config, store, "own")
    assert (rubric.values, rubric.direction, rubric.question) == ({"no": 0, "yes": 1}, "higher_is_better", "Polite?")


def test_the_documented_settings_are_those_that_are_there() -> None:
    import re
    import tomllib
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs/judge.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    shown: set[str] = set()
    for block in blocks:
        section = tomllib.loads(block)["evaluators"]
        config = EvaluatorsConfig.model_validate(section)
        shown |= set(section.get("judge", {}))
    documented = shown | set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    assert set(type(config.judge).model_fields) <= documented
