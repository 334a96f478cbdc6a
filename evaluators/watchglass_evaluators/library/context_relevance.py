"""Context relevance by overlap: whether what was retrieved speaks of what was asked.

Score: context_relevance_overlap, the share of the prompt's content words that the retrieved context has; 0 to 1,
higher is better. Needs the prompt and the context; never calls out; about 0.05 ms a call. Stop words and English
endings are taken off.

It compares words, not meanings: synonyms and other languages score 0, and a prompt that carries its documents inside is
compared whole. Read it as a trend. Where a sentence encoder is installed,
semantic_context_relevance is better.

Example: prompt "How long does shipping take?", context "Shipping takes 3-5 days." gives 0.667 (ship, take; not long).

Source: own; word overlap as a measure of relevance goes back to G. Salton et al., "A Vector Space Model for Automatic
Indexing", 1975.
"""

from collections.abc import Sequence

from watchglass_evaluators.content_words import content_words
from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec


class ContextRelevance:
    """Share of the prompt's content words that the retrieved context has."""

    spec = EvaluatorSpec(
        name="context_relevance",
        version="1",
        columns=("prompt_text", "context_text"),
        scores=(ScoreSpec("context_relevance_overlap", "higher_is_better", 0.0, 1.0, "share of content words"),),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score every call whose prompt has words that carry meaning."""
        return [[self._score(call)] for call in calls]

    def _score(self, call: Call) -> Score:
        asked = content_words(call.prompt_text)
        if not asked:
            return Score("context_relevance_overlap", None, "the prompt has no words that carry meaning")
        return Score("context_relevance_overlap", len(asked & content_words(call.context_text)) / len(asked))
