"""Measures the drift tests: false alarms on sources that do not change, power and delay on shifts that are put in.

The scenarios are those of the study in which these methods were chosen: a share of answers on a new topic, more of a
known topic, another language, refusals, insults, shorter answers, another style.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.drift import corpus, descriptors, embedding
from watchglass_evaluators.drift.baseline import NAMES, Baseline
from watchglass_evaluators.drift.classic import THRESHOLDS, ClassicMethod, classic_test
from watchglass_evaluators.drift.live import Detector
from watchglass_evaluators.drift.window_test import Sample, window_test

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]

ALPHA = 0.05
WORDS, ENCODER = "combined, hashed words", "combined, encoder"
"""Methods of the window test."""
TARGET = 20_000
"""Live: at most one false alarm in so many answers."""
REFERENCE, STREAM, CHANGE = 4000, 3000, 1000
"""Live: answers that are known before, answers watched, and the one after which the source changes."""

_SHARED = 20
"""Streams that share what is learnt, when only false alarms are counted."""

SCENARIOS: Mapping[str, tuple[float, str] | None] = {
    "null": None,
    "topic 5 %": (0.05, "topic"),
    "topic 10 %": (0.10, "topic"),
    "topic 20 %": (0.20, "topic"),
    "mix +10 points": (0.10, "stdlib"),
    "language 3 %": (0.03, "foreign"),
    "refusal 3 %": (0.03, "refusal"),
    "refusal 10 %": (0.10, "refusal"),
    "toxic 2 %": (0.02, "toxic"),
    "toxic 5 %": (0.05, "toxic"),
    "shorter 30 %": (1.0, "short"),
    "style 20 %": (0.20, "style"),
}
"""What share of the current window comes from where."""
STUDY: Mapping[int, Mapping[str, float]] = {
    1000: dict(zip(SCENARIOS, (0.04, 0.42, 0.99, 1, 0.54, 0.84, 0.36, 1, 0.56, 1, 1, 1), strict=True)),
    250: {"null": 0.03, "topic 10 %": 0.55, "topic 20 %": 0.98, "language 3 %": 0.37, "refusal 10 %": 0.78}
    | {"toxic 5 %": 0.93, "shorter 30 %": 1, "style 20 %": 1},
}
"""Rejection rates of the study's best method, with sentence embeddings and on manual pages."""
STUDY_DELAY: Mapping[str, int] = {
    "topic 20 %": 120, "topic 10 %": 231, "language 3 %": 443, "refusal 10 %": 180, "toxic 5 %": 310,
    "toxic 2 %": 764, "shorter 30 %": 62, "style 20 %": 132,
}  # fmt: skip
"""Median delays of the study's detector, in answers."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Texts of one source, measured once."""

    texts: list[str]
    words: "csr_matrix"
    numbers: NDArray[np.float32]
    vectors: NDArray[np.float32] | None = None
    """By a sentence encoder; None where none is measured."""

    @classmethod
    def of(cls, texts: list[str], encoder: str = "") -> "Pool":
        """Measure texts, with a sentence encoder if one is named."""
        vectors = embedding.sentence_embeddings(texts, encoder) if encoder else None
        return cls(texts, embedding.hashed_counts(texts), descriptors.describe(texts), vectors)

    def __getitem__(self, rows: NDArray[np.intp]) -> "Pool":
        vectors = None if self.vectors is None else self.vectors[rows]
        return Pool([self.texts[int(k)] for k in rows], self.words[rows], self.numbers[rows], vectors)


def pools(seed: int = 0, *, limit: int = 4000, encoder: str = "") -> dict[str, Pool]:
    """Read the corpus and make what it does not hold.

    Args:
        seed: of what is made up.
        limit: the most passages of a topic.
        encoder: sentence encoder that is measured beside hashed words: minilm, a folder, or '' = none.
    """
    rng = random.Random(seed)
    topics = {topic: corpus.passages(topic, limit=limit) for topic in corpus.BASE_TOPICS}
    base = [text for texts in topics.values() for text in texts]
    some = rng.sample(base, min(1000, len(base)))
    made = {
        "base": base,
        "stdlib": topics["stdlib"],
        "topic": corpus.passages(corpus.NEW_TOPIC, limit=limit),
        "refusal": [corpus.refusal(rng) for _ in range(500)],
        "toxic": [corpus.insult(rng.choice(base), rng) for _ in range(500)],
        "foreign": [corpus.foreign(rng) for _ in range(500)],
        "short": [corpus.shortened(text) for text in some],
        "style": [corpus.lower_case(text) for text in some],
    }
    return {name: Pool.of(texts, encoder) for name, texts in made.items()}


