"""Reference metrics against the libraries that define them, on the same pairs. `make metrics` tries 10,000."""

import logging
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from tests.evaluators.pairs import COUNT, pairs

from watchglass_evaluators import Call, Evaluator, registry

Values = list[float]
LONGEST = {"ter": 25}
"""Words of a usual text, where the library is too slow for longer ones."""


def rouge() -> Callable[[str, str], Values]:
    logging.getLogger("absl").setLevel(logging.ERROR)
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=False)
    return lambda reference, answer: [s.fmeasure for s in scorer.score(reference, answer).values()]


def sacrebleu(metric: str, **options: int) -> Callable[[str, str], Values]:
    import sacrebleu.metrics as metrics

    scorer = getattr(metrics, metric)(**options)
    return lambda reference, answer: [scorer.sentence_score(answer, [reference]).score]


def squad() -> Callable[[str, str], Values]:
    """The functions of the official script evaluate-v2.0.py, word for word."""

    def normalize_answer(s: str) -> str:
        def remove_articles(text: str) -> str:
            return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

        def remove_punc(text: str) -> str:
            exclude = set(string.punctuation)
            return "".join(ch for ch in text if ch not in exclude)

        return " ".join(remove_articles(remove_punc(s.lower())).split())

    def compute_f1(a_gold: str, a_pred: str) -> float:
        gold_toks, pred_toks = normalize_answer(a_gold).split(), normalize_answer(a_pred).split()
        common = Counter(gold_toks) & Counter(pred_toks)
        num_same = sum(common.values())
        if len(gold_toks) == 0 or len(pred_toks) == 0:
            return int(gold_toks == pred_toks)
        if num_same == 0:
            return 0
        precision = 1.0 * num_same / len(pred_toks)
        recall = 1.0 * num_same / len(gold_toks)
        return (2 * precision * recall) / (precision + recall)

    return lambda gold, answer: [
        float(normalize_answer(gold) == normalize_answer(answer)),
        compute_f1(gold, answer),
    ]


LIBRARIES: dict[str, Callable[[], Callable[[str, str], Values]]] = {
    "rouge": rouge,
    "bleu": lambda: sacrebleu("BLEU", effective_order=True),
    "chrf": lambda: sacrebleu("CHRF"),
    "chrf_plus": lambda: sacrebleu("CHRF", word_order=2),
    "ter": lambda: sacrebleu("TER"),
    "answer_match": squad,
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_number_is_the_librarys_to_the_last_digit(name: str) -> None:
    evaluator, library = registry.load(name), LIBRARIES[name]()
    compared = 0
    for reference, answer, values in scored(evaluator, LONGEST.get(name, 60)):
        if None in values:  # a reference that the metric cannot see: the library has a number even so
            continue
        compared += 1
        assert values == library(reference, answer), (reference, answer)
    assert compared > COUNT / 2


def scored(evaluator: Evaluator, longest: int) -> Iterator[tuple[str, str, list[float | None]]]:
    for reference, answer in pairs(longest=longest):
        [scores] = evaluator.score([Call(reference_text=reference, response_text=answer)])
        yield reference, answer, [score.value for score in scores]
