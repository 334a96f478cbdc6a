"""chrF++: chrF with words and word pairs as well, which agrees with people a little better where words are spaced.

Score: chrf_plus. Range 0 to 100, higher is better. Needs the answer and a reference; never calls out; about 1 ms a
call. The numbers are those of sacreBLEU's `CHRF(word_order=2).sentence_score`, to the last digit; the version is its
signature.

Example: reference "the cat sat on the mat", answer "the cat lay on the mat" gives 63.73.

Source: M. Popovic, "chrF++: words helping character n-grams", WMT 2017.
"""

from collections.abc import Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.library.chrf import score_all, signature

WORD_ORDERS = (1, 2)


class ChrfPlus:
    """sacreBLEU's chrF++ against the call's reference."""

    def __init__(self) -> None:
        self.spec = EvaluatorSpec(
            name="chrf_plus",
            version=signature(len(WORD_ORDERS)),
            columns=("response_text", "reference_text"),
            scores=(ScoreSpec("chrf_plus", "higher_is_better", 0.0, 100.0, "chrF++ points"),),
            longest_text=100_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; see the module for what the number means."""
        return score_all("chrf_plus", calls, WORD_ORDERS)
