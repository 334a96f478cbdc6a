"""Is a window of texts drawn from the same source as a reference? One exact permutation test of five statistics.

1. the distance between the two in embedding space (maximum mean discrepancy, by random Fourier features);
2. the largest growth of one cluster of embeddings, which sees what is new and names it;
3. the largest growth of the share of texts that hold one word or word pair, which sees a topic that is still rare;
4. the largest difference of a descriptor's mean;
5. the largest difference in how many lie beyond one of a descriptor's quantiles, which sees tails.

Each is compared with itself under random relabelling, and the harmonic mean of the five p-values with that under the
same relabellings, so the test's level is exact whatever the texts are like. The mean, unlike the smallest of the five,
gains where several of them see a little. Whatever is fitted is fitted to both sides together, in an order that does not
depend on the side.

Source: D. J. Wilson, "The harmonic mean p-value for combining dependent tests", PNAS 116, 2019; calibrated by
permutation as in P. H. Westfall and S. S. Young, "Resampling-Based Multiple Testing", 1993.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]

Matrix = NDArray[np.float32]
Statistic = Literal["embedding", "cluster", "word", "mean", "quantile"]

CLUSTERS = 48
FOURIER_FEATURES = 1024
QUANTILES = (0.005, 0.01, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.99, 0.995)
WORD_TEXTS = 8
"""A word must be in this many of all texts: fewer prove nothing."""
_CHUNK = 128
"""Relabellings that are multiplied at once."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a test sees of one side; rows of all arrays belong together."""

    numbers: Matrix
    """One column per descriptor or score; finite."""
    embeddings: Matrix | None = None
    """Rows of length 1; None where only numbers are watched."""
    words: "csr_matrix | None" = None
    """Not zero where a text holds a word: one column per word; None where only numbers are watched."""


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What one test found. Differences are current minus reference, in standard errors; 0 where none can be told."""

    p_value: float
    """Probability of something at least as unusual without drift; can go down to 5 / (permutations + 1) or below."""
    statistics: Mapping[Statistic, float]
    """The p-value of each statistic by itself, before the correction for there being several."""
    means: Matrix = field(repr=False)
    """Of each descriptor's mean."""
    beyond: Matrix = field(repr=False)
    """Of the share beyond each of QUANTILES (rows), for each descriptor."""
    clusters: NDArray[np.intp] | None = field(default=None, repr=False)
    """The cluster of each text, reference first."""
    cluster_growth: Matrix | None = field(default=None, repr=False)
    """Of each cluster's share."""
    word_growth: Mapping[int, float] = field(default_factory=dict, repr=False)
    """Of the share of texts that hold a word, by its column."""


