"""Which of several assemblers works. A decision only: no store, no clock.

It saves double work and nothing else: that a batch is written once is the journal's doing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

BEAT_S: Final = 5.0
"""How often an assembler says that it is there; see `watchglass_store.queries.assembly.GONE_AFTER_MS`."""


@dataclass(frozen=True, slots=True)
class Role:
    """Whether to work."""

    is_working: bool
    reason: str


def role(alive: Sequence[Mapping[str, Any]], worker: str) -> Role:
    """Who has been there longest works.

    Args:
        alive: those that said lately that they are there, with `worker` and `since`; the asking one among them.
        worker: who asks.
    """
    if not any(one["worker"] == worker for one in alive):
        return Role(False, "has not said yet that it is there")
    first = min(alive, key=lambda one: (one["since"], one["worker"]))["worker"]
    if first == worker:
        return Role(True, "nobody was there before it")
    return Role(False, f"{first} is at work")
