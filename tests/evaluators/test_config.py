import contextlib

import pytest
from pydantic import ValidationError

from watchglass_evaluators import Evaluator, EvaluatorsConfig, EvaluatorUnavailable, registry


def loadable() -> dict[str, Evaluator]:
    found = {}
    for name in registry.BUILTIN:
        with contextlib.suppress(EvaluatorUnavailable):
            found[name] = registry.load(name)
    return found


def test_defaults_run_every_evaluator_that_is_cheap_and_needs_no_weights() -> None:
    config = EvaluatorsConfig()
    cheap = {name for name, evaluator in loadable().items() if evaluator.spec.device == "cpu"}
    assert set(config.enabled) == cheap - {"chrf", "chrf_plus", "ter"}
    assert (config.settle_s, config.recheck_s, config.shard) == (5, 60, "0/1")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"enabled": ["rogue"]},
            "unknown evaluator 'rogue'; did you mean 'rouge'? (known: answer_match, answer_relevance, bleu,",
        ),
        ({"shard": "4/4"}, "shard '4/4' is not i/n with 0 <= i < n"),
        ({"shard": "one"}, "shard 'one' is not i/n"),
        ({"settle_s": 90}, "recheck_s = 60.0 must not be less than settle_s = 90.0"),
        ({"options": {"bleu": {"sample_rate": 2}}}, "less than or equal to 1"),
        ({"options": {"blue": {}}}, "options.blue: there is no such evaluator (answer_match, answer_relevance, bleu,"),
        ({"batch": 4}, "Extra inputs"),
    ],
)
def test_a_bad_value_names_the_key_and_what_is_allowed(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EvaluatorsConfig.model_validate(settings)
    assert message in str(caught.value)