def window_test(reference: Sample, current: Sample, *, permutations: int, rng: np.random.Generator) -> WindowResult:
    """Compare two samples.

    Args:
        reference: the texts that are as they should be.
        current: the texts in question.
        permutations: random relabellings; p-values are multiples of 1 / (permutations + 1).
        rng: randomness of relabellings, features and starting points.
    """
    m, n = len(reference.numbers), len(current.numbers)
    labels = np.concatenate([np.full(m, -1 / m), np.full(n, 1 / n)]).astype(np.float32)
    numbers = np.vstack([reference.numbers, current.numbers])
    embeddings = _stacked(reference.embeddings, current.embeddings)
    order = _canonical_order(numbers, embeddings, rng)
    labels, numbers = labels[order], numbers[order]
    scale = 1 / m + 1 / n
    columns: dict[Statistic, Any] = {}
    clusters = None
    if embeddings is not None:
        embeddings = embeddings[order]
        columns["embedding"] = fourier_features(embeddings, rng).T
        clusters = spherical_kmeans(embeddings, min(CLUSTERS, max(2, (m + n) // 20)), rng)
        columns["cluster"] = _indicators(np.eye(clusters.max() + 1, dtype=np.float32)[clusters], scale).T
    word_columns: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    if reference.words is not None and current.words is not None:
        word_columns, columns["word"] = _words(reference.words, current.words, order, scale)
    columns["mean"] = _standardised(numbers).T / np.float32(np.sqrt(scale))
    columns["quantile"] = _indicators(_beyond_quantiles(numbers), scale).T
    p_value, separate, observed = _permute(columns, labels, permutations, rng)
    return WindowResult(
        p_value,
        separate,
        observed["mean"],
        observed["quantile"].reshape(len(QUANTILES), -1),
        None if clusters is None else clusters[np.argsort(order)],
        observed.get("cluster"),
        dict(zip(word_columns.tolist(), observed["word"].tolist(), strict=True)) if len(word_columns) else {},
    )


def fourier_features(embeddings: Matrix, rng: np.random.Generator) -> Matrix:
    """Map rows to features whose products approximate a Gaussian kernel of the median distance between rows."""
    picked = rng.permutation(len(embeddings))[:600]
    half = len(picked) // 2
    a, b = embeddings[picked[:half]], embeddings[picked[half : 2 * half]]
    distances = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
    width = max(float(np.median(distances)), 1e-6)
    frequencies = rng.normal(size=(embeddings.shape[1], FOURIER_FEATURES // 2)).astype(np.float32)
    angles = embeddings @ (frequencies * np.float32(np.sqrt(2 / width)))
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(waves / np.sqrt(FOURIER_FEATURES // 2), dtype=np.float32)


def spherical_kmeans(embeddings: Matrix, k: int, rng: np.random.Generator, *, rounds: int = 12) -> NDArray[np.intp]:
    """Cluster rows by the angle between them; returns each row's cluster."""
    centres = embeddings[rng.permutation(len(embeddings))[:k]]
    nearest = (embeddings @ centres.T).argmax(1)
    for _ in range(rounds):
        members = np.eye(k, dtype=np.float32)[nearest]
        centres = members.T @ embeddings
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
        nearest = (embeddings @ centres.T).argmax(1)
    return np.asarray(nearest)


def _canonical_order(numbers: Matrix, embeddings: Matrix | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Order rows by what is in them, at random: equal rows are alike, so nothing of the side is left in the order."""
    keys = [numbers @ rng.normal(size=numbers.shape[1])]
    if embeddings is not None:
        keys.append(embeddings @ rng.normal(size=embeddings.shape[1]))
    return np.lexsort(keys)


def _standardised(numbers: Matrix) -> Matrix:
    spread = numbers.std(0)
    centred = (numbers - numbers.mean(0)) / np.where(spread > 0, spread, 1)
    clipped = np.clip(centred, -8, 8)  # one freak must not hide what the others do
    spread = clipped.std(0)
    return np.asarray((clipped - clipped.mean(0)) / np.where(spread > 1e-6, spread, 1), dtype=np.float32)


def _beyond_quantiles(numbers: Matrix) -> Matrix:
    bounds = np.quantile(numbers, QUANTILES, axis=0)
    return np.concatenate([(numbers > bound).astype(np.float32) for bound in bounds], axis=1)


def _indicators(columns: Matrix, scale: float) -> Matrix:
    """Centre 0/1 columns and divide by the standard error of their difference; nearly constant ones become 0."""
    share = columns.mean(0)
    usable = (share > 0.002) & (share < 0.998)
    error = np.sqrt(np.maximum(share * (1 - share), 1e-9) * scale)
    return np.asarray(np.where(usable, (columns - share) / error, 0), dtype=np.float32)


def _words(
    reference: "csr_matrix", current: "csr_matrix", order: NDArray[np.intp], scale: float
) -> tuple[NDArray[np.intp], "csr_matrix"]:
    """Choose the words that are worth counting; returns their columns, and a row of weights over the texts for each."""
    from scipy.sparse import vstack  # type: ignore[import-untyped, unused-ignore]

    held = vstack([reference, current]).tocsc()
    texts = np.diff(held.indptr)
    # A word in nearly every text would grow only as far as it was missing; its absence shows elsewhere.
    kept = np.flatnonzero((texts >= WORD_TEXTS) & (texts < 0.9 * held.shape[0]))
    share = texts[kept] / held.shape[0]
    chosen = held[:, kept]
    error = np.sqrt(share * (1 - share) * scale)
    chosen.data = np.repeat(1 / error, texts[kept]).astype(np.float32)
    return kept, chosen.tocsr()[order].T.tocsr()


def _permute(
    columns: Mapping[Statistic, Any], labels: Matrix, permutations: int, rng: np.random.Generator
) -> tuple[float, dict[Statistic, float], dict[Statistic, Matrix]]:
    observed: dict[Statistic, Matrix] = {name: np.asarray(matrix @ labels) for name, matrix in columns.items()}
    values = {name: [_statistic(name, differences[:, None])] for name, differences in observed.items()}
    for start in range(0, permutations, _CHUNK):
        count = min(_CHUNK, permutations - start)
        shuffled = np.ascontiguousarray(rng.permuted(np.broadcast_to(labels, (count, len(labels))), axis=1).T)
        for name, matrix in columns.items():
            values[name].append(_statistic(name, np.asarray(matrix @ shuffled)))
    ranks = np.stack([_p_values(np.concatenate(parts)) for parts in values.values()])
    extreme = (1 / ranks).sum(0)
    p_value = float((extreme >= extreme[0] * (1 - 1e-9)).mean())
    return p_value, {name: float(row[0]) for name, row in zip(values, ranks, strict=True)}, observed


def _statistic(name: Statistic, differences: Matrix) -> Matrix:
    if name == "embedding":
        return np.asarray((differences**2).sum(0))
    if name in ("cluster", "word"):  # growth only: what vanished made something else grow
        return np.asarray(differences.max(0, initial=0))
    return np.asarray(np.abs(differences).max(0))


def _stacked(reference: Matrix | None, current: Matrix | None) -> Matrix | None:
    return None if reference is None or current is None else np.vstack([reference, current])


def _p_values(values: Matrix) -> NDArray[np.float64]:
    """Share of values that are at least as large, for each value; rounding noise counts as equal."""
    rounded = values * np.float32(1 - 1e-5)
    return 1 - np.searchsorted(np.sort(values), rounded, side="left") / len(values)
