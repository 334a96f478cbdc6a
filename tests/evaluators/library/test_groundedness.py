import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.groundedness import Groundedness
from watchglass_evaluators.testing import assert_evaluator_contract

CONTEXT = "Shipping takes 3-5 business days within the EU. A tracking link is sent by e-mail. It costs 1,000 yen."


@pytest.mark.parametrize(
    ("answer", "support", "numbers"),
    [
        ("Shipping takes three to five business days within the EU.", 1.0, 1.0),
        ("Shipping takes 3 to 9 business days.", 0.0, 0.5),
        ("The shipping costs 1000 yen. Bananas grow in Ecuador.", 0.5, 1.0),
        ("The tracking links were sent by mail.", 1.0, None),
        ("A tracking link is not sent.", 1.0, None),  # support, not entailment: the negation is not seen
    ],
)
def test_by_hand(answer: str, support: float, numbers: float | None) -> None:
    scores = Groundedness().score([Call(response_text=answer, context_text=CONTEXT)])[0]
    assert [score.value for score in scores] == [pytest.approx(support), numbers]


def test_reasons_and_what_lacks_support() -> None:
    empty, odd = Groundedness().score(
        [
            Call(response_text="Yes, you can.", context_text=CONTEXT),
            Call(response_text="It takes 9 days.", context_text=CONTEXT),
        ]
    )
    assert [score.reason for score in empty] == [
        "the answer has no words that carry meaning",
        "the answer has no numbers",
    ]
    assert odd[0].explanation == "numbers without support: 9"


def test_contract() -> None:
    assert_evaluator_contract(Groundedness)
