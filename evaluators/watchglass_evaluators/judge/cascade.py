"""Which calls the judge is asked about: where cheaper scores are unsure, and a fixed random share of the rest.

Whether a call is chosen depends on its ids only, never on when it was looked at, and the chance that it had is known.
"""

import hashlib
from collections.abc import Mapping

from watchglass_evaluators.evaluator import Call
from watchglass_evaluators.judge.config import Cascade


def chance(cascade: Cascade, scores: Mapping[str, float | None], *, is_last: bool) -> float | None:
    """How likely a call is to be chosen.

    Args:
        cascade: the bands and the share.
        scores: the call's scores so far; None = unscored.
        is_last: whether scores that are not there yet will not be waited for.

    Returns:
        1 inside a band, else the share; None = not known before more scores are there.
    """
    for band in cascade.unsure:
        value = scores.get(band.score)
        if value is not None and band.low <= value <= band.high:
            return 1.0
    is_known = is_last or all(band.score in scores for band in cascade.unsure)
    return cascade.share if is_known else None


def is_chosen(evaluator: str, call: Call, probability: float) -> bool:
    """Whether a call with this chance is chosen; always the same answer, and independent of the sample of traces."""
    if probability >= 1:
        return True
    digest = hashlib.blake2b(f"cascade {evaluator} {call.trace_id} {call.span_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < probability * 2**64
