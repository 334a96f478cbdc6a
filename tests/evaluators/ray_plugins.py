"""Evaluators of the Ray tests, installed by an entry point. Some kill the actor that they run in."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from watchglass_evaluators import Call, EvaluatorSpec, Score, ScoreSpec


def _spec(name: str, device: str) -> EvaluatorSpec:
    scores = (ScoreSpec(name, "neutral", 0.0, 1000.0, "characters"),)
    return EvaluatorSpec(name, "1", ("response_text",), scores, batch_size=8, device=device)  # type: ignore[arg-type]


class _Length:
    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        return [[self.one(call)] for call in calls]

    def one(self, call: Call) -> Score:
        return Score(self.spec.name, float(len(call.response_text)))  # type: ignore[attr-defined]


class Touchy(_Length):
    """Poison ends the process, always; a fright does so once for each text."""

    spec = _spec("touchy", "cpu")

    def one(self, call: Call) -> Score:
        if call.response_text == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if call.response_text.startswith("fright"):
            mark = Path(os.environ["RAY_TEST_FOLDER"]) / call.span_id
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().one(call)


class Device(_Length):
    """Says which process scored, and whether that had the GPU."""

    spec = _spec("on_gpu", "gpu")

    def one(self, call: Call) -> Score:
        has = os.environ.get("CUDA_VISIBLE_DEVICES") == "0"
        return Score(self.spec.name, float(has), explanation=str(os.getpid()))


class NoDevice(Device):
    """The same on a processor."""

    spec = _spec("on_cpu", "cpu")


class Slow(_Length):
    """Says whom to kill, and gives time for it."""

    spec = _spec("slow", "cpu")

    def one(self, call: Call) -> Score:
        import time

        (Path(os.environ["RAY_TEST_FOLDER"]) / f"pid-{os.getpid()}").touch()
        time.sleep(0.05)
        return super().one(call)
