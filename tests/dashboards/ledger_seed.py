"""The collector's books of the last day, as the seeded pages show them."""

from datetime import datetime, timedelta
from typing import Any


def ledger(now: datetime) -> list[dict[str, Any]]:
    """One row for each of the last 22 hours and signal, so that they are of the last day for two hours more.

    One hour has spans that the store could not take.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    return [
        {
            "hour": hour - timedelta(hours=back),
            "signal": signal,
            "segment": f"{signal}-{back}",
            "received": size,
            "stored": size - lost,
            "quarantined": lost,
            "rejected": 0,
            "damaged_regions": 0,
        }
        for back in range(22)
        for signal, size, lost in (
            ("traces", 900 - 25 * back, 12 if back == 5 else 0),
            ("logs", 200, 0),
            ("metrics", 60 + back, 0),
        )
    ]
