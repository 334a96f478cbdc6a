"""Models that run in this process: one device manager, and runners without padding that all model evaluators share."""

from watchglass_evaluators.models.config import ModelsConfig

__all__ = ["ModelsConfig"]
