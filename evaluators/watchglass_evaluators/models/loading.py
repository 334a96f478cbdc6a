"""Loads weights into models of the transformers package, without running code that came with them."""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_evaluators.models.config import ModelsConfig
from watchglass_evaluators.models.device import MISSING
from watchglass_evaluators.models.weights import Weights

LABELS = {"toxic": "toxicity", "identity_hate": "identity_attack", "severe_toxic": "severe_toxicity"}
"""Detoxify's older names of its outputs -> those that it reports."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Transformers without its progress bars and advice."""
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise EvaluatorUnavailable(MISSING) from error
    quiet: Any = transformers.logging  # its functions have no types
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            quiet.enable_progress_bar()


def load_classifier(weights: Weights, config: ModelsConfig, files: str = "") -> tuple[Any, Any]:
    """Load a sequence classifier.

    Args:
        weights: a folder, or a checkpoint of Detoxify.
        config: whether a pickle may be run.
        files: folder of config.json and tokenizer for a checkpoint.

    Returns:
        The model in fp32 on the processor, and its tokenizer.
    """
    with _quiet(), explained(weights):
        if weights.path.is_file():
            return _load_checkpoint(weights, config, files)
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        model: Any = AutoModelForSequenceClassification.from_pretrained(weights.path, **_local())
        return model.eval(), AutoTokenizer.from_pretrained(weights.path, local_files_only=True)


def read_labels(weights: Weights, config: ModelsConfig) -> list[str]:
    """Read a classifier's labels, in the order of its outputs, without loading it."""
    with explained(weights):
        if weights.path.is_file():
            found = _checkpoint(weights, config)["config"]["dataset"]["args"]["classes"]
        else:
            named = json.loads((weights.path / "config.json").read_text(encoding="utf-8")).get("id2label", {})
            found = [named[key] for key in sorted(named, key=int)]
    return [LABELS.get(label, label) for label in found]


def load_encoder(weights: Weights) -> tuple[Any, Any]:
    """Load an encoder without a head; returns it in fp32 on the processor, and its tokenizer."""
    with _quiet(), explained(weights):
        from transformers import AutoModel, AutoTokenizer

        model = AutoModel.from_pretrained(weights.path, **_local())
        return model.eval(), AutoTokenizer.from_pretrained(weights.path, local_files_only=True)


def load_language_model(weights: Weights) -> tuple[Any, Any]:
    """Load a causal language model; returns it in fp32 on the processor, and its tokenizer."""
    with _quiet(), explained(weights):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model: Any = AutoModelForCausalLM.from_pretrained(weights.path, **_local())
        return model.eval(), AutoTokenizer.from_pretrained(weights.path, local_files_only=True)


def _local() -> dict[str, Any]:
    import torch

    return {"local_files_only": True, "trust_remote_code": False, "dtype": torch.float32}


@contextmanager
def explained(weights: Weights) -> Iterator[None]:
    """Turn what a library says about weights it cannot use into a reason to wait."""
    try:
        yield
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EvaluatorUnavailable(f"weights in {weights.path} cannot be loaded: {first[:300]}") from error


def _load_checkpoint(weights: Weights, config: ModelsConfig, files: str) -> tuple[Any, Any]:
    import torch
    import transformers

    held = _checkpoint(weights, config)
    arguments = held["config"]["arch"]["args"]
    name = str(arguments["model_name"])
    if not name.endswith("ForSequenceClassification"):
        raise ValueError(f"it is for {name}, not for a sequence classifier")
    model_class = getattr(transformers, name)
    folder = files or arguments["model_type"]
    if not Path(folder).is_dir():
        raise ValueError(
            f"a checkpoint holds no tokenizer: set evaluators.models.toxicity_files to a folder with config.json "
            f"and tokenizer of {folder}"
        )
    shape = model_class.config_class.from_pretrained(folder, num_labels=arguments["num_classes"], local_files_only=True)
    with torch.device("meta"):
        model: Any = model_class(shape)
    # Old checkpoints carry a buffer that is computed nowadays.
    state = {key: value for key, value in held["state_dict"].items() if not key.endswith("embeddings.position_ids")}
    odd = model.load_state_dict(state, strict=False, assign=True)
    if odd.missing_keys or odd.unexpected_keys:
        raise ValueError(f"it does not fit {folder}: {(odd.missing_keys + odd.unexpected_keys)[0]} and others")
    _fill_buffers(model)
    return model.float().eval(), transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _checkpoint(weights: Weights, config: ModelsConfig) -> dict[str, Any]:
    held = _unpickled(weights, config)
    if not isinstance(held, dict) or not {"config", "state_dict"} <= held.keys():
        raise ValueError("it is not a checkpoint of Detoxify: no config and state_dict in it")
    return held


def _unpickled(weights: Weights, config: ModelsConfig) -> Any:
    import torch

    try:
        return torch.load(weights.path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        if not (config.allow_pickle and "toxicity" in config.sha256):
            raise ValueError(
                "it cannot be read without running code from it; if you trust it, set evaluators.models.allow_pickle "
                "and its sha256"
            ) from error
    return torch.load(weights.path, map_location="cpu", weights_only=False)


def _fill_buffers(model: Any) -> None:
    """Make the buffers that no checkpoint stores and that were left without memory."""
    import torch

    for name, buffer in list(model.named_buffers()):
        if buffer.is_meta:
            owner, _, leaf = name.rpartition(".")
            is_position = leaf == "position_ids"
            made = (
                torch.arange(buffer.numel()).view(buffer.shape)
                if is_position
                else torch.zeros_like(buffer, device="cpu")
            )
            model.get_submodule(owner).register_buffer(leaf, made, persistent=False)
