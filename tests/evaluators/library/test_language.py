import importlib.metadata

import pytest

from watchglass_evaluators import Call, EvaluatorUnavailable, registry
from watchglass_evaluators.library.language import Language
from watchglass_evaluators.testing import assert_evaluator_contract

TEXTS = {
    "en": "Shipping takes three to five business days within the EU.",
    "de": "Der Versand dauert innerhalb der EU drei bis fünf Werktage.",
    "fr": "La livraison prend trois à cinq jours ouvrables dans l'Union.",
    "es": "El envío tarda de tres a cinco días laborables en la Unión.",
    "ja": "配送には三日から五日ほどかかります。",
    "ru": "Доставка занимает от трёх до пяти рабочих дней, и вы получите письмо со ссылкой.",
    "ar": "يستغرق الشحن من ثلاثة إلى خمسة أيام عمل.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_languages(code: str) -> None:
    own, match = Language().score([Call(response_text=TEXTS[code], prompt_text=TEXTS["en"])])[0]
    assert own.label == code
    assert own.value is not None
    assert own.value > 0.8
    assert (match.value, match.label) == ((1.0, "same") if code == "en" else (0.0, "other"))
    assert match.explanation == f"prompt en, answer {code}"


def test_what_is_too_short_or_not_sure_is_unscored() -> None:
    scores = Language().score(
        [
            Call(response_text="OK, 12345.", prompt_text=TEXTS["en"]),
            Call(response_text=TEXTS["en"], prompt_text="Why?"),
            Call(response_text="print(f'hello {x}') for x in range(10): import os", prompt_text=TEXTS["en"]),
        ]
    )
    assert [(own.value is None, match.reason) for own, match in scores] == [
        (True, "the answer has too few letters"),
        (False, "the prompt has too few letters"),
        (False, "the language of answer or prompt is not sure"),
    ]


def test_without_its_library_it_waits_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("watchglass_evaluators.library.language.version", version)
    with pytest.raises(EvaluatorUnavailable, match="pip install py3langid"):
        registry.load("language")


def test_contract() -> None:
    assert_evaluator_contract(Language, example=Call(response_text=TEXTS["en"], prompt_text=TEXTS["en"]))
