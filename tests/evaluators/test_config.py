import pytest
from pydantic import ValidationError

from watchglass_evaluators import EvaluatorsConfig


def test_defaults_run_every_built_in_evaluator() -> None:
    config = EvaluatorsConfig()
    assert sorted(config.enabled) == ["bleu", "profanity", "refusal", "response_length", "rouge"]
    assert (config.settle_s, config.recheck_s, config.shard) == (5, 60, "0/1")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"enabled": ["rogue"]}, "unknown evaluator 'rogue'; did you mean 'rouge'? (known: bleu,"),
        ({"shard": "4/4"}, "shard '4/4' is not i/n with 0 <= i < n"),
        ({"shard": "one"}, "shard 'one' is not i/n"),
        ({"settle_s": 90}, "recheck_s = 60.0 must not be less than settle_s = 90.0"),
        ({"options": {"bleu": {"sample_rate": 2}}}, "less than or equal to 1"),
        ({"enabled": ["rouge"], "options": {"bleu": {}}}, "options.bleu: not among the enabled evaluators (rouge)"),
        ({"batch": 4}, "Extra inputs"),
    ],
)
def test_a_bad_value_names_the_key_and_what_is_allowed(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EvaluatorsConfig.model_validate(settings)
    assert message in str(caught.value)
