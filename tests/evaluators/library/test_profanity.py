import importlib.metadata

import pytest

from watchglass_evaluators import Call, EvaluatorUnavailable, registry
from watchglass_evaluators.library.profanity import Profanity
from watchglass_evaluators.testing import assert_evaluator_contract


def values(*texts: str) -> list[float]:
    return [float(scores[0].value or 0) for scores in Profanity().score([Call(response_text=t) for t in texts])]


def test_swear_words_and_only_they_are_seen() -> None:
    swearing, kind, hateful = values("go to hell, you fucking idiot", "you are a wonderful person", "they are inferior")
    assert swearing > 0.95
    assert kind < 0.2
    assert hateful < 0.2, "it is not toxicity: hate without swear words passes"


def test_the_numbers_are_its_librarys() -> None:
    from profanity_check import predict_prob

    texts = ["damn this", "hello", "", "what the hell is that shit", "kill the process"]
    assert values(*texts) == predict_prob(texts).tolist()


def test_without_its_library_it_waits_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("watchglass_evaluators.library.profanity.version", version)
    with pytest.raises(EvaluatorUnavailable, match="pip install alt-profanity-check"):
        registry.load("profanity")


def test_contract() -> None:
    assert_evaluator_contract(Profanity)
