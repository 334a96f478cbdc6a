"""Drift: do prompts, answers or scores come from the same source as before?"""

from watchglass_evaluators.drift.monitors import Interval, Monitor
from watchglass_evaluators.drift.runner import DriftRunner

__all__ = ["DriftRunner", "Interval", "Monitor"]
