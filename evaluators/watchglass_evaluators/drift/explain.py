"""Says what changed: the words and the cluster that grew, the descriptor that moved, with examples and effect sizes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from watchglass_evaluators.drift.embedding import word_of
from watchglass_evaluators.drift.samples import Item
from watchglass_evaluators.drift.window_test import QUANTILES, Sample, WindowResult

CLEAR = 3.0
"""Standard errors from which on a difference is named."""
_MOST = 8
_EXAMPLES = 3
_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Example:
    """A text, or a score's value, that shows it."""

    trace_id: str
    span_id: str
    project: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between reference and window."""

    kind: Literal["word", "cluster", "mean", "quantile"]
    name: str
    """The word, the cluster's words, or the descriptor or score."""
    reference: float
    """Share of the reference's texts; for kind mean, the mean."""
    current: float
    """The same of the window."""
    z: float
    """Difference in standard errors: how sure it is."""
    effect_sd: float | None = None
    """kind mean: difference in standard deviations: how large it is."""
    above: float | None = None
    """kind quantile: the shares are those of values above this."""
    examples: list[Example] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what is stored, without what does not apply."""
        return {key: value for key, value in asdict(self).items() if value not in (None, [])}


def changes(
    names: Sequence[str], reference: Sample, current: Sample, items: Sequence[Item], result: WindowResult
) -> list[Change]:
    """Name the differences that are clear by themselves, the surest first.

    Args:
        names: of the columns of `numbers`.
        reference: what was compared with.
        current: what was compared.
        items: the calls of `current`, in order.
        result: of the test.
    """
    found = [
        *_clusters(reference, current, items, result),
        *_words(reference, current, items, result),
        *_numbers(names, reference, current, items, result),
    ]
    return sorted((change for change in found if abs(change.z) >= CLEAR), key=lambda c: -abs(c.z))[:_MOST]


def _clusters(reference: Sample, current: Sample, items: Sequence[Item], result: WindowResult) -> list[Change]:
    if result.clusters is None or result.cluster_growth is None or current.embeddings is None:
        return []
    before, after = np.split(result.clusters, [len(reference.numbers)])
    found = []
    for cluster in np.argsort(-result.cluster_growth)[:2]:
        members = np.flatnonzero(after == cluster)
        if not len(members):
            continue
        rows = current.embeddings[members]
        nearest = members[np.argsort(-(rows @ rows.mean(0)))]
        found.append(
            Change(
                "cluster",
                _topic(reference, current, members, items),
                float((before == cluster).mean()),
                float((after == cluster).mean()),
                float(result.cluster_growth[cluster]),
                examples=[_example(items[k]) for k in nearest[:_EXAMPLES]],
            )
        )
    return found


def _topic(reference: Sample, current: Sample, members: "np.typing.NDArray[np.intp]", items: Sequence[Item]) -> str:
    """Words that the cluster's texts share and the reference's do not."""
    if reference.words is None or current.words is None:
        return "similar texts"
    inside = np.asarray((current.words[members] > 0).mean(0)).ravel()
    outside = np.asarray((reference.words > 0).mean(0)).ravel()
    words: list[str] = []
    for column in np.argsort(outside - inside)[:12]:
        word = _word(int(column), current, [int(k) for k in members], items)
        if word and len(word) > 2 and not any(word in known or known in word for known in words):
            words.append(word)
    return ", ".join(words[:4]) or "similar texts"


def _words(reference: Sample, current: Sample, items: Sequence[Item], result: WindowResult) -> list[Change]:
    if reference.words is None or current.words is None:
        return []
    found = []
    for column, z in sorted(result.word_growth.items(), key=lambda pair: -pair[1])[:3]:
        holders = current.words[:, [column]].nonzero()[0]
        before = reference.words[:, [column]].nnz / reference.words.shape[0]
        word = _word(column, current, [int(k) for k in holders], items)
        if word:
            examples = [_example(items[k]) for k in holders[:_EXAMPLES]]
            found.append(Change("word", word, before, len(holders) / len(items), z, examples=examples))
    return found


def _word(column: int, current: Sample, rows: Sequence[int], items: Sequence[Item]) -> str:
    assert current.words is not None
    for row in rows:
        if current.words[row, column]:
            return word_of(column, items[row].text)
    return ""


def _numbers(
    names: Sequence[str], reference: Sample, current: Sample, items: Sequence[Item], result: WindowResult
) -> list[Change]:
    found = []
    pooled = np.vstack([reference.numbers, current.numbers])
    for column, name in enumerate(names):
        before, after = reference.numbers[:, column], current.numbers[:, column]
        spread = float(pooled[:, column].std())
        difference = float(after.mean() - before.mean())
        z = float(result.means[column])
        extremes = np.argsort(after if z < 0 else -after)[:_EXAMPLES]
        examples = [_example(items[int(k)]) for k in extremes]
        effect = difference / spread if spread else 0.0
        found.append(
            Change("mean", name, float(before.mean()), float(after.mean()), z, effect_sd=effect, examples=examples)
        )
        row = int(np.argmax(np.abs(result.beyond[:, column])))
        tail = float(result.beyond[row, column])
        if abs(tail) > abs(z):
            bound = float(np.quantile(pooled[:, column], QUANTILES[row]))
            shares = float((before > bound).mean()), float((after > bound).mean())
            found[-1] = Change("quantile", name, *shares, tail, above=bound, examples=examples)
    return found


def _example(item: Item) -> Example:
    return Example(*item.call, item.text[:_EXCERPT] if item.text else f"{item.value:g}")
