"""Groundedness by overlap: how much of an answer has support in what was retrieved for it.

Scores: groundedness_overlap, the mean over the answer's sentences of the share of its content words that the context
has, a sentence with a number that the context lacks counting 0; and numbers_grounded, the share of the answer's
numbers that the context has. Both 0 to 1, higher is better. Needs the answer and the context; never calls out; about
0.1 ms a call.

It is support, not entailment: a sentence that only says "not" where the context does not is fully supported here, and
a good paraphrase is not. Of made-up changes to paragraphs of documentation a changed number is always seen, text
about something else nearly always, a negation never. English word endings and stop words are taken off; in other
languages the level differs, but a drop still means something. Contradictions need a judge (faithfulness,
docs/judge.md).

Example: context "Shipping takes 3-5 business days.", answer "Shipping takes 3 to 9 business days." gives 0 and 0.5.

Source: own; word overlap as support follows K. Krishna et al., "Hurdles to Progress in Long-form Question Answering",
2021.
"""

from collections.abc import Sequence

from watchglass_evaluators.content_words import content_words, numbers, sentences
from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec

_MOST_SHOWN = 5


class Groundedness:
    """Support of the answer's words and numbers in the context."""

    spec = EvaluatorSpec(
        name="groundedness",
        version="1",
        columns=("response_text", "context_text"),
        scores=(
            ScoreSpec("groundedness_overlap", "higher_is_better", 0.0, 1.0, "share of content words"),
            ScoreSpec("numbers_grounded", "higher_is_better", 0.0, 1.0, "share of numbers"),
        ),
        longest_text=500_000,
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score every answer; a context is made ready once for all answers to it."""
        contexts: dict[str, tuple[set[str], set[str]]] = {}
        results = []
        for call in calls:
            context = contexts.get(call.context_text)
            if context is None:
                context = content_words(call.context_text), numbers(call.context_text)
                contexts[call.context_text] = context
            results.append(_scores(call.response_text, *context))
        return results


def _scores(answer: str, context_words: set[str], context_numbers: set[str]) -> list[Score]:
    shares = []
    for sentence in sentences(answer):
        words = content_words(sentence)
        if words:
            is_met = numbers(sentence) <= context_numbers
            shares.append(len(words & context_words) / len(words) if is_met else 0.0)
    found = numbers(answer)
    missing = sorted(found - context_numbers)
    note = f"numbers without support: {', '.join(n[:20] for n in missing[:_MOST_SHOWN])}" if missing else ""
    return [
        Score("groundedness_overlap", sum(shares) / len(shares), explanation=note)
        if shares
        else Score("groundedness_overlap", None, "the answer has no words that carry meaning"),
        Score("numbers_grounded", 1 - len(missing) / len(found), explanation=note)
        if found
        else Score("numbers_grounded", None, "the answer has no numbers"),
    ]
