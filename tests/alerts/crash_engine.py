"""Run as a script: engines that kill themselves. Lives are forked, since importing takes longer than one.

Each line in is JSON: the store's URL, the webhook's URL, the point at which it dies, and the moments at which it runs.
Two lines out: the process's id, and the status that it ended with.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd  # noqa: F401 - a life needs it

from watchglass_alerts import AlertsConfig, Engine
from watchglass_store import Store, StoreConfig, connect


def die_at(point: str) -> None:
    """Have this process kill itself around the insert that is meant."""
    real = Store.insert

    def insert(self: Store, table: str, rows: Sequence[Mapping[str, Any]], **arguments: Any) -> None:
        kinds = {row.get("outcome") or row.get("kind") for row in rows}
        if (point == "before insert" and "transition" in kinds) or (point == "before record" and "delivered" in kinds):
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, table, rows, **arguments)
        after = {"after insert": "transition", "after claim": "sending", "after record": "delivered"}
        if after.get(point) in kinds:
            os.kill(os.getpid(), signal.SIGKILL)

    Store.insert = insert  # type: ignore[method-assign]


def live(store_url: str, webhook_url: str, point: str, moments: Sequence[str]) -> None:
    """Run an engine at these moments."""
    die_at(point)
    config = AlertsConfig.model_validate(
        {"settle_s": 0, "allow_loopback": True, "channels": {"ops": {"type": "slack", "url": webhook_url}}}
    )
    times = [datetime.fromisoformat(moment) for moment in moments]
    engine = Engine(connect(StoreConfig(url=store_url), Path()), config, lambda: times[0])
    while times:
        engine.run_once()
        del times[0]


def say(number: int) -> None:
    """One line out."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    """Live as often as asked."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(*json.loads(line))
            os._exit(0)
        say(child)
        say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
