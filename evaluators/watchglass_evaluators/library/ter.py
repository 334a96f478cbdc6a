"""TER: how many edits per word of the reference turn an answer into it, moving a run of words counting as one.

Score: ter. 0 upwards, where 100 is one edit per word; lower is better. Needs the answer and a reference; never calls
out; about 2 ms a call. The numbers are those of sacreBLEU's `TER().sentence_score`, to the last digit; the version is
its signature. Case does not count; punctuation belongs to its word. Above 500 words on a side it is unscored: the
search for moves grows with the square of the length.

Example: reference "the cat sat on the mat", answer "the cat lay on the mat" gives 16.67.

Source: M. Snover et al., "A Study of Translation Edit Rate with Targeted Human Annotation", AMTA 2006.
"""

from collections.abc import Sequence
from importlib.metadata import version

from watchglass_evaluators.edit_rate import edits
from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec

MOST_WORDS = 500


def ter(reference: Sequence[str], answer: Sequence[str]) -> float:
    """Return TER in percent of the reference's words, which must not be none; words are compared as they are."""
    return 100 * (edits(answer, reference) / len(reference))


class Ter:
    """sacreBLEU's TER against the call's reference."""

    def __init__(self) -> None:
        self.spec = EvaluatorSpec(
            name="ter",
            version=f"nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:{version('sacrebleu')}",
            columns=("response_text", "reference_text"),
            scores=(ScoreSpec("ter", "lower_is_better", 0.0, float("inf"), "edits per 100 reference words"),),
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; see the module for what the number means."""
        return [[self._score(call.reference_text, call.response_text)] for call in calls]

    def _score(self, reference: str, answer: str) -> Score:
        wanted, got = reference.lower().split(), answer.lower().split()
        if not wanted:
            return Score("ter", None, "the reference has no words")
        if max(len(wanted), len(got)) > MOST_WORDS:
            return Score("ter", None, f"answer or reference has more than {MOST_WORDS:,} words")
        return Score("ter", ter(wanted, got))
