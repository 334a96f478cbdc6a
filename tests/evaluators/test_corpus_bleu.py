"""Corpus BLEU as a sum in the store, against sacreBLEU's corpus_score on the same texts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.evaluators.pairs import pairs

from watchglass_evaluators import EvaluatorsConfig, Runner
from watchglass_store import Store
from watchglass_store.queries.quality import bleu_of_sums, corpus_bleu


def sacrebleus(texts: list[tuple[str, str]]) -> float:
    from sacrebleu.metrics import BLEU

    return float(BLEU().corpus_score([answer for _, answer in texts], [[reference for reference, _ in texts]]).score)


def test_corpus_bleu_over_any_filter_is_sacrebleus(
    store: Store, clock: Any, seed: Callable[..., list[tuple[str, str]]]
) -> None:
    # A text without words is absent or unscored, so it is in neither corpus.
    texts = [(r, a) for r, a in pairs(120, longest=20) if r.strip() and a.strip()]
    models = ["m-1" if i % 3 else "m-2" for i in range(len(texts))]
    seed(len(texts), reference_text=lambda i: texts[i][0], response_text=lambda i: texts[i][1],
         response_model=lambda i: models[i])  # fmt: skip
    clock.advance(10)
    runner = Runner(store, EvaluatorsConfig(enabled=("bleu",)), clock=clock)
    runner.run_once()
    window = (clock.now - timedelta(hours=1), clock.now)
    for model in ("m-1", "m-2"):
        own = [pair for pair, other in zip(texts, models, strict=True) if other == model]
        [found] = corpus_bleu(store, *window, {"model": model})
        assert (found.calls, found.value) == (len(own), sacrebleus(own))
    [whole] = corpus_bleu(store, *window, {})
    assert whole.value == sacrebleus(texts)
    assert whole.evaluator_version.startswith("nrefs:1|case:mixed|")
    assert corpus_bleu(store, *window, {"model": "nobody's"}) == []


def test_a_filter_on_another_column_is_refused(store: Store, clock: Any) -> None:
    with pytest.raises(ValueError, match="no filter on label: filters are service_name"):
        corpus_bleu(store, clock.now, clock.now, {"label": "x"})


@pytest.mark.parametrize(
    "texts",
    [
        [("a b c d e", "x y z")],  # nothing matches
        [("a b c d e", "a b")],  # no runs of three
        [("a b c d e f", "a b x d e f")],  # no run of four matches: smoothed
        [("a b c d e f", "a b c d")],  # short: brevity penalty
    ],
)
def test_corners(texts: list[tuple[str, str]]) -> None:
    from watchglass_evaluators.library.bleu import Text, bleu

    sums: dict[str, float] = {}
    for reference, answer in texts:
        for name, value in bleu(Text(reference), Text(answer)).statistics.items():
            sums[name] = sums.get(name, 0.0) + value
    assert bleu_of_sums(sums) == sacrebleus(texts)
