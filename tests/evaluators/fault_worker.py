"""Run as a script: reads one plan a line, lives through it with lives that die, and answers with what happened.

A plan is JSON: `url` of the store; `judge`, settings; `deaths`, one for each life: [table, event, "before" or "after"
the write, which of these writes], or ["", "", "", seconds] for a kill at a moment. After them lives go on until one
comes to the end. Time goes SPEED times faster than the clock on the wall, so that waits cost no time.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchglass_evaluators import Call, EvaluatorsConfig, EvaluatorSpec, Runner, Score, ScoreSpec, registry
from watchglass_store import StoreConfig, connect

SPEED = 300
MOST_LIVES = 14
LIFE_S = 300.0


class Plug:
    """Gives the length of the answer, in a way of its own."""

    name = ""
    level: Any = "call"

    def __init__(self) -> None:
        scores = (ScoreSpec(self.name, "neutral", 0.0, 1000.0, "characters"),)
        self.spec = EvaluatorSpec(self.name, "1", ("response_text",), scores, batch_size=64, level=self.level)

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        return [[self.one(call)] for call in calls]

    def one(self, call: Call) -> Score:
        return Score(self.name, float(len(call.response_text)))


class Touchy(Plug):
    """Poison ends the process."""

    name = "touchy"

    def one(self, call: Call) -> Score:
        if "poison" in call.response_text:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().one(call)


class Fragile(Plug):
    """Some texts raise, some give what its spec excludes."""

    name = "fragile"

    def one(self, call: Call) -> Score:
        if "raise" in call.response_text:
            raise ValueError("cannot read this")
        if "nan" in call.response_text:
            return Score(self.name, float("nan"))
        return Score(self.name, 2000.0) if "range" in call.response_text else super().one(call)


class Hungry(Plug):
    """Has no memory for more than three calls at once, as a model on a small GPU."""

    name = "hungry"

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        if len(calls) > 3:
            raise RuntimeError("CUDA out of memory")
        return super().score(calls)


class Steps(Plug):
    """Counts the calls of a trace."""

    name = "steps"
    level = "trace"

    def one(self, call: Call) -> Score:
        return Score(self.name, float(len(call.steps)))


PLUGS = (Touchy, Fragile, Hungry, Steps)


class Deadly:
    """The real store, and SIGKILL at one write."""

    def __init__(self, store: Any, death: list[Any]) -> None:
        self._store = store
        self._table, self._event, self._when, self._left = death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: str, rows: Any, **options: Any) -> None:
        due = table == self._table and self._event in ("", rows[0].get("event", ""))
        self._left -= due
        if due and not self._left and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._store.insert(table, rows, **options)
        if due and not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def clock_from(start: datetime) -> Callable[[], datetime]:
    return lambda: start + (datetime.now(UTC) - start) * SPEED


def pause(seconds: float) -> bool:
    time.sleep(seconds / SPEED)
    return False


def live(plan: dict[str, Any], death: list[Any] | None, clock: Callable[[], datetime]) -> None:
    store: Any = connect(StoreConfig(url=plan["url"]), Path())
    config = EvaluatorsConfig.model_validate(
        {
            "enabled": [plug.name for plug in PLUGS],
            "judge": plan["judge"],
            "settle_s": 0,
            "recheck_s": 1,
            "trace_idle_s": 1,
            # A day is over in 288 s, and on a busy machine lives that die take longer before the judge first starts.
            "lookback_s": 20 * 86_400,
            "batch_calls": 10,
        }
    )
    runner = Runner(Deadly(store, death) if death and death[0] else store, config, clock=clock, pause=pause)
    give_up = time.monotonic() + LIFE_S
    while True:
        report = runner.run_once()
        waiting = [one.waiting for one in report.evaluators if one.waiting and "no room" not in one.waiting]
        if report.is_caught_up and not waiting:
            return
        if time.monotonic() > give_up:
            sys.stderr.write(f"not done after {LIFE_S} s: {waiting}\n")
            os._exit(3)
        time.sleep(0.01)


def end_of(child: int, kill_after_s: float | None) -> int:
    """Wait for a life, and kill it at a moment if it is meant to be."""
    if kill_after_s is None:
        return os.waitpid(child, 0)[1]
    moment = time.monotonic() + kill_after_s
    while time.monotonic() < moment:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def run(plan: dict[str, Any]) -> dict[str, Any]:
    deaths = list(plan["deaths"])
    start = datetime.now(UTC)
    clock = clock_from(start)
    died = 0
    for _ in range(MOST_LIVES):
        death = deaths.pop(0) if deaths else None
        child = os.fork()
        if child == 0:
            try:
                live(plan, death, clock)
            except BaseException as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                os._exit(4)
            os._exit(0)
        status = end_of(child, death[3] if death and not death[0] else None)
        if os.WIFSIGNALED(status):
            died += 1
        elif status:
            return {"problem": f"a life ended with {os.WEXITSTATUS(status)}", "died": died}
        elif not deaths:
            return {"died": died, "days": (clock().date() - start.date()).days + 1}
    return {"problem": "no life came to the end", "died": died}


def main() -> None:
    for plug in PLUGS:
        registry.BUILTIN[plug.name] = f"__main__:{plug.__name__}"
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
