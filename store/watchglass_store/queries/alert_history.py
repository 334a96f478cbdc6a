"""What alerts were in their last slots, for the small chart in a message."""

from datetime import datetime
from typing import Any

from watchglass_store.client import Store


def recent_slot_values(store: Store, *, start: datetime, end: datetime, limit: int) -> list[dict[str, Any]]:
    """The values that rules without groups had in slots of a time range, oldest first: `rule`, `slot`, `value`.

    Args:
        store: where to ask.
        start: of the range, included.
        end: of the range, excluded.
        limit: most rows of a rule, the newest.
    """
    return store.query(
        """
        SELECT rule, slot, value FROM (
            SELECT rule, slot, argMin(e.value, e.time) AS value FROM alert_events AS e
            WHERE kind = 'slot' AND time >= {start:DateTime('UTC')}
                AND slot >= {start:DateTime('UTC')} AND slot < {end:DateTime('UTC')}
            GROUP BY rule, slot ORDER BY rule, slot DESC LIMIT {limit:UInt32} BY rule
        ) ORDER BY rule, slot
        """,
        {"start": start, "end": end, "limit": limit},
    )
