"""From replies to one judgement: two orders make one comparison, votes make one panel. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from watchglass_evaluators.judge.rubrics import CANNOT_JUDGE, FIRST, SECOND, TIE, Rubric

OnDisagreement = Literal["tie", "unscored"]
_LONGEST_EXPLANATION = 2_000


@dataclass(frozen=True, slots=True)
class Vote:
    """One model's verdict."""

    model: str
    """Who voted."""
    choice: str
    """One of the rubric's verdicts."""
    value: float | None
    """What it stands for, or its mean over the log-probabilities; None with "cannot_judge"."""
    method: str = "choice"
    """How the value came about: choice or logprobs."""
    reasoning: str = ""
    """The judge's words."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a panel came to."""

    value: float | None
    """Mean of the votes' values; None = it cannot tell."""
    choice: str
    """Most votes; of equally many, the one whose value is nearest to the mean."""
    method: str
    """logprobs where every value was weighed by probabilities, else choice."""
    agreement: float
    """Share of the votes that gave this choice, 0 to 1."""
    votes: tuple[Vote, ...]
    """All that were valid."""
    explanation: str
    """For a person."""
    cost_usd: float = 0.0
    """What it cost, all votes together."""


def compare(forth: Vote, back: Vote, on_disagreement: OnDisagreement) -> Vote:
    """Make one vote of a comparison in both orders (Zheng et al., 2023): only what holds in both counts.

    Args:
        forth: the answer came first.
        back: the reference came first.
        on_disagreement: what it is when the orders disagree: a tie, or nothing.
    """
    turned = {FIRST: SECOND, SECOND: FIRST}.get(back.choice, back.choice)
    both = "\n".join(text for text in (forth.reasoning, back.reasoning) if text)
    if turned == forth.choice:
        value = None if forth.value is None or back.value is None else (forth.value + 1 - back.value) / 2
        method = forth.method if forth.method == back.method else "choice"
        return Vote(forth.model, forth.choice, value, method, both)
    if on_disagreement == "tie" and CANNOT_JUDGE not in (forth.choice, back.choice):
        return Vote(forth.model, TIE, 0.5, "choice", f"The verdict changed with the order.\n{both}")
    return Vote(forth.model, CANNOT_JUDGE, None, "choice", f"The verdict changed with the order.\n{both}")


def decide(rubric: Rubric, votes: Sequence[Vote], *, asked: int) -> Judgement | str:
    """Make one judgement of the valid votes, or say why there is none.

    Args:
        rubric: what was asked.
        votes: the valid ones.
        asked: how many votes there should be.
    """
    if 2 * len(votes) <= asked:
        return f"{len(votes)} of {asked} votes were valid"
    counts = Counter(vote.choice for vote in votes)
    values = [vote.value for vote in votes if vote.value is not None]
    if 2 * len(values) <= len(votes):
        share = counts[CANNOT_JUDGE] / len(votes)
        return Judgement(None, CANNOT_JUDGE, "choice", share, tuple(votes), _explain(votes, CANNOT_JUDGE))
    mean = sum(values) / len(values)
    worth = rubric.values
    choice = min(
        (name for name in counts if name != CANNOT_JUDGE),
        key=lambda name: (-counts[name], abs(worth[name] - mean), name),
    )
    weighed = all(vote.method == "logprobs" for vote in votes if vote.value is not None)
    return Judgement(
        value=mean,
        choice=choice,
        method="logprobs" if weighed else "choice",
        agreement=counts[choice] / len(votes),
        votes=tuple(votes),
        explanation=_explain(votes, choice),
    )


def _explain(votes: Sequence[Vote], choice: str) -> str:
    words = next((vote.reasoning for vote in votes if vote.choice == choice and vote.reasoning), "")
    if len(votes) > 1:
        counts = Counter(vote.choice for vote in votes)
        words = f"{', '.join(f'{n} × {name}' for name, n in counts.most_common())}. {words}"
    return words[:_LONGEST_EXPLANATION]
