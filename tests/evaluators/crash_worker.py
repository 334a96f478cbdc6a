"""Run as a script: lets lives of a worker die at given writes, then one more work to the end.

Each line in is JSON: `url` of the store; `names` of evaluators; `path` of a plug-in, if any; `deaths`, one for each
life: [table, event, "before" or "after" the write, which of these writes]. A life without an entry runs until it is
caught up, or dies of its calls. Each line out says how many died, or what went wrong.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd  # noqa: F401 - a life needs it

from watchglass_evaluators import EvaluatorsConfig, Runner
from watchglass_evaluators.library import refusal, rouge  # noqa: F401 - what lives need, imported once
from watchglass_store import StoreConfig, connect

MOST_LIVES = 12


class Deadly:
    """The real store, and SIGKILL at one write."""

    def __init__(self, store: Any, death: list[Any]) -> None:
        self._store = store
        self._table, self._event, self._when, self._left = death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: str, rows: Any, **options: Any) -> None:
        due = table == self._table and rows[0].get("event", "") == self._event
        self._left -= due
        if due and not self._left and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._store.insert(table, rows, **options)
        if due and not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def live(url: str, names: list[str], death: list[Any] | None) -> None:
    store: Any = connect(StoreConfig(url=url), Path())
    config = EvaluatorsConfig(enabled=tuple(names), settle_s=0, recheck_s=1, batch_calls=20)
    runner = Runner(Deadly(store, death) if death else store, config)
    while not runner.run_once().is_caught_up:
        pass
    store.close()


def died_of(plan: dict[str, Any]) -> str:
    """Live until one life comes to the end."""
    deaths, died = plan["deaths"], 0
    for _ in range(MOST_LIVES):
        child = os.fork()
        if child == 0:
            sys.path[:0] = [plan["path"]] if plan["path"] else []
            live(plan["url"], plan["names"], deaths[died] if died < len(deaths) else None)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            died += 1
        elif status:
            return f"a life ended with {os.WEXITSTATUS(status)}"
        else:
            return str(died)
    return "no life came to the end"


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(died_of(json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
