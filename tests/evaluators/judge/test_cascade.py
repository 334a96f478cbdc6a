from watchglass_evaluators import Call
from watchglass_evaluators.judge.cascade import chance, is_chosen
from watchglass_evaluators.judge.config import Cascade

CASCADE = Cascade.model_validate(
    {"unsure": [{"score": "profanity", "low": 0.3, "high": 0.7}, {"score": "rouge_l", "high": 0.2}], "share": 0.1}
)


def test_inside_a_band_always_elsewhere_the_share() -> None:
    assert chance(CASCADE, {"profanity": 0.3, "rouge_l": 0.9}, is_last=False) == 1
    assert chance(CASCADE, {"profanity": 0.9, "rouge_l": 0.1}, is_last=False) == 1
    assert chance(CASCADE, {"profanity": 0.71, "rouge_l": 0.9}, is_last=False) == 0.1
    assert chance(CASCADE, {"profanity": None, "rouge_l": None}, is_last=False) == 0.1


def test_a_score_that_is_not_there_yet_is_waited_for_until_the_last_look() -> None:
    assert chance(CASCADE, {"profanity": 0.9}, is_last=False) is None
    assert chance(CASCADE, {"profanity": 0.9}, is_last=True) == 0.1
    assert chance(CASCADE, {"profanity": 0.5}, is_last=False) == 1, "one band is enough"


def test_the_share_is_kept_is_deterministic_and_differs_between_judges() -> None:
    calls = [Call(trace_id=f"{i:032x}", span_id=f"{i:016x}") for i in range(20_000)]
    chosen = {call.id for call in calls if is_chosen("judge_a", call, 0.1)}
    assert chosen == {call.id for call in calls if is_chosen("judge_a", call, 0.1)}
    assert 1_850 < len(chosen) < 2_150
    both = chosen & {call.id for call in calls if is_chosen("judge_b", call, 0.1)}
    assert 130 < len(both) < 270
    assert chosen <= {call.id for call in calls if is_chosen("judge_a", call, 0.2)}, "a larger share holds the smaller"
    assert not any(is_chosen("judge_a", call, 0.0) for call in calls)
