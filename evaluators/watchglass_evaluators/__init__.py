"""Watchglass evaluators: score every stored model call, exactly once."""

from watchglass_evaluators.backfill import Backfill, BackfillReport
from watchglass_evaluators.config import EvaluatorOptions, EvaluatorsConfig
from watchglass_evaluators.evaluator import (
    Call,
    Evaluator,
    EvaluatorSpec,
    EvaluatorUnavailable,
    Score,
    ScoreSpec,
)
from watchglass_evaluators.report import EvaluatorReport, RunReport
from watchglass_evaluators.runner import Runner

__all__ = [
    "Backfill",
    "BackfillReport",
    "Call",
    "Evaluator",
    "EvaluatorOptions",
    "EvaluatorReport",
    "EvaluatorSpec",
    "EvaluatorUnavailable",
    "EvaluatorsConfig",
    "RunReport",
    "Runner",
    "Score",
    "ScoreSpec",
]