def draw(sources: Mapping[str, Pool], scenario: str, count: int, start: int, rng: np.random.Generator) -> Pool:
    """Draw answers, of which those from `start` on come from the scenario's changed source."""
    from scipy.sparse import vstack  # type: ignore[import-untyped, unused-ignore]

    base = sources["base"]
    drawn = base[rng.permutation(len(base.texts))[:count]]
    shift = SCENARIOS[scenario]
    if shift is None:
        return drawn
    share, name = shift
    source = sources[name]
    changed = np.flatnonzero(rng.random(count - start) < share) + start
    kept = np.setdiff1d(np.arange(count), changed)
    rows = rng.choice(len(source.texts), len(changed), replace=len(changed) > len(source.texts))
    order = np.argsort(np.concatenate([kept, changed]))
    texts = [*(drawn.texts[int(k)] for k in kept), *(source.texts[int(k)] for k in rows)]
    return Pool(
        [texts[int(k)] for k in order],
        vstack([drawn.words[kept], source.words[rows]]).tocsr()[order],
        np.vstack([drawn.numbers[kept], source.numbers[rows]])[order],
        None
        if drawn.vectors is None or source.vectors is None
        else np.vstack([drawn.vectors[kept], source.vectors[rows]])[order],
    )


def combined(both: Pool, m: int, rng: np.random.Generator, *, permutations: int, by_words: bool = False) -> float:
    """P-value of the window test: the first m answers against the others, by hashed words where there is no encoder."""
    rows = embedding.latent(both.words, rng) if by_words or both.vectors is None else both.vectors
    sides = [Sample(both.numbers[part], rows[part], both.words[part]) for part in (slice(None, m), slice(m, None))]
    return window_test(sides[0], sides[1], permutations=permutations, rng=rng).p_value


def classic(method: ClassicMethod, both: Pool, m: int) -> bool:
    """Whether a named method sees drift, with its usual threshold."""
    value = classic_test(method, both.numbers[:m], both.numbers[m:]).value
    return value <= ALPHA if method == "ks" else value >= THRESHOLDS[method]


