"""Weights that are not there, not what they were, or would run code: each is said in one sentence."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from watchglass_evaluators.evaluator import Call, EvaluatorUnavailable
from watchglass_evaluators.library.toxicity import Toxicity
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.models.weights import find_weights

from .conftest import TinyModel

Tiny = Callable[[str], TinyModel]


def test_a_path_that_is_not_there() -> None:
    for name in ("/nowhere/model.ckpt", "model.ckpt", "./folder", "C:\\models"):
        with pytest.raises(EvaluatorUnavailable, match="no such file or folder"):
            find_weights(ModelsConfig(toxicity=name), "toxicity")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(EvaluatorUnavailable, match=r"no \*\.safetensors and no pytorch_model"):
        find_weights(ModelsConfig(embedding=str(tmp_path)), "embedding")


def test_a_hub_name_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "from watchglass_evaluators.models import ModelsConfig\n"
        "from watchglass_evaluators.library.toxicity import Toxicity\n"
        "try: Toxicity(ModelsConfig(toxicity='original'))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert said.startswith(
        "EvaluatorUnavailable evaluators.models.toxicity = 'unitary/toxic-bert' is not on this machine"
    )
    assert "run `hf download unitary/toxic-bert`" in said


def test_hashes_are_checked(tiny: Tiny, tmp_path: Path) -> None:
    checkpoint = tiny("bert").checkpoint
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    pinned = ModelsConfig(toxicity=str(checkpoint), sha256={"toxicity": digest.upper()})
    assert find_weights(pinned, "toxicity").sha256 == digest
    with pytest.raises(EvaluatorUnavailable, match=f"sha256 of bert.ckpt is {digest}, not 0000"):
        find_weights(ModelsConfig(toxicity=str(checkpoint), sha256={"toxicity": "0" * 64}), "toxicity")
    for prefix, fits in ((digest[:8], True), ("c1212f89", False)):
        named = tmp_path / f"toxic_original-{prefix}.ckpt"
        shutil.copy(checkpoint, named)
        if fits:
            assert find_weights(ModelsConfig(toxicity=str(named)), "toxicity").sha256 == digest
        else:
            with pytest.raises(EvaluatorUnavailable, match="should hash to c1212f89"):
                find_weights(ModelsConfig(toxicity=str(named)), "toxicity")
    with pytest.raises(ValidationError, match="64 hexadecimal digits"):
        ModelsConfig(sha256={"toxicity": "c1212f89"})


class _Bomb:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (os.environ["BOMB"],)


def test_code_in_a_pickle_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {}, "config": _Bomb()}, path)
    for config in (ModelsConfig(toxicity=str(path)), ModelsConfig(toxicity=str(path), allow_pickle=True)):
        with pytest.raises(EvaluatorUnavailable, match="without running code"):
            Toxicity(config)
    assert not (tmp_path / "exploded").exists()


def test_a_checkpoint_without_its_tokenizer_says_so(tiny: Tiny, tmp_path: Path) -> None:
    import torch

    model = tiny("bert")
    held = torch.load(model.checkpoint, weights_only=True)
    held["config"]["arch"]["args"]["model_type"] = "bert-base-uncased"
    path = tmp_path / "released.ckpt"
    torch.save(held, path)
    with pytest.raises(EvaluatorUnavailable, match=r"set evaluators\.models\.toxicity_files .* of bert-base-uncased"):
        Toxicity(ModelsConfig(toxicity=str(path))).score([Call(response_text="hello")])
    beside = ModelsConfig(toxicity=str(path), toxicity_files=str(model.folder))
    (row,) = Toxicity(beside).score([Call(response_text="hello")])
    assert all(score.value is not None for score in row)


def test_rubbish_is_one_sentence(tmp_path: Path) -> None:
    import torch

    for name, content in (("text.ckpt", b"hello"), ("empty.ckpt", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EvaluatorUnavailable, match=rf"weights in .*{name} cannot be loaded: "):
            Toxicity(ModelsConfig(toxicity=str(tmp_path / name)))
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(EvaluatorUnavailable, match="not a checkpoint of Detoxify"):
        Toxicity(ModelsConfig(toxicity=str(tmp_path / "list.ckpt")))
