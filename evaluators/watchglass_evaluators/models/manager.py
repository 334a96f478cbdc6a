"""One device and one copy of each model for all evaluators of a process."""

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from watchglass_evaluators.models.config import ModelsConfig, Role
from watchglass_evaluators.models.device import Device, capabilities, choose
from watchglass_evaluators.models.weights import Weights, find_weights

if TYPE_CHECKING:
    from watchglass_evaluators.models.classifier import Classifier
    from watchglass_evaluators.models.embedder import Embedder
    from watchglass_evaluators.models.language_model import LanguageModel

_shared: dict[str, "Models"] = {}
_shared_lock = threading.Lock()


def shared(config: ModelsConfig | None = None) -> "Models":
    """Return this process's models for some settings; the default ones if None."""
    config = config or ModelsConfig()
    key = config.model_dump_json()
    with _shared_lock:
        if key not in _shared:
            _shared[key] = Models(config)
        return _shared[key]


class Models:
    """Loads each model when it is first asked for. Hold `lock` while one computes: a device does one at a time."""

    def __init__(self, config: ModelsConfig) -> None:
        self.config = config
        self.lock = threading.RLock()
        self._classifiers: dict[Weights, Classifier] = {}
        self._embedders: dict[Weights, Embedder] = {}
        self._language_models: dict[Weights, LanguageModel] = {}

    @cached_property
    def device(self) -> Device:
        """Where models compute.

        Raises:
            EvaluatorUnavailable: torch, or the device that the settings name, is not there.
        """
        return choose(self.config.device, self.config.dtype, capabilities())

    def weights(self, role: Role) -> Weights:
        """Find the weights for a task.

        Raises:
            EvaluatorUnavailable: there are none.
        """
        return find_weights(self.config, role)

    def version(self, weights: Weights) -> str:
        """What an evaluator's version says about its model: which weights, and in which numbers they compute."""
        return f"{weights.path.name} {weights.sha256[:12]} {self.device.dtype}"

    def labels(self, role: Role) -> list[str]:
        """Read the outputs of a classifier without loading it.

        Raises:
            EvaluatorUnavailable: its weights are not there or cannot be read.
        """
        from watchglass_evaluators.models.loading import read_labels

        return read_labels(self.weights(role), self.config)

    def classifier(self, role: Role) -> "Classifier":
        """Return the classifier for a task.

        Raises:
            EvaluatorUnavailable: its weights are not there or cannot be loaded.
        """
        from watchglass_evaluators.models.classifier import Classifier
        from watchglass_evaluators.models.loading import load_classifier

        weights = self.weights(role)
        with self.lock:
            if weights not in self._classifiers:
                device = self.device
                files = self.config.toxicity_files if role == "toxicity" else ""
                model, tokenizer = load_classifier(weights, self.config, files)
                self._classifiers[weights] = Classifier(
                    model, tokenizer, device=device, budget=self.batch_tokens, threads=self.tokenizer_threads
                )
            return self._classifiers[weights]

    def embedder(self) -> "Embedder":
        """Return the sentence encoder.

        Raises:
            EvaluatorUnavailable: its weights are not there or cannot be loaded.
        """
        from watchglass_evaluators.models.embedder import Embedder
        from watchglass_evaluators.models.loading import explained, load_encoder

        weights = self.weights("embedding")
        with self.lock:
            if weights not in self._embedders:
                device = self.device
                model, tokenizer = load_encoder(weights)
                with explained(weights):
                    self._embedders[weights] = Embedder(
                        model,
                        tokenizer,
                        weights.path,
                        device=device,
                        budget=self.batch_tokens,
                        threads=self.tokenizer_threads,
                    )
            return self._embedders[weights]

    def language_model(self) -> "LanguageModel":
        """Return the causal language model.

        Raises:
            EvaluatorUnavailable: its weights are not there or cannot be loaded.
        """
        from watchglass_evaluators.models.language_model import LanguageModel
        from watchglass_evaluators.models.loading import load_language_model

        weights = self.weights("language_model")
        with self.lock:
            if weights not in self._language_models:
                device = self.device
                model, tokenizer = load_language_model(weights)
                self._language_models[weights] = LanguageModel(
                    model, tokenizer, device=device, budget=self.batch_tokens
                )
            return self._language_models[weights]

    @property
    def batch_tokens(self) -> int:
        """Tokens that a model is given at once."""
        return self.config.batch_tokens or self.device.batch_tokens

    @property
    def tokenizer_threads(self) -> int:
        """Threads that cut texts into tokens: one where the processor also computes, else enough to feed a GPU."""
        return 1 if self.device.name == "cpu" else max(1, min(8, (os.cpu_count() or 2) - 1))