def power(
    sources: Mapping[str, Pool],
    *,
    m: int,
    n: int,
    runs: Mapping[str, int],
    permutations: int = 399,
    seed: int = 1,
    others: Mapping[str, Callable[[Sequence[str], Sequence[str]], bool]] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, float]]:
    """Rejection rates by method and scenario.

    Args:
        sources: from `pools`.
        m: answers in the reference.
        n: answers in the window.
        runs: windows that are drawn, by scenario.
        permutations: of the window test.
        seed: of everything.
        others: further methods, given the texts of both sides.
        progress: told of each scenario.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, float]] = {}
    for scenario, count in runs.items():
        seen: dict[str, list[bool]] = {}
        seconds = []
        for _ in range(count):
            both = draw(sources, scenario, m + n, m, rng)
            began = time.process_time()
            p_value = combined(both, m, rng, permutations=permutations, by_words=True)
            seen.setdefault(WORDS, []).append(p_value <= ALPHA)
            seconds.append(time.process_time() - began)
            if both.vectors is not None:
                p_value = combined(both, m, rng, permutations=permutations)
                seen.setdefault(ENCODER, []).append(p_value <= ALPHA)
            for method in ("psi", "ks", "wasserstein"):
                seen.setdefault(method, []).append(classic(method, both, m))
            for method, decide in (others or {}).items():
                seen.setdefault(method, []).append(decide(both.texts[:m], both.texts[m:]))
        for method, results in seen.items():
            found.setdefault(method, {})[scenario] = sum(results) / count
        progress(f"{scenario}, {n} answers: {median(seconds):.2f} s a test")
    return found


def level(sources: Mapping[str, Pool], *, m: int, n: int, runs: int, permutations: int, seed: int) -> dict[str, float]:
    """How often the window test calls drift where there is none, at several levels."""
    rng = np.random.default_rng(seed)
    p_values = np.array(
        [combined(draw(sources, "null", m + n, m, rng), m, rng, permutations=permutations) for _ in range(runs)]
    )
    return {f"{alpha:g}": float((p_values <= alpha).mean()) for alpha in (0.01, 0.05, 0.1)}


def stream_scores(answers: Pool, known: int) -> NDArray[np.float32]:
    """Score answers as a live detector does, from the first `known` on, which are learnt by heart."""
    rows = answers.words if answers.vectors is None else answers.vectors
    baseline = Baseline.of_counts(rows[:known]) if answers.vectors is None else Baseline(answers.vectors[:known], None)
    columns = [descriptors.NAMES.index(name) for name in NAMES[1:]]
    novelty = baseline.novelty(rows[known:])
    return np.column_stack([novelty, answers.numbers[known:, columns]]).astype(np.float32)


def alarms(scores: NDArray[np.float32], calibration: int, rng: np.random.Generator, *, target: float) -> list[int]:
    """Feed a stream; returns the places of its alarms."""
    strata = np.zeros(len(scores), dtype=np.intp)
    detector = Detector.calibrated(scores[:calibration], strata[:calibration], stratum_count=1, target=target)
    rest = scores[calibration:]
    return detector.update(rest, strata[calibration:], rng.random(rest.shape))


def delays(sources: Mapping[str, Pool], scenario: str, *, runs: int, seed: int) -> dict[str, float | None]:
    """How soon the live detector sees a change, and how often before there is one."""
    rng = np.random.default_rng(seed)
    waits: list[float] = []
    early = 0
    for _ in range(runs):
        answers = draw(sources, scenario, REFERENCE + STREAM, REFERENCE + CHANGE, rng)
        scores = stream_scores(answers, REFERENCE // 2)
        found = alarms(scores, REFERENCE // 2, rng, target=TARGET)
        early += bool(found) and found[0] < CHANGE
        waits.append(next((k - CHANGE + 1.0 for k in found if k >= CHANGE), float("inf")))
    middle = median(waits)
    return {
        "detected": sum(wait < float("inf") for wait in waits) / runs,
        "median_delay": None if middle == float("inf") else middle,
        "early": early / runs,
    }


def null_streams(
    sources: Mapping[str, Pool], *, streams: int, answers: int, target: float, seed: int
) -> dict[str, Any]:
    """Share of streams without a change in which there is an alarm; the stated bound is answers / target."""
    rng = np.random.default_rng(seed)
    known = REFERENCE // 2
    hit = 0
    total = len(sources["base"].texts)
    for start in range(0, streams, _SHARED):
        # Learning is the slow part, so a few streams share what is learnt; they differ in what calibrates and comes.
        pool = sources["base"][rng.permutation(total)[: 2 * (known + answers)]]
        scores = stream_scores(pool, known)
        for _ in range(min(_SHARED, streams - start)):
            mixed = scores[rng.permutation(len(scores))[: known + answers]]
            hit += bool(alarms(mixed, known, rng, target=target))
    return {
        "streams": streams,
        "answers": answers,
        "target": target,
        "alarms": hit,
        "rate": hit / streams,
        "stated": answers / target,
    }


def markdown(found: Mapping[str, Mapping[str, float]], study: Mapping[str, float]) -> str:
    """Write rejection rates as a table, with the study's in the last row."""
    scenarios = list(found[WORDS])
    rows = [(name, [rates.get(s) for s in scenarios]) for name, rates in found.items()]
    rows.append(("study, combined", [study.get(s) for s in scenarios]))
    lines = ["| method | " + " | ".join(scenarios) + " |", "|---" * (len(scenarios) + 1) + "|"]
    for name, values in rows:
        lines.append(f"| {name} | " + " | ".join("" if v is None else f"{v:.2f}" for v in values) + " |")
    return "\n".join(lines)
