"""Answer match: whether a short answer is the reference, and how many of its words are, as in question answering tests.

Scores: exact_match (0 or 1) and token_f1 (0 to 1), higher is better. Needs the answer and a reference; never calls out;
about 0.03 ms a call. Both compare after SQuAD's normalisation: lower case, ASCII punctuation and the articles a, an and
the left out, white space joined. token_f1 is the F-measure of the words that both have, each as often as in the one
that has it less often. Where nothing is left of a side, both scores are 1 when nothing is left of either, else 0.
Meant for answers of a few words; a full sentence that contains the right name is no exact match.

Example: reference "The Eiffel Tower", answer "eiffel tower!" gives 1 and 1; "It is the Eiffel Tower" gives 0 and 0.667.

Source: P. Rajpurkar et al., "Know What You Don't Know: Unanswerable Questions for SQuAD", ACL 2018, official script.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.overlap import clipped_matches

_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_articles = re.compile(r"\b(a|an|the)\b")


def normalized(text: str) -> list[str]:
    """Return a text's words after SQuAD's normalisation."""
    return _articles.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def answer_match(reference: str, answer: str) -> tuple[float, float]:
    """Return exact match, 0 or 1, and token F1, 0 to 1."""
    wanted, got = normalized(reference), normalized(answer)
    exact = float(wanted == got)
    if not wanted or not got:
        return exact, exact
    matches = clipped_matches(Counter(wanted), Counter(got))
    if not matches:
        return exact, 0.0
    precision, recall = matches / len(got), matches / len(wanted)
    return exact, 2 * precision * recall / (precision + recall)


class AnswerMatch:
    """Exact match and token F1 against the call's reference."""

    spec = EvaluatorSpec(
        name="answer_match",
        version="SQuAD 2.0",
        columns=("response_text", "reference_text"),
        scores=(
            ScoreSpec("exact_match", "higher_is_better", 0.0, 1.0, "1 = the same answer"),
            ScoreSpec("token_f1", "higher_is_better", 0.0, 1.0, "F-measure"),
        ),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; see the module for what the numbers mean."""
        results = []
        for call in calls:
            if call.reference_text.strip():
                exact, f1 = answer_match(call.reference_text, call.response_text)
                results.append([Score("exact_match", exact), Score("token_f1", f1)])
            else:
                reason = "the reference is blank"
                results.append([Score("exact_match", None, reason), Score("token_f1", None, reason)])
        return results
