"""chrF: how many character runs of one to six letters an answer shares with a reference; works in every language.

Score: chrf. Range 0 to 100, higher is better. Needs the answer and a reference; never calls out; about 1 ms a call.
The numbers are those of sacreBLEU's `CHRF().sentence_score`, to the last digit; the version is its signature. White
space does not count. The average F-score weighs recall twice (beta 2).

Example: reference "the cat sat on the mat", answer "the cat lay on the mat" gives 61.09.

Source: M. Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from importlib.metadata import version

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.overlap import clipped_matches, ngrams

CHARACTER_ORDERS = (1, 2, 3, 4, 5, 6)
_BETA_SQUARED = 4
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
BLANK = "the reference is blank"


class Text:
    """A text made ready for comparison: how often each run occurs, order by order, characters first, then words."""

    __slots__ = ("counts", "totals")

    def __init__(self, text: str, word_orders: Sequence[int] = ()) -> None:
        words = text.split()
        characters = "".join(words)
        self.counts: list[Counter[Hashable]] = [
            Counter([characters[i : i + order] for i in range(len(characters) - order + 1)])
            for order in CHARACTER_ORDERS
        ]
        self.totals = [max(len(characters) - order + 1, 0) for order in CHARACTER_ORDERS]
        if word_orders:
            tokens = [token for word in words for token in _without_punctuation(word)]
            self.counts += [Counter(ngrams(tokens, order)) for order in word_orders]
            self.totals += [max(len(tokens) - order + 1, 0) for order in word_orders]


def chrf(reference: Text, answer: Text) -> float:
    """Return chrF, 0 to 100; chrF++ when both texts were made with words."""
    # The same operations in the same order as sacreBLEU's CHRF._compute_f_score, for the same last digit.
    precision = recall = 0.0
    orders = 0
    rows = zip(answer.counts, answer.totals, reference.counts, reference.totals, strict=True)
    for got, got_total, wanted, wanted_total in rows:
        if got_total and wanted_total:
            matches = clipped_matches(got, wanted)
            precision += matches / got_total
            recall += matches / wanted_total
            orders += 1
    if not orders:
        return 0.0
    precision /= orders
    recall /= orders
    if not precision + recall:
        return 0.0
    score = (1 + _BETA_SQUARED) * precision * recall
    score /= (_BETA_SQUARED * precision) + recall
    return 100 * score


def signature(words: int) -> str:
    """Return sacreBLEU's signature for chrF with word runs up to a length; 0 = characters only."""
    return f"nrefs:1|case:mixed|eff:yes|nc:6|nw:{words}|space:no|version:{version('sacrebleu')}"


def score_all(name: str, calls: Sequence[Call], word_orders: Sequence[int]) -> list[list[Score]]:
    """Score a batch; a reference is made ready once for all answers to it."""
    references: dict[str, Text] = {}
    results = []
    for call in calls:
        reference = references.get(call.reference_text)
        if reference is None:
            reference = references[call.reference_text] = Text(call.reference_text, word_orders)
        if reference.totals[0]:
            results.append([Score(name, chrf(reference, Text(call.response_text, word_orders)))])
        else:
            results.append([Score(name, None, BLANK)])
    return results


def _without_punctuation(word: str) -> tuple[str, ...]:
    # As sacreBLEU does it: "(hi)" becomes "(hi" and ")".
    if len(word) == 1:
        return (word,)
    if word[-1] in _PUNCTUATION:
        return word[:-1], word[-1]
    if word[0] in _PUNCTUATION:
        return word[0], word[1:]
    return (word,)


class Chrf:
    """sacreBLEU's chrF against the call's reference."""

    def __init__(self) -> None:
        self.spec = EvaluatorSpec(
            name="chrf",
            version=signature(0),
            columns=("response_text", "reference_text"),
            scores=(ScoreSpec("chrf", "higher_is_better", 0.0, 100.0, "chrF points"),),
            longest_text=100_000,
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; see the module for what the number means."""
        return score_all("chrf", calls, ())
