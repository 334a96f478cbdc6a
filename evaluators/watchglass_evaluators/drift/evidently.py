"""Evidently's drift methods and its HTML report, on request, in a process of their own.

Its import takes seconds and 280 MB, it reseeds numpy's random numbers and writes into its caller's frames, and it needs
pandas < 3.1: none of that belongs in the process that evaluates. It may live in another environment.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchglass_evaluators.drift import descriptors
from watchglass_evaluators.drift.monitors import Monitor
from watchglass_evaluators.drift.samples import Item
from watchglass_evaluators.evaluator import EvaluatorUnavailable

PIP_LINE = "pip install 'evidently==0.7.23' 'pandas>=2.2,<3.1'"
_TIMEOUT_S = 900
_SCRIPT = Path(__file__).with_name("evidently_process.py")


@dataclass(frozen=True, slots=True)
class EvidentlyResult:
    """What its report says."""

    value: float
    """The first column's p-value or distance."""
    is_p_value: bool
    """Which of the two it is, by the method Evidently picked."""
    threshold: float | None
    """Evidently's own."""
    drifted: bool
    """Whether one of its tests failed."""
    by_metric: Mapping[str, float]
    """Each metric's value."""
    html: str
    """The report, a page by itself."""


def evidently_test(monitor: Monitor, reference: Sequence[Item], current: Sequence[Item]) -> EvidentlyResult:
    """Run Evidently's DataDriftPreset, or one of its methods, over texts and descriptors, or over a score.

    Raises:
        EvaluatorUnavailable: it is not installed, or it failed; the message says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        task = {
            "text_column": "" if monitor.score else "text",
            "method": monitor.evidently_method,
            "current": _table(monitor, current),
            "reference": _table(monitor, reference),
        }
        (Path(folder) / "task.json").write_text(json.dumps(task), encoding="utf-8")
        python = monitor.evidently_python or sys.executable
        environment = {**os.environ, "DO_NOT_TRACK": "1"}
        try:
            done = subprocess.run(
                # As text: a script's folder comes first on the path, and ours has a module of Evidently's name.
                [python, "-c", _SCRIPT.read_text(encoding="utf-8"), folder],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                env=environment,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EvaluatorUnavailable(f"Evidently could not be run with {python}: {error}") from None
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            missing = "No module named 'evidently'" in done.stderr
            raise EvaluatorUnavailable(f"{PIP_LINE}, for Evidently" if missing else f"Evidently failed: {last[0]}")
        answer = json.loads((Path(folder) / "answer.json").read_text(encoding="utf-8"))
        html = (Path(folder) / "report.html").read_text(encoding="utf-8")
    return _read(answer, html)


def _table(monitor: Monitor, items: Sequence[Item]) -> dict[str, list[float] | list[str]]:
    if monitor.score:
        return {monitor.score: [item.value for item in items]}
    texts = [item.text for item in items]
    numbers = descriptors.describe(texts).astype(float)
    columns: dict[str, list[float] | list[str]] = {"text": texts}
    if not monitor.evidently_method:
        columns |= {name: numbers[:, k].tolist() for k, name in enumerate(descriptors.NAMES)}
    return columns


def _read(answer: Mapping[str, object], html: str) -> EvidentlyResult:
    metrics, tests = answer["metrics"], answer["tests"]
    assert isinstance(metrics, list)
    assert isinstance(tests, list)
    values = {}
    chosen = None
    for metric in metrics:
        config, value = metric["config"], metric["value"]
        if "column" in config and isinstance(value, int | float) and math.isfinite(value):
            values[config["column"]] = float(value)
            chosen = chosen or (float(value), config)
    if chosen is None:
        raise EvaluatorUnavailable("Evidently failed: its report has no value")
    value, config = chosen
    is_p_value = "p_value" in str(config.get("method", ""))
    threshold = config.get("threshold")
    drifted = any(test["status"] == "FAIL" for test in tests)
    return EvidentlyResult(value, is_p_value, None if threshold is None else float(threshold), drifted, values, html)
