"""Calls per second of each evaluator on one core, beside its library on the same texts in the same run."""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from watchglass_evaluators import registry
from watchglass_evaluators.evaluator import Call, Evaluator, EvaluatorUnavailable

QUICK, WHOLE = (150, 3), (1_000, 7)
"""Calls and rounds."""

_WORDS = 100
"""Words in a text: a usual answer."""

_COMMON = tuple(
    "the of and to a in is it you that was for on are with as be this have from or one had by not but what all".split()  # noqa: SIM905
)


_TOOLS = json.dumps(
    [
        {
            "name": "search",
            "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
        }
    ]
)
_TOOL_CALL = json.dumps(
    [{"role": "assistant", "parts": [{"type": "tool_call", "name": "search", "arguments": {"q": "shipping"}}]}]
)


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Measure.

    Returns:
        One object per evaluator that can run and needs no GPU: `name`, `calls_per_s`, `library`, `library_calls_per_s`
        and `max_abs_difference` between the two's values. A rate is the median over alternated rounds, in CPU seconds
        of one thread. Without a library that does the same, or where it is not installed, the last two are None.
    """
    count, rounds = QUICK if quick else WHOLE
    calls = make_calls(count)
    rows = []
    for name in sorted(registry.BUILTIN):
        try:
            evaluator = registry.load(name)
        except EvaluatorUnavailable as error:
            sys.stderr.write(f"{name}: {error}\n")
            continue
        if evaluator.spec.device != "cpu":  # benchmarks/gpu.py has those
            continue
        label, library = LIBRARIES.get(name, ("", lambda: None))
        rows.append(_compare(name, evaluator, label, library(), _suited(name, calls), rounds))
    return rows


def make_calls(count: int, *, seed: int = 1) -> list[Call]:
    """Make prompts, answers, contexts and references: English-like words, one in five replaced, some left out."""
    choice = random.Random(seed)
    rare = ["".join(choice.choices("abcdefghijklmnopqrstuvwxyz", k=choice.randint(3, 10))) for _ in range(5_000)]
    calls = []
    for _ in range(count):
        reference = [_word(choice, rare) for _ in range(_WORDS)]
        kept = (word for word in reference if choice.random() > 0.1)
        answer = [word if choice.random() > 0.2 else _word(choice, rare) for word in kept]
        calls.append(
            Call(
                prompt_text=" ".join(reference[:20]),
                response_text=" ".join(answer),
                context_text=" ".join(reference),
                reference_text=" ".join(reference),
                output_messages=_TOOL_CALL,
                tool_definitions=_TOOLS,
            )
        )
    return calls


def _suited(name: str, calls: Sequence[Call]) -> Sequence[Call]:
    """Give an evaluator of a format answers in that format, since it leaves out all others."""
    if name not in ("json_format", "output_schema"):
        return calls
    return [
        call.with_texts(
            {
                "response_text": json.dumps({"words": call.response_text.split()}),
                "output_schema": '{"properties": {"words": {"items": {"type": "string"}}}, "required": ["words"]}',
            }
        )
        for call in calls
    ]


def _word(choice: random.Random, rare: Sequence[str]) -> str:
    return choice.choice(_COMMON if choice.random() < 0.5 else rare) + choice.choices(("", ",", "."), (8, 1, 1))[0]


Scorer = Callable[[Sequence[Call]], list[list[float]]]


def _compare(
    name: str, ours: Evaluator, library: str, theirs: "Scorer | None", calls: Sequence[Call], rounds: int
) -> dict[str, Any]:
    sys.stderr.write(f"{name}: {len(calls)} calls, {rounds} rounds\n")
    warm_up = calls[:5]
    ours.score(warm_up)
    own_rates, library_rates = [], []
    difference = None
    if theirs:
        theirs(warm_up)
    for _ in range(rounds):  # alternated, so that whatever else the machine does hits both
        rate, results = _rate(lambda: ours.score(calls), len(calls))
        own_rates.append(rate)
        if theirs:
            rate, expected = _rate(lambda: theirs(calls), len(calls))
            library_rates.append(rate)
            values = [[score.value or 0.0 for score in scores] for scores in results]
            difference = max(
                abs(a - b) for row, other in zip(values, expected, strict=True) for a, b in zip(row, other, strict=True)
            )
    return {
        "name": name,
        "calls_per_s": round(statistics.median(own_rates), 1),
        "library": library or None,
        "library_calls_per_s": round(statistics.median(library_rates), 1) if library_rates else None,
        "max_abs_difference": difference,
    }


def _rate(work: Callable[[], Any], count: int) -> tuple[float, Any]:
    started = time.thread_time()
    result = work()
    return count / (time.thread_time() - started), result


def _rouge_score() -> Scorer | None:
    try:
        from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # it has no types
    except ImportError:  # for development only
        return None
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=False)
    return lambda calls: [
        [score.fmeasure for score in scorer.score(call.reference_text, call.response_text).values()] for call in calls
    ]


def _sacrebleu() -> Scorer:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    def score(calls: Sequence[Call]) -> list[list[float]]:
        for layer in (Tokenizer13a, TokenizerRegexp):  # live traffic has new texts: a warm cache would flatter
            layer.__call__.cache_clear()
        metric = BLEU(effective_order=True)
        return [[metric.sentence_score(call.response_text, [call.reference_text]).score] for call in calls]

    return score


def _sacrebleu_chrf(word_order: int) -> Scorer:
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF(word_order=word_order)
    return lambda calls: [[metric.sentence_score(call.response_text, [call.reference_text]).score] for call in calls]


def _sacrebleu_ter() -> Scorer:
    from sacrebleu.metrics.ter import TER

    metric = TER()
    return lambda calls: [[metric.sentence_score(call.response_text, [call.reference_text]).score] for call in calls]


def _profanity_check() -> Scorer:
    from profanity_check import predict_prob

    return lambda calls: [[float(predict_prob([call.response_text])[0])] for call in calls]


LIBRARIES: dict[str, tuple[str, Callable[[], Scorer | None]]] = {
    "rouge": ("rouge-score 1+2+L+Lsum", _rouge_score),
    "bleu": ("sacrebleu BLEU", _sacrebleu),
    "chrf": ("sacrebleu chrF", lambda: _sacrebleu_chrf(0)),
    "chrf_plus": ("sacrebleu chrF++", lambda: _sacrebleu_chrf(2)),
    "ter": ("sacrebleu TER", _sacrebleu_ter),
    "profanity": ("profanity_check, one call at a time", _profanity_check),
}
"""Who must give the same numbers: what it is called and what makes it; evaluators that are not here have no peer."""
