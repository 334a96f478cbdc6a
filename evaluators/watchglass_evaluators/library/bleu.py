"""Sentence BLEU: how many words and runs of up to four words an answer shares with a reference; short ones lose points.

Score: bleu. Range 0 to 100 (BLEU points), higher is better. Needs the answer and a reference; never calls out; about
0.4 ms a call. The numbers are those of sacreBLEU's `BLEU(effective_order=True).sentence_score`, to the last digit; the
version is its signature. The counts behind a value stand in the explanation.
Scores of single sentences are noisy, and their mean is not the corpus BLEU that papers report: the ten counts that BLEU
is made of are stored with each score, so that corpus BLEU over any set of calls is a sum (`quality.corpus_bleu`).
sacreBLEU caches every text it tokenises, 65,536 of them in each of two layers; the same tokeniser (mteval-v13a) is
written out here instead, so that no customer's text stays in memory.

Example: reference "the cat sat on the mat", answer "the cat lay on the mat" gives 37.99.

Source: K. Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002; M. Post, "A Call
for Clarity in Reporting BLEU Scores", WMT 2018.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from importlib.metadata import version
from typing import NamedTuple

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec
from watchglass_evaluators.overlap import clipped_matches, ngrams

_ORDERS = (1, 2, 3, 4)
_NO_WORDS = "the reference has no words"

# The four substitutions of mteval-v13a; the first is about single characters, so a translation table does it.
_SPACED = {code: f" {chr(code)} " for code in range(128) if re.match(r"[\{-\~\[-\` -\&\(-\+\:-\@\/]", chr(code))}
_sub_after_other = re.compile(r"([^0-9])([\.,])").sub
_sub_before_other = re.compile(r"([\.,])([^0-9])").sub
_sub_dash = re.compile(r"([0-9])(-)").sub


def tokenize_13a(text: str) -> list[str]:
    """Split a text into words exactly as sacreBLEU's default tokeniser does."""
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in line:
        line = line.replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    line = f" {line} ".translate(_SPACED)
    if "." in line or "," in line:
        line = _sub_after_other(r"\1 \2 ", line)
        line = _sub_before_other(r" \1 \2", line)
    if "-" in line:
        line = _sub_dash(r"\1 \2 ", line)
    return line.split()


class Text:
    """A text made ready for comparison; a reference is made ready once for all answers to it."""

    __slots__ = ("counts", "length")

    def __init__(self, text: str) -> None:
        tokens = tokenize_13a(text)
        self.length = len(tokens)
        self.counts: list[Counter[Hashable]] = [Counter(ngrams(tokens, order)) for order in _ORDERS]


class SentenceBleu(NamedTuple):
    """Sentence BLEU of one answer."""

    value: float
    """0 to 100."""
    statistics: dict[str, float]
    """The ten counts: words of both sides, and matches and totals of each order."""
    explanation: str
    """The same counts for a person."""


def bleu(reference: Text, answer: Text) -> SentenceBleu:
    """Compare an answer with a reference."""
    from sacrebleu.metrics.bleu import BLEU

    matches = [clipped_matches(r, a) for r, a in zip(reference.counts, answer.counts, strict=True)]
    totals = [max(answer.length - order + 1, 0) for order in _ORDERS]
    # Static, so no text reaches sacreBLEU. "exp" smoothing is its default for sentences.
    result = BLEU.compute_bleu(matches, totals, answer.length, reference.length, "exp", None, True, 4)
    counts = " ".join(f"{match}/{total}" for match, total in zip(matches, totals, strict=True))
    statistics = {"answer_words": float(answer.length), "reference_words": float(reference.length)}
    for order, match, total in zip(_ORDERS, matches, totals, strict=True):
        statistics |= {f"matches_{order}": float(match), f"totals_{order}": float(total)}
    explanation = f"{counts} runs of 1 to 4 words matched; {answer.length} words against {reference.length}"
    return SentenceBleu(result.score, statistics, explanation)


class Bleu:
    """sacreBLEU's sentence BLEU against the call's reference."""

    def __init__(self) -> None:
        self.spec = EvaluatorSpec(
            name="bleu",
            version=f"nrefs:1|case:mixed|eff:yes|tok:13a|smooth:exp|version:{version('sacrebleu')}",
            columns=("response_text", "reference_text"),
            scores=(ScoreSpec("bleu", "higher_is_better", 0.0, 100.0, "BLEU points"),),
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch; see the module for what the number means."""
        references: dict[str, Text] = {}
        results = []
        for call in calls:
            reference = references.get(call.reference_text)
            if reference is None:
                reference = references[call.reference_text] = Text(call.reference_text)
            if reference.length:
                result = bleu(reference, Text(call.response_text))
                score = Score("bleu", result.value, explanation=result.explanation, statistics=result.statistics)
                results.append([score])
            else:
                results.append([Score("bleu", None, _NO_WORDS)])
        return results
