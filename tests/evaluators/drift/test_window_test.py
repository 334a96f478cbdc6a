"""The window test: its level, what it sees, and that the side's order does not matter."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from watchglass_evaluators.drift import embedding
from watchglass_evaluators.drift.classic import classic_test, ks_p_value, psi, wasserstein
from watchglass_evaluators.drift.window_test import Sample, window_test


def sample(rng: np.random.Generator, count: int, *, shift: float = 0.0, word: float = 0.0, tail: float = 0.0) -> Sample:
    numbers = rng.normal(size=(count, 4)).astype(np.float32)
    numbers[:, 0] += shift
    numbers[rng.random(count) < tail, 1] += 8
    embeddings = embedding.unit_rows(rng.normal(size=(count, 8)).astype(np.float32))
    words = (rng.random((count, 30)) < 0.1).astype(np.float32)
    words[:, 0] = rng.random(count) < 0.01 + word
    return Sample(numbers, embeddings, csr_matrix(words))


def p_value(reference: Sample, current: Sample, rng: np.random.Generator, permutations: int = 99) -> float:
    return window_test(reference, current, permutations=permutations, rng=rng).p_value


def test_false_alarms_are_at_the_stated_rate() -> None:
    rng = np.random.default_rng(3)
    p_values = np.array([p_value(sample(rng, 60), sample(rng, 40), rng) for _ in range(200)])
    # Five standard errors of a binomial share above the level.
    for alpha in (0.05, 0.1, 0.3):
        assert (p_values <= alpha).mean() <= alpha + 5 * np.sqrt(alpha * (1 - alpha) / 200)
    assert p_values.min() >= 0.01


@pytest.mark.parametrize(
    ("change", "statistic"), [({"shift": 0.6}, "mean"), ({"word": 0.12}, "word"), ({"tail": 0.1}, "quantile")]
)
def test_each_statistic_sees_its_kind_of_drift(change: dict[str, float], statistic: str) -> None:
    rng = np.random.default_rng(4)
    result = window_test(sample(rng, 300), sample(rng, 300, **change), permutations=199, rng=rng)
    assert result.p_value <= 5 / 200
    assert result.statistics[statistic] <= 2 / 200  # type: ignore[index]


def test_the_growing_cluster_is_found() -> None:
    rng = np.random.default_rng(5)
    reference, current = sample(rng, 300), sample(rng, 300)
    assert current.embeddings is not None
    current.embeddings[:40] = embedding.unit_rows(np.ones((40, 8), np.float32) + 0.05 * current.embeddings[:40])
    result = window_test(reference, current, permutations=199, rng=rng)
    assert result.statistics["cluster"] == pytest.approx(1 / 200)
    assert result.clusters is not None
    assert result.cluster_growth is not None
    grown = result.cluster_growth.argmax()
    assert (result.clusters[300:340] == grown).mean() > 0.9


def test_a_gross_change_has_the_smallest_p_value() -> None:
    rng = np.random.default_rng(6)
    # Each of the five statistics has one relabelling that is its most extreme.
    assert p_value(sample(rng, 100), sample(rng, 100, shift=3), rng, 999) <= 0.005


def test_equal_samples_are_not_drift() -> None:
    rng = np.random.default_rng(7)
    one = Sample(np.ones((50, 2), np.float32))
    assert p_value(one, one, rng) == 1.0


def test_named_measures_agree_with_scipy() -> None:
    from scipy import stats

    rng = np.random.default_rng(8)
    for shift in (0.0, 0.1, 0.5):
        a, b = rng.normal(size=400), rng.normal(shift, 1, size=300)
        assert ks_p_value(a, b) == pytest.approx(stats.ks_2samp(a, b, method="asymp").pvalue, abs=0.03)
        assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b) / a.std(), rel=1e-9)
    assert psi(a, a) == pytest.approx(0)
    assert psi(rng.normal(size=2000), rng.normal(1, 1, size=2000)) > 0.5
    table = rng.normal(size=(200, 3)).astype(np.float32)
    assert classic_test("ks", table, table).value == 1.0


def test_words_are_found_again_in_their_columns() -> None:
    text = "Ein Ärgernis: naïve café-Besucher zahlen 12 € bar!!"
    counts = embedding.hashed_counts([text])
    for word in ("ärgernis", "naïve", "12", "besucher zahlen", "!!"):
        (column,) = embedding.hashed_counts([word]).indices[-1:]
        assert counts[0, column]
        assert embedding.word_of(int(column), text) in (word, *word.split())
    assert embedding.word_of(1, "") == ""


def test_texts_without_words_embed_as_zeros() -> None:
    rng = np.random.default_rng(9)
    rows = embedding.latent(embedding.hashed_counts(["", " ", "a b c", "a b d"]), rng)
    assert np.isfinite(rows).all()
    assert rows[0] == pytest.approx(0, abs=1e-5)
    assert embedding.latent(embedding.hashed_counts([""] * 3), rng).shape[0] == 3
